"""Finding who says what a sentence says, by its words: passages of several texts, and how much of it each one holds."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from fusion_site.engine.likeness import Seeker
from fusion_site.engine.sentences import Sentence, clauses, sentences
from fusion_site.engine.wording import Wording, joined, wording

K = TypeVar("K", bound=Hashable)

# A passage carries a sentence from this score on (0 to 1). In the pairs of tests/engine/test_provenance.py, re-worded ones
# score 0.62 and more, and others about the same thing 0.58 at most.
CARRIED = 0.6
# Shorter sentences say too little: they are carried only where just they are said.
FEWEST_WORDS = 3
# A passage that is longer than the sentence counts for less by this much for each length more, so that the shortest is found.
_LENGTH_COSTS = 0.25
# What bounds the work: how much is looked at of each text; how many words of a sentence are looked up, in how many places,
# and how many sentences are tried in each text; and how many words are read again to compare passages, in all (a second's
# worth).
MOST_CHARS, MOST_SENTENCES = 100_000, 2_000
_RAREST, _PLACES, _TRIED, _WORDS_READ = 12, 400, 2, 1_000_000
# A sentence that has a smaller share of the words that were looked up cannot be part of a passage that carries them all.
_WORTH_TRYING = 0.34
_MOST_CLAUSES = 12


@dataclass(frozen=True, slots=True)
class Passage:
    """A place in a text, in code points, and how much of a sentence stands there, from 0 to 1."""

    offset: int
    length: int
    score: float

    def overlaps(self, offset: int, length: int) -> bool:
        """Whether it shares characters with another place."""
        return self.offset < offset + length and offset < self.offset + self.length


class _Clause(NamedTuple):
    place: Sentence
    says: Wording


class _Bounds(NamedTuple):
    """A sentence of a text, by its clauses: the first one, and the one after the last."""

    first: int
    after: int


class Texts(Generic[K]):
    """Several texts, in which passages are looked for by what they say."""

    def __init__(self, texts: Mapping[K, str]) -> None:
        self._clauses: dict[K, list[_Clause]] = {key: [] for key in texts}
        self._sentences: list[tuple[K, _Bounds]] = []
        self._places: dict[str, list[int]] = defaultdict(list)
        self._whole: dict[tuple[str, ...], dict[K, Sentence]] = defaultdict(dict)
        self._code: dict[str, list[_CodeLine[K]]] = defaultdict(list)
        self._reading_left = _WORDS_READ
        self._is_cut = False
        for key, text in texts.items():
            for sentence in self._looked_at(text):
                if sentence.is_code:
                    self._add_code(key, text, sentence)
                else:
                    self._add(key, text, sentence)

    @property
    def is_tired(self) -> bool:
        """Whether so much was looked for that the rest has to go without."""
        return self._reading_left <= 0

    @property
    def is_clipped(self) -> bool:
        """Whether something may not have been found because a text is too long, or too much was looked for."""
        return self._is_cut or self.is_tired

    def _looked_at(self, text: str) -> list[Sentence]:
        found = sentences(text[:MOST_CHARS])
        self._is_cut |= len(text) > MOST_CHARS or len(found) > MOST_SENTENCES
        return found[:MOST_SENTENCES]

    def _add(self, key: K, text: str, sentence: Sentence) -> None:
        known, place = self._clauses[key], len(self._sentences)
        first = len(known)
        known += clauses_of(text, sentence)
        self._sentences.append((key, _Bounds(first, len(known))))
        for part in known[first:]:
            self._whole[part.says.words].setdefault(key, part.place)
        whole = joined(part.says for part in known[first:])
        self._whole[whole.words].setdefault(key, sentence)
        for word in set(whole.words):
            self._places[word].append(place)

    def _add_code(self, key: K, text: str, block: Sentence) -> None:
        lines = list(code_lines(text, block))
        for n, line in enumerate(lines):
            self._code[line.words].append(_CodeLine(key, lines, n))

    def carriers(self, says: Wording, at_least: float = CARRIED) -> dict[K, Passage]:
        """Give the best passage of each text that says this; none of those whose figures or negations differ."""
        if len(says.words) < FEWEST_WORDS:
            exact = self._whole.get(says.words, {})
            return {key: Passage(s.offset, s.end - s.offset, 1.0) for key, s in exact.items()}
        seeker = Seeker(says, self._weight)
        found: dict[K, Passage] = {}
        for key, bounds in self._hits(says):
            passage = self._best(seeker, self._clauses[key], bounds)
            if passage.score >= at_least and passage.score > _score(found.get(key)):
                found[key] = passage
        return found

    def code_carriers(self, lines: Sequence[Line]) -> dict[K, Passage]:
        """Give where each text has just these lines of code, one after the other."""
        found: dict[K, Passage] = {}
        wanted = [line.words for line in lines]
        for start in self._code.get(wanted[0], [])[:_PLACES] if wanted else []:
            if start.key in found:
                continue
            there = start.lines[start.number : start.number + len(wanted)]
            self._reading_left -= len(there)
            if [line.words for line in there] == wanted:
                found[start.key] = Passage(there[0].offset, there[-1].end - there[0].offset, 1.0)
        return found

    def _weight(self, word: str) -> float:
        """Words that stand in few sentences say more than those that stand in many."""
        known = max(1, len(self._places.get(word, ())))
        return (1 + math.log(max(1, len(self._sentences)) / known)) ** 2

    def _hits(self, says: Wording) -> Iterator[tuple[K, _Bounds]]:
        """Give the sentences of each text that share the most with this one."""
        rarest = sorted(set(says.words), key=lambda word: (len(self._places.get(word, ())), word))[:_RAREST]
        shared: Counter[int] = Counter()
        for word in rarest:
            shared.update(self._places.get(word, [])[:_PLACES])
        tried: Counter[K] = Counter()
        for place, count in shared.most_common():
            if count < _WORTH_TRYING * len(rarest):
                return
            key, bounds = self._sentences[place]
            tried[key] += 1
            if tried[key] <= _TRIED:
                yield key, bounds

    def _best(self, seeker: Seeker, parts: Sequence[_Clause], bounds: _Bounds) -> Passage:
        """Begin with the best clause of a sentence, and widen it as long as that makes it a better passage."""
        each = (_Bounds(n, n + 1) for n in range(*bounds))
        rank, best = max((self._rank(seeker, parts, b), b) for b in each)
        while not self.is_tired:
            wider = [b for b in _wider(best) if b.first >= 0 and b.after <= len(parts)]
            better, widest = max(((self._rank(seeker, parts, b), b) for b in wider), default=(rank, best))
            if better <= rank:
                break
            rank, best = better, widest
        there = joined(part.says for part in parts[best.first : best.after])
        offset = parts[best.first].place.offset
        return Passage(offset, parts[best.after - 1].place.end - offset, round(seeker.score(there), 3))

    def _rank(self, seeker: Seeker, parts: Sequence[_Clause], bounds: _Bounds) -> float:
        there = [word for part in parts[bounds.first : bounds.after] for word in part.says.words]
        self._reading_left -= len(there) + FEWEST_WORDS
        return seeker.share(there) - _LENGTH_COSTS * max(0.0, len(there) / len(seeker.says.words) - 1)


class Line(NamedTuple):
    """A line of code, without what space it has more than one of."""

    words: str
    offset: int
    end: int


class _CodeLine(NamedTuple, Generic[K]):
    key: K
    lines: Sequence[Line]
    number: int


def code_lines(text: str, block: Sentence) -> Iterator[Line]:
    """Give the lines of a block of code that are not blank."""
    at = block.offset
    for line in block.of(text).splitlines(keepends=True):
        if words := " ".join(line.split()):
            yield Line(words, at, at + len(line.rstrip()))
        at += len(line)


def clauses_of(text: str, sentence: Sentence) -> list[_Clause]:
    """Give the clauses of a sentence that say something by themselves: short ones go with what they follow."""
    found: list[list[_Clause]] = []
    for place in clauses(text, sentence):
        clause = _Clause(place, wording(place.of(text)))
        if found and (len(clause.says.words) < FEWEST_WORDS or len(found) == _MOST_CLAUSES):
            found[-1].append(clause)
        else:
            found.append([clause])
    return [_together(parts) for parts in found]


def _together(parts: Sequence[_Clause]) -> _Clause:
    place = Sentence(parts[0].place.offset, parts[-1].place.end)
    return _Clause(place, joined(part.says for part in parts))


def _wider(bounds: _Bounds) -> Iterable[_Bounds]:
    return _Bounds(bounds.first - 1, bounds.after), _Bounds(bounds.first, bounds.after + 1)


def _score(passage: Passage | None) -> float:
    return passage.score if passage else 0.0
