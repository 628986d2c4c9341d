"""llama.cpp's context: rows of tokens in, logits out, and the memory of every sequence."""

from __future__ import annotations

from functools import partial
from time import perf_counter

from fusion_site.compact import native
from fusion_site.compact.attention import BY_ITSELF, PLAIN, may_be_plain, reads_tiles
from fusion_site.compact.cores import usable_cores
from fusion_site.compact.machine import free_bytes
from fusion_site.compact.memory import bytes_per_token
from fusion_site.compact.options import HostOptions
from fusion_site.compact.padding import MOST_SPARE, Padding
from fusion_site.compact.rows import Rows
from fusion_site.compact.slices import ATTENTION_TILE, READ_AT_ONCE, SLICE
from fusion_site.compact.weights import LoadedModel, UnusableModel, complaints

WORTH_A_COPY = 3  # a row of a long slice costs less than one of the few by which `row_rate` was measured
# llama.cpp lays out a tensor for the most rows right behind the other. Where that many are no multiple of 16, which are
# 64 bytes of indices, all that follow lie across cache lines, and with AMX 80 rows take 630 ms instead of 385.
ALIGNED_ROWS = 16
MEASURE_WITHIN_S = 6.0  # a model so large that this is too short for it is computed as it comes


class Context:
    """The working memory over one model: `cells` tokens, for up to `slots` sequences of `window` tokens each.

    Where there are cells enough for a window for each, every sequence has memory of its own (`apart`): a row then passes
    over its own sequence only. Measured on two cores with half a gigabyte of Q4_0, a row else takes 2.7 ms more for every 1,024
    tokens that the others hold. Rows of several sequences are computed in one go there only if each has as
    many and they are neighbours, and a common prefix is copied. Otherwise one memory serves all, so that one long
    prompt may use what many short ones leave free, and sequences share a common prefix without copying; one more sequence
    holds the rows that only fill a decode up.

    Every method belongs to the model thread.
    """

    def __init__(self, model: LoadedModel, options: HostOptions) -> None:
        self.window = options.window(model.facts.trained_context)
        self.threads = options.thread_count(usable_cores)
        self.cells = _cells(model, options, self.window)
        self.apart = model.shares_prefixes and options.windows_apart(self.window, self.cells)
        if self.apart:
            self.cells = self.window * options.slots
        self.shares_prefixes = model.shares_prefixes
        self.padding = Padding()
        self.row_rate = 250.0  # until it is measured
        self._slots = options.slots
        self._copy_s = 0.0
        self._lengths = [0] * self._sequences
        self.handle = 0
        self._model = model.handle
        self._flash_attention = self._attention(model, options)
        self._may_choose = options.flash_attention == BY_ITSELF
        self._open()

    @property
    def reads_at_once(self) -> int:
        """Rows of one prompt that cost less together than in smaller slices."""
        return READ_AT_ONCE if self._flash_attention == PLAIN else ATTENTION_TILE

    @property
    def most_rows(self) -> int:
        """Rows of the greatest decode, but for those that fill it up."""
        return SLICE + self._slots

    def rows(self) -> Rows:
        """Rows for the greatest decode of this context."""
        return Rows(self.most_rows + MOST_SPARE)

    def decode(self, rows: Rows) -> int:
        """Compute `rows`; llama.cpp's code: 0 done, 1 no room and nothing changed, below 0 failed.

        Where sequences lie apart, a decode has either one row of each of some sequences, which ascend, or a slice of one; spare rows
        may go between the former, so that `rows.place` tells where a row is afterwards.
        """
        wanted = dict(rows.ends)
        self._fill_up(rows)
        rows.batch.n_tokens = rows.count
        code: int = native.decode(self.handle, rows.batch)
        if code == 0:
            for sequence, end in wanted.items():
                self._lengths[sequence] = end
        for sequence, end in rows.ends.items():
            if end != wanted.get(sequence):
                self.cut(sequence, self._lengths[sequence])
        return code

    def cut(self, sequence: int, length: int) -> bool:
        """Keep only the first `length` tokens of a sequence; False where this kind of memory cannot be cut there."""
        done = bool(native.memory_cut(self._memory, sequence, length, -1))
        if done:
            self._lengths[sequence] = min(length, self._lengths[sequence])
        return done

    def share(self, source: int, target: int, length: int) -> None:
        """Let the empty sequence `target` begin with the first `length` tokens of `source`."""
        # Apart, llama.cpp copies all of a sequence or aborts the process.
        native.memory_share(self._memory, source, target, *((-1, -1) if self.apart else (0, length)))
        self._lengths[target] = self._lengths[source]
        self.cut(target, length)

    def worth_sharing(self, length: int) -> bool:
        """Whether to take so many tokens over from another sequence is quicker than to read them again."""
        return length > WORTH_A_COPY * self._copy_s * self.row_rate

    def warm_up(self) -> None:
        """Compute a little, so that the first request does not pay for first touches, and learn what rows cost.

        `row_rate` is then about how many tokens of a prompt are read in a second. Where that is enough for flash attention, the
        context is set up anew with it.
        """
        rows = self.rows()
        self.row_rate = READ_AT_ONCE / min(self._timed_slice(rows) for _ in range(3))
        if self._may_choose and self._flash_attention == PLAIN and reads_tiles(self.row_rate):
            self.free()
            self._flash_attention = BY_ITSELF
            self._open()
            self._timed_slice(rows)
        if self.shares_prefixes:
            decode = partial(self._timed, rows)
            self.padding = Padding.measured(
                decode, patience_s=MEASURE_WITHIN_S, most=self._slots if self.apart else SLICE
            )
        if self.apart and self._slots > 1:
            # Twice: a machine that stood still for a moment would else share nothing for as long as the host lives.
            self._copy_s = min(self._timed_copy(rows), self._timed_copy(rows))
        native.memory_clear(self._memory, True)

    def _timed(self, rows: Rows, count: int) -> float:
        """Seconds of a decode of `count` rows, as if so many answers were written."""
        rows.clear()
        for number in range(count):
            sequence, position = (number, 0) if self.apart else (self._slots, number)
            self._add_spare(rows, sequence, position)
        return self._timed_decode(rows)

    def _timed_slice(self, rows: Rows) -> float:
        """Seconds of a decode of a few rows of one sequence."""
        rows.clear()
        rows.add(0, 0, [0] * READ_AT_ONCE, logits=True)
        return self._timed_decode(rows)

    def _timed_copy(self, rows: Rows) -> float:
        """Seconds to take a sequence over: llama.cpp does that in the next decode."""
        alone = self._timed(rows, 1)
        self.share(0, 1, 0)
        return max(0.0, self._timed(rows, 1) - alone)

    def _timed_decode(self, rows: Rows) -> float:
        started = perf_counter()
        if self.decode(rows) != 0:
            raise UnusableModel("the model cannot compute even one token; perhaps memory is short")
        seconds = perf_counter() - started
        self._empty()
        return seconds

    def _empty(self) -> None:
        native.memory_clear(self._memory, False)
        self._lengths = [0] * self._sequences

    @property
    def _sequences(self) -> int:
        return self._slots if self.apart else self._slots + 1

    def _fill_up(self, rows: Rows) -> None:
        """Add spare rows where that makes the decode cheaper."""
        if not self.apart:
            for position in range(self.padding.spare(rows.count)):
                self._add_spare(rows, self._slots, position)
        elif rows.one_each:
            for sequence in self.padding.companions(tuple(rows.ends), self._slots):
                if self._lengths[sequence] < self.window:
                    self._add_spare(rows, sequence, self._lengths[sequence])
            rows.sort()  # llama.cpp takes neighbours in one go only where they come one after the other
        else:
            ((sequence, end),) = rows.ends.items()
            if spare := min(self.padding.spare(rows.count), self.window - end):
                rows.add(sequence, end, [0] * spare, logits=False)

    def _add_spare(self, rows: Rows, sequence: int, position: int) -> None:
        """Add a row that nobody reads. It asks for logits too, since the last matrices take only such rows."""
        rows.add(sequence, position, [0], logits=True)

    def free(self) -> None:
        """Give the memory back."""
        handle, self.handle = self.handle, 0
        native.context_free(handle)

    def _attention(self, model: LoadedModel, options: HostOptions) -> int:
        """llama.cpp's setting: as the operator says, else what is better here."""
        if options.flash_attention != BY_ITSELF:
            return options.flash_attention
        cache, rows = self.cells * bytes_per_token(model.handle), self.most_rows + MOST_SPARE
        plain = may_be_plain(model, apart=self.apart, rows=rows, window=self.window, cache=cache)
        return PLAIN if plain else BY_ITSELF

    def _open(self) -> None:
        parameters = native.context_defaults()
        parameters.n_ctx = self.cells if self.apart else self.cells + MOST_SPARE
        # One micro-batch per decode: a second one for the few rows over would read all weights once more.
        parameters.n_batch = parameters.n_ubatch = _aligned(self.most_rows + MOST_SPARE)
        parameters.n_seq_max = self._sequences
        # Only rows with wanted logits take memory for them.
        parameters.n_outputs_max = _aligned(self._slots + MOST_SPARE)
        parameters.n_threads = parameters.n_threads_batch = self.threads
        parameters.kv_unified = not self.apart
        parameters.flash_attn_type = self._flash_attention
        with complaints() as lines:
            self.handle = native.context_init(self._model, parameters) or 0
        if not self.handle:
            reason = lines[-1] if lines else "llama.cpp gave no reason"
            raise UnusableModel(f"{parameters.n_ctx} tokens of context cannot be set up: {reason}")
        self._memory: int = native.context_memory(self.handle)


def _aligned(rows: int) -> int:
    return -(-rows // ALIGNED_ROWS) * ALIGNED_ROWS


def _cells(model: LoadedModel, options: HostOptions, window: int) -> int:
    """Tokens of memory to take; a cache that main memory cannot hold is refused here, since the system would kill for it."""
    each, free = bytes_per_token(model.handle), free_bytes()
    cells = options.memory(window, affordable=free // 2 // each)
    if cells * each > free and not model.placement.on_gpu:
        raise UnusableModel(
            f"{cells} tokens of context need {cells * each / 10**9:.1f} GB of memory, and {free / 10**9:.1f} GB "
            "are free. Choose a smaller context."
        )
    return cells
