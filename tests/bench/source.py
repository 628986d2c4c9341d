"""`python -m tests.bench.source`: streams chat completions from a raw socket as fast as they are read.

Prints its port and serves until it is killed. In the address, `?thousands=N` says how many thousand chunks a stream has
(without it a stream does not end), and `&flush=N` how many of them are sent at once, as 1 or 10.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

ROOT = Path(__file__).resolve().parents[2]
WORDS = ("The", " lantern", " keeper", " said:", " “carry", " on”,", " and", " 東京", " slept.\n")
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_THOUSANDS = re.compile(rb"[?&]thousands=(\d+)")
_FLUSH = re.compile(rb"[?&]flush=(\d+)")


def text_of(thousands: int) -> str:
    """Give the text of a stream of so many thousand chunks."""
    return "".join(WORDS[number % len(WORDS)] for number in range(1000)) * thousands


def _frame(events: bytes) -> bytes:
    """Give events in one HTTP chunk, as servers flush them."""
    return b"%x\r\n%b\r\n" % (len(events), events)


def _event(chunk: object) -> bytes:
    return b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n"


def _chunk(delta: dict[str, str], finish: str | None = None) -> dict[str, object]:
    """Give a chunk with all the fields that OpenRouter sends."""
    choice = {
        "index": 0,
        "delta": delta,
        "finish_reason": finish,
        "native_finish_reason": finish,
        "logprobs": None,
    }
    return {
        "id": "gen-1739458867-abcdefghijklmnopqrst",
        "provider": "OpenAI",
        "model": "openai/gpt-4o-mini",
        "object": "chat.completion.chunk",
        "created": 1739458867,
        "choices": [choice],
        "system_fingerprint": "fp_1234567890",
    }


_EVENTS = [_event(_chunk({"role": "assistant", "content": WORDS[n % len(WORDS)]})) for n in range(1000)]
THOUSAND = {
    flush: b"".join(_frame(b"".join(_EVENTS[n : n + flush])) for n in range(0, 1000, flush))
    for flush in (1, 10)
}
_LAST = _event(_chunk({"role": "assistant", "content": ""}, "stop"))
END = _frame(_LAST) + _frame(b"data: [DONE]\n\n") + b"0\r\n\r\n"


@contextmanager
def serving() -> Iterator[str]:
    """Run the source in a process of its own, and give its base URL."""
    command = [sys.executable, "-m", "tests.bench.source"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        yield f"http://127.0.0.1:{int(cast('IO[str]', process.stdout).readline())}/v1"
    finally:
        process.kill()
        process.communicate()


def _serve(connection: socket.socket) -> None:
    with connection, contextlib.suppress(ConnectionError):
        while request := _request(connection):
            line = request.partition(b"\r\n")[0]
            wanted, flush = _THOUSANDS.search(line), _FLUSH.search(line)
            thousand = THOUSAND[int(flush[1]) if flush else 1]
            connection.sendall(_HEAD)
            sent = 0
            while wanted is None or sent < int(wanted[1]):
                connection.sendall(thousand)
                sent += 1
            connection.sendall(END)


def _request(connection: socket.socket) -> bytes:
    """Read one request, and give its head; nothing at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (more := connection.recv(65536)):
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    found = _LENGTH.search(head)
    left = (int(found[1]) if found else 0) - len(body)
    while left > 0:
        left -= len(connection.recv(left))
    return head


def main() -> None:
    """Serve until killed."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            connection, _ = server.accept()
            threading.Thread(target=_serve, args=(connection,), daemon=True).start()


if __name__ == "__main__":
    main()
