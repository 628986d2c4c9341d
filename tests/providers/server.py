"""A real server that plays scripts byte by byte, and what a client of it saw."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import httpx

from fusion_site.engine.asking import (
    Ask,
    Asker,
    AskEvent,
    AskFinished,
    AskReasoning,
    AskText,
    Message,
    ModelRef,
    Outcome,
    Sampling,
)
from fusion_site.providers import Clocks, Endpoint, Providers, Retries
from tests.providers.steady_clock import keep_steady

CLOSE, RESET, HOLD, KEEP = "close", "reset", "hold", "keep"
"""What follows the last piece: a clean FIN, an RST, waiting for the client to go, or the next request."""

Piece = bytes | asyncio.Event


@dataclass
class Script:
    """One reply: pieces are written one by one; an Event among them is waited for."""

    pieces: Sequence[Piece]
    then: str = CLOSE


@dataclass
class Seen:
    """One request as the server saw it."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return dict(json.loads(self.body))


@dataclass
class RawServer:
    """Plays one script per request, in order; the last one again and again. The loop's clock is steady from then on."""

    scripts: Sequence[Script]
    host: str = "127.0.0.1"
    tls: Any = None
    requests: list[Seen] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    async def __aenter__(self) -> Self:
        self.clock = keep_steady()
        self._limit = asyncio.timeout(20)  # no test hangs for good
        await self._limit.__aenter__()
        self.gone = asyncio.Event()
        self.asked = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._connected, self.host, 0, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *why: Any) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()
        await self._limit.__aexit__(*why)

    @property
    def host_port(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def base_url(self) -> str:
        return f"http://{self.host_port}/v1"

    def endpoint(self, **changes: Any) -> Endpoint:
        settings: dict[str, Any] = {"base_url": self.base_url, "api_key": "sk-secret-key", "kind": "openai"}
        return Endpoint(**(settings | changes))

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            while await self._exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            self.gone.set()
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        request = await read_request(reader)
        if request is None:
            self.gone.set()
            return False
        self.requests.append(request)
        self.asked.set()
        script = self.scripts[min(len(self.requests), len(self.scripts)) - 1]
        await self._play(script, reader, writer)
        return script.then == KEEP

    async def _play(self, script: Script, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in script.pieces:
            if isinstance(piece, asyncio.Event):
                await piece.wait()
            else:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
        if script.then == HOLD:
            await reader.read()
            self.gone.set()
        if script.then == RESET:
            socket = writer.get_extra_info("socket")
            socket.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SO_LINGER 0: close sends RST
            writer.transport.abort()


class Blunt(RawServer):
    """Plays its script at once, without waiting for a request, and hangs up."""

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        await self._play(self.scripts[0], reader, writer)
        return False


async def read_request(reader: asyncio.StreamReader) -> Seen | None:
    """Give the next request of a connection, or None where the client has closed it."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    line, *rest = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (item.partition(":") for item in rest)}
    return Seen(line, headers, await reader.readexactly(int(headers.get("content-length", 0))))


def head(status: int = 200, kind: str = "text/event-stream", *more: str, chunked: bool = True) -> bytes:
    """Give response headers."""
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Type: {kind}", *more]
    lines.append("Transfer-Encoding: chunked" if chunked else "Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def frame(data: bytes) -> bytes:
    """Give one piece of a chunked body."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


END = b"0\r\n\r\n"
DONE = b"data: [DONE]\n\n"


def event(chunk: object) -> bytes:
    """Give one server-sent event."""
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def says(text: str | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """Give a chat-completion chunk; fields that are no chunk's own go into its delta."""
    own = {key: more.pop(key) for key in ("usage", "model", "provider", "error") if key in more}
    delta = ({} if text is None else {"content": text}) | more
    return {"id": "x", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]} | own


def stream(
    *events: bytes | dict[str, Any], then: str = CLOSE, end: bytes = END, headers: bytes = b""
) -> Script:
    """Give the script of a chunked stream of events: bytes as they are, chunks encoded."""
    pieces = [frame(item if isinstance(item, bytes) else event(item)) for item in events]
    return Script([headers or head(), *pieces, end], then)


def body(text: Any, status: int = 200, *more: str) -> Script:
    """Give the script of a plain reply, JSON where it is an object."""
    data = (
        text
        if isinstance(text, bytes)
        else text.encode()
        if isinstance(text, str)
        else json.dumps(text).encode()
    )
    return Script(
        [head(status, "application/json", *more, f"Content-Length: {len(data)}", chunked=False) + data]
    )


HELLO = stream(says("Hello"), says(finish="stop"), DONE)


@dataclass
class Result:
    """What one ask gave."""

    events: list[AskEvent]

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, AskText))

    @property
    def reasoning(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, AskReasoning))

    @property
    def finished(self) -> AskFinished:
        last = self.events[-1]
        assert isinstance(last, AskFinished)
        assert not any(isinstance(event, AskFinished) for event in self.events[:-1])
        return last

    @property
    def outcome(self) -> Outcome:
        return self.finished.outcome

    @property
    def error(self) -> Any:
        assert self.finished.error is not None
        return self.finished.error


QUICK = Retries(base_s=0.01, cap_s=0.02)
TRUSTED = httpx.create_ssl_context(trust_env=False)
PATIENT = Clocks(connect_s=5, first_s=5, idle_s=5, total_s=10, trailer_s=1)


def providers_for(*servers: RawServer, **settings: Any) -> Providers:
    """Give Providers that may reach the servers."""
    defaults: dict[str, Any] = {"retries": QUICK, "clocks": PATIENT, "tls": TRUSTED}
    return Providers(frozenset(server.host_port for server in servers), **(defaults | settings))


def asker_for(providers: Providers, endpoint: Endpoint) -> Asker:
    """Give an asker all of whose connections are `endpoint`."""

    async def endpoints(_: str) -> Endpoint:
        return endpoint

    return providers.asker(endpoints)


def question(text: str = "Hi", model: str = "m", **settings: Any) -> Ask:
    """Give an ask of one user message; settings of `Sampling` by their names."""
    own = {key: settings.pop(key) for key in ("deadline_s", "json_schema", "messages") if key in settings}
    messages = own.pop("messages", (Message("user", text),))
    return Ask(ModelRef("c", model), messages, Sampling(**settings), **own)


async def play(*scripts: Script, ask: Ask | None = None, settings: Any = None, **endpoint: Any) -> Result:
    """Ask a server that plays `scripts`, and give what came."""
    async with RawServer(scripts) as server:
        return await ask_at(server, ask=ask, settings=settings, **endpoint)


async def ask_at(server: RawServer, ask: Ask | None = None, settings: Any = None, **endpoint: Any) -> Result:
    """Ask `server` once, and give what came."""
    providers = providers_for(server, **(settings or {}))
    try:
        asker = asker_for(providers, server.endpoint(**endpoint))
        return Result([event async for event in asker.ask(ask or question())])
    finally:
        await providers.aclose()
