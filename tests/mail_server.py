"""A mail server on this machine that takes every mail and shows it to the test."""

from __future__ import annotations

import socketserver
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from queue import Queue


class MailServer:
    """Listens at `url` (for FUSION_EMAIL_URL) until it is closed."""

    def __init__(self) -> None:
        """Begin to listen."""
        self.mails: Queue[EmailMessage] = Queue()
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"smtp+plain://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def next(self) -> EmailMessage:
        """Give the oldest mail not given yet; raises Empty when none comes within half a minute."""
        return self.mails.get(timeout=30)

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[socketserver.StreamRequestHandler]:
        mails = self.mails

        class Talk(socketserver.StreamRequestHandler):
            """One client's talk (RFC 5321), of which only DATA and QUIT mean something here."""

            def handle(self) -> None:
                self._say("220 here")
                for line in self.rfile:
                    word = line.strip().upper()
                    if word == b"DATA":
                        self._say("354 go on")
                        mails.put(message_from_bytes(self._data(), policy=policy.default))
                    self._say("221 bye" if word == b"QUIT" else "250 taken")
                    if word == b"QUIT":
                        return

            def _data(self) -> bytes:
                lines = iter(self.rfile.readline, b".\r\n")
                return b"".join(line.removeprefix(b".") for line in lines)

            def _say(self, words: str) -> None:
                self.wfile.write(f"{words}\r\n".encode())

        return Talk
