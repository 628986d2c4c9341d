"""What several scripts say in the same words, so that a judge has something to find: they agree in part, as models do."""

from __future__ import annotations

from fusion_site.rehearsal.reading import Kind, Prompt

_MAIN = {
    Kind.WHETHER: "It depends most on **{0}**, and only then on **{1}**.",
    Kind.HOW: "The order matters: settle **{0}** first, because **{1}** follows from it.",
    Kind.WHY: "The likeliest cause lies where **{0}** meets **{1}**.",
    Kind.COMPARE: "Neither **{0}** nor **{1}** wins everywhere; what decides is the cost of being wrong.",
    Kind.WRITE: "A good text about **{0}** says early why **{1}** matters to its reader.",
    Kind.LIST: "The first points decide most: **{0}**, **{1}** and **{2}**.",
    Kind.WHAT: "The best way to understand **{0}** is to look at what it does to **{1}**.",
}


def main_point(prompt: Prompt) -> str:
    """The sentence that every script agrees on."""
    return _MAIN[prompt.kind].format(*prompt.topics)


def test_first(prompt: Prompt) -> str:
    """A sentence for those who plan and those who check."""
    return f"Try **{prompt.topics[1]}** on a small copy before anything depends on it."


def notice_early(prompt: Prompt) -> str:
    """A sentence for those who tell and those who check."""
    return f"Write down now how you would notice that **{prompt.topics[2]}** went wrong."


def set_aside(prompt: Prompt, days: int) -> str:
    """A sentence in which scripts may disagree about a number."""
    return f"Set aside about {days} days for **{prompt.topics[0]}**."


def figures(prompt: Prompt) -> str:
    """A sentence that takes up the numbers of the prompt; empty where it names none."""
    if not prompt.numbers:
        return ""
    named = " and ".join(prompt.numbers[:3]) if len(prompt.numbers) < 3 else ", ".join(prompt.numbers[:3])
    return (
        f"The figures you give ({named}) are taken as they stand; check their source before you rely on them."
    )
