"""Finding who says what a sentence says, by its words: passages of several texts, and how much of it each one holds."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from rapidfuzz.distance import LCSseq

from fusion_site.engine.sentences import Sentence, clauses, sentences
from fusion_site.engine.wording import NOT, Wording, joined, stem, wording

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
_OPPOSITES = (
    "always never|more less|more fewer|before after|above below|over under|high low|higher lower|increase decrease|good bad|"
    "best worst|better worse|true false|yes no|allow forbid|enable disable|first last|all none|fast slow|faster slower|"
    "right wrong|with without|start stop|add remove|accept reject|must may|up down|early late|earlier later|cheap expensive|"
    "possible impossible|read write|on off|safe dangerous|larger smaller|large small|longer shorter|long short|most few"
)
_OPPOSED = {frozenset(stem(word) for word in pair.split()) for pair in _OPPOSITES.split("|")}
_PREFIXES = ("un", "in", "im", "ir", "il", "non", "dis")


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
        seeker = _Seeker(says, self._weight)
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

    def _best(self, seeker: _Seeker, parts: Sequence[_Clause], bounds: _Bounds) -> Passage:
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

    def _rank(self, seeker: _Seeker, parts: Sequence[_Clause], bounds: _Bounds) -> float:
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


class _Seeker:
    """Compares what one sentence says with passages. `weigh` gives what a word counts."""

    def __init__(self, says: Wording, weigh: Callable[[str], float]) -> None:
        self.says = says
        self._weigh = weigh
        self._weights = {word: weigh(word) for word in says.words}
        self._all = sum(self._weights[word] for word in says.words)
        self._counts = Counter(says.words)

    def share(self, there: Sequence[str]) -> float:
        """Give how much of the sentence stands there, from 0 to 1; another order takes a third of it away at most."""
        left = dict(self._counts)
        shared = 0.0
        for word in there:
            if left.get(word, 0):
                left[word] -= 1
                shared += self._weights[word]
        in_order: int = LCSseq.similarity(self.says.words, there)
        return shared / self._all * (2 + in_order / len(self.says.words)) / 3

    def score(self, there: Wording) -> float:
        """Give how much of the sentence is said there; 0 where something else is said.

        Words alone would not tell: "it is safe" and "it is not safe" share nearly all of them. So figures and negations
        must stand at the same places, no word may be turned into its opposite, and a word in whose place there is another
        one counts twice: left out is less than said otherwise.
        """
        gaps, mine, theirs = _aligned(self.says.words, there.words)
        ours, others = Counter(self.says.words), Counter(there.words)
        lost, new = ours - others, others - ours
        if not self._agrees(there, mine, theirs) or any(_opposed(a, b) for a in lost for b in new):
            return 0.0
        swapped = sum(min(self._weight_of(a, lost), self._weight_of(b, new)) for a, b in gaps)
        return max(0.0, self.share(there.words) - swapped / self._all)

    def _agrees(self, there: Wording, mine: set[int], theirs: set[int]) -> bool:
        """Whether figures and negations agree, given the places of the words that stand in the same order."""
        if self.says.negations - mine or there.negations - theirs:
            return False
        known = {_around(there.words, n) for n in there.figures}
        return all(_around(self.says.words, n) in known for n in self.says.figures - mine)

    def _weight_of(self, words: Iterable[str], among: Container[str]) -> float:
        return sum(self._weigh(word) for word in words if word in among)


Gap = tuple[Sequence[str], Sequence[str]]


def _aligned(a: Sequence[str], b: Sequence[str]) -> tuple[list[Gap], set[int], set[int]]:
    """Give the gaps between the words that both have in the same order, and the places of these words in each."""
    gaps: list[Gap] = []
    mine: set[int] = set()
    theirs: set[int] = set()
    at_a = at_b = 0
    for block in (*LCSseq.opcodes(a, b), None):
        if block is not None and block.tag != "equal":
            continue
        i, end_i, j, end_j = (
            (len(a), 0, len(b), 0)
            if block is None
            else (block.src_start, block.src_end, block.dest_start, block.dest_end)
        )
        gaps.append((a[at_a:i], b[at_b:j]))
        mine.update(range(i, end_i))
        theirs.update(range(j, end_j))
        at_a, at_b = end_i, end_j
    return gaps, mine, theirs


def _around(words: Sequence[str], n: int) -> tuple[str, ...]:
    return (words[n - 1] if n else "", words[n], words[n + 1] if n + 1 < len(words) else "")


def _opposed(a: str, b: str) -> bool:
    if frozenset((a, b)) in _OPPOSED:
        return True
    short, long = sorted((a, b), key=len)
    return len(short) >= 3 and NOT not in (a, b) and any(long == prefix + short for prefix in _PREFIXES)
