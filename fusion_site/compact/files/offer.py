"""What is offered before anything is fetched: the file, its size and checksum, and its licence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self


class PullFailed(Exception):
    """A file was not fetched; the message is one or two sentences for a person, and holds no secret."""


@dataclass(frozen=True, slots=True)
class Licence:
    """What a licence calls itself, and where it can be read; empty is unknown."""

    id: str = ""
    name: str = ""
    link: str = ""

    @property
    def title(self) -> str:
        """The name to show."""
        return self.name or self.id or "a licence that is not named there"


@dataclass(frozen=True, slots=True)
class Offer:
    """One file that can be had; `size` in bytes, `sha256` in hex (empty for a local file: then it is only computed).

    `page` is where the hub tells of it, `gated` whether the hub gives it only to people who were let in there.
    """

    source: str
    name: str
    size: int
    sha256: str = ""
    commit: str = ""
    page: str = ""
    gated: bool = False
    licence: Licence = field(default_factory=Licence)

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        """Read what `dataclasses.asdict` wrote."""
        return cls(**{**plain, "licence": Licence(**plain["licence"])})
