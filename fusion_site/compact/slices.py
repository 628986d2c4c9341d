"""How much of a prompt to read in one decode: some counts of rows cost far less a row than others.

Measured on two cores with half a gigabyte of Q4_0, ms a row after 100 and after 900 tokens: 16 rows 6.8 and 10.6, 48 rows 6.7 and
10.7, 64 rows 6.0 and 7.4, 128 rows 6.5 and 7.6. Three rows take 15.7 each.
"""

from __future__ import annotations

from fusion_site.compact.padding import TILE

SLICE = 512  # the most prompt tokens of one step
READ_AT_ONCE = 4 * TILE  # rows of a prompt that the matrix kernels of CPUs take at once
# From so many rows of one memory on, llama.cpp's flash attention on CPUs takes them 64 at a time, else each by itself.
ATTENTION_TILE = 64
SMALL_REST = (
    2 * TILE
)  # so little is read at once with the rest, since it costs little more than nothing by itself


def part_of(unread: int, budget: int, tile: int) -> int:
    """How many of the `unread` tokens of one prompt to read now, where about `budget` may be and `tile` rows cost less together."""
    return unread if unread <= min(budget + SMALL_REST, SLICE) else whole_tiles(0, budget, tile)


def whole_tiles(writing: int, budget: int, tile: int) -> int:
    """`budget` rows of a prompt, or a few less, so that with the `writing` ones beside them no tile is left half full."""
    rows = writing + budget
    size = next((size for size in (tile, READ_AT_ONCE, TILE) if rows - rows % size > writing), 1)
    return rows - rows % size - writing
