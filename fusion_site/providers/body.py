"""The body of a successful reply, whatever it turns out to be: an event stream, one JSON document, or neither."""

from __future__ import annotations

from fusion_site.providers.reply import Reply
from fusion_site.providers.shapes import Malformed, load_json
from fusion_site.providers.sse import EventReader, TooLong

BOM = b"\xef\xbb\xbf"
WIRE_CAP = 64 << 20
"""Bytes of one streamed body. A chunk of one token takes some 300 bytes, so this is about 200,000 tokens."""
DOCUMENT_CAP = 16 << 20


class Body:
    """Feeds a Reply from the bytes of a body.

    What it is shows in the first byte that is not white space. The Content-Type is not asked: proxies get it
    wrong, and servers answer with plain JSON where a stream was wanted. With `comments` the Reply is shown those too.
    """

    def __init__(self, reply: Reply, *, comments: bool = False) -> None:
        self._reply = reply
        self._size = 0
        self._start = b""
        self._known = False
        self._document: bytearray | None = None
        self._events = EventReader(comments=comments)

    def feed(self, data: bytes) -> None:
        """Take in the next bytes."""
        self._size += len(data)
        if self._size > (WIRE_CAP if self._document is None else DOCUMENT_CAP):
            self._reply.fail("it is too long")
        elif not self._known:
            self._recognise(data)
        elif self._document is not None:
            self._document += data
        else:
            self._stream(data)

    def end(self) -> None:
        """The body has ended: read what still lies in the buffers."""
        if self._document is not None:
            self._read_document()
            return
        self._reply.read_all(self._events.end())

    def _recognise(self, head: bytes) -> None:
        """White space before a document keeps a connection alive (OpenRouter, oMLX) and is not kept here."""
        head = (self._start + head).removeprefix(BOM).lstrip()
        if BOM.startswith(head):  # nothing yet, or the first bytes of a mark
            self._start = head
            return
        self._known = True
        if head.startswith(b"<"):
            self._reply.fail("it is a web page, not the reply of an API")
        elif head.startswith((b"{", b"[")):
            self._document = bytearray(head)
        else:
            self._stream(head)

    def _stream(self, data: bytes) -> None:
        try:
            self._reply.read_all(self._events.feed(data))
        except TooLong as error:
            self._reply.fail(f"it has {error}")

    def _read_document(self) -> None:
        try:
            document = load_json(bytes(self._document or b""))
        except Malformed:
            self._reply.fail("it is neither an event stream nor JSON")
            return
        self._reply.read_document(document)
