"""`python -m tests.bench.timed`: an upstream whose timing is known to the millisecond, in a process of its own.

The name of a model says how it answers: `ada-0.5-60-20` begins after 0.5 s and writes 60 tokens at 20 a second, each
in a chunk of its own. Every tenth token is the time at which it was due (seconds of the machine's monotonic clock), so
that whoever reads it knows how late it is. A model whose name begins with `judge` writes a verdict or a merged text.
`GET /v1/sent` tells how many chunks were sent so far. Prints its port and serves until it is killed.
"""

from __future__ import annotations

import asyncio
import heapq
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, cast

from tests.bench.source import ROOT
from tests.upstream import candidates_in, verdict

TICK_S = 0.002
STAMP = re.compile(r"@(\d+\.\d{4})")
_NAME = re.compile(r"(?P<who>[a-z]+)\d*-(?P<first>[\d.]+)-(?P<tokens>\d+)-(?P<rate>[\d.]+)")
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_PARAGRAPH = 60


@dataclass(frozen=True)
class Timing:
    """How a model answers: seconds to the first token, how many tokens, tokens per second."""

    who: str
    first_s: float
    tokens: int
    rate: float

    @classmethod
    def of(cls, model: str) -> Timing:
        """Read a model's name."""
        found = _NAME.fullmatch(model)
        assert found is not None, model
        return cls(found["who"], float(found["first"]), int(found["tokens"]), float(found["rate"]))

    @property
    def name(self) -> str:
        """Give the model's name."""
        return f"{self.who}-{self.first_s}-{self.tokens}-{self.rate}"

    @property
    def seconds(self) -> float:
        """Give the time from the request to the last token."""
        return self.first_s + (self.tokens - 1) / self.rate


@contextmanager
def serving() -> Iterator[str]:
    """Run the upstream in a process of its own, and give its base URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.timed"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        yield f"http://127.0.0.1:{int(cast('IO[str]', process.stdout).readline())}/v1"
    finally:
        process.kill()
        process.communicate()


def _frame(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
    chunk = {
        "id": "chatcmpl-abcdefghijklmnopqrstuvwxyz",
        "object": "chat.completion.chunk",
        "created": 1739458867,
        "model": "timed",
        "choices": [choice],
    }
    return _chunked(b"data: " + json.dumps(chunk).encode() + b"\n\n")


def _chunked(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


_WORDS = [_frame({"content": f" word{n:02d}"}) for n in range(_PARAGRAPH)]
_BREAK = _frame({"content": ".\n\n"})
_END = _frame({}, "stop") + _chunked(b"data: [DONE]\n\n") + b"0\r\n\r\n"


class Stream:
    """One answer on its way: `send` writes the token that is due, and gives when the next one is (None: over)."""

    def __init__(self, transport: asyncio.Transport, timing: Timing, pieces: list[bytes] | None) -> None:
        self._transport, self._timing, self._pieces = transport, timing, pieces
        self._begun = time.monotonic()
        self._sent = 0
        self.due = self._begun + timing.first_s

    def send(self) -> float | None:
        """Write one token."""
        if self._transport.is_closing():
            return None
        self._transport.write(self._token())
        self._sent += 1
        if self._sent == self._timing.tokens:
            self._transport.write(_END)
            self._transport.close()
            return None
        self.due = self._begun + self._timing.first_s + self._sent / self._timing.rate
        return self.due

    def _token(self) -> bytes:
        if self._pieces is not None:
            return self._pieces[self._sent]
        if self._sent % 10 == 0:
            return _frame({"content": f" @{self.due:.4f}"})
        return _BREAK if self._sent % _PARAGRAPH == _PARAGRAPH - 1 else _WORDS[self._sent % _PARAGRAPH]


class Wheel:
    """Sends what is due, for all streams, from one task."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Stream]] = []
        self._number = 0
        self.sent = 0

    def add(self, stream: Stream) -> None:
        """Begin a stream."""
        self._number += 1
        heapq.heappush(self._due, (stream.due, self._number, stream))

    async def turn(self) -> None:
        """Send for ever."""
        while True:
            now = time.monotonic()
            while self._due and self._due[0][0] <= now:
                _, number, stream = heapq.heappop(self._due)
                self.sent += 1
                if (due := stream.send()) is not None:
                    heapq.heappush(self._due, (due, number, stream))
            await asyncio.sleep(TICK_S)


class Door(asyncio.Protocol):
    """Reads one request of a connection, and begins its answer."""

    def __init__(self, wheel: Wheel) -> None:
        self._wheel = wheel
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer once the request is whole."""
        self._data += data
        head, separator, body = self._data.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not separator or len(body) < (int(length[1]) if length else 0):
            return
        if head.startswith(b"GET"):
            self._tell({"sent": self._wheel.sent, "data": []})
        else:
            self._begin(json.loads(body))

    def _tell(self, fact: dict[str, Any]) -> None:
        body = json.dumps(fact).encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
        self._transport.write(head % len(body) + body)
        self._transport.close()

    def _begin(self, body: dict[str, Any]) -> None:
        timing = Timing.of(body["model"])
        self._transport.write(_HEAD)
        self._wheel.add(Stream(self._transport, timing, judged(body, timing)))


def judged(body: dict[str, Any], timing: Timing) -> list[bytes] | None:
    """Give a judge's reply in as many pieces as it has tokens; None for whoever writes plain text."""
    if timing.who != "judge" or body["messages"][0]["content"].startswith("Task: merge"):
        return None
    found = candidates_in(body)
    # Always the same candidate wins, whatever the order: the letters follow the members' texts.
    winner = min(found, key=lambda letter: STAMP.sub("", found[letter])) if found else "none"
    text = verdict(winner, found)
    step = -(-len(text) // timing.tokens)
    return [_frame({"content": text[n * step : (n + 1) * step]}) for n in range(timing.tokens)]


async def main() -> None:
    """Serve until killed."""
    wheel = Wheel()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Door(wheel), "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await wheel.turn()


if __name__ == "__main__":
    asyncio.run(main())
