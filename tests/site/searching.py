"""Looking through all that a site tells and stores for a secret: as it is, and in the encodings in which it could travel."""

from __future__ import annotations

import base64
import json
import re
import sqlite3
import threading
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import quote, urlsplit

import httpx
from websockets.exceptions import ConnectionClosed

from tests.site.conftest import Api
from tests.site.visitor import Visitor
from tests.site_process import DATABASE, Site

# Matches no place.
NOWHERE = "(?!)"
# Shorter ones leave too little in base64 by some alignments: it would be found in anything.
_LONG_ENOUGH = 16
_LINK = re.compile(r'(?:href|hx-get|action|src|data-copy)="(/[^"#]*)"')
_NOT_LOOKED_AT = re.compile(
    r"^/(static|accounts/logout|accounts/factors/totp/activate|connections/openrouter)"
)
# What a part of an address may be that is no id.
_FORMS = ("md", "json")
_ABSENT = "a" * 24


def encoded(secret: str) -> set[bytes]:
    """Give a secret as it is and url-encoded, in hex, in base64 by all its alignments, in JSON and in HTML."""
    texts = {secret, quote(secret), quote(secret, safe=""), json.dumps(secret)[1:-1]}
    texts |= {secret.replace("&", "&amp;").replace("'", "&#x27;"), secret.encode().hex()}
    texts |= {secret.encode().hex().upper()}
    return {text.encode() for text in texts} | set(_in_base64(secret.encode()))


def _in_base64(raw: bytes) -> Iterator[bytes]:
    """Give what is the same of it wherever it stands in a longer text, in both alphabets."""
    for before in range(3) if len(raw) > _LONG_ENOUGH else range(1):
        for write in (base64.b64encode, base64.urlsafe_b64encode):
            yield write(b"x" * before + raw)[4 if before else 0 : -4]


@dataclass
class Search:
    """Takes in all that was told or stored, by where it was, and says in which of it a secret is."""

    told: list[tuple[str, bytes]] = field(default_factory=list)

    def take(self, where: str, what: bytes | str) -> None:
        """Remember something that was seen."""
        self.told.append((where, what if isinstance(what, bytes) else what.encode()))

    def page(self, where: str, page: httpx.Response) -> httpx.Response:
        """Remember an answer with its headers, and give it back."""
        self.take(f"{where} ({page.status_code})", page.content + repr(page.headers).encode())
        return page

    def places(self, secret: str) -> list[str]:
        """Give where a secret is."""
        forms = [form for form in encoded(secret) if form != secret.encode()]
        # A few digits stand by chance in a longer number.
        alone = rb"(?<!\d)%b(?!\d)" if secret.isdigit() else b"%b"
        as_it_is = re.compile(alone % re.escape(secret).encode())
        return [
            where for where, text in self.told if as_it_is.search(text) or any(form in text for form in forms)
        ]

    def finds(self, secrets: dict[str, str], *, but: dict[str, str] | None = None) -> list[str]:
        """Give where which secret is; `but` names by a pattern the places in which one may be."""
        allowed = {name: (but or {}).get(name, NOWHERE) for name in secrets}
        return [
            f"{name} in {where}"
            for name, secret in secrets.items()
            for where in self.places(secret)
            if not re.search(allowed[name], where)
        ]


def crawl(visitor: Visitor, search: Search, whose: str, start: Iterable[str] = ("/",)) -> set[str]:
    """Look at every page that can be reached by links; gives their addresses."""
    seen, due = set(start), list(start)
    while due:
        path = due.pop()
        page = search.page(f"{whose}: GET {path}", visitor.http.get(path))
        for link in map(unescape, _LINK.findall(page.text)):
            bare = urlsplit(link).path
            if bare not in seen and not _NOT_LOOKED_AT.search(bare):
                seen.add(bare)
                due.append(bare)
    return seen


def ask_all(api: Api, search: Search, whose: str, things: dict[str, str]) -> None:
    """Look at every answer that programs can read, of these things by their nouns; the site's own document lists them."""
    document = api("GET", "openapi.json")
    search.take(f"{whose}: the document", json.dumps(document))
    bearer = {"Authorization": f"Bearer {api.token}"}
    with httpx.Client(headers=bearer, timeout=30, trust_env=False) as client:
        for path in [path for path, verbs in document["paths"].items() if "get" in verbs]:
            for filled in _filled(path, things):
                search.page(f"{whose}: {filled}", client.get(api.site.url + filled))


def _filled(path: str, things: dict[str, str]) -> list[str]:
    """Put ids in the place of an address's parts."""
    known = next((key for noun, key in things.items() if path.startswith(f"/api/v1/{noun}/")), _ABSENT)
    forms = [path.replace("{form}", form).replace("{number}", "1") for form in _FORMS]
    return sorted({re.sub(r"{\w+}", known, form) for form in forms})


def listen(visitor: Visitor, run: str, search: Search) -> threading.Thread:
    """Take in every frame of a run's page until its socket ends, or says nothing for five seconds."""

    def read() -> None:
        with suppress(ConnectionClosed, TimeoutError), visitor.socket(run) as socket:
            while True:
                search.take(f"{visitor.email}: a frame of {run}", socket.recv(timeout=5))

    thread = threading.Thread(target=read)
    thread.start()
    return thread


def look_into(site: Site, search: Search) -> None:
    """Take in every byte of the data folder, the log among it, and the sessions, which are stored compressed."""
    for path in sorted(site.data_dir.rglob("*")):
        if path.is_file():
            search.take(f"the file {path.name}", path.read_bytes())
    with closing(sqlite3.connect(site.data_dir / DATABASE)) as database:
        for (data,) in database.execute("SELECT session_data FROM django_session"):
            search.take("a session", _unpacked(data))


def _unpacked(signed: str) -> bytes:
    """Give what Django's `signing.dumps` was given, as JSON."""
    text, _, _ = signed.rsplit(":", 2)
    raw = base64.urlsafe_b64decode(text.lstrip(".") + "=" * (-len(text.lstrip(".")) % 4))
    return zlib.decompress(raw) if text.startswith(".") else raw
