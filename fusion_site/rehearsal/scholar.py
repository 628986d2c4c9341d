"""The scholar: thorough and slow; thinks first, weighs evidence, names what is not known."""

from __future__ import annotations

from random import Random

from fusion_site.rehearsal.common_ground import figures, main_point, notice_early, set_aside, test_first
from fusion_site.rehearsal.markup import bullets, document, fence, identifier, numbered, table
from fusion_site.rehearsal.reading import Kind, Prompt

_AIMS = {
    Kind.WHETHER: "whether the answer is yes, no, or conditional",
    Kind.HOW: "which order of steps can be justified",
    Kind.WHY: "which explanation the evidence supports best",
    Kind.COMPARE: "under which conditions each option is preferable",
    Kind.WRITE: "what the text has to establish, and for whom",
    Kind.LIST: "which points belong on the list, and by what measure",
    Kind.WHAT: "what the term covers and what it leaves out",
}
_GRADES = ("strong", "moderate", "weak")
_LIMITS = (
    "No source was consulted for this; every grade above is a starting point for a search.",
    "The terms are used as they stand in the question; another reading would need another answer.",
    "What holds for a small case may fail for a large one, and the reverse.",
)


def weigh(prompt: Prompt, chance: Random) -> str:
    """The scholar's answer, in markdown."""
    topics = prompt.topics
    percent, tries = chance.choice((5, 10, 15, 20)), chance.randint(4, 12)
    odds = 1 - (1 - percent / 100) ** tries
    return document(
        f"# On {prompt.subject}",
        f"The question is {_AIMS[prompt.kind]}. {main_point(prompt)} {figures(prompt)}".strip(),
        "## Terms",
        bullets(f"**{topic}**: {_term(topic, topics)}" for topic in topics[: 5 if prompt.is_long else 4]),
        "## Evidence",
        _evidence(topics, chance),
        f"{test_first(prompt)} {notice_early(prompt)}",
        "## How much a trial tells",
        f"If a fault shows in {percent} % of cases, then among {tries} cases the chance to see it at least once is",
        f"$$P = 1 - (1 - {percent / 100:g})^{{{tries}}} \\approx {odds:.2f}$$",
        fence(
            "python",
            f"def chance_to_see({identifier(topics[0])}_faults: float, cases: int) -> float:\n"
            f"    return 1 - (1 - {identifier(topics[0])}_faults) ** cases\n\n"
            f"print(round(chance_to_see({percent / 100:g}, {tries}), 2))  # {odds:.2f}",
        ),
        f"{set_aside(prompt, chance.randint(2, 4))} A trial of fewer than {tries} cases says little.",
        "## Limits",
        numbered(chance.sample(_LIMITS, 3 if prompt.is_long else 2)),
    )


def _evidence(topics: tuple[str, ...], chance: Random) -> str:
    first, second, third, fourth = topics[:4]
    claims = (
        (f"{first} limits {second}", f"{second} growing while {first} stands still"),
        (f"{third} can be observed early", "two cases in which it could not"),
        (f"{fourth} is independent of {first}", "both changing on the same day"),
    )
    rows = ((claim, chance.choice(_GRADES), overturn) for claim, overturn in claims)
    return table(("Claim", "Support", "What would overturn it"), rows)


def think(prompt: Prompt) -> str:
    """What the scholar says to itself before the answer."""
    first, second, third = prompt.topics[:3]
    return (
        f"The question turns on {first}. First I should fix what {first} and {second} mean here, then see which claims "
        f"about {third} could be checked by somebody else. A number would help more than an opinion."
    )


def _term(topic: str, topics: tuple[str, ...]) -> str:
    place = topics.index(topic)
    return (
        "what the question is about, taken in its everyday sense.",
        f"what changes when {topics[0]} changes.",
        "what an observer could measure without taking part.",
        "a condition; it is assumed to hold unless stated otherwise.",
        "context, which matters for how far the result carries.",
        "mentioned in the question, and left open here.",
    )[min(place, 5)]
