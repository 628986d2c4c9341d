"""Whether a model fits in this machine's memory."""

from __future__ import annotations

from dataclasses import dataclass

from fusion_site.compact.files.facts import FileFacts
from fusion_site.compact.options import HostOptions

# Buffers of the computation itself, which depend on the model: an amount that small ones do not reach.
COMPUTING = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Fit:
    """What a model needs beside what is free, in bytes; `window` tokens of one request, `cells` over all."""

    weights: int
    cache: int
    free: int
    window: int
    cells: int

    @property
    def need(self) -> int:
        """All of it."""
        return self.weights + self.cache + COMPUTING

    @property
    def warning(self) -> str:
        """A plain sentence if it does not fit, else empty. What a GPU takes over is not known before the load."""
        if self.need <= self.free:
            return ""
        return (
            f"It may not fit: the weights ({_gb(self.weights)}) and {self.cells:,} tokens of context ({_gb(self.cache)}) "
            f"need about {_gb(self.need)} of memory, and {_gb(self.free)} are free. Unless layers go to a GPU, it would be "
            "slow or be ended by the system. Choose a smaller file or a smaller context."
        )


def fit(facts: FileFacts, options: HostOptions, free: int) -> Fit:
    """What the model of `facts` needs with these options where `free` bytes are free."""
    window = options.window(facts.trained_context)
    cells = options.memory(window, affordable=free // 2 // max(1, facts.per_token))
    return Fit(facts.weights_size, cells * facts.per_token, free, window, cells)


def _gb(size: int) -> str:
    return f"{size / 10**9:.1f} GB"
