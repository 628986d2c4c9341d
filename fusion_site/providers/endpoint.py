"""Where models are reached, and the two exceptions that say why they are not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from fusion_site.engine.asking import AskError

Kind = Literal["openrouter", "openai", "compact", "rehearsal"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One connection as it is at the moment of an ask.

    `base_url` usually ends in /v1. `parallel` is how many requests may run at once, at least 1. `routing` is
    OpenRouter's `provider` object (order, zdr, max_price, ...) and is sent to connections of that kind only. One that
    `is_own` is a host that the site itself runs, which nothing leaves the site's machines for. A Compact host is told for
    which `party` it is asked, and lets those of several parties that wait have their turns.
    """

    base_url: str
    api_key: str | None = field(repr=False)
    kind: Kind
    parallel: int = 8
    name: str = ""
    routing: Mapping[str, object] | None = None
    is_own: bool = False
    party: str = ""


class AskFailed(Exception):
    """A request that came to nothing; `error` says why."""

    def __init__(self, error: AskError) -> None:
        super().__init__(error.message)
        self.error = error


class EndpointUnavailable(AskFailed):
    """Raised by an endpoint lookup: the connection is gone, has no key, or may not be used."""
