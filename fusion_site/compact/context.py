"""llama.cpp's context: rows of tokens in, logits out, and the memory of every sequence."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from fusion_site.compact import native
from fusion_site.compact.cores import usable_cores
from fusion_site.compact.machine import free_bytes
from fusion_site.compact.memory import bytes_per_token
from fusion_site.compact.options import HostOptions
from fusion_site.compact.weights import LoadedModel, UnusableModel, complaints

SLICE = 512  # the most prompt tokens of one step, and llama.cpp's micro-batch


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
    common prefix without copying. Every method belongs to the model thread.
    """

    def __init__(self, model: LoadedModel, options: HostOptions) -> None:
        self.window = options.window(model.facts.trained_context)
        self.threads = options.thread_count(usable_cores)
        self.on_gpu = bool(native.supports_gpu()) and options.gpu_layers != 0
        self.handle = self._open(model, options)
        self.cells: int = native.context_cells(self.handle)
        self.shares_prefixes = model.shares_prefixes
        self._memory: int = native.context_memory(self.handle)

    def decode(self, rows: Rows) -> int:
        """Compute `rows`; llama.cpp's code: 0 done, 1 no room and nothing changed, below 0 failed."""
        rows.batch.n_tokens = rows.count
        code: int = native.decode(self.handle, rows.batch)
        return code

    def cut(self, sequence: int, length: int) -> bool:
        """Keep only the first `length` tokens of a sequence; False where this kind of memory cannot be cut there."""
        return bool(native.memory_cut(self._memory, sequence, length, -1))

    def share(self, source: int, target: int, length: int) -> None:
        """Let the empty sequence `target` begin with the first `length` tokens of `source`, without copying."""
        native.memory_share(self._memory, source, target, 0, length)

    def warm_up(self, rows: Rows) -> None:
        """Compute one token, so that the first request does not pay for first touches."""
        rows.clear()
        rows.add(0, 0, [0], logits=True)
        if self.decode(rows) != 0:
            raise UnusableModel("the model cannot compute even one token; perhaps memory is short")
        native.memory_clear(self._memory, True)

    def free(self) -> None:
        """Give the memory back."""
        native.context_free(self.handle)

    def _open(self, model: LoadedModel, options: HostOptions) -> int:
        parameters = native.context_defaults()
        parameters.n_ctx = _cells(model, options, self.window)
        parameters.n_batch = SLICE + options.slots
        parameters.n_ubatch = SLICE
        parameters.n_seq_max = options.slots
        parameters.n_outputs_max = options.slots  # only rows with wanted logits take memory for them
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
    on_gpu = native.supports_gpu() and options.gpu_layers != 0
    if cells * each > free and not on_gpu:
        raise UnusableModel(
            f"{cells} tokens of context need {cells * each / 2**30:.1f} GiB of memory, and {free / 2**30:.1f} GiB "
            "are free. Choose a smaller context."
        )
    return cells
