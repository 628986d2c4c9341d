"""What a script can know of a prompt: its own words and numbers, and what kind of question it is."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

_NEVER = """
    a about above after again all also am an and any are as at be because been before being below between
    billion both but by can could did do does doing done down dozen during each eight few five for four from
    further had has have having he hello her here hers hi him his how hundred i if in into is it its itself
    just let like may me might million more most must my nine no nor not now of off on once one only or other
    our ours out over own per percent please same seven shall she should six so some such ten than thank
    thanks that the their theirs them then there these they this those thousand three through to too two under
    until up us very was we were what when where whether which while who whom whose why will with within
    without would yes you your yours
    comment como dans das der des die ein eine el es est et für ich ist las les los mit oder para por pour que
    una und une von warum wie wir y
"""
# Words that say what to do or how good something is, but not what it is about.
_SELDOM = """
    answer ask asks bad best better big build calculate change check choose come compare compute consider
    create describe different disagree discuss draft easy explain fail fast find follow gets give given gives
    goes good great happen happens help helps important keep know list long look main make makes many mean
    means much need needs new old plan possible prefer provide put ready recommend right run runs safe say
    says short show simple slow small start step stop sure take tell things think try understand use used uses
    using want way well whole work works worse worst write wrong
"""
NEVER = frozenset(_NEVER.split())
SELDOM = frozenset(_SELDOM.split())
_BEFORE_NOUNS = frozenset(
    {"a", "an", "the", "this", "that", "our", "my", "your", "their", "its", "of", "for", "with"}
)
# What a text can always be asked about; stands in where a prompt has few words of its own.
_SPARE = ("purpose", "evidence", "risk", "next step", "reader")

WORD = re.compile(r"[^\W\d_][\w'’-]*")
NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*(?![\w])")
_RUN_ENDS = re.compile(r"[.,;:!?()\[\]{}\"“”\n]")
_LONGEST = 30
# How much of a prompt is read at all, and in how much of it the question is looked for.
_READ = 20_000
_ASKS = 2_000


class Kind(StrEnum):
    """What a prompt asks for."""

    WHETHER = "whether"
    HOW = "how"
    WHY = "why"
    COMPARE = "compare"
    WRITE = "write"
    LIST = "list"
    WHAT = "what"


_KINDS = (
    (Kind.WRITE, r"\b(write|draft|compose|poem|story|letter|e-?mail|essay|speech)\b"),
    (Kind.COMPARE, r"\b(compare|versus|vs|difference between|better than)\b|\bor\b[^?.!]*\?"),
    (Kind.WHY, r"\b(why|what causes|reason)\b"),
    (Kind.HOW, r"\bhow\b|\b(steps|plan|guide)\b"),
    (
        Kind.WHETHER,
        r"^\W*(is|are|am|was|were|do|does|did|can|could|should|will|would|has|have|may)\b|\bwhether\b",
    ),
    (Kind.LIST, r"\b(list|name|top \d+|ideas|examples of)\b"),
)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt as a script sees it. `topics` are at least five words of it, the most telling first."""

    text: str
    kind: Kind
    subject: str
    topics: tuple[str, ...]
    own_topics: tuple[str, ...]
    numbers: tuple[str, ...]

    @property
    def is_long(self) -> bool:
        """Whether the prompt is long enough to deserve a longer answer."""
        return len(self.text) > 240


def read_prompt(text: str) -> Prompt:
    """Give what a script can say about `text`; any text will do, also an empty one."""
    text = text[:_READ]
    own = topics_of(text)
    return Prompt(
        text=text,
        kind=next(
            (kind for kind, found in _KINDS if re.search(found, text[:_ASKS], re.IGNORECASE)), Kind.WHAT
        ),
        subject=_subject(text) or (own[0] if own else "this question"),
        topics=(*own, *_SPARE)[: max(5, len(own))],
        own_topics=own,
        numbers=tuple(dict.fromkeys(NUMBER.findall(text)))[:4],
    )


def topics_of(text: str, most: int = 6) -> tuple[str, ...]:
    """Give the words that `text` is most about, each once, the most telling first."""
    words = WORD.findall(text)
    lowered = [word.lower() for word in words]
    counts = Counter(lowered)
    nouns = {word for before, word in pairwise(lowered) if before in _BEFORE_NOUNS}
    first = {word.lower(): word for word in reversed(words)}
    found = {
        word: counts[word] + 2 * (word in nouns) + (len(word) > 5) + (index > 0 and first[word][0].isupper())
        for index, word in enumerate(dict.fromkeys(lowered))
        if _tells(word)
    }
    ranked = sorted(found, key=lambda word: -found[word])
    return tuple(first[word][:_LONGEST] for word in ranked[:most])


def content_words(text: str) -> frozenset[str]:
    """Give the words and numbers of `text` that carry meaning, in lower case and without a plural s."""
    words = (word.lower() for word in WORD.findall(text))
    return frozenset(_singular(word) for word in words if word not in NEVER) | frozenset(NUMBER.findall(text))


def mentions(words: frozenset[str], topic: str) -> bool:
    """Whether a text with these content words speaks of `topic`."""
    return content_words(topic) <= words


def _tells(word: str) -> bool:
    return len(word) > 1 and word not in NEVER and word not in SELDOM and not word.endswith("ly")


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _subject(text: str) -> str:
    """The longest run of up to three telling words: "orders table", "business hours"."""
    best: Sequence[str] = ()
    for part in _RUN_ENDS.split(text):
        run: list[str] = []
        for word in [*part.split(), ""]:
            bare = word.strip("*_`'’<>")
            if WORD.fullmatch(bare) and _tells(bare.lower()):
                run.append(bare)
                continue
            best = max(best, run[-3:], key=len)
            run = []
    return " ".join(best)[: 2 * _LONGEST]
