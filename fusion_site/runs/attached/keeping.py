"""The rows of pictures: which a team has, which a run may show, and their bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from fusion_site.engine.asking import Message
from fusion_site.engine.asking import Picture as Shown
from fusion_site.engine.settings import FusionSettings
from fusion_site.runs.attached.models import Picture
from fusion_site.runs.models import Run


def own_pictures(run: Run) -> list[dict[str, Any]]:
    """Give what is told of the pictures that went with a run's own turns: `{name, kind, width, height, sha256}`."""
    messages: Iterable[Mapping[str, Any]] = run.settings.get("messages", ())
    return [picture for message in messages for picture in message.get("pictures", ())]


def unseen_by(settings: Mapping[str, Any]) -> list[int | None]:
    """Give who of a run's settings is sent no pictures: members by their index, the judge as None."""
    if not (blind := settings.get("blind")):
        return []
    members: list[int | None] = [m["index"] for m in settings["members"] if m["model"] in blind]
    return [*members, None] if settings["judge"]["model"] in blind else members


def with_bytes(settings: FusionSettings, run: Run) -> FusionSettings:
    """Give a run's settings with the bytes of its pictures in them, as models are sent them."""
    if not settings.pictures:
        return settings
    rows = Picture.objects.filter(run_pictures__run=run).values_list("sha256", "data")
    data = {sha256: bytes(each) for sha256, each in rows}
    turns = [
        replace(turn, asked=tuple(_filled(m, data) for m in turn.asked)) for turn in settings.thread.turns
    ]
    return replace(
        settings,
        messages=tuple(_filled(message, data) for message in settings.messages),
        thread=replace(settings.thread, turns=tuple(turns)),
    )


def shown_of(row: Picture, name: str) -> Shown:
    """Give a picture of a team as a message has it, without its bytes."""
    return Shown(name, row.kind, row.width, row.height, row.sha256)


def _filled(message: Message, data: Mapping[str, bytes]) -> Message:
    pictures = tuple(replace(p, data=data.get(p.sha256, b"")) for p in message.pictures)
    return replace(message, pictures=pictures) if pictures else message
