"""How much of what a sentence says is said by a passage, and whether it is that and not something else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Sequence

from rapidfuzz.distance import LCSseq

from fusion_site.engine.wording import NOT, Wording, stem

_OPPOSITES = (
    "always never|more less|more fewer|before after|above below|over under|high low|higher lower|increase decrease|good bad|"
    "best worst|better worse|true false|yes no|allow forbid|enable disable|first last|all none|fast slow|faster slower|"
    "right wrong|with without|start stop|add remove|accept reject|must may|up down|early late|earlier later|cheap expensive|"
    "possible impossible|read write|on off|safe dangerous|larger smaller|large small|longer shorter|long short|most few"
)
_OPPOSED = {frozenset(stem(word) for word in pair.split()) for pair in _OPPOSITES.split("|")}
_PREFIXES = ("un", "in", "im", "ir", "il", "non", "dis")


class Seeker:
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
