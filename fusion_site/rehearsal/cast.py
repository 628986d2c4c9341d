"""The scripted models: their names, how they write and how fast."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from fusion_site.rehearsal.planner import plan
from fusion_site.rehearsal.reading import Prompt
from fusion_site.rehearsal.scholar import think, weigh
from fusion_site.rehearsal.storyteller import tell

CONTEXT_LENGTH = 32_768
# How long a model waits before its first word, in seconds, unless it thinks first.
AT_ONCE_S = (0.3, 0.8)


@dataclass(frozen=True, slots=True)
class Model:
    """One scripted model. `tokens_per_s` and `first_s` (a range) are at speed 1."""

    id: str
    voice: str
    about: str
    write: Callable[[Prompt, Random], str]
    tokens_per_s: float
    first_s: tuple[float, float] = AT_ONCE_S
    sum_title: str = "Worked step by step"
    think: Callable[[Prompt], str] | None = None
    fails_by_prompt: bool = False
    slips: bool = False

    def listing(self) -> dict[str, Any]:
        """The model in the shape of an entry of `/v1/models`; scripts are free."""
        return {
            "id": self.id,
            "object": "model",
            "created": 0,
            "owned_by": "rehearsal",
            "name": f"{self.voice} (rehearsal: scripted, no AI)",
            "description": self.about,
            "context_length": CONTEXT_LENGTH,
            "pricing": {"prompt": "0", "completion": "0"},
        }


_CAST = (
    Model("rehearsal/planner", "Planner", "Scripted. Structure first, and quick.", plan, 72),
    Model(
        "rehearsal/storyteller",
        "Storyteller",
        "Scripted. Warm, by example.",
        tell,
        54,
        sum_title="Let us count it together",
        slips=True,
    ),
    Model(
        "rehearsal/scholar",
        "Scholar",
        "Scripted. Thorough and slow; thinks before it writes.",
        weigh,
        40,
        first_s=(1.4, 1.6),
        sum_title="Derivation",
        think=think,
    ),
    Model("rehearsal/judge", "Judge", "Scripted. Compares answers by what stands in them.", plan, 76),
    Model(
        "rehearsal/moody",
        "Moody",
        "Scripted. Fails as its prompt says: fail:rate_limit, fail:cut, fail:hang…",
        plan,
        70,
        fails_by_prompt=True,
    ),
)
CAST = {model.id: model for model in _CAST}
