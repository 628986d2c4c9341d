"""Every door of the site, as the site itself lists them: from the URL resolver, the OpenAPI document and the socket routes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver, resolve

from fusion_site.api.doors import api
from fusion_site.runs.routing import websocket_urlpatterns

REST, OPENAI = "api/v1/", "v1/"
# What allauth's two addresses with regular expressions take.
_GROUP = re.compile(r"\(\?P<(\w+)>[^)]*\)")

# A preset is named in the body.
BY_PRESET = {"POST /api/v1/runs", "POST /api/v1/runs/estimate"}
_NAMED_IN_BODY = {*BY_PRESET, "POST /v1/chat/completions", "POST /v1/responses"}


@dataclass(frozen=True)
class Door:
    """One verb at one address, whose parts that vary are written `{name}`."""

    method: str
    path: str

    def __str__(self) -> str:
        """Read as a request line."""
        return f"{self.method} {self.path}"

    @property
    def surface(self) -> str:
        """Say who comes by it: people (page), programs (rest) or clients of the OpenAI API (v1)."""
        below = self.path.removeprefix("/")
        return "rest" if below.startswith(REST) else "v1" if below.startswith(OPENAI) else "page"

    @property
    def parts(self) -> list[str]:
        """Name the parts that vary."""
        return re.findall(r"{(\w+)}", self.path)

    @property
    def names_an_object(self) -> bool:
        """Whether a thing of a team is named, in the address or in the body that the matrix sends."""
        return bool(set(self.parts) - {"form", "unknown", "slug", "name"}) or str(self) in _NAMED_IN_BODY

    @property
    def is_behind_a_link(self) -> bool:
        """Whether whoever comes holds the secret of a share link, and so is told that there is one."""
        return self.path.startswith("/s/")


def all_doors() -> list[Door]:
    """Give every HTTP door: pages with GET and POST, `/v1` with DELETE too, REST as its document lists it and with no verb beside."""
    return sorted({*_by_resolver(), *_by_document()}, key=str)


def all_sockets() -> list[str]:
    """Give the addresses of the sockets."""
    return [f"/{_written(str(each.pattern))}" for each in websocket_urlpatterns]


def door_at(path: str) -> Door:
    """Give the door through which one reads what is at a path; raises Resolver404 where there is none."""
    return Door("GET", f"/{_written(resolve(path).route)}")


def _by_resolver() -> Iterator[Door]:
    documented = {path for _, path in _documented()}
    for path in _addresses(get_resolver()):
        if path not in documented:
            more = ["DELETE"] if path.startswith(f"/{OPENAI}") else []
            yield from (Door(method, path) for method in ("GET", "POST", *more))


def _by_document() -> Iterator[Door]:
    yield from (Door(method, path) for method, path in _documented())


def _documented() -> Iterator[tuple[str, str]]:
    for path, operations in api.get_openapi_schema()["paths"].items():
        yield from ((method.upper(), path) for method in operations)


def _addresses(resolver: URLResolver, prefix: str = "/") -> Iterator[str]:
    for each in resolver.url_patterns:
        path = prefix + _written(str(each.pattern))
        if isinstance(each, URLPattern):
            yield path
        else:
            yield from _addresses(each, path)


def _written(route: str) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", _GROUP.sub(r"{\1}", route)).replace("^", "").replace("$", "")
