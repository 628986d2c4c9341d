"""The time of one pass, on the event loop's clock. All in seconds."""

from __future__ import annotations

import asyncio

from fusion_site.engine.settings import FusionSettings


class PassClock:
    """Tells how much time a pass has left, which began `elapsed_s` ago."""

    def __init__(self, settings: FusionSettings, elapsed_s: float = 0.0) -> None:
        self._now = asyncio.get_running_loop().time
        self._judging_s = settings.deadline_s - settings.answering_s
        self._deadline_s = settings.deadline_s
        self.ends_at = self._now() + settings.deadline_s - elapsed_s

    def restart(self) -> None:
        """Give the pass all its time once more: a person was waited for."""
        self.ends_at = self._now() + self._deadline_s

    @property
    def left_s(self) -> float:
        """Give the time until this pass must have its fused answer; below 0 when it is late."""
        return self.ends_at - self._now()

    @property
    def answering_left_s(self) -> float:
        """Give the time for which answers still count: what is left, less what is kept for judging."""
        return self.left_s - self._judging_s
