"""Where a fused answer comes from, as its page shows it: who says each sentence, what nobody says, what was left out."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Protocol

from fusion_site.pages.characters import shown

# Sentences that a page lists; the rest is said in a number.
MOST_LISTED = 300
_LINK = re.compile(r"!?\[([^\[\]]{0,1000})\]\([^()\s]{0,2000}\)")
_LINE_MARKS = re.compile(r"^(?:[#>\s]|[-*+] |\d{1,9}[.)] )+|\n[>\s]*|\|")
_MARKS = re.compile(r"\*+|~~|`+|(?<!\w)_+|_+(?!\w)")


class Heard(Protocol):
    """An answer, as far as this is about it."""

    @property
    def label(self) -> str:
        """Its member's name."""

    @property
    def text(self) -> str:
        """What it says."""

    @property
    def attempt(self) -> int:
        """How often it was asked for."""


def sourced(
    text: str, provenance: dict[str, Any] | None, answers: Mapping[str, Heard]
) -> dict[str, Any] | None:
    """Give what the page says of where the fused `text` comes from; None where nobody knows."""
    if provenance is None:
        return None
    sentences, own = provenance["sentences"], provenance["judge_only"]
    is_own = {place["offset"] for place in own}
    whole = sentences[0]["from"] if sentences and sentences[0]["length"] == len(text) else []
    return {
        "whole": [_chip(said, answers) for said in whole],
        "shares": _shares(sentences, is_own),
        "sentences": [] if whole else [_sentence(text, s, is_own, answers) for s in sentences[:MOST_LISTED]],
        "not_listed": max(0, len(sentences) - MOST_LISTED),
        "own": [plainly(_cut(text, place)) for place in own[:MOST_LISTED]],
        "dropped": [_dropped(point, answers) for point in provenance["dropped"]],
        "clipped": provenance["clipped"],
    }


def plainly(text: str) -> str:
    """Give a piece of markdown on one line and without its marks; no parser would know it from the piece alone."""
    bare = _MARKS.sub("", _LINE_MARKS.sub(" ", _LINK.sub(r"\1", text)))
    return shown(html.unescape(" ".join(bare.split())))


def _cut(text: str, place: Mapping[str, int]) -> str:
    return text[place["offset"] : place["offset"] + place["length"]]


def _shares(sentences: list[dict[str, Any]], is_own: set[int]) -> list[dict[str, Any]]:
    """Give how much of the text is said by how many, the most first; what is too short to tell counts nowhere."""
    lengths: Counter[int] = Counter()
    for sentence in sentences:
        if sentence["from"] or sentence["offset"] in is_own:
            lengths[len(sentence["from"])] += sentence["length"]
    total = lengths.total()
    return [{"answers": n, "share": lengths[n] / total} for n in sorted(lengths, reverse=True)]


def _sentence(
    text: str, sentence: dict[str, Any], is_own: set[int], answers: Mapping[str, Heard]
) -> dict[str, Any]:
    return {
        "text": plainly(_cut(text, sentence)),
        "chips": [_chip(said, answers) for said in sentence["from"]],
        "is_own": sentence["offset"] in is_own,
    }


def _chip(said: dict[str, Any], answers: Mapping[str, Heard]) -> dict[str, Any]:
    """Give who says it, and in which words: none where that answer was asked for again, and is another by now."""
    answer = answers.get(said["answer"])
    is_there = answer is not None and answer.attempt == said["attempt"]
    return {
        "answer": said["answer"],
        "label": answer.label if answer else "",
        "score": said["score"],
        "quote": plainly(_cut(answer.text, said)) if answer and is_there else "",
    }


def _dropped(point: dict[str, Any], answers: Mapping[str, Heard]) -> dict[str, Any]:
    answer = answers.get(point["answer"])
    words = {name: plainly(point[name]) for name in ("topic", "text")}
    return {**words, "label": answer.label if answer else ""}
