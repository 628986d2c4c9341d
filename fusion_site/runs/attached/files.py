"""What may go with a prompt: pictures, and text files, which become named parts of it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fusion_site.engine.asking import Picture
from fusion_site.pages.figures import size
from fusion_site.pools.invalid import Invalid
from fusion_site.pools.reading import is_storable
from fusion_site.providers.shapes import one_line
from fusion_site.runs.attached.models import LONGEST_NAME
from fusion_site.runs.attached.pictures import NoPicture, is_picture, read_picture

# Three million bytes are four as base64, as programs send them: with a prompt beside it that is a body the site takes.
# Models are shown no more than about two megapixels of a picture, for which this is ample.
MOST_PICTURE = 3_000_000
MOST_PICTURES = 8
MOST_OF_ALL_PICTURES = 12_000_000
MOST_TEXT = 500_000
MOST_FILES = 10

_TICKS = re.compile("`{3,}")
_NOT_TEXT = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


class Refused(Exception):
    """A file cannot go with a prompt; the message names it and says why."""


@dataclass(frozen=True, slots=True)
class TextFile:
    """A file that is put into the prompt."""

    name: str
    text: str


def file_of(name: str, data: bytes) -> TextFile | Picture:
    """Give what goes with a prompt for a file that somebody has given. Raises Refused."""
    name = named(name)
    if is_picture(data):
        return picture_of(name, data)
    if len(data) > MOST_TEXT:
        raise Refused(f"“{name}” has {size(len(data))}. A text file may have up to {size(MOST_TEXT)}.")
    text = _text(data)
    if text is None:
        raise Refused(
            f"“{name}” is neither text nor a picture. Text files (in UTF-8), PNG, JPEG, WebP and GIF are taken."
        )
    if not text.strip():
        raise Refused(f"“{name}” is empty.")
    return TextFile(name, text)


def picture_of(name: str, data: bytes) -> Picture:
    """Give the picture in these bytes, without what a camera wrote into it. Raises Refused."""
    name = named(name)
    if len(data) > MOST_PICTURE:
        raise Refused(f"“{name}” has {size(len(data))}. A picture may have up to {size(MOST_PICTURE)}.")
    try:
        read = read_picture(data)
    except NoPicture as error:
        raise Refused(f"“{name}” cannot be used. {error}") from None
    digest = hashlib.sha256(read.data).hexdigest()
    return Picture(name, read.kind, read.width, read.height, digest, read.data)


def named(name: str) -> str:
    """Give a file's name on one line, without the folders before it."""
    return one_line(re.split(r"[/\\]", name)[-1], LONGEST_NAME) or "file"


def check_pictures(pictures: Sequence[Picture]) -> None:
    """Raise Invalid where these are more pictures than a run may be asked with."""
    if len(pictures) > MOST_PICTURES:
        raise Invalid({"pictures": [f"Use at most {MOST_PICTURES} pictures (these are {len(pictures)})."]})
    total = sum(len(picture.data) for picture in pictures)
    if total > MOST_OF_ALL_PICTURES:
        most, these = size(MOST_OF_ALL_PICTURES), size(total)
        raise Invalid({"pictures": [f"All pictures together may have up to {most} (these have {these})."]})


def prompt_with(prompt: str, files: Iterable[TextFile]) -> str:
    """Give the prompt with each file behind it, by its name and between fences that nothing inside it can close."""
    return "\n\n".join([prompt.rstrip() if files else prompt, *map(_part, files)])


def _part(file: TextFile) -> str:
    longest = max((len(ticks) for ticks in _TICKS.findall(file.text)), default=2)
    fence, text = "`" * (longest + 1), file.text.rstrip("\n")
    return f"File: {file.name.replace('`', chr(39))}\n{fence}\n{text}\n{fence}"


def _text(data: bytes) -> str | None:
    """Give the text in the bytes; None where it is none."""
    try:
        text = data.decode(_MARKS.get(data[:2], "utf-8-sig"))
    except UnicodeDecodeError:
        return None
    if _NOT_TEXT.search(text) or not is_storable(text):
        return None
    return text.replace("\r\n", "\n").replace("\r", "\n")
