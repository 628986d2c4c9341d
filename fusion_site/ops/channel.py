"""One HTTP connection to the server, bounded in bytes and in time. Daphne itself spools bodies of any size to the disk,
and its `http_timeout` begins only once a request is whole, and then ends streams that are meant to be long."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from twisted.web import http

from fusion_site.ops.bodies import body_limit, too_large

# A refused client may go on sending for so many seconds, unheard: a socket that is closed while data still comes in
# is reset, and the client would never read why it was refused.
LINGER_S = 2.0

# Twisted types these methods after their documentation, which their code has outgrown.
_Channel: Any = http.HTTPChannel


class BoundedChannel(_Channel):  # type: ignore[misc]
    """Refuses bodies beyond the limit before a byte of them is kept, and cuts requests that take too long to arrive.

    Headers are bounded by Twisted: 16 KiB in all, 500 of them. A connection on which nothing is said at all for a
    minute is closed by Twisted too; here is what stops one that says a byte now and then.
    """

    _is_refused = False
    _deadline: Any = None

    def dataReceived(self, data: bytes) -> None:  # noqa: N802  # Twisted's name
        """Take what came, unless this connection is done with; the first bytes of a request start its clock."""
        if self._is_refused:
            return
        if self._deadline is None and not self._handlingRequest:
            self._within(settings.FUSION_RECEIVE_S)
        super().dataReceived(data)

    def allHeadersReceived(self) -> None:  # noqa: N802
        """Go on to the body, unless it is announced as too large."""
        if self.length is not None and self.length > body_limit():
            self._refuse()
        else:
            super().allHeadersReceived()

    def rawDataReceived(self, data: bytes) -> None:  # noqa: N802
        """Take a part of the body; one of no announced length is counted, one read past the limit at most."""
        if self._is_refused:
            return
        super().rawDataReceived(data)
        if self.length is None and self.requests and self._kept() > body_limit():
            self._refuse()

    def allContentReceived(self) -> None:  # noqa: N802
        """Hand the whole request on; how long its answer takes is not bounded here."""
        self._within(None)
        super().allContentReceived()

    def connectionLost(self, reason: Any) -> None:  # noqa: N802
        """Forget the clock."""
        self._within(None)
        super().connectionLost(reason)

    def _kept(self) -> int:
        size: int = self.requests[-1].content.tell()
        return size

    def _refuse(self) -> None:
        """Answer 413, say that no more comes from here, and stop listening; soon after, the connection is cut."""
        self._is_refused = True
        headers, body = too_large(self._path.decode("latin-1"))
        lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        self._networkProducer.unregisterProducer()
        self.transport.write(b"HTTP/1.1 413 Content Too Large\r\n%b\r\n%b" % (lines, body))
        self.transport.loseWriteConnection()
        self._within(LINGER_S)

    def _within(self, seconds: float | None) -> None:
        """Cut the connection after so many seconds; None lets it be."""
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.callLater(seconds, self._cut)

    def _cut(self) -> None:
        self.transport.abortConnection()
