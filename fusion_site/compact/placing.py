"""How many of a model's layers go to GPUs: all that fit there beside their part of the context."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate

from fusion_site.compact.files.facts import FileFacts

# Of each GPU is kept free: for the buffers of the computation, and for what the driver takes while it runs.
KEPT_FREE = 512 * 1024 * 1024
KEPT_SHARE = 0.05


def layers_that_fit(facts: FileFacts, cells: int, free: Sequence[int]) -> int:
    """How many layers to put on GPUs with so many bytes free each, `cells` tokens of context beside them.

    Counted as llama.cpp does: the matrices behind the last layer are one layer more, and the first to go there.
    """
    if not sum(free):
        return 0
    room = [int(each * (1 - KEPT_SHARE)) - KEPT_FREE for each in free]
    cache = cells * facts.per_token // max(1, facts.layers)
    for count in range(facts.layers + 1, 0, -1):
        sizes = [facts.layer_size + cache] * (count - 1) + [facts.output_size]
        if _fit(sizes, _spread(count, free), room):
            return count
    return 0


def _spread(count: int, free: Sequence[int]) -> list[int]:
    """Which GPU llama.cpp puts each of `count` layers on: in order, as many on each as is its share of the free memory."""
    ends = [end / sum(free) for end in accumulate(free)]
    return [bisect_right(ends, layer / count) for layer in range(count)]


def _fit(sizes: Sequence[int], places: Sequence[int], room: Sequence[int]) -> bool:
    taken = Counter[int]()
    for size, place in zip(sizes, places, strict=True):
        taken[place] += size
    return all(size <= room[place] for place, size in taken.items())
