"""Following up a run that is over: what the follow-up goes on with, and when that may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from fusion_site.accounts.models import Team
from fusion_site.engine.asking import Message
from fusion_site.engine.settings import FusionSettings
from fusion_site.engine.turns import History
from fusion_site.pools.invalid import Invalid, no_such
from fusion_site.pools.models import Preset
from fusion_site.runs.flows.reopening import NOT_OVER, OPEN_ALREADY
from fusion_site.runs.models import Run
from fusion_site.runs.threads import Past, past_of, reach_of, thread_ids, thread_of

NO_FUSED = (
    "This run has no fused answer to go on with. Fuse what there is, or go on with own answers or with all."
)
NO_PRESET = "The preset of that run is gone. Choose another."
NEVER_ONE = "A program named the models of that run itself, without a preset: ask anew, or follow it up, by one of the presets."
NOTHING = "This run has no usable answer to go on with."


@dataclass(frozen=True)
class Followed:
    """The run that is followed up, how its thread is shown, and the thread as it stands now."""

    run: Run
    history: History
    past: Sequence[Past]

    @property
    def system(self) -> list[Message]:
        """Give the system turns that the thread began with, which hold for all of it."""
        return [
            Message("system", m["content"]) for m in self.run.settings["messages"] if m["role"] == "system"
        ]

    def joined(self, settings: FusionSettings) -> FusionSettings:
        """Give the settings of the follow-up with the thread in them."""
        thread = thread_of(self.run, self.past, self.history, settings.members)
        return replace(settings, thread=thread)

    def fields(self, settings: FusionSettings) -> dict[str, Any]:
        """Give what the follow-up's row says of the thread that its settings hold."""
        thread = {"earlier": thread_ids(self.run), **reach_of(settings)}
        return {"after": self.run, "history": self.history.value, "thread": thread}


def preset_after(run: Run) -> Preset:
    """Give the preset that a follow-up of the run has by default: the run's own, as it is today. Raises Invalid."""
    # One that was deleted and is back has its id again, which the run's own row has lost.
    wanted = run.preset_id or run.pinned.get("preset", {}).get("id")
    rows = Preset.objects.select_related("judge__connection", "pool", "team")
    preset = rows.filter(pk=wanted, team=run.team_id).first()
    if preset is None:
        raise Invalid({"preset": [NO_PRESET if run.preset_name else NEVER_ONE]})
    return preset


def followed(run: Run, history: History, team: Team) -> Followed:
    """Give the thread of a run of the team; raises Invalid, at `after`, where it cannot be gone on with."""
    if run.team_id != team.pk:
        raise Invalid({"after": [no_such("run")]})
    if run.is_open:
        raise Invalid({"after": [OPEN_ALREADY if run.is_final else NOT_OVER]})
    past = past_of(run, history)
    if not past[-1].fused and (history is History.FUSED or not past[-1].answers):
        raise Invalid({"after": [NO_FUSED if history is History.FUSED else NOTHING]})
    return Followed(run, history, past)
