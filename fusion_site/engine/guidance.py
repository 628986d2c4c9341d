"""What a reader wants kept and left out, ticked before the final step, and whether the fused answer heeds it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from rapidfuzz import fuzz

from fusion_site.engine.results import AnswerKey
from fusion_site.engine.sentences import sentences

# Of a longer text nothing is said: looking through it would hold up the other runs.
MOST_CHARS = 200_000
# A wish is looked for sentence by sentence, in parts of this many characters: longer ones take much longer to compare.
PART = 200
# How much of a sentence has to be there, in per cent of its characters. With 80, sentences that only share their
# words' endings pass; with 90, a changed comma and article fail.
NEAR = 85.0
_MARKS = re.compile(r"[*_`~#>|\\]+|^\s*(?:[-+•]|\d+[.)])\s+", re.MULTILINE)
_FIGURES = re.compile(r"\d+(?:[.,]\d+)*")
_DENIALS = re.compile(r"\b(?:not|never|no|none|without|cannot|nicht|kein\w*|nie)\b|n[’']t\b")


class Kind(StrEnum):
    """Where a tick stands: at a point of the analysis, or at a passage of a member's answer."""

    CONSENSUS = "consensus"
    CONTRADICTION = "contradiction"
    PARTIAL = "partial"
    INSIGHT = "insight"
    BLIND_SPOT = "blind_spot"
    PASSAGE = "passage"


@dataclass(frozen=True, slots=True)
class Tick:
    """One thing that a reader ticked.

    Of a contradiction `text` is the topic and `stance` the side that is meant. Of a passage, `answer`, `offset` and
    `length` (in code points) say where it stands.
    """

    kind: Kind
    text: str
    stance: str = ""
    answer: AnswerKey | None = None
    offset: int | None = None
    length: int | None = None

    @property
    def wording(self) -> str:
        """What is to be found in the fused answer, or not to be."""
        return self.stance or self.text


@dataclass(frozen=True, slots=True)
class Guidance:
    """All that a reader ticked; nothing where they went on without, or, with `missed`, did not choose in time."""

    keep: tuple[Tick, ...] = ()
    drop: tuple[Tick, ...] = ()
    missed: bool = False

    def __bool__(self) -> bool:
        """Whether anything was ticked."""
        return bool(self.keep or self.drop)


@dataclass(frozen=True, slots=True)
class Heeded:
    """For each tick, in order, whether it was heeded: found where it was to be kept, gone where not. None is unknown."""

    keep: tuple[bool | None, ...] = ()
    drop: tuple[bool | None, ...] = ()


def heeded(guidance: Guidance, text: str) -> Heeded:
    """Look for every wish in a text. What is there in quite other words is not found: this compares characters."""
    if len(text) > MOST_CHARS:
        return Heeded((None,) * len(guidance.keep), (None,) * len(guidance.drop))
    plain = _plain(text)
    return Heeded(
        tuple(all(_is_in(part, plain) for part in _parts(tick.wording)) for tick in guidance.keep),
        tuple(not any(_is_in(part, plain) for part in _parts(tick.wording)) for tick in guidance.drop),
    )


def _parts(text: str) -> Iterator[str]:
    """Give the sentences of a wish, long ones cut; all of it where there is none."""
    said = [_plain(sentence.of(text)) for sentence in sentences(text)] or [_plain(text)]
    parts = [each[at : at + PART] for each in said for at in range(0, len(each), PART)]
    yield from [part for part in parts if len(part) > 3] or parts


def _is_in(part: str, text: str) -> bool:
    """Whether a sentence is there, nearly in its own words. Other figures, or a denial more or less, say something else."""
    if part in text:
        return True
    found = fuzz.partial_ratio_alignment(part, text, score_cutoff=NEAR) if len(part) <= len(text) else None
    if found is None:
        return False
    said = text[_word_start(text, found.dest_start) : _word_end(text, found.dest_end)]
    return all(sorted(marks.findall(part)) == sorted(marks.findall(said)) for marks in (_FIGURES, _DENIALS))


def _word_start(text: str, at: int) -> int:
    return text.rfind(" ", 0, at) + 1


def _word_end(text: str, at: int) -> int:
    end = text.find(" ", at)
    return len(text) if end < 0 else end


def _plain(text: str) -> str:
    """Give a text without the marks of markdown, its white space and case evened out."""
    return " ".join(_MARKS.sub(" ", text).casefold().split())
