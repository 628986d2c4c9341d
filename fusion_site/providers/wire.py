"""One connection over TCP, read in as few steps as people need.

Text is shown some ten times a second, so a stream of a hundred tokens a second need not wake its reader a hundred
times. What has come is kept meanwhile, its chunks merged, and the end of a stream wakes the reader at once.
"""

from __future__ import annotations

import asyncio
import math
import select
from typing import cast

from fusion_site.providers.merging import ChunkMerger

# A stream is read at most every tenth of a second. Of more than 16, each is read less often the more there are: every
# 0.2 s of 64, every 0.4 s of 256, every 0.8 s of 1,024. So text stays as smooth as there is time for.
LEAST_S = 0.1
_SMOOTH_STREAMS = 16
# With so many streams not even the kernel's buffers are emptied more often than that.
MANY_STREAMS = 160
# The first reads of a response are not held back: head, role and first words come as fast as they can.
UNPACED = 5
# So much is handed on at once; with more than the second figure kept, the peer is made to wait.
PROMPT_BYTES = 16 << 10
MOST_KEPT = 256 << 10
_DONE = b"[DONE]"


class Pace:
    """How often a stream is read, in seconds: the more streams there are, the more each read brings."""

    def __init__(self) -> None:
        self.streams = 0

    @property
    def seconds(self) -> float:
        """Give the least time between two reads of one stream."""
        return LEAST_S * max(1.0, math.sqrt(self.streams / _SMOOTH_STREAMS))

    @property
    def is_slow(self) -> bool:
        """Whether there are so many streams that taking what comes, to be read later, already costs too much."""
        return self.streams > MANY_STREAMS


class Wire(asyncio.Protocol):
    """One connection: keeps what has come until it is read."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._merger = ChunkMerger()
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._reads = 0
        self._next_at = self._came_at = 0.0
        self._is_urgent = False
        self._is_counted = False
        self._is_paused = False
        self._is_full = False
        self._is_over = False
        self._error: Exception | None = None

    # What the transport calls ----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way out; TLS calls it a second time, with its own."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Keep what has come, and wake the reader when it is worth it."""
        self._merger.feed(data)
        self._came_at = self._loop.time()
        self._is_urgent |= not self._merger.is_chunked or len(data) >= PROMPT_BYTES or _DONE in data[-64:]
        self._count(self._merger.is_chunked)
        if len(self._merger) > MOST_KEPT:
            self._pause(True)
        self._wake()

    def eof_received(self) -> bool:
        """Hand on what is left; the connection is closed from this side, too."""
        self._end(None)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The same, with the reason."""
        self._end(exc)
        if self._writer is not None and not self._writer.done():
            self._writer.set_result(None)

    def pause_writing(self) -> None:
        """The peer does not take what is written."""
        self._is_full = True

    def resume_writing(self) -> None:
        """It does again."""
        self._is_full = False
        if self._writer is not None and not self._writer.done():
            self._writer.set_result(None)

    # What the stream calls --------------------------------------------------------------------------------

    @property
    def has_news(self) -> bool:
        """Whether an idle connection is of no more use: it was closed, or said something unasked.

        The socket itself is asked, too: the loop may not have come to read it yet.
        """
        own = self._transport.get_extra_info("socket") if self._transport is not None else None
        if self._is_over or self._merger or own is None or own.fileno() < 0:
            return True
        poll = select.poll()
        poll.register(own.fileno(), select.POLLIN)
        return bool(poll.poll(0))

    async def read(self, most: int) -> bytes:
        """Give what has come, or nothing at the end. Raises what broke the connection, once all before it was given."""
        while not self._is_ready():
            await self._woken()
        data = self._taken(self._merger.take(most))
        if not data and self._error is not None:
            raise self._error
        return data

    async def content(self) -> bytes:
        """Give what is in the chunks that have come; nothing once what comes has to be read as HTTP, by `read`."""
        while self._merger.has_content_only:
            if self._is_ready():
                return self._taken(self._merger.content())
            await self._woken()
        return b""

    async def write(self, data: bytes) -> None:
        """Send, and wait while the peer does not take it. Raises OSError."""
        if self._is_over or self._transport is None:
            raise self._error or ConnectionResetError("closed")
        self._merger.begin()
        self._reads, self._next_at = 0, 0.0
        self._transport.write(data)
        while self._is_full and not self._is_over:
            self._writer = self._loop.create_future()
            await self._writer

    def abort(self) -> None:
        """Close at once."""
        self._count(False)
        if self._transport is not None:
            self._transport.abort()

    # ------------------------------------------------------------------------------------------------------

    def _pause(self, is_paused: bool) -> None:
        """Leave what comes to the kernel, or take it again."""
        if self._transport is None or is_paused == self._is_paused:
            return
        self._is_paused = is_paused
        if is_paused:
            self._transport.pause_reading()
            self._set_timer()
        else:
            self._transport.resume_reading()

    def _may_rest(self) -> bool:
        """Whether nothing need be taken until the next read is due: with so many streams even that costs too much."""
        return self._merger.is_chunked and not self._merger and self._next_at > 0 and self._pace.is_slow

    def _is_ready(self) -> bool:
        return self._is_over or (
            bool(self._merger) and (self._is_urgent or self._loop.time() >= self._next_at)
        )

    async def _woken(self) -> None:
        self._reader = self._loop.create_future()
        self._set_timer()
        try:
            await self._reader
        finally:
            self._reader = None

    def _taken(self, data: bytes) -> bytes:
        self._is_urgent = bool(self._merger)
        self._reads += 1
        if self._reads > UNPACED:
            self._next_at = self._loop.time() + self._pace.seconds
        self._pause(len(self._merger) > MOST_KEPT // 2 or self._may_rest())
        return data

    def _wake(self) -> None:
        if self._reader is None or self._reader.done():
            return
        if self._is_ready():
            self._reader.set_result(None)
        else:
            self._set_timer()

    def _set_timer(self) -> None:
        """Look again when the next read is due; a chunk whose rest has not come by then is handed on as it is."""
        if self._timer is None and (self._merger or self._merger.waits or self._is_paused):
            self._timer = self._loop.call_at(max(self._next_at, self._loop.time()), self._due)

    def _due(self) -> None:
        self._timer = None
        if not self._merger:
            self._pause(False)
            self._give_up_waiting()
        self._wake()

    def _give_up_waiting(self) -> None:
        """Hand an unfinished chunk on as it is, once nothing of it has come for a while."""
        if not self._merger.waits:
            return
        until = self._came_at + LEAST_S
        if self._loop.time() < until:
            self._timer = self._loop.call_at(until, self._due)
        else:
            self._merger.flush()
            self._is_urgent = True

    def _end(self, error: Exception | None) -> None:
        self._merger.flush()
        self._is_over, self._error = True, self._error or error
        self._count(False)
        self._wake()

    def _count(self, is_streaming: bool) -> None:
        self._pace.streams += is_streaming - self._is_counted
        self._is_counted = is_streaming
