"""What log lines carry besides their sentence: facts of the line, and of what is being worked on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from fusion_site.engine.asking import ASKED_FOR

Fact = str | int | float | bool | None

_about: ContextVar[Mapping[str, Fact]] = ContextVar("about", default={})  # noqa: B039  # never changed in place


@contextmanager
def about(**known: Fact) -> Iterator[None]:
    """Have every line carry these facts that is logged inside, also by tasks and threads begun there."""
    token = _about.set({**_about.get(), **known})
    try:
        yield
    finally:
        _about.reset(token)


def carrying(**told: object) -> dict[str, dict[str, object]]:
    """Give the `extra` of a logging call whose line carries these facts; what is None is left out."""
    return {"facts": {name: value for name, value in told.items() if value is not None}}


def known_now() -> dict[str, Fact]:
    """Give what lines logged here and now are about: `request`, `run`, and `ask` (an answer or a judge's step)."""
    asked_for = ASKED_FOR.get()
    return {**_about.get(), **({"ask": asked_for} if asked_for else {})}
