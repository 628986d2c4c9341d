"""The scripted judge's words, computed from the question and the candidates it is sent and from nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from fusion_site.rehearsal.arithmetic import find_sum, written
from fusion_site.rehearsal.comparing import Comparison
from fusion_site.rehearsal.reading import topics_of
from fusion_site.rehearsal.scoring import Marks, best, is_clear, marks_of
from fusion_site.rehearsal.tasks import Task

_DEFAULT_CRITERIA: tuple[dict[str, Any], ...] = (
    {"name": "Correct", "weight": 2},
    {"name": "Complete", "weight": 1},
)
MOST_SHARED, MOST_CONTRADICTIONS, MOST_PARTIAL, MOST_INSIGHTS = 4, 3, 3, 2
MOST_NEEDS = 4


def judge(task: Task) -> str:
    """The judge's reply: a few lines of reasoning, then the verdict as one JSON object in a fence.

    The same candidates get the same verdict in whatever order they are shown.
    """
    comparison = Comparison(task.question, task.candidates)
    marks = [marks_of(comparison, c, task.criteria or _DEFAULT_CRITERIA) for c in comparison.candidates]
    winner = best(marks)
    reasons = _reasons(comparison, marks, winner)
    verdict = _marked(task, _verdict(comparison, marks, winner, " ".join(reasons[2:])))
    return "\n".join([*reasons, "", "```json", verdict, "```"])


def score(task: Task) -> str:
    """The judge's reply about one candidate by itself: how it meets the criteria, as one JSON object in a fence."""
    comparison = Comparison(task.question, task.candidates)
    (candidate,) = comparison.candidates
    marks = marks_of(comparison, candidate, task.criteria or _DEFAULT_CRITERIA)
    met = f"It meets {sum(check.met for check in marks.checks)} of {len(marks.checks)} criteria."
    found = _marked(task, {"reasoning": met, "criteria": _checks(marks)})
    return "\n".join([met, "", "```json", found, "```"])


def needs(task: Task) -> str:
    """The judge's list of what a right answer needs, before it has read any."""
    if found := find_sum(task.question):
        return f"- The steps, in order.\n- The value {written(found.value)} at the end."
    topics = topics_of(task.question)[:MOST_NEEDS]
    points = [f"It takes up “{topic}”." for topic in topics]
    return "\n".join(f"- {point}" for point in [*points, "It gives reasons or figures that can be checked."])


def _marked(task: Task, found: dict[str, Any]) -> str:
    """Give the object as JSON, with the mark that the task asks for."""
    return json.dumps({"mark": task.mark, **found}, ensure_ascii=False)


def _checks(marks: Marks) -> list[dict[str, Any]]:
    return [{"name": c.name, "met": c.met, "quote": c.quote} for c in marks.checks]


def _verdict(comparison: Comparison, marks: Sequence[Marks], winner: Marks, reasoning: str) -> dict[str, Any]:
    return {
        "reasoning": reasoning,
        "candidates": [
            {
                "label": mark.candidate.letter,
                "criteria": _checks(mark),
            }
            for mark in marks
        ],
        "consensus": [point.sentence.text for point in comparison.shared[:MOST_SHARED]],
        "contradictions": [
            {
                "topic": found.topic,
                "stances": [{"label": letter, "stance": said} for letter, said in found.stances.items()],
            }
            for found in comparison.contradictions[:MOST_CONTRADICTIONS]
        ],
        "partial_coverage": _partial(comparison)[:MOST_PARTIAL],
        "unique_insights": [
            {"label": c.letter, "insight": sentence.text}
            for c in comparison.candidates
            for sentence in comparison.unique(c.letter)[:MOST_INSIGHTS]
        ],
        "blind_spots": _blind_spots(comparison),
        "winner": winner.candidate.letter,
        "strength": "clear" if is_clear(marks) else "slight",
    }


def _reasons(comparison: Comparison, marks: Sequence[Marks], winner: Marks) -> list[str]:
    topics = comparison.question.own_topics
    covered = [
        f"{mark.candidate.letter} meets {sum(c.met for c in mark.checks)} of {len(mark.checks)} criteria"
        f" and takes up {round(comparison.coverage(mark.candidate) * len(topics))} of {len(topics)} topics"
        for mark in marks
    ]
    letter = winner.candidate.letter
    return [
        f"A right answer has to speak of {_listed(topics) or 'what was asked'}.",
        f"{'; '.join(covered)}.",
        f"They share {len(comparison.shared)} points and contradict each other in {len(comparison.contradictions)}.",
        f"By these marks {letter} is the strongest{'' if is_clear(marks) else ', if only just'}.",
    ]


def _partial(comparison: Comparison) -> list[dict[str, Any]]:
    everyone = len(comparison.candidates)
    covering = {topic: comparison.covering(topic) for topic in comparison.question.own_topics}
    return [
        {
            "labels": letters,
            "point": f"Only {_listed(letters)} {'takes' if len(letters) == 1 else 'take'} up “{topic}”.",
        }
        for topic, letters in covering.items()
        if 0 < len(letters) < everyone
    ]


def _blind_spots(comparison: Comparison) -> list[str]:
    question = comparison.question
    missed = [
        f"Nobody takes up “{topic}”." for topic in question.own_topics if not comparison.covering(topic)
    ]
    said = frozenset().union(*(candidate.words for candidate in comparison.candidates))
    missed += [f"Nobody uses the figure {number}." for number in question.numbers if number not in said]
    if not any("http" in candidate.text for candidate in comparison.candidates):
        missed.append("Nobody names a source that could be looked up.")
    return missed


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
