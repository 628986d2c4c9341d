"""Zero data retention, asked for in one place, so that no step of a run can forget it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace

from fusion_site.engine.asking import Ask, Asker, AskEvent


@dataclass(frozen=True, slots=True)
class ZeroRetentionAsker:
    """Passes asks on to another asker, each with `zero_retention`."""

    asker: Asker

    def ask(self, ask: Ask) -> AsyncGenerator[AskEvent, None]:
        """Stream what happens to `ask`, which only servers that keep nothing may answer."""
        return self.asker.ask(replace(ask, zero_retention=True))

    async def read_ahead(self, ask: Ask) -> None:
        """Have the messages of `ask` read by a server that keeps nothing."""
        await self.asker.read_ahead(replace(ask, zero_retention=True))
