"""The storyteller: warm, by example, one person's day instead of a list of duties."""

from __future__ import annotations

from random import Random

from fusion_site.rehearsal.common_ground import figures, main_point, notice_early, set_aside
from fusion_site.rehearsal.markup import bullets, document, fence, table
from fusion_site.rehearsal.reading import Kind, Prompt

_NAMES = ("Mara", "Jonas", "Amina", "Tomasz", "Leila", "Pedro", "Ingrid", "Kofi")
_PLACES = (
    "a small clinic",
    "a bakery with two branches",
    "a school",
    "a ferry company",
    "a library",
    "a seed shop",
)
_OPENINGS = {
    Kind.WHETHER: "I understand the wish for a plain yes or no about **{}**.",
    Kind.HOW: "There is a kind way to go about **{}**, and it starts smaller than you think.",
    Kind.WHY: "It is a relief to know where trouble with **{}** comes from.",
    Kind.COMPARE: "Choosing between good things is harder than it looks, and **{}** is no exception.",
    Kind.WRITE: "Before a word is written about **{}**, picture the one person who will read it.",
    Kind.LIST: "A list is easier to keep in mind when each point of **{}** has a face.",
    Kind.WHAT: "Let me tell you about **{}** the way I would to a friend over coffee.",
}
_SCENES = (
    "On Monday {name} had everything ready for **{a}**, and still nobody knew who would look after **{b}**.",
    "{name} had put **{a}** off for weeks, until one question from a colleague about **{b}** changed the day.",
    "The first attempt failed in the nicest way: **{a}** worked, and **{b}** was what everyone asked about.",
)
_TURNS = (
    "So {name} drew both on one sheet of paper and asked two people to tell it back in their own words.",
    "So {name} tried it with one single case first, on a quiet afternoon, with the door open.",
    "So {name} went to the person who would be hurt most if it went wrong, and simply asked.",
)


def tell(prompt: Prompt, chance: Random) -> str:
    """The storyteller's answer, in markdown."""
    a, b, c, d = prompt.topics[:4]
    name = chance.choice(_NAMES)
    helpers, minutes = chance.randint(3, 9), chance.choice((10, 15, 20, 25))
    return document(
        f"# {prompt.subject[:1].upper()}{prompt.subject[1:]}, told by example",
        f"{_OPENINGS[prompt.kind].format(prompt.subject)} {main_point(prompt)}",
        f"## {name}’s week",
        f"Picture {name}, who runs {chance.choice(_PLACES)}. {chance.choice(_SCENES).format(name=name, a=a, b=b)} "
        f"{chance.choice(_TURNS).format(name=name)} By Thursday the worry about **{c}** had a name, and a worry with a "
        "name is half as large.",
        figures(prompt),
        "## What it feels like, and what helps",
        table(
            ("Moment", "What you may feel", "What helps"),
            (
                ("The start", f"“{a} is too big for me.”", "Begin with one case."),
                ("The middle", f"“Nobody told me about {b}.”", "Ask the person it touches."),
                ("The end", f"“Did we forget {d}?”", "Read your first note again."),
            ),
        ),
        f"Small favours add up: if {helpers} people save {minutes} minutes each, that is "
        f"${helpers} \\times {minutes} = {helpers * minutes}$ minutes. {set_aside(prompt, chance.randint(5, 9))}",
        "## A note to keep",
        fence(
            "text",
            f"Dear me,\nthis is about {a}.\nIt is good enough when {b} can be explained in one breath.\n— {name}",
        ),
        notice_early(prompt),
        bullets(
            (f"Be patient with **{a}**.", f"Be honest about **{c}**.", "Be kind to whoever comes after you.")
        ),
        _detour(prompt, name, chance) if prompt.is_long else "",
    )


def _detour(prompt: Prompt, name: str, chance: Random) -> str:
    topic = prompt.topics[-1]
    return (
        f"One more thing {name} learned: **{topic}** looked like a detail for {chance.randint(2, 5)} days and was then "
        "the only thing anyone remembered. Details that people remember are not details."
    )
