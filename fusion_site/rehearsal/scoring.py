"""How the scripted judge marks one answer: against the criteria it was given, with a passage to show for each."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fusion_site.rehearsal.arithmetic import find_sum, written
from fusion_site.rehearsal.comparing import Comparison
from fusion_site.rehearsal.reading import content_words
from fusion_site.rehearsal.sentences import Candidate, Sentence

LONGEST_QUOTE = 120
# Between these many characters a text is neither thin nor padded.
SHORTEST, LONGEST = 250, 6_000

_REASONS = re.compile(r"\b(because|for example|such as|so that|since|therefore|picture|if)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Check:
    """Whether one answer meets one criterion, and the passage that shows it."""

    name: str
    met: bool
    quote: str


@dataclass(frozen=True, slots=True)
class Marks:
    """All marks of one answer: `met` is the weighted share of criteria, `merit` breaks ties; both from 0 to 1."""

    candidate: Candidate
    checks: tuple[Check, ...]
    met: float
    merit: float

    @property
    def rank(self) -> tuple[float, float, str]:
        """What is compared to find the winner: marks, then a value of the text alone, so that no order matters."""
        digest = hashlib.sha256(self.candidate.text.encode("utf-8", "surrogatepass")).hexdigest()
        return (round(self.met, 9), round(self.merit, 9), digest)


def marks_of(comparison: Comparison, candidate: Candidate, criteria: Sequence[dict[str, Any]]) -> Marks:
    """Mark one answer against `criteria`, each `{"name", "description", "weight"}`."""
    checks = tuple(_check(comparison, candidate, criterion) for criterion in criteria)
    weights = [_weight(criterion) for criterion in criteria]
    total = sum(weights)
    met = sum(weight for weight, check in zip(weights, checks, strict=True) if check.met)
    return Marks(candidate, checks, met / total if total else 0.0, _merit(comparison, candidate))


def best(marks: Sequence[Marks]) -> Marks:
    """The answer with the best marks; of equal texts the one with the first letter."""
    return max(marks, key=lambda mark: (mark.rank, -ord(mark.candidate.letter)))


def is_clear(marks: Sequence[Marks]) -> bool:
    """Whether the best is better than the next by more than a hair."""
    first, *rest = sorted(marks, key=lambda mark: mark.rank, reverse=True)
    return not rest or first.met - rest[0].met > 0.1 or first.merit - rest[0].merit > 0.08


def is_right(comparison: Comparison, candidate: Candidate) -> bool | None:
    """Whether an answer to an arithmetic question ends in its value; None for other questions."""
    found = find_sum(comparison.question.text)
    return None if found is None else candidate.final == written(found.value)


def _weight(criterion: dict[str, Any]) -> float:
    weight = criterion.get("weight", 1.0)
    return float(weight) if isinstance(weight, int | float) and weight > 0 else 0.0


def _merit(comparison: Comparison, candidate: Candidate) -> float:
    fits = 1.0 if SHORTEST <= len(candidate.text) <= LONGEST else 0.5
    evidence = min(1.0, sum(bool(sentence.numbers) for sentence in candidate.sentences) / 5)
    return (
        0.3 * comparison.coverage(candidate)
        + 0.2 * comparison.breadth(candidate)
        + 0.15 * candidate.structure
        + 0.1 * evidence
        + 0.1 * fits
        + 0.15 * comparison.agreement(candidate)
    )


def _check(comparison: Comparison, candidate: Candidate, criterion: dict[str, Any]) -> Check:
    name, description = str(criterion["name"]), str(criterion.get("description") or "")
    rule = next((rule for words, rule in _RULES if re.search(words, name, re.IGNORECASE)), None)
    rule = rule or next(
        (rule for words, rule in _RULES if re.search(words, description, re.IGNORECASE)), _touches
    )
    met, quote = rule(comparison, candidate, content_words(f"{name} {description}"))
    return Check(name, met, quote)


def _correct(comparison: Comparison, candidate: Candidate, words: frozenset[str]) -> tuple[bool, str]:
    """A known value must be met; elsewhere an answer is taken as correct where it is not outnumbered."""
    if (right := is_right(comparison, candidate)) is not None:
        return right, f"Answer: {candidate.final}" if f"Answer: {candidate.final}" in candidate.text else ""
    outnumbered = [stance for stance in _minority(comparison, candidate.letter) if stance in candidate.text]
    if outnumbered:
        return False, _quote(outnumbered[0])
    shared = {point.sentence.skeleton for point in comparison.shared if candidate.letter in point.letters}
    return bool(candidate.sentences), _best_sentence(candidate, lambda s: s.skeleton in shared)


def _minority(comparison: Comparison, letter: str) -> list[str]:
    """What this answer says in other numbers than at least two others that agree."""
    found = []
    for contradiction in comparison.contradictions:
        stances = list(contradiction.stances.values())
        own = contradiction.stances.get(letter)
        if own is not None and max(map(stances.count, stances)) >= 2 and stances.count(own) == 1:
            found.append(own)
    return found


def _complete(comparison: Comparison, candidate: Candidate, words: frozenset[str]) -> tuple[bool, str]:
    return comparison.coverage(candidate) >= 0.75, _best_sentence(candidate, comparison.weight)


def _grounded(comparison: Comparison, candidate: Candidate, words: frozenset[str]) -> tuple[bool, str]:
    def grounds(sentence: Sentence) -> float:
        return bool(sentence.numbers) + bool(_REASONS.search(sentence.text))

    found = [sentence for sentence in candidate.sentences if grounds(sentence)]
    return len(found) >= 3, _best_sentence(candidate, grounds) if found else ""


def _clear(comparison: Comparison, candidate: Candidate, words: frozenset[str]) -> tuple[bool, str]:
    heading = re.search(r"^#{1,6} .*$", candidate.text, re.MULTILINE)
    is_met = candidate.structure >= 0.5 and len(candidate.text) <= LONGEST
    return is_met, _quote(heading[0]) if heading and is_met else ""


def _warm(comparison: Comparison, candidate: Candidate, words: frozenset[str]) -> tuple[bool, str]:
    def address(sentence: Sentence) -> float:
        return len(re.findall(r"\b(you|your|I|we|friend)\b|’s\b", sentence.text))

    return sum(map(address, candidate.sentences)) >= 5, _best_sentence(candidate, address)


def _touches(comparison: Comparison, candidate: Candidate, words: frozenset[str]) -> tuple[bool, str]:
    """A criterion that no rule knows is met by an answer that speaks of what the criterion names."""
    quote = _best_sentence(candidate, lambda sentence: len(sentence.words & words))
    return bool(words & candidate.words), quote if words & candidate.words else ""


_Rule = Callable[[Comparison, Candidate, frozenset[str]], tuple[bool, str]]
_RULES: tuple[tuple[str, _Rule], ...] = (
    (r"correct|accura|truth|true\b|false|right|fact", _correct),
    (r"complet|cover|every part|thorough|whole", _complete),
    (r"ground|evidence|reason|figure|example|source|check", _grounded),
    (r"clear|clarity|structure|follow|concise|brief|short|read", _clear),
    (r"tone|warm|friendly|style|voice", _warm),
)


def _best_sentence(candidate: Candidate, worth: Callable[[Sentence], float]) -> str:
    return _quote(max(candidate.sentences, key=worth).text) if candidate.sentences else ""


def _quote(text: str) -> str:
    """A passage of at most 120 characters that still stands in the text word for word."""
    return text if len(text) <= LONGEST_QUOTE else text[:LONGEST_QUOTE].rsplit(" ", 1)[0]
