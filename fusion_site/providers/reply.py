"""One reply as it comes in: what was shown, and everything that will decide its outcome."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import orjson

from fusion_site.engine.asking import AskAccepted, AskError, AskReasoning, AskText, ErrorKind, Usage
from fusion_site.providers.chunks import read_cost, read_usage, reasoning_of, text_of, usage_of
from fusion_site.providers.errors import from_stream, sentence
from fusion_site.providers.reports import Report, read_report
from fusion_site.providers.shapes import Malformed, as_dict, as_text, load_json, one_line, storable
from fusion_site.providers.sse import COMMENT, Event

Piece = AskText | AskReasoning
# How OpenRouter's names for calls begin; the ids of other servers name nothing that could be asked for afterwards.
GENERATION = "gen-"
QUEUED = re.compile(rb"queued (\d{1,6})")
TEXT_CAP = 8 << 20
"""Characters of text and reasoning together that one reply may have."""


class Strand:
    """Makes the pieces of one text storable, joining halves of a surrogate pair that came apart."""

    def __init__(self) -> None:
        self._half = ""

    def take(self, piece: str) -> str:
        """Give what can be shown now; a high surrogate at the end waits for its other half."""
        if piece.isascii() and "\x00" not in piece and not self._half:
            return piece
        if self._half:
            piece, self._half = self._half + piece, ""
        if piece and "\ud800" <= piece[-1] <= "\udbff":
            piece, self._half = piece[:-1], piece[-1]
        return storable(piece)

    def end(self) -> str:
        """Give what still waits when nothing more will come."""
        half, self._half = self._half, ""
        return storable(half)


class Reply:
    """Reads events or one whole document, and holds what they said. `take` hands out the pieces since last time.

    Pieces of the same sort that came in one read are handed out as one: the text is the same, and whoever
    stores or shows it has less to do. `place` is where the request waits in the server's own queue, from 1; 0 nowhere.
    """

    def __init__(self, provider: str | None = None) -> None:
        self.provider = provider
        self.served_model: str | None = None
        self.generation_id: str | None = None
        self.usage = Usage()
        self.cost: Decimal | None = None
        self.finish = ""
        self.native_finish = ""
        self.refusal = ""
        self.error: AskError | None = None
        self.report = Report()
        self.done = False
        self.events = 0
        self.malformed = 0
        self.place = 0
        self._shown: set[type[Piece]] = set()
        self._is_visible = False
        self._size = 0
        self._kind: type[Piece] = AskText
        self._parts: list[str] = []
        self._pieces: list[Piece] = []
        self._strands: dict[type[Piece], Strand] = {AskText: Strand(), AskReasoning: Strand()}

    @property
    def over(self) -> bool:
        """Whether reading may stop: [DONE] or an error was sent."""
        return self.done or self.error is not None

    @property
    def accepted(self) -> AskAccepted:
        """What is known so far of who serves the call, and by which name it can be asked for afterwards."""
        return AskAccepted(self.generation_id, self.provider, self.served_model)

    @property
    def has_text(self) -> bool:
        """Whether there was any text that one can see: white space alone is no answer."""
        return self._is_visible

    @property
    def has_reasoning(self) -> bool:
        """Whether any reasoning was there."""
        return AskReasoning in self._shown

    @property
    def shown(self) -> bool:
        """Whether a person may already have seen something of this reply."""
        return bool(self._shown or self._parts)

    def read_all(self, events: Iterable[Event]) -> None:
        """Take in events of the stream, up to [DONE] or an error."""
        for name, data in events:
            self.read(name, data)
            if self.done or self.error is not None:
                break

    def read(self, name: str, data: bytes) -> None:
        """Take in one event of the stream. A frame that is not JSON is counted and survived."""
        if name == "error":
            self._read_error_event(data)
            return
        if name == COMMENT:
            self._read_comment(data)
            return
        try:
            chunk = orjson.loads(data)
        except orjson.JSONDecodeError:
            self._read_odd(data.strip())
            return
        if isinstance(chunk, dict):
            self.read_chunk(chunk)
        else:
            self.malformed += 1

    def read_chunk(self, chunk: dict[str, Any]) -> None:
        """Take in one decoded chunk: usage and text first, since both may ride on an error."""
        self.events += 1
        if self.served_model is None or (self.provider is None and "provider" in chunk):
            self._read_origin(chunk)
        if "usage" in chunk or "x_groq" in chunk:
            self._read_usage(usage_of(chunk))
        choices = chunk.get("choices")
        if isinstance(choices, list):
            for choice in choices:
                if isinstance(choice, dict) and not choice.get("index"):
                    self._read_choice(choice)
        if chunk.get("error") or "error_message" in chunk or "error_type" in chunk:
            self._report(read_report(chunk))

    def read_document(self, document: object) -> None:
        """Take in a whole reply that came as one JSON document although a stream was asked for."""
        if isinstance(document, list) and document:
            document = document[0]  # Gemini wraps its errors in an array
        body = as_dict(document)
        if not any(body.get(key) for key in ("choices", "error", "error_message", "error_type")):
            self.fail("it is JSON, but no chat completion")
            return
        self.read_chunk(body)
        self.done = True

    def fail(self, reason: str) -> None:
        """End the reply with an error of kind protocol: reading on would give nothing true."""
        self.error = AskError(ErrorKind.PROTOCOL, sentence(ErrorKind.PROTOCOL, reason))

    def take(self) -> list[Piece]:
        """Hand out the pieces that came since the last call."""
        self._seal()
        pieces, self._pieces = self._pieces, []
        return pieces

    def end(self) -> list[Piece]:
        """Hand out the last pieces: nothing more will come."""
        self._seal()
        for kind, strand in self._strands.items():
            self._kind, self._parts = kind, [strand.end()]
            self._seal()
        return self.take()

    def _read_comment(self, data: bytes) -> None:
        """A Compact host says at which place a request waits, and when it begins."""
        if found := QUEUED.fullmatch(data):
            self.place = int(found[1])
        elif data == b"begun":
            self.place = 0

    def _read_odd(self, data: bytes) -> None:
        """What is no strict JSON: the end, a comment that a proxy sent on as data, JSON with flaws, several lines."""
        if data == b"[DONE]":
            self.done = True
            return
        if not data or data.startswith(b":"):
            return
        try:
            chunk = load_json(data)
        except Malformed:
            self._read_lines(data)
            return
        if isinstance(chunk, dict):
            self.read_chunk(chunk)
        else:
            self.malformed += 1

    def _read_lines(self, data: bytes) -> None:
        """Chunks on neighbouring lines, without the blank line between events, arrive as one event."""
        lines = data.split(b"\n")
        if len(lines) == 1:
            self.malformed += 1
            return
        self.read_all(("message", line) for line in lines)

    def _read_error_event(self, data: bytes) -> None:
        self.events += 1
        try:
            report = read_report(load_json(data))
        except Malformed:
            report = read_report({"message": data.decode("utf-8", "replace")})
        self._report(report)

    def _report(self, report: Report) -> None:
        self.report = report
        self.error = from_stream(report, self.provider)

    def _read_origin(self, chunk: dict[str, Any]) -> None:
        self.served_model = self.served_model or one_line(as_text(chunk.get("model")), 200) or None
        self.provider = self.provider or one_line(as_text(chunk.get("provider")), 80) or None
        if self.generation_id is None and as_text(chunk.get("id")).startswith(GENERATION):
            self.generation_id = one_line(chunk["id"], 120)

    def _read_usage(self, usage: dict[str, Any]) -> None:
        self.usage = read_usage(usage, self.usage)
        self.cost = read_cost(usage) if "cost" in usage else self.cost

    def _read_choice(self, choice: dict[str, Any]) -> None:
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            # A whole message counts only if it does not repeat what was already streamed.
            delta = {} if self.shown else as_dict(choice.get("message"))
        content = delta.get("content")
        if isinstance(content, str) and len(delta) == 1 + ("role" in delta):  # nothing but these two
            self._add(AskText, content)
        else:
            self._add(AskReasoning, reasoning_of(delta))
            self._add(AskText, text_of(delta))
            self.refusal += as_text(delta.get("refusal"))[:1000]
        if finish := choice.get("finish_reason"):
            self.finish = as_text(finish).lower()
            self.native_finish = as_text(choice.get("native_finish_reason"))
        if choice.get("error"):
            self._report(read_report(choice))

    def _add(self, kind: type[Piece], piece: str) -> None:
        if not piece:
            return
        if kind is not self._kind:
            self._seal()
            self._kind = kind
        self._parts.append(piece)

    def _seal(self) -> None:
        """Make one piece of the parts that belong together, unless the reply has grown too long."""
        if not self._parts:
            return
        text = self._strands[self._kind].take("".join(self._parts))
        self._parts.clear()
        self._size += len(text)
        if self._size > TEXT_CAP:
            self.fail(f"it is longer than {TEXT_CAP} characters")
        elif text:
            self._pieces.append(self._kind(text))
            self._shown.add(self._kind)
            self._is_visible = self._is_visible or (self._kind is AskText and not text.isspace())
