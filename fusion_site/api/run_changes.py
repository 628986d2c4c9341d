"""What may be different for one run alone, as the compose page has it: mode, judge, who is asked, and what goes with the prompt."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from ninja import Field

from fusion_site.api.doors import Given
from fusion_site.engine.asking import Message, ModelRef, Picture
from fusion_site.engine.settings import Mode
from fusion_site.pools.invalid import Invalid
from fusion_site.pools.models import PoolMember, Preset
from fusion_site.runs.attached.files import MOST_FILES, Refused, TextFile, file_of, prompt_with
from fusion_site.runs.flows.other_judge import other_judge

Place = Annotated[int, Field(ge=0, le=7)]

EITHER = "Give either data or text."
NO_BASE64 = "This is no base64."


class FileGiven(Given):
    """A picture (PNG, JPEG, WebP, GIF) or a text file: its bytes as `data` in base64, or a text as `text`."""

    name: str = Field(description="A text file is called so in the prompt.")
    data: str | None = None
    text: str | None = None


class RunChanges(Given):
    """What takes the place of the preset's for this run. The preset stays as it is."""

    mode: Literal["best_of", "merge", "debate"] | None = None
    judge: str | None = Field(None, description="The id of another judge.")
    members: list[Place] | None = Field(
        None, description="The members that are asked, by their index in the pool; null is all."
    )
    no_pictures: list[Place] | None = Field(
        None, description="Members that are sent no pictures, by their index in the pool."
    )
    files: list[FileGiven] | None = Field(
        None,
        description="What goes with the prompt, or with the last message: text files stand behind its words.",
    )


def changed(given: RunChanges, preset: Preset) -> dict[str, Any]:
    """Give the fields of an order that these changes are. Raises Invalid."""
    rows = list(preset.pool.members.all())
    on = None if given.members is None else {row.pk for row in _rows_at(rows, given.members, "members")}
    blind = _rows_at(rows, given.no_pictures or [], "no_pictures")
    return {
        "mode": Mode(given.mode) if given.mode else None,
        "judge": other_judge(preset, given.judge) if given.judge is not None else None,
        "without": frozenset(str(row.pk) for row in rows if on is not None and row.pk not in on),
        "kept_from": frozenset(ModelRef(row.connection_id, row.model) for row in blind),
    }


def with_files(message: Message, given: Sequence[FileGiven]) -> Message:
    """Give a turn with its files: texts behind its words, and pictures beside them. Raises Invalid."""
    if len(given) > MOST_FILES:
        raise Invalid({"files": [f"Use at most {MOST_FILES} files."]})
    read = [_read(file, f"files.{n}") for n, file in enumerate(given)]
    texts = [file for file in read if isinstance(file, TextFile)]
    pictures = tuple(file for file in read if isinstance(file, Picture))
    # A prompt without words is refused as such: files alone ask nothing.
    said = prompt_with(message.content, texts) if message.content.strip() else message.content
    return replace(message, content=said, pictures=pictures)


def _read(file: FileGiven, at: str) -> TextFile | Picture:
    if (file.data is None) == (file.text is None):
        raise Invalid({at: [EITHER]})
    try:
        data = (file.text or "").encode() if file.data is None else base64.b64decode(file.data, validate=True)
        return file_of(file.name, data)
    except ValueError:
        raise Invalid({f"{at}.data": [NO_BASE64]}) from None
    except Refused as error:
        raise Invalid({at: [str(error)]}) from None


def _rows_at(rows: Sequence[PoolMember], places: Sequence[int], field: str) -> list[PoolMember]:
    if any(place >= len(rows) for place in places):
        raise Invalid({field: [f"The pool has the members 0 to {len(rows) - 1}."]})
    return [rows[place] for place in places]
