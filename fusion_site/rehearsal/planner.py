"""The planner: structure first, quick, short sentences."""

from __future__ import annotations

from random import Random

from fusion_site.rehearsal.common_ground import figures, main_point, set_aside, test_first
from fusion_site.rehearsal.markup import bullets, document, example, numbered, table
from fusion_site.rehearsal.reading import Kind, Prompt

_TITLES = {
    Kind.WHETHER: "Decision: {}",
    Kind.HOW: "Plan: {}",
    Kind.WHY: "Causes of {}",
    Kind.COMPARE: "Choice: {}",
    Kind.WRITE: "Outline: {}",
    Kind.LIST: "Checklist: {}",
    Kind.WHAT: "Overview: {}",
}
_STEPS = (
    "**{}**: say in one sentence what must be true when it is done.",
    "**{}**: name one owner and one date.",
    "**{}**: list what it needs from others, and ask for that today.",
    "**{}**: do the smallest version that can be checked.",
    "**{}**: compare the result with the first sentence, then go on or go back.",
    "**{}**: write down what is left out, so that nobody expects it.",
)
_QUESTIONS = (
    "Who owns it?",
    "What does it cost?",
    "What can break?",
    "When is it done?",
    "Can it be undone?",
)


def plan(prompt: Prompt, chance: Random) -> str:
    """The planner's answer, in markdown."""
    topics = prompt.topics
    parts = len(topics) if prompt.is_long else 5
    hours = chance.randint(2, 6)
    steps = chance.sample(_STEPS[:5], 5)[: min(parts, 5)] + [_STEPS[5]] * (parts > 5)
    questions = chance.sample(_QUESTIONS, 4)
    return document(
        f"# {_TITLES[prompt.kind].format(prompt.subject)}",
        f"{main_point(prompt)} {figures(prompt)}".strip(),
        "## Steps",
        numbered(step.format(topic) for step, topic in zip(steps, topics, strict=False)),
        test_first(prompt),
        "## What to check",
        table(
            ("Part", "Question", "Effort"),
            (
                (topic, question, f"{hours * share} h")
                for topic, question, share in zip(topics, questions, (3, 2, 2, 1), strict=False)
            ),
        ),
        f"That makes ${hours} \\times 8 = {hours * 8}$ hours of work. {set_aside(prompt, chance.randint(2, 4))}",
        "## A check to run",
        example(prompt),
        "## Stop if",
        bullets(
            (
                f"**{topics[1]}** cannot be put back as it was,",
                "the first check above gives another result than last time,",
                f"nobody can say who decides about **{topics[chance.randint(2, 3)]}**.",
            )
        ),
    )
