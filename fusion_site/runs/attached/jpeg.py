"""JPEG pictures, marker by marker (ITU-T T.81, annex B)."""

from __future__ import annotations

import re

from fusion_site.runs.attached.cursor import Cursor, Malformed

_SOI, _EOI, _SOS, _COM = 0xD8, 0xD9, 0xDA, 0xFE
_APPS = range(0xE0, 0xF0)
# The frame headers: all of C0 to CF but the tables (C4, CC) and the reserved one (C8).
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# What of the applications' own segments changes how the picture looks: JFIF, ICC profile, Adobe's colour transform.
_KEPT_APPS = {0xE0: b"JFIF\x00", 0xE2: b"ICC_PROFILE\x00", 0xEE: b"Adobe"}
_EXIF = b"Exif\x00\x00"
# The next marker behind coded data, in which a byte FF is followed by 00, a restart mark or another FF.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_ORIENTATION = 0x0112


def read_jpeg(data: bytes) -> tuple[int, int, bytes]:
    """Give width, height, and the picture with nothing in it but itself and which way is up. Raises Malformed."""
    at, kept = Cursor(data, 2), [data[:2]]
    width = height = turned = scans = 0
    while (kind := _marker(at)) != _EOI:
        start = at.place
        body = at.take(at.number(2) - 2)
        if kind in _FRAMES:
            height, width = int.from_bytes(body[1:3]), int.from_bytes(body[3:5])
        if kind == 0xE1 and body.startswith(_EXIF):
            turned = turned or _orientation(body[len(_EXIF) :])
        if _is_kept(kind, body):
            kept.append(bytes([0xFF, kind]) + data[start : at.place])
        if kind == _SOS:
            scans += 1
            kept.append(_coded(at, data))
    if not scans:
        raise Malformed
    if turned > 1:
        kept.insert(2 if kept[1].startswith(b"\xff\xe0") else 1, _upright(turned))
    return width, height, b"".join([*kept, b"\xff\xd9"])


def _marker(at: Cursor) -> int:
    if at.number(1) != 0xFF:
        raise Malformed
    kind = 0xFF
    while kind == 0xFF:
        kind = at.number(1)
    if kind in (0x00, 0x01, _SOI) or 0xD0 <= kind <= 0xD7:
        raise Malformed
    return kind


def _is_kept(kind: int, body: bytes) -> bool:
    if kind in _APPS:
        return kind in _KEPT_APPS and body.startswith(_KEPT_APPS[kind])
    return kind != _COM


def _coded(at: Cursor, data: bytes) -> bytes:
    """Give the coded data of a scan, up to the next marker."""
    found = _MARKER.search(data, at.place)
    if found is None:
        raise Malformed
    return at.take(found.start() - at.place)


def _orientation(tiff: bytes) -> int:
    """Give which way is up (Exif 2.3, section 4.6.4), 0 where it is not told or cannot be read."""
    if tiff[:2] not in (b"II", b"MM"):
        return 0

    def number(place: int, count: int) -> int:
        return int.from_bytes(tiff[place : place + count], "little" if tiff[:1] == b"I" else "big")

    first = number(4, 4)
    for entry in range(first + 2, first + 2 + 12 * number(first, 2), 12):
        if number(entry, 2) == _ORIENTATION:
            told = number(entry + 8, 2)
            return told if 1 <= told <= 8 else 0
    return 0


def _upright(turned: int) -> bytes:
    """Give an Exif segment that says which way is up, and nothing else."""
    entry = b"\x01\x12\x00\x03\x00\x00\x00\x01" + turned.to_bytes(2) + b"\x00\x00"
    tiff = b"MM\x00\x2a\x00\x00\x00\x08" + b"\x00\x01" + entry + b"\x00\x00\x00\x00"
    body = _EXIF + tiff
    return b"\xff\xe1" + (len(body) + 2).to_bytes(2) + body
