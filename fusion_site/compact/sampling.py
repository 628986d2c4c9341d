"""How the next token is chosen: one chain of llama.cpp's samplers per answer."""

from __future__ import annotations

import ctypes
import math
import secrets
import weakref
from dataclasses import dataclass

import numpy as np

from fusion_site.compact import native
from fusion_site.compact.grammar import unsupported
from fusion_site.compact.vocabulary import Vocabulary

RANDOM_SEED = 0xFFFFFFFF  # llama.cpp takes this one to mean "draw a seed"


@dataclass(frozen=True, slots=True)
class Sampling:
    """Sampling settings; what a request leaves out takes llama.cpp's own defaults, made for small quantised models.

    `temperature` 0 is greedy. `seed` None draws one. The penalties look back over the whole answer.
    """

    temperature: float = 0.8
    top_p: float = 0.95
    top_k: int = 40
    min_p: float = 0.05
    repeat_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    seed: int | None = None
    logit_bias: tuple[tuple[int, float], ...] = ()
    grammar: str | None = None


class Sampler:
    """Draws one answer's tokens; `close()` gives its memory back, as does being forgotten before the answer began."""

    def __init__(self, sampling: Sampling, vocabulary: Vocabulary, lookback: int) -> None:
        self._vocabulary = vocabulary
        self._grammar = _grammar(sampling.grammar, vocabulary) if sampling.grammar is not None else None
        self._chain = _chain(sampling, vocabulary, lookback)
        self.close = weakref.finalize(self, _free, self._chain, self._grammar)

    def draw(self, context: int, row: int) -> int:
        """The next token by the logits of `row`, counted as written from now on."""
        if self._grammar is None:
            token: int = native.sampler_sample(self._chain, context, row)
            return token
        logits = np.ctypeslib.as_array(native.context_logits(context, row), (self._vocabulary.size,))
        token = self._constrained(Candidates(logits), logits)
        native.sampler_accept(self._grammar, token)
        native.sampler_accept(self._chain, token)
        return token

    def _constrained(self, candidates: Candidates, logits: np.ndarray) -> int:
        """Draw freely and keep the token if the grammar allows it, else draw among the allowed ones.

        Testing one token against a grammar is cheap, testing a whole vocabulary is not, and most tokens drawn freely fit.
        """
        token = candidates.choose(self._chain)
        if Candidates(logits, only=token).survives(self._grammar):
            return token
        allowed = Candidates(logits)
        allowed.filter(self._grammar)
        return allowed.choose(self._chain)


class Candidates:
    """Tokens with their logits in the form that llama.cpp's samplers edit in place."""

    def __init__(self, logits: np.ndarray, only: int | None = None) -> None:
        ids = np.arange(len(logits)) if only is None else np.array([only])
        self._rows = np.zeros(len(ids), np.dtype([("id", "i4"), ("logit", "f4"), ("p", "f4")]))
        self._rows["id"] = ids
        self._rows["logit"] = logits[ids]
        data = self._rows.ctypes.data_as(ctypes.POINTER(native.TokenData))
        self._array = native.TokenDataArray(data, len(ids), -1, False)

    def filter(self, sampler: int | None) -> None:
        """Let `sampler` edit the list."""
        native.sampler_apply(sampler, ctypes.byref(self._array))

    def choose(self, sampler: int | None) -> int:
        """The token that `sampler` selects."""
        self.filter(sampler)
        return int(self._array.data[self._array.selected].id)

    def survives(self, sampler: int | None) -> bool:
        """Whether `sampler` leaves the only token possible."""
        self.filter(sampler)
        return not math.isinf(self._array.data[0].logit)


def _free(*samplers: int | None) -> None:
    for sampler in samplers:
        if sampler is not None:
            native.sampler_free(sampler)


def _grammar(text: str, vocabulary: Vocabulary) -> int:
    if not vocabulary.can_end():
        raise unsupported("this model has no token by which an answer ends")
    sampler: int | None = native.sampler_grammar(vocabulary.handle, text.encode(), b"root")
    if not sampler:
        raise unsupported("llama.cpp does not accept the grammar made from it")
    return sampler


def _chain(sampling: Sampling, vocabulary: Vocabulary, lookback: int) -> int:
    chain: int = native.chain_init(native.chain_defaults())
    for sampler in [*_edits(sampling, vocabulary, lookback), *_choice(sampling)]:
        native.chain_add(chain, sampler)
    return chain


def _edits(sampling: Sampling, vocabulary: Vocabulary, lookback: int) -> list[int]:
    """Samplers that change logits: bias, then penalties."""
    edits: list[int] = []
    if sampling.logit_bias:
        entries = [native.LogitBias(token, bias) for token, bias in sampling.logit_bias]
        biases = (native.LogitBias * len(entries))(*entries)
        edits.append(native.sampler_bias(vocabulary.size, len(biases), biases))
    penalties = (sampling.repeat_penalty, sampling.frequency_penalty, sampling.presence_penalty)
    if penalties != (1.0, 0.0, 0.0):
        edits.append(native.sampler_penalties(vocabulary.size, lookback, *penalties))
    return edits


def _choice(sampling: Sampling) -> list[int]:
    """Samplers that pick the token: the likeliest one, or a draw among the likely ones."""
    if sampling.temperature <= 0:
        return [native.sampler_greedy()]
    seed = (secrets.randbits(32) if sampling.seed is None else sampling.seed) % RANDOM_SEED
    narrowing = []
    if sampling.top_k > 0:
        narrowing.append(native.sampler_top_k(sampling.top_k))
    if sampling.top_p < 1:
        narrowing.append(native.sampler_top_p(sampling.top_p, 1))
    if sampling.min_p > 0:
        narrowing.append(native.sampler_min_p(sampling.min_p, 1))
    return [*narrowing, native.sampler_temperature(sampling.temperature), native.sampler_draw(seed)]
