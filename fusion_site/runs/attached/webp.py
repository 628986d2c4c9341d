"""WebP pictures, chunk by chunk (RFC 9649)."""

from __future__ import annotations

from fusion_site.runs.attached.cursor import Cursor, Malformed

_KEPT = (b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP")
# The flags in VP8X that say there is Exif and XMP.
_NOTES = 0x08 | 0x04


def read_webp(data: bytes) -> tuple[int, int, bytes]:
    """Give width, height, and the picture without Exif, XMP and what is unknown. Raises Malformed."""
    end = 8 + int.from_bytes(data[4:8], "little")
    at, size, kept = Cursor(data[:end], 12), (0, 0), list[bytes]()
    if len(data) < end:
        raise Malformed
    names = []
    while not at.is_at_end:
        name, length = at.take(4), at.number(4, "little")
        body = at.take(length)
        at.take(len(at.peek(length & 1)))
        if name not in _KEPT:
            continue
        names.append(name)
        size = size if any(size) else _size(name, body)
        if name == b"VP8X":
            body = bytes([body[0] & ~_NOTES]) + body[1:]
        kept.append(name + length.to_bytes(4, "little") + body + b"\x00" * (length & 1))
    if not {b"VP8 ", b"VP8L", b"ANMF"} & set(names):
        raise Malformed
    inner = b"WEBP" + b"".join(kept)
    return *size, b"RIFF" + len(inner).to_bytes(4, "little") + inner


def _size(name: bytes, body: bytes) -> tuple[int, int]:
    """Give width and height from the first chunk that has them."""
    at = Cursor(body)
    if name == b"VP8X":
        at.take(4)
        return at.number(3, "little") + 1, at.number(3, "little") + 1
    if name == b"VP8L":
        if at.take(1) != b"\x2f":
            raise Malformed
        bits = at.number(4, "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if name == b"VP8 ":
        if at.take(6)[3:] != b"\x9d\x01\x2a":
            raise Malformed
        return at.number(2, "little") & 0x3FFF, at.number(2, "little") & 0x3FFF
    return 0, 0
