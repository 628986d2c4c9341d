"""Which of llama.cpp's two ways to compute attention a context takes."""

from __future__ import annotations

from fusion_site.compact import native
from fusion_site.compact.machine import free_bytes
from fusion_site.compact.weights import LoadedModel

BY_ITSELF, PLAIN = -1, 0  # llama.cpp's setting of flash attention: as it finds best, and without it
FLOAT = 4
MOST_SHARE = 8  # of free memory, at most an eighth is taken for it


def takes_plain(model: LoadedModel, *, apart: bool, rows: int, window: int, cache: int) -> bool:
    """Whether the plain way is the better one here, rather than llama.cpp's flash attention, for decodes of so many `rows`.

    On CPUs, where every sequence has memory of its own. Measured on two cores with half a gigabyte of Q4_0: after 4,096 tokens four
    written rows take 213 ms with the plain way and 274 with the flash one, and a row of a prompt that is read in slices of 16, beside
    running answers, 21 ms and 53; a long prompt read by itself, in slices of 256, takes 25 and 20. In a memory for all, the plain way
    would compute the rows of all others as well. It keeps the weight of each token of the `window` for each row and head, as a float,
    which may not take too much of the memory that is free beside a `cache` of so many bytes.
    """
    if model.placement.on_gpu or not apart:
        return False
    heads: int = native.model_heads(model.handle)
    return MOST_SHARE * FLOAT * heads * window * rows <= free_bytes() - cache
