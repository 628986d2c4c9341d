"""An OpenAI-compatible server for tests, in a thread of its own: every model does what its script says, and all is noted.

It writes its bytes by hand, so that it can also say what no framework would.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

WITHIN_S = 30.0
# A gate that nobody opens is passed at last, long after every test has given up.
GATE_S = 120.0
BEFORE_HEADERS = -1
_LOOK_S = 0.005
_STEP_S = 0.01


@dataclass
class Script:
    """What a model answers: pieces of text, or a status and body before any stream.

    `gate` is waited for before the piece with index `gate_at` (BEFORE_HEADERS: before anything is sent, `len(pieces)`:
    before the end is told), and every gate of `gates` at its own place; `finish` is the finish reason, None leaves it out
    and cuts the connection; `is_mute` cuts it without a word. Pieces are sent `pace_s` apart. `headers` go out with the
    status; `origin` stands in every chunk (`id`, `provider`, `model`).
    """

    pieces: list[str] = field(default_factory=lambda: ["Hello ", "from the upstream."])
    finish: str | None = "stop"
    is_mute: bool = False
    status: int = 200
    body: dict[str, Any] | None = None
    gate: threading.Event | None = None
    gate_at: int = 0
    gates: dict[int, threading.Event] = field(default_factory=dict)
    pace_s: float = 0.0
    usage: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    origin: dict[str, Any] = field(default_factory=dict)


Answering = Script | Callable[[dict[str, Any]], Script]


@dataclass
class Asked:
    """One request in the ledger. `is_over` is set once the client has dropped the connection or all was sent.

    `said` is the text that was sent, `sent` in how many pieces, `is_whole` whether that was all; `seen` is what the
    upstream's witness saw when the request came.
    """

    model: str
    body: dict[str, Any]
    authorization: str
    sent: int = 0
    said: str = ""
    is_whole: bool = False
    seen: Any = None
    was_dropped: threading.Event = field(default_factory=threading.Event)
    is_over: threading.Event = field(default_factory=threading.Event)

    def dropped_within(self, seconds: float) -> bool:
        """Wait so long for the client to drop the connection; whether it has. A while in which this process stood still is one step."""
        return any(self.was_dropped.wait(_STEP_S) for _ in range(round(seconds / _STEP_S)))


class Upstream:
    """The server. `scripts` maps a model's name to what it does; an unknown model is answered 404.

    `bills` maps the id of a generation to its bill, as `/generation?id=` tells it; an unknown one is answered 404. All
    that asked for one are in `looked_up`. `witness` is called when a request has come and before anything is answered;
    what it gives is kept with the request.
    """

    def __init__(self) -> None:
        self.witness: Callable[[], Any] | None = None
        self.scripts: dict[str, Answering] = {}
        self.ledger: list[Asked] = []
        self.bills: dict[str, dict[str, Any]] = {}
        self.looked_up: list[str] = []
        self._changed = threading.Condition()
        # Every open connection, and who serves it.
        self._open: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(WITHIN_S)
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.host_port = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.host_port}/v1"

    def close(self) -> None:
        """Stop listening and drop every connection."""

        async def end() -> None:
            # Nobody more is let in. Whoever just is, is waited for: a server that is closed would leave them open.
            for door in self._server.sockets:
                self._loop.remove_reader(door.fileno())
            while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
                for writer, serving in self._open.items():
                    writer.transport.abort()
                    serving.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            self._server.close()

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(WITHIN_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WITHIN_S)
        self._loop.close()

    def asked(self, model: str) -> list[Asked]:
        """Give the requests for one model, in order."""
        return [asked for asked in list(self.ledger) if asked.model == model]

    def compared(self) -> list[Asked]:
        """Give the requests to the judge that compare answers."""
        return [asked for asked in self.asked("judge") if task_of(asked.body) == "judge"]

    def wait_for(self, model: str, count: int = 1, *, sent: int = 0) -> Asked:
        """Wait until a model was asked `count` times, and the last of these was sent `sent` pieces."""

        def is_so() -> bool:
            found = self.asked(model)
            return len(found) >= count and found[count - 1].sent >= sent

        with self._changed:
            assert self._changed.wait_for(is_so, WITHIN_S), (
                f"{model} was asked {len(self.asked(model))} times"
            )
        return self.asked(model)[count - 1]

    def wait_until(self, is_so: Callable[[], bool], what: str) -> None:
        """Wait until something holds of the ledger; looked at whenever that changes."""
        with self._changed:
            assert self._changed.wait_for(is_so, WITHIN_S), f"{what}: {self.ledger}"

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._let_in, "127.0.0.1", 0)

    def _let_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open[writer] = asyncio.create_task(self._serve(reader, writer))

    def _note(self) -> None:
        with self._changed:
            self._changed.notify_all()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            fields = {
                k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head.split("\r\n")[1:])
            }
            body = await reader.readexactly(int(fields.get("content-length", "0")))
            if head.startswith("GET /v1/generation?"):
                writer.write(self._bill(head))
            elif head.startswith("GET"):
                data = [{"id": name, "object": "model"} for name in self.scripts]
                writer.write(_plain(200, {"object": "list", "data": data}))
            else:
                await self._answer(json.loads(body), fields.get("authorization", ""), reader, writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            self._open.pop(writer, None)

    def _bill(self, head: str) -> bytes:
        name = parse_qs(urlsplit(head.split()[1]).query)["id"][0]
        self.looked_up.append(name)
        self._note()
        if name not in self.bills:
            return _plain(404, {"error": {"message": "Generation not found", "code": 404}})
        return _plain(200, {"data": {"id": name, **self.bills[name]}})

    async def _answer(
        self, body: dict[str, Any], key: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        asked = Asked(body["model"], body, key)
        if self.witness is not None:
            asked.seen = await asyncio.to_thread(self.witness)
        self.ledger.append(asked)
        self._note()
        found = self.scripts.get(
            asked.model, Script(status=404, body={"error": {"message": "no such model"}})
        )
        script = found(body) if callable(found) else found
        if script.is_mute:
            writer.close()
        elif script.body is not None or script.status != 200:
            writer.write(_plain(script.status, script.body or {}))
        else:
            watching = asyncio.ensure_future(reader.read(1))
            streaming = asyncio.ensure_future(self._stream(script, asked, writer))
            try:
                await asyncio.wait({watching, streaming}, return_when=asyncio.FIRST_COMPLETED)
                if not streaming.done():
                    asked.was_dropped.set()
            finally:
                streaming.cancel()
                watching.cancel()
                await asyncio.gather(watching, streaming, return_exceptions=True)
        asked.is_over.set()
        self._note()

    async def _stream(self, script: Script, asked: Asked, writer: asyncio.StreamWriter) -> None:
        await _passed(script, BEFORE_HEADERS)
        more = "".join(f"{name}: {value}\r\n" for name, value in script.headers.items())
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n"
            b"Transfer-Encoding: chunked\r\n" + more.encode() + b"\r\n"
        )
        for index, piece in enumerate(script.pieces):
            await _passed(script, index)
            await asyncio.sleep(script.pace_s)
            asked.said += piece
            choice = {"index": 0, "delta": {"content": piece}, "finish_reason": None}
            writer.write(_chunk({**script.origin, "choices": [choice]}))
            await writer.drain()
            asked.sent += 1
            self._note()
        await _passed(script, len(script.pieces))
        if script.finish is None:
            return
        asked.is_whole = True
        writer.write(_chunk({"choices": [{"index": 0, "delta": {}, "finish_reason": script.finish}]}))
        if script.usage is not None:
            writer.write(_chunk({"choices": [], "usage": script.usage}))
        done = b"data: [DONE]\n\n"
        writer.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(done), done))


async def _passed(script: Script, place: int) -> None:
    """Wait for the script's gates that stand at this place."""
    gates = [script.gate if place == script.gate_at else None, script.gates.get(place)]
    # Not `gate.wait` in a thread: there are fewer threads than gates may be.
    with suppress(TimeoutError):
        async with asyncio.timeout(GATE_S):
            while not all(gate is None or gate.is_set() for gate in gates):
                await asyncio.sleep(_LOOK_S)


def _chunk(data: dict[str, Any]) -> bytes:
    frame = b"data: " + json.dumps(data).encode() + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(frame), frame)


def _plain(status: int, data: dict[str, Any]) -> bytes:
    body = json.dumps(data).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def text_of(message: dict[str, Any]) -> str:
    """Give the text of a message, also where pictures go with it."""
    content = message["content"]
    return str(content if isinstance(content, str) else content[0]["text"])


def candidates_in(body: dict[str, Any]) -> dict[str, str]:
    """Give the candidates of a judge's prompt by letter."""
    lines = text_of(body["messages"][-1]).split("\n")
    found = {}
    for number, line in enumerate(lines):
        if line.startswith("<<candidate "):
            found[line.rstrip(">").split()[-1]] = json.loads(lines[number + 1])
    return found


def verdict(winner: str, letters: Iterable[str], **lists: Any) -> str:
    """Give a judge's reply."""
    checks = [
        {"label": x, "criteria": [{"name": "Correct", "met": x == winner, "quote": ""}]} for x in letters
    ]
    found = {"reasoning": "Because.", "candidates": checks, "winner": winner, "strength": "clear", **lists}
    return f"I compared them.\n```json\n{json.dumps(found)}\n```"


def task_of(body: dict[str, Any]) -> str:
    """Give what a request asks for: `judge`, `merge`, `challenge`, `score`, `say`, or nothing for a first answer."""
    found = re.match(r"Task: (\w+) ", body["messages"][0]["content"])
    return found[1] if found else ""


def judge_for(text: str) -> Callable[[dict[str, Any]], Script]:
    """Give a judge that picks the candidate which holds `text`, and scores it best; it writes a merge as plain text."""

    def answer(body: dict[str, Any]) -> Script:
        match task_of(body):
            case "merge":
                return Script(["# Merged\n\n", "All of it ", "in one."])
            case "say":
                return Script(["- It says why.\n- It gives figures."])
            case "score":
                (shown,) = candidates_in(body).values()
                met = [{"name": "Correct", "met": text in shown, "quote": ""}]
                return Script([f"```json\n{json.dumps({'reasoning': 'I looked.', 'criteria': met})}\n```"])
        found = candidates_in(body)
        winner = next((letter for letter, shown in found.items() if text in shown), "none")
        return Script([verdict(winner, found)])

    return answer
