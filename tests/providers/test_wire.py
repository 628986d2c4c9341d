"""Connections over real sockets: streams are read in steps, their ends at once, and nobody is flooded."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import TypeVar

import httpcore
import pytest

from fusion_site.providers.network import WireStream, connect
from fusion_site.providers.wire import LEAST_S, MOST_KEPT, UNPACED, Pace

T = TypeVar("T")
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"
MANY = 65_536


class Slow(Pace):
    """Holds every read back for so long that a test which waits for it fails."""

    seconds = 1000.0
    is_slow = False


class Peer:
    """The other end of one connection."""

    def __init__(
        self, stream: WireStream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.stream, self.reader, self.writer = stream, reader, writer

    async def send(self, *parts: bytes) -> None:
        """Send bytes, each part on its own."""
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()

    async def read(self) -> bytes:
        """Read what has come."""
        return await soon(self.stream.read(MANY))

    async def streaming(self) -> None:
        """Come to where a stream is read in steps."""
        await self.stream.write(b"GET / HTTP/1.1\r\n\r\n")
        await self.send(HEAD)
        assert await self.read() == HEAD
        for _ in range(UNPACED):
            await self.send(chunk(b"a"))
            assert await self.read() == chunk(b"a")


def chunk(data: bytes) -> bytes:
    """Give data as one chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


async def soon(wanted: Awaitable[T]) -> T:
    """Wait for what must come; fails after a time that no machine takes."""
    async with asyncio.timeout(10):
        return await wanted


@asynccontextmanager
async def connected(pace: Pace) -> AsyncIterator[Peer]:
    """Connect to a server of one connection."""
    came: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    server = await asyncio.start_server(lambda *both: came.put_nowait(both), "127.0.0.1", 0)
    stream = await connect("127.0.0.1", server.sockets[0].getsockname()[1], pace, 5)
    reader, writer = await came.get()
    try:
        yield Peer(stream, reader, writer)
    finally:
        await stream.aclose()
        writer.transport.abort()
        server.close()
        await server.wait_closed()


async def test_the_first_reads_are_not_held_back_and_later_ones_bring_what_came_together() -> None:
    async with connected(Pace()) as peer:
        await peer.streaming()
        await peer.send(chunk(b"b"), chunk(b"c"))
        assert await peer.read() == chunk(b"bc")


@pytest.mark.parametrize("end", [END, chunk(b"data: [DONE]\n\n"), chunk(b"x" * 16_384)])
async def test_an_end_is_read_at_once_and_so_is_a_lot(end: bytes) -> None:
    async with connected(Slow()) as peer:
        await peer.streaming()
        await peer.send(chunk(b"b"))
        reading = asyncio.create_task(peer.stream.read(MANY))
        await asyncio.wait([reading], timeout=3 * LEAST_S)
        assert not reading.done()
        await peer.send(end)
        data = await soon(reading)
        assert b"b" in data
        assert data.endswith(end[-8:])


async def test_a_body_of_known_length_is_never_held_back() -> None:
    async with connected(Slow()) as peer:
        await peer.stream.write(b"GET / HTTP/1.1\r\n\r\n")
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n")
        await peer.read()
        for _ in range(2 * UNPACED):
            await peer.send(b"a")
            assert await peer.read() == b"a"


async def test_an_unfinished_chunk_is_handed_on_when_its_rest_does_not_come() -> None:
    async with connected(Pace()) as peer:
        await peer.streaming()
        await peer.send(b"5\r\nhel")
        assert await peer.read() == b"5\r\nhel"
        await peer.send(b"lo\r\n")
        assert await peer.read() == b"lo\r\n"


async def test_chunks_are_merged_for_as_long_as_they_come_however_busy_the_loop_is() -> None:
    pace = Pace()
    async with connected(pace) as peer:
        await peer.streaming()
        for _ in range(UNPACED):
            await peer.send(chunk(b"b"))
            await peer.read()
        wire = peer.stream._wire
        reading = asyncio.create_task(peer.stream.read(MANY))
        await asyncio.wait([reading], timeout=0)
        wire.data_received(chunk(b"c"))
        time.sleep(2 * LEAST_S)  # the loop is busy past the moment at which it should have looked again
        wire.data_received(chunk(b"d"))
        assert await soon(reading) == chunk(b"cd")
        wire.data_received(b"5\r\nhel")
        assert pace.streams == 1
        wire.data_received(b"lo\r\n")
        assert await peer.read() == chunk(b"hello")


async def test_what_came_before_a_break_is_read_before_it_is_told() -> None:
    async with connected(Slow()) as peer:
        await peer.streaming()
        await peer.send(chunk(b"b"), b"5\r\nhel")
        reading = asyncio.create_task(peer.stream.read(MANY))
        await asyncio.wait([reading], timeout=LEAST_S)
        own: socket.socket = peer.writer.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close by a reset
        peer.writer.transport.abort()
        assert await soon(reading) == chunk(b"b") + b"5\r\nhel"
        with pytest.raises(httpcore.ReadError):
            await peer.read()
        with pytest.raises(httpcore.WriteError):
            await soon(peer.stream.write(b"more"))


async def test_an_orderly_end_is_an_empty_read() -> None:
    async with connected(Slow()) as peer:
        await peer.streaming()
        await peer.send(chunk(b"b"))
        peer.writer.close()
        assert await peer.read() == chunk(b"b")
        assert await peer.read() == b""
        assert peer.stream.get_extra_info("is_readable")


async def test_a_flood_is_stopped_at_its_source_and_goes_on_when_it_is_read() -> None:
    async with connected(Slow()) as peer:
        await peer.streaming()
        piece = chunk(b"x" * 8192) * 64
        sent = 0

        async def flood() -> None:
            nonlocal sent
            while True:
                peer.writer.write(piece)
                await peer.writer.drain()
                sent += len(piece)

        flooding = asyncio.create_task(flood())
        before = -1
        while before < sent:
            before = sent
            await asyncio.wait([flooding], timeout=0.3)
        assert sent < 64 * MOST_KEPT  # what the kernel keeps for both sides is part of it
        held, read = sent, 0
        while read < 2 * held:
            read += len(await peer.read())
        flooding.cancel()


async def test_a_peer_that_takes_nothing_is_waited_for_by_the_writer() -> None:
    async with connected(Pace()) as peer:
        writing = asyncio.create_task(peer.stream.write(b"x" * (32 << 20), timeout=30))
        await asyncio.wait([writing], timeout=0.3)
        assert not writing.done()
        taking = asyncio.create_task(peer.reader.readexactly(32 << 20))
        await soon(writing)
        await soon(taking)


async def test_a_timeout_is_told_as_such() -> None:
    async with connected(Pace()) as peer:
        with pytest.raises(httpcore.ReadTimeout):
            await peer.stream.read(MANY, timeout=0.01)


async def test_many_streams_are_read_less_often_each_and_only_while_they_stream() -> None:
    pace = Pace()
    async with connected(pace) as first, connected(pace) as second:
        assert (pace.streams, pace.seconds) == (0, LEAST_S)
        await first.streaming()
        await second.streaming()
        assert pace.streams == 2
        await first.send(END)
        await first.read()
        assert pace.streams == 1
        await second.stream.aclose()
        assert pace.streams == 0
    pace.streams = 800
    assert pace.seconds == pytest.approx(LEAST_S * 50**0.5)


async def test_with_very_many_streams_what_comes_is_left_to_the_kernel_until_the_next_read() -> None:
    pace = Pace()
    async with connected(pace) as peer:
        await peer.streaming()
        pace.streams = 320
        await peer.send(chunk(b"b"))
        assert await peer.read() == chunk(b"b")
        assert pace.seconds == pytest.approx(LEAST_S * 20**0.5)
        await peer.send(chunk(b"c"), chunk(b"d"), b"2\r\nef")
        assert await peer.read() == chunk(b"cd")
        assert await peer.read() == b"2\r\nef"
        await peer.send(b"\r\n", END)
        assert await peer.read() == b"\r\n" + END
