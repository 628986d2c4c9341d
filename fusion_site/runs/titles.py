"""What a run is called: the first line of what its person wrote, not of the preset's template around it."""

from __future__ import annotations

from typing import Protocol

TITLE_LENGTH = 80
# What a run is called where its prompt is not shown.
UNTITLED = "A shared result"


class Asked(Protocol):
    """A run's row."""

    title: str
    prompt: str


def titled(run: Asked) -> str:
    """Give a run's title; one that was made before titles were kept has the first line of its whole prompt."""
    return run.title or title_of(run.prompt)


def title_of(prompt: str) -> str:
    """Give the first line of a prompt, shortened."""
    first = prompt.strip().split("\n", 1)[0].strip()
    if len(first) <= TITLE_LENGTH:
        return first
    cut, _, rest = first[: TITLE_LENGTH - 1].rpartition(" ")
    return (cut if len(cut) > TITLE_LENGTH // 2 else cut + rest).rstrip(" ,;:") + "…"
