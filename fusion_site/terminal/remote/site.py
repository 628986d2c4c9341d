"""The site's REST doors, as far as the command `fusion` needs them, with every failure in a person's words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import httpx

from fusion_site.terminal.remote.access import Access
from fusion_site.terminal.remote.refused import Cut, Refused
from fusion_site.terminal.remote.sse import Event, Malformed, events_in

CONNECT_S = 10.0
# The site says something every 15 seconds: three times nothing is a connection that is dead.
SILENCE_S = 45.0
BAD_TOKEN = "The site does not know this token: it may be mistyped, revoked, or have expired."  # noqa: S105
_SOON = frozenset({429, 502, 503, 504})


class Site:
    """One site, called with one token. Every call raises Refused, or Cut where asking again may help."""

    def __init__(self, found: Access) -> None:
        self.url = found.url
        self._client = httpx.Client(
            base_url=f"{found.url}/api/v1/",
            headers={"Authorization": f"Bearer {found.token}"},
            timeout=httpx.Timeout(SILENCE_S, connect=CONNECT_S),
        )

    def __enter__(self) -> Site:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        self._client.close()

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        has: str = "",
    ) -> Any:
        """Give the JSON that is answered; an answer of this site is an object that has the field `has`."""
        with self._told():
            answer = self._client.request(method, path, json=body, headers=headers)
        self._check(answer)
        return self._json(answer, has)

    def events(self, run: str, after: int) -> Iterator[Event | None]:
        """Yield the run's events behind `after` as they come, until the site ends the stream; None is a sign of life."""
        headers = {"Last-Event-ID": str(after)} if after else {}
        with self._told(), self._client.stream("GET", f"runs/{run}/events", headers=headers) as answer:
            if answer.status_code != 200:
                answer.read()
                self._check(answer)
            if not answer.headers.get("Content-Type", "").startswith("text/event-stream"):
                raise self._is_none()
            yield from events_in(answer.iter_bytes())

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Give what keeps a call from being answered in words."""
        try:
            yield
        except httpx.ConnectError as error:
            raise Cut(f"{self.url} cannot be reached: {error}") from None
        except httpx.TimeoutException:
            raise Cut(f"{self.url} does not answer.") from None
        except httpx.TransportError:
            raise Cut(f"The connection to {self.url} broke.") from None
        except httpx.HTTPError as error:
            raise Refused(f"{self.url} cannot be read: {error}") from None
        except Malformed:
            raise Refused(f"{self.url} sent an event that cannot be read.") from None

    def _check(self, answer: httpx.Response) -> None:
        if answer.is_success:
            return
        if answer.is_redirect:
            elsewhere = httpx.URL(answer.headers.get("Location", "")).copy_with(path="/", query=None)
            raise Refused(f"{self.url} sends on to {str(elsewhere).rstrip('/')}: is that the site's address?")
        if answer.status_code == 401:
            raise Refused(BAD_TOKEN)
        error = self._error(answer)
        if answer.status_code in _SOON and error.get("kind") != "billing":
            wait = answer.headers.get("Retry-After", "")
            said = error.get("message") or f"{self.url} is not there just now ({answer.status_code})."
            raise Cut(said, float(wait) if wait.isdigit() else None)
        if not error:
            raise self._is_none()
        fields: Mapping[str, list[str]] = error.get("fields") or {}
        named = [f"{name}: {' '.join(messages)}" for name, messages in fields.items()]
        raise Refused("\n".join(named) or str(error.get("message")), fields)

    def _error(self, answer: httpx.Response) -> Mapping[str, Any]:
        try:
            error = json.loads(answer.content)["error"]
        except (ValueError, KeyError, TypeError):
            return {}
        return error if isinstance(error, dict) else {}

    def _json(self, answer: httpx.Response, has: str) -> Any:
        if not has:
            return None
        try:
            told = json.loads(answer.content)
        except ValueError:
            raise self._is_none() from None
        if not isinstance(told, dict) or has not in told:
            raise self._is_none()
        return told

    def _is_none(self) -> Refused:
        return Refused(f"What answers at {self.url} is no fusion site: is the address right?")
