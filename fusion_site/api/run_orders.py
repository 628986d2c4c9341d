"""What a program may ask for in a new run: a preset, a follow-up, or the same again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar

from django.db.models import Q
from ninja import Field

from fusion_site.api.doors import Caller, Given
from fusion_site.api.run_changes import RunChanges, changed, with_files
from fusion_site.engine.asking import Message
from fusion_site.engine.turns import History
from fusion_site.pools.estimating import estimate
from fusion_site.pools.invalid import REQUIRED, Invalid, no_such
from fusion_site.pools.models import Preset
from fusion_site.pools.plain import money_text
from fusion_site.pools.reading import is_storable
from fusion_site.runs.estimating import settings_so_far
from fusion_site.runs.flows.following import preset_after
from fusion_site.runs.flows.repeat import repeat_run
from fusion_site.runs.flows.start import NOBODY, Order, start_run
from fusion_site.runs.history import usual_lengths
from fusion_site.runs.models import Run

T = TypeVar("T")


class TurnGiven(Given):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class NewRun(RunChanges):
    """What a new run needs: a preset, and either a prompt or a conversation that ends with a user turn.

    A follow-up needs a prompt, and the run that it comes after.
    """

    preset: str | None = Field(
        None, description="The id or the slug of a preset; a follow-up's is its run's by default."
    )
    prompt: str | None = None
    messages: list[TurnGiven] | None = None
    variables: dict[str, str] | None = Field(None, description="Values for the preset's template.")
    after: str | None = Field(None, description="The run that this one follows up, which has to be over.")
    history: Literal["fused", "own", "all"] | None = Field(
        None,
        description="What members are shown as earlier answers: the fused ones (default), each its own, or all.",
    )
    again_of: str | None = Field(
        None,
        description="A run whose words are asked again, of what its preset is now; then nothing but `guided` and `seen` is given.",
    )
    seen: str | None = Field(
        None, description="`seen` of `GET runs/{id}/again`: 409 where what is there has changed since."
    )
    guided: bool | None = Field(
        None,
        description="Wait before the final step for a choice of what is kept; null is no, whatever the preset says, but with "
        "`again_of` yes where that run waited or its preset does today.",
    )


def started(who: Caller, payload: NewRun, key: str | None) -> Run:
    """Store the run that is asked for and have it worked on. Raises Invalid, and what start_run does."""
    if payload.again_of is None:
        if payload.seen is not None:
            raise Invalid({"seen": ["Say which run is asked again."]})
        return _at_files(
            lambda: start_run(who.token.user, who.token.team, _order(payload, who.token.team_id, key))
        )
    given = payload.model_dump(exclude_none=True).keys() - {"again_of", "seen", "guided"}
    if given:
        raise Invalid({name: ["A run that is asked again has its own."] for name in given})
    run = _run_named(payload.again_of, who.token.team_id, "again_of")
    return repeat_run(
        who.token.user, run, seen=payload.seen or "", guided=payload.guided, idempotency_key=key
    )


def estimated(who: Caller, payload: NewRun) -> dict[str, Any]:
    """Give what a new run may cost, in USD; what is unknown is None. Raises Invalid, also for anything but a new run."""
    of_others = [name for name in ("after", "again_of", "seen") if getattr(payload, name) is not None]
    if of_others:
        raise Invalid({name: ["Only what a new run may cost is told."] for name in of_others})
    order = _at_files(lambda: _order(payload, who.token.team_id, None))
    assert isinstance(order.preset, Preset)
    settings = settings_so_far(order.preset, order)
    if settings is None:
        raise Invalid({"members": [NOBODY]})
    found = estimate(settings, usual_lengths(who.token.team, settings))
    low, high = money_text(found.low_usd), money_text(found.high_usd)
    return {"low_usd": low, "high_usd": high, "unpriced": list(found.unpriced)}


def _at_files(made: Callable[[], T]) -> T:
    """Make a run, or an order; what is wrong with its pictures is said where they came in."""
    try:
        return made()
    except Invalid as error:
        raise Invalid(
            {"files" if name == "pictures" else name: said for name, said in error.fields.items()}
        ) from None


def _order(payload: NewRun, team: str, key: str | None) -> Order:
    after = _run_named(payload.after, team, "after") if payload.after is not None else None
    preset = _preset(payload.preset, after, team)
    if (payload.prompt is None) == (payload.messages is None):
        raise Invalid({"prompt": ["Give either a prompt or messages."]})
    turns = [Message(t.role, t.content) for t in payload.messages or []]
    if payload.messages is not None and (not turns or turns[-1].role != "user"):
        raise Invalid({"messages": ["The last message must be the user's."]})
    *before, last = turns or [Message("user", payload.prompt or "")]
    last = with_files(last, payload.files or [])
    history = History(payload.history) if payload.history else None
    return Order(
        preset,
        "" if turns else last.content,
        [*before, last] if turns else [],
        payload.variables or {},
        guided=payload.guided or False,
        idempotency_key=key,
        after=after,
        history=history,
        pictures=() if turns else last.pictures,
        **changed(payload, preset),
    )


def _run_named(run_id: str, team: str, field: str) -> Run:
    run = Run.objects.filter(team=team, pk=run_id).first() if is_storable(run_id) else None
    if run is None:
        raise Invalid({field: [no_such("run")]})
    return run


def _preset(name: str | None, after: Run | None, team: str) -> Preset:
    if name is None and after is None:
        raise Invalid({"preset": [REQUIRED]})
    if name is None and after is not None:
        return preset_after(after)
    named = Q(pk=name) | Q(slug=name)
    preset = Preset.objects.select_related("judge__connection", "pool").filter(named, team=team).first()
    if preset is None:
        raise Invalid({"preset": [no_such("preset")]})
    return preset
