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
    """Keeps what one side of a connection sends until it is taken; its length is how much can be.

    Tell it by `begin` that a request is sent, so that a new response will come. `is_chunked` says whether the body that
    comes now is being merged: all chunks that come between two takes become one.
    """

    def __init__(self) -> None:
        self._ready = bytearray()
        # What the merged chunks hold, which comes after what is ready.
        self._body = bytearray()
        self._rest = b""
        self._is_head = True
        self.is_chunked = False

    def __len__(self) -> int:
        return len(self._ready) + len(self._body)

    @property
    def waits(self) -> bool:
        """Whether there is an unfinished chunk."""
        return self.is_chunked and bool(self._rest)

    def begin(self) -> None:
        """Expect the head of a response."""
        self._is_head, self.is_chunked = True, False

    def feed(self, data: bytes) -> None:
        """Keep what has come; an unfinished chunk waits for its rest, see `flush`."""
        data, self._rest = self._rest + data, b""
        if self._is_head:
            self._head(data)
        elif self.is_chunked:
            self._merge(data)
        else:
            self._ready += data

    @property
    def has_content_only(self) -> bool:
        """Whether all that is kept, and comes until this changes, is the contents of merged chunks."""
        return self.is_chunked and not self._ready

    def content(self) -> bytes:
        """Take the contents of the merged chunks; only where there is nothing else."""
        data = bytes(self._body)
        self._body.clear()
        return data

    def take(self, most: int) -> bytes:
        """Give what can be handed on, up to `most` bytes of it: a head by itself, then the chunks after it."""
        if not self._ready:
            self._seal()
        data = bytes(self._ready[:most])
        del self._ready[:most]
        return data

    def flush(self) -> None:
        """Let what still waits be taken as it came; from here on the body of this response is not looked at any more."""
        self._seal()
        self._ready += self._rest
        self._rest = b""
        self._is_head = self.is_chunked = False

    def _head(self, data: bytes) -> None:
        """Keep the head when it is whole, so that it is seen whether the body is chunked."""
        blank = _BLANK.search(data)
        if blank is None:
            self._rest = data
            if not data.startswith(b"HTTP/1."[: len(data)]) or len(data) >= _LONGEST_HEAD:
                self.flush()
            return
        head, body = data[: blank.end()], data[blank.end() :]
        self._ready += head
        if head.startswith(b"HTTP/1.1 1"):  # Continue, Early Hints: the response itself is still to come
            if body:
                self._head(body)
            return
        self._is_head, self.is_chunked = False, _CHUNKED.search(head) is not None
        if self.is_chunked:
            self._merge(body)
        else:
            self._ready += body

    def _merge(self, data: bytes) -> None:
        """Merge the whole chunks; at the last chunk, and at whatever is no plain short chunk, the merging ends."""
        at = 0
        while (chunk := _CHUNK.match(data, at)) is not None:
            begin, size = chunk.end(), int(chunk[1], 16)
            end = begin + size
            if not size or data[end : end + 2] != b"\r\n":
                break
            self._body += data[begin:end]
            at = end + 2
        self._rest = data[at:]
        if not _may_go_on(self._rest):
            self.flush()

    def _seal(self) -> None:
        """Make one chunk of what was merged."""
        if self._body:
            self._ready += b"%x\r\n" % len(self._body) + self._body + b"\r\n"
            self._body.clear()


def _may_go_on(rest: bytes) -> bool:
    """Whether this is the beginning of a chunk that is plain and short."""
    chunk = _CHUNK.match(rest)
    if chunk is None:
        return _UNFINISHED.fullmatch(rest) is not None
    size = int(chunk[1], 16)
    after = rest[chunk.end() + size :]
    return 0 < size <= _LONGEST and b"\r\n".startswith(after)
