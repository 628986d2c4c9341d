"""Small pictures of every format that the site takes, with what a camera writes into them, built byte by byte."""

from __future__ import annotations

import struct
import zlib

# Stands in each of them where cameras write the place.
SECRET = b"taken at 52.5200 N 13.4050 E"


def png(width: int = 8, height: int = 6, *, note: bytes = SECRET) -> bytes:
    """Give a PNG of plain colours with a note in it, and something behind its end."""
    rows = b"".join(
        b"\0" + b"".join(bytes([x * 9 % 256, y * 7 % 256, 90]) for x in range(width)) for y in range(height)
    )
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", head), (b"tEXt", b"Comment\0" + note), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in parts) + note


def jpeg(width: int = 8, height: int = 6, *, orientation: int = 6) -> bytes:
    """Give a JPEG's segments: Exif with an orientation and a place, a comment, a frame of that size, and a scan."""
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + entry + b"\0\0\0\0" + SECRET
    frame = struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00"
    segments = [
        (0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"),
        (0xE1, exif),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + SECRET),
    ]
    segments += [
        (0xE2, b"MPF\0" + SECRET),
        (0xFE, SECRET),
        (0xDB, bytes(65)),
        (0xC0, frame),
        (0xC4, bytes(20)),
    ]
    segments += [(0xDA, b"\x01\x01\x00\x00\x3f\x00")]
    body = b"".join(
        b"\xff" + bytes([kind]) + struct.pack(">H", len(data) + 2) + data for kind, data in segments
    )
    return b"\xff\xd8" + body + b"\x12\xff\x00\x34\xff\xd0\x56" + b"\xff\xd9" + SECRET


def gif(width: int = 8, height: int = 6) -> bytes:
    """Give a GIF of one frame, with a comment."""
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    comment = b"!\xfe" + bytes([len(SECRET)]) + SECRET + b"\0"
    frame = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x44\x01\0"
    return head + comment + frame + b";" + SECRET


def webp(width: int = 8, height: int = 6) -> bytes:
    """Give an extended WebP with Exif and XMP."""
    size = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    lossless = b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14) + b"\0\0\0"
    chunks = [
        (b"VP8X", b"\x0c\0\0\0" + size),
        (b"VP8L", lossless),
        (b"EXIF", SECRET),
        (b"XMP ", SECRET + b"!"),
    ]
    body = b"WEBP" + b"".join(n + struct.pack("<I", len(d)) + d + b"\0" * (len(d) & 1) for n, d in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body + SECRET


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
