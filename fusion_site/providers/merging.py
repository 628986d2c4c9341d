"""Small chunks of a chunked HTTP body made into one, below the HTTP parser, which costs more per chunk than all else.

Servers send each token as a chunk of its own. What arrived together can be handed on together: `5 hello 6 world!`
as `b hello world!` is the same body (RFC 9112, section 7.1). Whatever is not plainly that is handed on as it came.
"""

from __future__ import annotations

import re

_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked[ \t]*\r\n", re.IGNORECASE)
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,7})\r\n")
_UNFINISHED = re.compile(rb"[0-9a-fA-F]{0,7}\r?")
_BLANK = re.compile(rb"\n\r?\n")
_LONGEST_HEAD = 64 << 10
# A chunk that is longer is worth a step of its own.
_LONGEST = 16 << 10


class ChunkMerger:
    """Reads one side of a connection; tell it by `begin` that a request is sent, so that a new response will come.

    `is_chunked` says whether the body that comes now is being merged.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._is_head = True
        self.is_chunked = False

    @property
    def waits(self) -> bool:
        """Whether there is an unfinished chunk."""
        return self.is_chunked and bool(self._rest)

    def begin(self) -> None:
        """Expect the head of a response."""
        self._is_head, self.is_chunked = True, False

    def feed(self, data: bytes) -> bytes:
        """Give what can be handed on; an unfinished chunk waits for its rest, see `flush`."""
        if self._is_head:
            return self._head(self._rest + data)
        return self._body(self._rest + data) if self.is_chunked else data

    def flush(self) -> bytes:
        """Give what still waits as it came; from here on the body of this response is not looked at any more."""
        rest, self._rest = self._rest, b""
        self._is_head = self.is_chunked = False
        return rest

    def _head(self, data: bytes) -> bytes:
        """Hand the head on when it is whole, so that it is seen whether the body is chunked."""
        self._rest = data
        blank = _BLANK.search(data)
        if blank is None:
            is_head = data.startswith(b"HTTP/1."[: len(data)]) and len(data) < _LONGEST_HEAD
            return b"" if is_head else self.flush()
        head, body = data[: blank.end()], data[blank.end() :]
        self._rest = b""
        if head.startswith(b"HTTP/1.1 1"):  # Continue, Early Hints: the response itself is still to come
            return head + (self._head(body) if body else b"")
        self._is_head, self.is_chunked = False, _CHUNKED.search(head) is not None
        return head + (self._body(body) if self.is_chunked else body)

    def _body(self, data: bytes) -> bytes:
        """Merge the whole chunks; at the last chunk, and at whatever is no plain short chunk, the merging ends."""
        parts: list[bytes] = []
        at = 0
        while (chunk := _CHUNK.match(data, at)) is not None:
            begin, size = chunk.end(), int(chunk[1], 16)
            end = begin + size
            if not size or data[end : end + 2] != b"\r\n":
                break
            parts.append(data[begin:end])
            at = end + 2
        rest = data[at:]
        self.is_chunked = _may_go_on(rest)
        merged = b"".join(parts)
        framed = b"%x\r\n%b\r\n" % (len(merged), merged) if parts else b""
        self._rest = rest if self.is_chunked else b""
        return framed if self.is_chunked else framed + rest


def _may_go_on(rest: bytes) -> bool:
    """Whether this is the beginning of a chunk that is plain and short."""
    chunk = _CHUNK.match(rest)
    if chunk is None:
        return _UNFINISHED.fullmatch(rest) is not None
    size = int(chunk[1], 16)
    after = rest[chunk.end() + size :]
    return 0 < size <= _LONGEST and b"\r\n".startswith(after)
