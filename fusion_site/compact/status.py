"""How the Compact host is, at one moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from fusion_site.compact.figures import Figures, HostFacts
from fusion_site.compact.files.facts import FileFacts
from fusion_site.compact.statefile import Address

State = Literal["off", "loading", "ready", "failed", "restarting", "draining", "asleep"]
STATES: tuple[State, ...] = ("off", "loading", "ready", "failed", "restarting", "draining", "asleep")


@dataclass(frozen=True, slots=True)
class CompactStatus:
    """How the host is; `error` is the last one in a person's words and `error_at` its time, kept until the host is started anew or
    another file is taken into service.

    `failed` means that the model did not get as far as ready, `restarting` that it died in service; both are tried again by
    themselves. `draining` ends its answers before its memory is freed or another file takes its place; `asleep` has freed it
    since nobody asked for long, and wakes at the next ask. The address is known from `loading` on. `incoming` is the file
    that is about to take over, so far loaded as `incoming_share` says from 0 to 1; `warning` says that the model may not fit.
    """

    state: State = "off"
    model_id: str | None = None
    error: str | None = None
    error_at: datetime | None = None
    address: Address | None = None
    restarts: int = 0
    file: Path | None = None
    facts: FileFacts | None = None
    warning: str = ""
    host: HostFacts | None = None
    figures: Figures = field(default_factory=Figures)
    incoming: str | None = None
    incoming_share: float | None = None

    @property
    def key(self) -> str | None:
        """The bearer key of this life of the host."""
        return self.address.key if self.address else None

    @property
    def is_about_to_change(self) -> bool:
        """Whether it is worth waiting for: it will be ready, or know why not, by itself."""
        return self.state in {"loading", "restarting", "draining", "asleep"}
