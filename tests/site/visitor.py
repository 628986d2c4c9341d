"""A person with a browser's cookies and sockets, but without a browser."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.accounts.one_time import code_of
from tests.site_process import Site

PASSWORD = "correct horse battery"
RECOVERY = "/accounts/factors/recovery-codes/"


class Visitor:
    """Signs up or in on a site by its pages, and opens the sockets of run pages with the session's cookie."""

    def __init__(self, site: Site, email: str) -> None:
        self._site, self.email = site, email
        self.http = httpx.Client(base_url=site.url, timeout=30, follow_redirects=True, trust_env=False)

    def sign_up(self) -> Visitor:
        """Become a person of the site, signed in."""
        self.post("/accounts/signup/", email=self.email, password1=PASSWORD)
        return self

    def sign_in(self) -> Visitor:
        """Sign in, with a session of this visitor's own."""
        self.post("/accounts/login/", login=self.email, password=PASSWORD)
        return self

    def post(self, path: str, form: str | None = None, **fields: str | list[str]) -> httpx.Response:
        """Send the form that stands at `form`, else at the address itself; raises on an error status."""
        return self.send(path, form, **fields).raise_for_status()

    def send(self, path: str, form: str | None = None, **fields: str | list[str]) -> httpx.Response:
        """Send a form as `post` does, and give whatever is answered."""
        page = self.http.get(form or path)
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
        assert token is not None, page.text
        return self.http.post(
            path, data={"csrfmiddlewaretoken": token[1], **fields}, headers={"Referer": self._site.url}
        )

    def join(self, url: str) -> None:
        """Take an invitation by its link."""
        self.http.get(url).raise_for_status()
        self.post("/join/")

    def set_up_second_factor(self) -> tuple[str, list[str]]:
        """Set up an authenticator app; gives its secret and the recovery codes, as they are shown."""
        page = self.http.get("/accounts/factors/totp/activate/").text
        shown = re.search(r"secret=([A-Z2-7]{16,})|>([A-Z2-7]{32})<|value=\"([A-Z2-7]{32})\"", page)
        assert shown is not None, page
        secret = next(filter(None, shown.groups()))
        # The form's page would show another secret, so its token is taken from another page.
        self.post("/accounts/factors/totp/activate/", form="/tokens/", code=code_of(secret))
        codes = re.findall(r"^\d{8}$", self.http.get(f"{RECOVERY}download/").text, re.MULTILINE)
        assert len(codes) >= 8
        return secret, codes

    def make_token(self) -> str:
        """Make an API token on the page for it, and give it."""
        page = self.post("/tokens/", name="a program", scopes=["run", "read", "manage"], days="30").text
        made = re.search(r'id="made-token"[^>]*>([^<]+)<', page)
        assert made is not None, page
        return made[1]

    @contextmanager
    def socket(self, run_id: str) -> Iterator[ClientConnection]:
        """Open the socket of a run's page."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())
        address = f"{self._site.url.replace('http', 'ws')}/ws/runs/{run_id}/"
        origin: Any = self._site.url
        headers = {"Cookie": cookies}
        with connect(address, origin=origin, additional_headers=headers, proxy=None, max_size=None) as page:
            yield page

    def close(self) -> None:
        """Let go of the connections."""
        self.http.close()


def closing_code(connection: ClientConnection, within: float = 30) -> int:
    """Read on until the site closes the socket, and give its code; raises TimeoutError, or ConnectionClosed without one."""
    until = time.monotonic() + within
    try:
        while True:
            connection.recv(timeout=until - time.monotonic())
    except ConnectionClosed as closed:
        if closed.rcvd is None:
            raise
        return int(closed.rcvd.code)
