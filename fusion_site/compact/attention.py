"""Which of llama.cpp's two ways to compute attention a context takes."""

from __future__ import annotations

from fusion_site.compact import native
from fusion_site.compact.machine import free_bytes
from fusion_site.compact.pace import NEARLY, PAUSE_SECONDS
from fusion_site.compact.slices import ATTENTION_TILE
from fusion_site.compact.weights import LoadedModel

BY_ITSELF, PLAIN = -1, 0  # llama.cpp's setting of flash attention: as it finds best, and without it
FLOAT = 4
MOST_SHARE = 8  # of free memory, at most an eighth is taken for it


def may_be_plain(model: LoadedModel, *, apart: bool, rows: int, window: int, cache: int) -> bool:
    """Whether the plain way can be the better one, rather than llama.cpp's flash attention, for decodes of so many `rows`.

    On CPUs, where every sequence has memory of its own; in a memory for all, the plain way would compute the rows of all others as
    well. It keeps the weight of each token of the `window` for each row and head, as a float, which may not take too much of
    the memory that is free beside a `cache` of so many bytes.
    """
    if model.placement.on_gpu or not apart:
        return False
    heads: int = native.model_heads(model.handle)
    return MOST_SHARE * FLOAT * heads * window * rows <= free_bytes() - cache


def reads_tiles(rate: float) -> bool:
    """Whether prompts are read so fast, at `rate` tokens a second, that flash attention is the better one.

    It takes whole tiles of rows quickly, and those of smaller slices each by itself. Half a gigabyte of Q4_0 on two cores, plain
    and flash: where a tile fits into the pause of running answers, 16 written rows took 119 to 131 ms and 109 after 90 tokens, 8
    of them 150 and 164 after 2,048; a tile of a prompt 451 and 394 after 256, 683 and 614 after 2,048. Where it does not
    fit, on a slower machine: after 4,096 tokens four written rows 213 ms and 274, and a row in slices of 16 21 ms and 53.
    """
    return rate * PAUSE_SECONDS >= NEARLY * ATTENTION_TILE
