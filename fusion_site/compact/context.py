"""llama.cpp's context: rows of tokens in, logits out, and the memory of every sequence."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from fusion_site.compact import native
from fusion_site.compact.cores import usable_cores
from fusion_site.compact.machine import free_bytes
from fusion_site.compact.memory import bytes_per_token
from fusion_site.compact.options import HostOptions
from fusion_site.compact.padding import MEASURED, Padding
from fusion_site.compact.weights import LoadedModel, UnusableModel, complaints

SLICE = 512  # the most prompt tokens of one step
MEASURE_WITHIN_S = 6.0  # a model so large that this is too short for it is computed as it comes


class Rows:
    """The rows of one decode: token, position, sequence, and whether its logits are wanted."""

    def __init__(self, capacity: int) -> None:
        self.count = 0
        self._token = np.zeros(capacity, np.int32)
        self._position = np.zeros(capacity, np.int32)
        self._sequence = np.zeros(capacity, np.int32)
        self._logits = np.zeros(capacity, np.int8)
        self._one_each = np.ones(capacity, np.int32)
        self.batch = self._over_arrays(capacity)

    def clear(self) -> None:
        """Start anew."""
        self.count = 0

    def add(self, sequence: int, position: int, tokens: Sequence[int], *, logits: bool) -> int:
        """Append `tokens` from `position` on and return the last one's row; `logits` asks for that row's logits."""
        start, end = self.count, self.count + len(tokens)
        self._token[start:end] = tokens
        self._position[start:end] = np.arange(position, position + len(tokens))
        self._sequence[start:end] = sequence
        self._logits[start:end] = 0
        self._logits[end - 1] = logits
        self.count = end
        return end - 1

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
            pointer(self._one_each, ctypes.c_int32),
            self._sequence_pointers,
            pointer(self._logits, ctypes.c_int8),
        )


class Context:
    """The working memory over one model: `cells` tokens, shared by up to `slots` sequences of `window` tokens each.

    One unified cache, so that one long prompt may use what many short ones leave free, and sequences share a
    common prefix without copying. One more sequence holds the rows that only fill a decode up. Every method belongs to
    the model thread.
    """

    def __init__(self, model: LoadedModel, options: HostOptions) -> None:
        self.window = options.window(model.facts.trained_context)
        self.threads = options.thread_count(usable_cores)
        self.cells = _cells(model, options, self.window)
        self.handle = self._open(model, options)
        self.most_rows = SLICE + options.slots
        self.shares_prefixes = model.shares_prefixes
        self.padding = Padding()
        self.row_rate = 250.0  # until it is measured
        self._filling = options.slots
        self._memory: int = native.context_memory(self.handle)

    def rows(self) -> Rows:
        """Rows for the greatest decode of this context."""
        return Rows(self.most_rows + MEASURED)

    def decode(self, rows: Rows) -> int:
        """Compute `rows`; llama.cpp's code: 0 done, 1 no room and nothing changed, below 0 failed."""
        spare = self.padding.spare(rows.count)
        if spare:
            self._fill(rows, spare)
        rows.batch.n_tokens = rows.count
        code: int = native.decode(self.handle, rows.batch)
        if spare:
            self.cut(self._filling, 0)
        return code

    def cut(self, sequence: int, length: int) -> bool:
        """Keep only the first `length` tokens of a sequence; False where this kind of memory cannot be cut there."""
        return bool(native.memory_cut(self._memory, sequence, length, -1))

    def share(self, source: int, target: int, length: int) -> None:
        """Let the empty sequence `target` begin with the first `length` tokens of `source`, without copying."""
        native.memory_share(self._memory, source, target, 0, length)

    def warm_up(self) -> None:
        """Compute a little, so that the first request does not pay for first touches, and learn what rows cost.

        `row_rate` is then about how many tokens of a prompt are read in a second.
        """
        rows = self.rows()
        self._timed(rows, 1)
        self.row_rate = MEASURED / self._timed(rows, MEASURED)
        if self.shares_prefixes:
            decode = partial(self._timed, rows)
            self.padding = Padding.measured(decode, patience_s=MEASURE_WITHIN_S)
        native.memory_clear(self._memory, True)

    def _timed(self, rows: Rows, count: int) -> float:
        """Seconds of a decode of `count` rows, as if so many answers were written."""
        rows.clear()
        self._fill(rows, count)
        started = perf_counter()
        if self.decode(rows) != 0:
            raise UnusableModel("the model cannot compute even one token; perhaps memory is short")
        seconds = perf_counter() - started
        self.cut(self._filling, 0)
        return seconds

    def _fill(self, rows: Rows, count: int) -> None:
        """Add rows that nobody reads. They ask for logits too, since the last matrices take only such rows."""
        for position in range(count):
            rows.add(self._filling, position, [0], logits=True)

    def free(self) -> None:
        """Give the memory back."""
        native.context_free(self.handle)

    def _open(self, model: LoadedModel, options: HostOptions) -> int:
        parameters = native.context_defaults()
        parameters.n_ctx = self.cells + MEASURED
        # One micro-batch per decode: a second one for the few rows over would read all weights once more.
        parameters.n_batch = parameters.n_ubatch = SLICE + options.slots + MEASURED
        parameters.n_seq_max = options.slots + 1
        # Only rows with wanted logits take memory for them.
        parameters.n_outputs_max = options.slots + MEASURED
        parameters.n_threads = parameters.n_threads_batch = self.threads
        parameters.kv_unified = True
        with complaints() as lines:
            handle: int | None = native.context_init(model.handle, parameters)
        if not handle:
            reason = lines[-1] if lines else "llama.cpp gave no reason"
            raise UnusableModel(f"{parameters.n_ctx} tokens of context cannot be set up: {reason}")
        return handle


def _cells(model: LoadedModel, options: HostOptions, window: int) -> int:
    """Tokens of memory to take; a cache that main memory cannot hold is refused here, since the system would kill for it."""
    each, free = bytes_per_token(model.handle), free_bytes()
    cells = options.memory(window, affordable=free // 2 // each)
    if cells * each > free and not model.placement.on_gpu:
        raise UnusableModel(
            f"{cells} tokens of context need {cells * each / 2**30:.1f} GiB of memory, and {free / 2**30:.1f} GiB "
            "are free. Choose a smaller context."
        )
    return cells
