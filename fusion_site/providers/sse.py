"""A bounded reader of server-sent events over bytes, forgiving towards what real servers send.

Written against the event stream grammar of the HTML standard, section 9.2. Lines end at LF, CR or CRLF and
nowhere else: str.splitlines and httpx's line iterators also split at U+2028, U+2029 and U+0085, which may stand
inside a JSON string.
"""

from __future__ import annotations

Event = tuple[str, bytes]
"""The event's name ("message" where the server gave none) and its data, still encoded."""
COMMENT = ":"
"""The name under which comments are given, where they are wanted; no server can name an event so."""


class TooLong(Exception):
    """A line or an event exceeds its cap; nothing after it can be trusted."""


class EventReader:
    """Turns pieces of a body, cut anywhere, into events. `line_cap` and `event_cap` are bytes.

    Besides the grammar it accepts two habits: the name "error" used as a field (`error: {...}`, llama-server
    before September 2025), and a last event that the server did not end with a blank line (see `end`). A byte
    order mark is taken off before, by Body. With `comments`, each comment is given as an event named COMMENT.
    """

    def __init__(self, line_cap: int = 1 << 20, event_cap: int = 2 << 20, *, comments: bool = False) -> None:
        self._comments = comments
        self._line_cap = line_cap
        self._event_cap = event_cap
        self._rest = bytearray()
        self._after_cr = False
        self._name = ""
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[Event]:
        """Give the events that `data` completes. Raises TooLong."""
        if self._after_cr and data.startswith(b"\n"):
            data = data[1:]  # the second half of a CRLF that was cut in two
        if not data:
            return []
        if not self._rest and (events := self._plain_events(data)):
            self._after_cr = False
            return events
        has_cr = b"\r" in data
        self._after_cr = has_cr and data.endswith(b"\r")
        cut = max(data.rfind(b"\n"), data.rfind(b"\r") if has_cr else -1) + 1
        if not cut:
            self._keep(data)
            return []
        block = data if cut == len(data) else data[:cut]
        if self._rest:
            block = bytes(self._rest) + block
            self._rest.clear()
        if cut < len(data):
            self._keep(data[cut:])
        return self._plain_events(block) or self._read_lines(block)

    def end(self) -> list[Event]:
        """Give what the body's end leaves over: a line or an event without its closing line break."""
        block = bytes(self._rest) + b"\n\n"
        self._rest.clear()
        return self._read_lines(block)

    def _plain_events(self, block: bytes) -> list[Event]:
        """Give the events of a block in which each is one line `data: ...` and a blank one; nothing for any other.

        It is what nearly all servers send, and so is read in fewer steps than the grammar takes.
        """
        if self._data or self._name or b"\r" in block or len(block) > self._line_cap:
            return []
        if not (block.startswith(b"data: ") and block.endswith(b"\n\n")):
            return []
        if block.find(b"\n") == len(block) - 2:
            return [("message", block[6:-2])]
        found = block[6:-2].split(b"\n\ndata: ")
        return [("message", data) for data in found] if block.count(b"\n") == 2 * len(found) else []

    def _keep(self, data: bytes) -> None:
        self._rest += data
        if len(self._rest) > self._line_cap:
            raise TooLong(f"a line of more than {self._line_cap} bytes")

    def _read_lines(self, block: bytes) -> list[Event]:
        events: list[Event] = []
        for line in block.splitlines():  # of bytes: at LF, CR and CRLF alone
            if line.startswith(b"data: "):
                self._add(line[6:])
            elif not line:
                self._dispatch(events)
            elif not line.startswith(b":"):
                self._field(line)
            elif self._comments:
                events.append((COMMENT, line[1:].strip()))
        return events

    def _field(self, line: bytes) -> None:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._add(value)
        elif field == b"event":
            self._name = value.decode("utf-8", "replace")
        elif field == b"error":
            self._name = "error"
            self._add(value)

    def _add(self, value: bytes) -> None:
        self._size += len(value)
        if len(value) > self._line_cap or self._size > self._event_cap:
            raise TooLong(f"an event of more than {self._event_cap} bytes")
        self._data.append(value)

    def _dispatch(self, events: list[Event]) -> None:
        data, name = self._data, self._name
        if data:
            events.append((name or "message", data[0] if len(data) == 1 else b"\n".join(data)))
            self._data = []
        self._name = ""
        self._size = 0
