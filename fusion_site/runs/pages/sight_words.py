"""Who of a run can see its pictures, in words."""

from __future__ import annotations

from collections.abc import Sequence

from fusion_site.engine.settings import FusionSettings
from fusion_site.engine.sight import pictures_in
from fusion_site.pools.sight import sights_of


def sight_words(settings: FusionSettings) -> list[str]:
    """Say before a run who will see its pictures and who will not; nothing where it has none."""
    pictures = pictures_in(settings.messages)
    if not pictures:
        return []
    them = "the picture" if len(pictures) == 1 else "the pictures"
    sights = sights_of([*(m.model for m in settings.members), settings.judge.model])
    members = settings.members
    blind = [m.label for m in members if m.model in settings.blind]
    unsure = [m.label for m in members if m.model not in settings.blind and sights[m.model] is None]
    sure = len(members) - len(blind) - len(unsure)
    said = [f"{sure} of {len(members)} members can see {them}."]
    if unsure:
        said.append(f"Nobody has told whether {_listed(unsure)} can: they are sent {them} and may refuse.")
    if blind:
        said.append(
            f"Not sent to {_listed(blind)}, which {'is' if len(blind) == 1 else 'are'} told of it in words."
        )
    return [*said, *_judge(settings, sights[settings.judge.model], them)]


def _judge(settings: FusionSettings, sees: bool | None, them: str) -> list[str]:
    if len(settings.members) == 1:
        return []
    if settings.judge.model in settings.blind:
        return [f"The judge cannot see {them} and goes by the answers."]
    return [f"Nobody has told whether the judge can see {them}: it is sent them."] if sees is None else []


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
