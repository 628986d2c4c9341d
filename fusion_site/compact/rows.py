"""The rows of one decode, as llama.cpp reads them."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from fusion_site.compact import native


class Rows:
    """The rows of one decode: token, position, sequence, and whether its logits are wanted.

    `ends` tells for each sequence in it how long that is afterwards.
    """

    def __init__(self, capacity: int) -> None:
        self.count = 0
        self.ends: dict[int, int] = {}
        self._token = np.zeros(capacity, np.int32)
        self._position = np.zeros(capacity, np.int32)
        self._sequence = np.zeros(capacity, np.int32)
        self._logits = np.zeros(capacity, np.int8)
        self._ones = np.ones(capacity, np.int32)
        self._places = np.arange(capacity)
        self.batch = self._over_arrays(capacity)

    def clear(self) -> None:
        """Start anew."""
        self._places[: self.count] = np.arange(self.count)
        self.count = 0
        self.ends.clear()

    def add(self, sequence: int, position: int, tokens: Sequence[int], *, logits: bool) -> int:
        """Append `tokens` from `position` on and return the last one's row; `logits` asks for that row's logits."""
        start, end = self.count, self.count + len(tokens)
        self._token[start:end] = tokens
        self._position[start:end] = np.arange(position, position + len(tokens))
        self._sequence[start:end] = sequence
        self._logits[start:end] = 0
        self._logits[end - 1] = logits
        self.ends[sequence] = position + len(tokens)
        self.count = end
        return end - 1

    def sort(self) -> None:
        """Put the rows in the order of their sequences."""
        order = np.argsort(self._sequence[: self.count], kind="stable")
        for column in (self._token, self._position, self._sequence, self._logits):
            column[: self.count] = column[order]
        self._places[order] = np.arange(self.count)

    def place(self, row: int) -> int:
        """Where the row is now that `add` returned."""
        return int(self._places[row])

    @property
    def one_each(self) -> bool:
        """Whether no sequence has two rows."""
        return self.count == len(self.ends)

    def _over_arrays(self, capacity: int) -> Any:
        """A `llama_batch` that reads these arrays in place."""

        def pointer(array: np.ndarray, kind: Any) -> Any:
            return array.ctypes.data_as(ctypes.POINTER(kind))

        first, step = self._sequence.ctypes.data, self._sequence.itemsize
        self._sequence_pointers = (ctypes.POINTER(ctypes.c_int32) * capacity)(
            *(ctypes.cast(first + step * row, ctypes.POINTER(ctypes.c_int32)) for row in range(capacity))
        )
        return native.Batch(
            0,
            pointer(self._token, ctypes.c_int32),
            None,
            pointer(self._position, ctypes.c_int32),
            pointer(self._ones, ctypes.c_int32),
            self._sequence_pointers,
            pointer(self._logits, ctypes.c_int8),
        )
