"""How long to wait before a host is started again."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

LOOK_SECONDS = 0.5  # how often to look whether the model file was replaced


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds before the host is started again: `first`, doubled after each crash up to `most`, and anew once it ran `steady`."""

    first: float = 0.5
    most: float = 60.0
    steady: float = 60.0

    def delay(self, crashes: int) -> float:
        """The pause after so many crashes in a row, counted from 1."""
        return min(self.most, self.first * 2.0 ** min(crashes - 1, 30))


async def pause(seconds: float, model: Path, seen: object) -> None:
    """Wait, but not once the model file has changed: that is what a person does who was told it is broken."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0 and signature_of(model) == seen:
        await asyncio.sleep(min(left, LOOK_SECONDS))


def signature_of(model: Path) -> object:
    """What differs once the file was changed, replaced or put there."""
    try:
        stat = model.stat()
    except OSError as error:
        return error.errno
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
