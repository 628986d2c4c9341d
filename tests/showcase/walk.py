"""Which pages there are: found by the table of addresses and by following every link, one address for each door."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import unescape
from urllib.parse import urljoin, urlsplit

import httpx
from django.urls import Resolver404

from tests.access.doors import Door, all_doors, door_at
from tests.access.rules import NOTHING, RULES, UNTAKEN

_HREF = re.compile(r'<a\s[^>]*?href="([^"#]+)')
# Doors that lead out of the site.
_LEADS_AWAY = ("/connections/openrouter/", "/sign-on/{sign_on_id}/go/", "/sign-on/{sign_on_id}/back/")


def page_doors() -> list[Door]:
    """Give every door by which a person may read something."""
    return [
        door
        for door in all_doors()
        if door.method == "GET" and door.surface == "page" and RULES[str(door)] not in (UNTAKEN, NOTHING)
    ]


def pages_for(http: httpx.Client, starts: Iterable[str]) -> dict[str, str]:
    """Give the pages that somebody can get to, as door → path: from `starts` and all plain addresses, by every link."""
    plain = [door.path for door in page_doors() if not door.parts and door.path not in _LEADS_AWAY]
    waiting, seen, found = [*starts, *plain], set[str](), dict[str, str]()
    while waiting:
        path = waiting.pop(0)
        door = _door(path)
        if door is None or door in seen or door in _LEADS_AWAY:
            continue
        seen.add(door)
        answer = http.get(path)
        there = answer.url.path
        if not answer.headers.get("content-type", "").startswith("text/html") or "<html" not in answer.text:
            continue
        if answer.status_code == 200 and (door_there := _door(there)):
            seen.add(door_there)
            found.setdefault(door_there, there)
        hrefs = [urljoin(str(answer.url), unescape(href)) for href in _HREF.findall(answer.text)]
        waiting += [
            urlsplit(href).path for href in hrefs if href.startswith(str(http.base_url).rstrip("/") + "/")
        ]
    return found


def _door(path: str) -> str | None:
    try:
        return door_at(urlsplit(path).path).path
    except Resolver404:
        return None
