"""Pictures as they come from outside: what they are by their own bytes, and without what a camera wrote into them.

Each format is read from end to end by its structure. What is not needed to draw the picture is left out: where and with
what it was taken, comments, thumbnails, and whatever was appended behind its end.
"""

from __future__ import annotations

from dataclasses import dataclass

from fusion_site.runs.attached.cursor import Cursor, Malformed
from fusion_site.runs.attached.jpeg import read_jpeg
from fusion_site.runs.attached.webp import read_webp

MOST_PIXELS = 50_000_000
LONGEST_SIDE = 16_384
_PNG = b"\x89PNG\r\n\x1a\n"
# PNG specification (third edition), section 11: what a picture looks like, animation included.
_PNG_KEPT = frozenset(
    b"IHDR PLTE IDAT IEND tRNS cHRM gAMA iCCP sBIT sRGB cICP mDCV cLLI bKGD hIST pHYs acTL fcTL fdAT".split()
)


class NoPicture(Exception):
    """These bytes are no picture that the site takes; the message says why."""


@dataclass(frozen=True, slots=True)
class Read:
    """A picture that was read whole: its media type, its size in pixels, and its bytes without what is left out."""

    kind: str
    width: int
    height: int
    data: bytes


def is_picture(data: bytes) -> bool:
    """Whether the bytes begin as a picture of a format that the site takes does."""
    return _format(data) is not None


def read_picture(data: bytes) -> Read:
    """Give the picture in these bytes. Raises NoPicture."""
    kind = _format(data)
    if kind is None:
        raise NoPicture("It is no PNG, JPEG, WebP or GIF picture.")
    try:
        width, height, kept = _READERS[kind](data)
    except Malformed:
        raise NoPicture("It is damaged: the picture in it cannot be read.") from None
    if not (0 < width <= LONGEST_SIDE and 0 < height <= LONGEST_SIDE and width * height <= MOST_PIXELS):
        most = f"at most {LONGEST_SIDE:,} on a side and {MOST_PIXELS:,} in all"
        raise NoPicture(f"It has {width:,} by {height:,} pixels: use {most}.")
    return Read(kind, width, height, kept)


def _format(data: bytes) -> str | None:
    if data.startswith(_PNG):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return "image/gif" if data[:6] in (b"GIF87a", b"GIF89a") else None


def _read_png(data: bytes) -> tuple[int, int, bytes]:
    at, kept, seen = Cursor(data, len(_PNG)), [_PNG], set[bytes]()
    width = height = 0
    while b"IEND" not in seen:
        start, length = at.place, at.number(4)
        kind = at.take(4)
        body = at.take(length)
        at.take(4)
        if not seen and kind != b"IHDR":
            raise Malformed
        if kind == b"IHDR":
            width, height = int.from_bytes(body[:4]), int.from_bytes(body[4:8])
        seen.add(kind)
        if kind in _PNG_KEPT:
            kept.append(data[start : at.place])
    if b"IDAT" not in seen:
        raise Malformed
    return width, height, b"".join(kept)


def _read_gif(data: bytes) -> tuple[int, int, bytes]:
    at = Cursor(data, 6)
    width, height = at.number(2, "little"), at.number(2, "little")
    flags = at.take(3)[0]
    at.take(_colours(flags))
    kept, frames = [data[: at.place]], 0
    while (mark := at.take(1)) != b";":
        start = at.place - 1
        is_kept = True
        if mark == b",":
            at.take(_colours(at.take(9)[8]))
            at.take(1)
            frames += 1
        elif mark == b"!":
            label = at.take(1)
            is_kept = label == b"\xf9" or (label == b"\xff" and at.peek(12)[1:] in _LOOPS)
        else:
            raise Malformed
        while size := at.number(1):
            at.take(size)
        if is_kept:
            kept.append(data[start : at.place])
    if not frames:
        raise Malformed
    return width, height, b"".join([*kept, b";"])


# How often an animation is shown (Netscape's extension and its older twin): the other applications' are notes.
_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")


def _colours(flags: int) -> int:
    """Give the bytes of a table of colours, where the flags say that there is one."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


_READERS = {
    "image/png": _read_png,
    "image/jpeg": read_jpeg,
    "image/webp": read_webp,
    "image/gif": _read_gif,
}
