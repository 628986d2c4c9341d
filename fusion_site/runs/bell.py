"""The doorbell: says on the channel layer that a run has new events, and carries them as a hint."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction

log = logging.getLogger(__name__)

# Above this many bytes of text the bell only rings; the listener reads the rows.
CARRIED = 100_000
# How long a channel layer that does not answer is waited for, in seconds.
ANSWERS_WITHIN_S = 2.0
# Where the channel layer could not be reached, it is tried again after this many seconds.
AGAIN_S = 20.0


def group_of(run_id: str) -> str:
    """Give the group in which a run's listeners stand."""
    return f"run.{run_id}"


async def ring(run_id: str, events: list[dict[str, Any]]) -> None:
    """Tell all listeners of a run. A lost bell only costs time, never an event."""
    size = sum(len(event["data"].get("text", "")) for event in events)
    message = {
        "type": "run.bell",
        "seq": events[-1]["seq"],
        "events": events if size <= CARRIED else [],
    }
    layer = get_channel_layer()
    await layer.group_send(group_of(run_id), message)


def ring_after_commit(run_id: str, events: list[dict[str, Any]]) -> None:
    """Ring from a thread that serves a request, once what it stores is there."""

    async def in_time() -> None:
        async with asyncio.timeout(ANSWERS_WITHIN_S):
            await ring(run_id, events)

    def ring_now() -> None:
        try:
            async_to_sync(in_time)()
        except Exception as error:
            log.warning("the doorbell cannot be rung: %s", str(error) or type(error).__name__)

    transaction.on_commit(ring_now)


class Ear:
    """Hears the bells of one run from `open` to `close`. Without a channel layer it hears nothing, and only waits."""

    def __init__(self, run_id: str) -> None:
        self._group = group_of(run_id)
        self._channel = ""
        # One wait for the next bell, kept over every `bell`: to the channel layer, a cancelled one means goodbye.
        self._hearing: asyncio.Task[dict[str, Any]] | None = None
        self._open_again_at = 0.0

    async def open(self) -> None:
        """Stand in the run's group; where that fails, `bell` tries it again later."""
        layer = get_channel_layer()
        try:
            async with asyncio.timeout(ANSWERS_WITHIN_S):
                self._channel = await layer.new_channel()
                await layer.group_add(self._group, self._channel)
        except Exception as error:
            log.warning("the doorbell cannot be heard: %s", str(error) or type(error).__name__)
            self._open_again_at = asyncio.get_running_loop().time() + AGAIN_S
        else:
            self._listen()

    async def bell(self, within_s: float) -> dict[str, Any] | None:
        """Give the next bell, or None if none rang in time."""
        if self._hearing is None:
            if asyncio.get_running_loop().time() >= self._open_again_at:
                await self.open()
            else:
                await asyncio.sleep(within_s)
            # Whatever rang before is in the rows.
            return None
        done, _ = await asyncio.wait({self._hearing}, timeout=within_s)
        if not done:
            return None
        message = self._hearing.result()
        self._listen()
        return message

    async def close(self) -> None:
        """Leave the group."""
        if self._hearing is None:
            return
        with suppress(Exception):
            async with asyncio.timeout(ANSWERS_WITHIN_S):
                await get_channel_layer().group_discard(self._group, self._channel)
        self._hearing.cancel()
        await asyncio.wait({self._hearing})

    def _listen(self) -> None:
        self._hearing = asyncio.create_task(get_channel_layer().receive(self._channel))
