"""What several answers share, where they differ, and what only one of them says: computed from their sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from fusion_site.rehearsal.reading import content_words, mentions, read_prompt
from fusion_site.rehearsal.sentences import Candidate, Sentence, read_candidate, similar


@dataclass(frozen=True, slots=True)
class Point:
    """One thing said, in the words of the first that said it, and the letters of all that say it."""

    sentence: Sentence
    letters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A sentence in which answers differ by a number, or the values that they end in; one stance per letter."""

    topic: str
    stances: dict[str, str]


class Comparison:
    """All candidates of one question; the order in which they were shown leaves no trace."""

    def __init__(self, question: str, candidates: dict[str, str]) -> None:
        self.question = read_prompt(question)
        self.candidates = [read_candidate(letter, text) for letter, text in sorted(candidates.items())]
        self._asked = content_words(question)

    @cached_property
    def points(self) -> list[Point]:
        """Every point, those that touch the question most first."""
        grouped: list[tuple[Sentence, list[str]]] = []
        for candidate in self.candidates:
            for sentence in candidate.sentences:
                letters = next((letters for said, letters in grouped if similar(said, sentence)), None)
                if letters is None:
                    grouped.append((sentence, [candidate.letter]))
                elif candidate.letter not in letters:
                    letters.append(candidate.letter)
        points = [Point(sentence, tuple(letters)) for sentence, letters in grouped]
        return sorted(points, key=lambda point: -self.weight(point.sentence))

    @property
    def shared(self) -> list[Point]:
        """What at least two say and nobody contradicts, what most say first."""
        return sorted(
            (point for point in self.points if len(point.letters) > 1), key=lambda point: -len(point.letters)
        )

    def own(self, letter: str) -> Candidate:
        """The answer with this letter."""
        return next(candidate for candidate in self.candidates if candidate.letter == letter)

    def unique(self, letter: str) -> list[Sentence]:
        """What only this answer says."""
        disputed = {stance for found in self.contradictions for stance in found.stances.values()}
        said = [point.sentence for point in self.points if point.letters == (letter,)]
        return [sentence for sentence in said if sentence.text not in disputed]

    @cached_property
    def contradictions(self) -> list[Contradiction]:
        """Where answers say the same sentence with other numbers, or end in other values."""
        said = [
            (sentence.skeleton, candidate.letter, sentence)
            for candidate in self.candidates
            for sentence in candidate.sentences
            if sentence.numbers
        ]
        said.sort(key=lambda item: item[:2])
        groups = [
            _stances((letter, sentence) for _, letter, sentence in group)
            for _, group in groupby(said, key=lambda item: item[0])
        ]
        found = [Contradiction(_topic(stances), stances) for stances in groups if _differ(stances)]
        finals = {c.letter: f"Answer: {c.final}" for c in self.candidates if c.final}
        return [Contradiction("the final answer", finals), *found] if _differ(finals) else found

    def coverage(self, candidate: Candidate) -> float:
        """The share of the question's topics that an answer takes up, from 0 to 1; 1 where it has none."""
        topics = self.question.own_topics
        return sum(mentions(candidate.words, topic) for topic in topics) / len(topics) if topics else 1.0

    def covering(self, topic: str) -> list[str]:
        """The letters of the answers that take up a topic."""
        return [candidate.letter for candidate in self.candidates if mentions(candidate.words, topic)]

    def breadth(self, candidate: Candidate) -> float:
        """How many of an answer's sentences touch the question: 1 from twenty on."""
        return min(1.0, sum(bool(sentence.words & self._asked) for sentence in candidate.sentences) / 20)

    def agreement(self, candidate: Candidate) -> float:
        """How many of the shared points an answer has, from 0 to 1."""
        shared = self.shared
        return sum(candidate.letter in point.letters for point in shared) / len(shared) if shared else 0.0

    def weight(self, sentence: Sentence) -> float:
        """How much of the question a sentence touches; numbers and a whole thought count a little."""
        thought = min(len(sentence.words), 12) / 12
        return len(sentence.words & self._asked) + 0.5 * bool(sentence.numbers) + thought


def _stances(said: Iterable[tuple[str, Sentence]]) -> dict[str, str]:
    stances: dict[str, str] = {}
    for letter, sentence in said:
        stances.setdefault(letter, sentence.text)
    return stances


def _differ(stances: dict[str, str]) -> bool:
    return len(set(stances.values())) > 1


def _topic(stances: dict[str, str]) -> str:
    """The words that all stances share, up to the first in which they differ."""
    words = [stance.split() for stance in stances.values()]
    common: Sequence[str] = [same[0] for same in zip(*words, strict=False) if len(set(same)) == 1]
    return " ".join(common).strip(" .,:")
