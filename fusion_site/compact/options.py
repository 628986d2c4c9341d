"""How one model is hosted: window, parallel answers, memory, threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

DEFAULT_CONTEXT = 8192
DEFAULT_SLOTS = 8
WINDOWS_IN_MEMORY = 4
MOST_SLOTS = 255  # llama.cpp counts up to 256 sequences, and one holds no answer


@dataclass(frozen=True, slots=True)
class HostOptions:
    """Settings of one host; 0 means: choose for this model and machine.

    `context` is the most tokens of one prompt and its answer together; `cells` the tokens that fit in memory over all
    answers; `slots` the answers written at the same time; `threads` the CPU threads; `gpu_layers` the
    layers put on GPUs where llama.cpp has any (-1: as many as fit); `queue` the most requests that may wait. `template` is the
    path of a chat template (Jinja) to take instead of the one in the model's file. With `repack` 0, weights stay as the file has
    them, instead of being laid out for the matrix instructions of this processor: slower, but without those instructions.
    `flash_attention` is llama.cpp's: 1 on, 0 off, -1 as is best for this model and machine.
    """

    context: int = 0
    cells: int = 0
    slots: int = DEFAULT_SLOTS
    threads: int = 0
    gpu_layers: int = -1
    queue: int = 512
    template: str = ""
    repack: int = 1
    flash_attention: int = -1

    def __post_init__(self) -> None:
        if not 1 <= self.slots <= MOST_SLOTS:
            raise ValueError(f"slots must be between 1 and {MOST_SLOTS}, not {self.slots}")
        if min(self.context, self.cells, self.threads, self.queue) < 0:
            raise ValueError("context, cells, threads and queue cannot be negative")
        if self.repack not in {0, 1} or self.flash_attention not in {-1, 0, 1}:
            raise ValueError("repack must be 0 or 1, and flash attention -1, 0 or 1")
        if self.cells and self.cells < self.context:
            raise ValueError(f"{self.cells} cells cannot hold one context of {self.context} tokens")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Options from `FUSION_COMPACT_CONTEXT`, `…_CELLS` and so on, one for each field; or `ValueError`."""
        given: dict[str, Any] = {}
        for field in fields(cls):
            variable = f"FUSION_COMPACT_{field.name.upper()}"
            text = environment.get(variable, "")
            try:
                given |= {field.name: (str if isinstance(field.default, str) else int)(text)} if text else {}
            except ValueError as error:
                raise ValueError(f"{variable} must be a whole number, not {text!r}") from error
        return cls(**given)

    def arguments(self) -> list[str]:
        """These options as command-line arguments of `python -m fusion_site.compact`."""
        return [f"--{field.name.replace('_', '-')}={getattr(self, field.name)}" for field in fields(self)]

    def window(self, trained: int) -> int:
        """Tokens of one request: as asked for, else what the model was trained for, at most `DEFAULT_CONTEXT`."""
        return self.context or min(trained or DEFAULT_CONTEXT, DEFAULT_CONTEXT)

    def memory(self, window: int, affordable: int) -> int:
        """Cells over all answers: as asked for, else a window for each, or what is `affordable` of a few windows; at least one."""
        each = window * self.slots
        wanted = self.cells or (
            each if each <= affordable else min(window * min(self.slots, WINDOWS_IN_MEMORY), affordable)
        )
        return max(window, wanted)

    def windows_apart(self, window: int, cells: int) -> bool:
        """Whether `cells` give every answer a window of its own."""
        return window * self.slots <= cells

    def thread_count(self, measure: Callable[[], int]) -> int:
        """CPU threads: as asked for, else what `measure` finds."""
        return self.threads or measure()
