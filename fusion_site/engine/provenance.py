"""Where a fused answer comes from: who says each of its sentences, and what of the dissent is not in it. By words alone."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from fusion_site.engine.debating import is_change
from fusion_site.engine.overlap import FEWEST_WORDS, MOST_CHARS, Passage, Texts, clauses_of, code_lines
from fusion_site.engine.sentences import Sentence, sentences
from fusion_site.engine.wording import joined, wording

K = TypeVar("K", bound=Hashable)

# So many sentences of a fused answer are looked for.
MOST_LOOKED_FOR = 1_000
# A judge tells a stance in its own words: from this score on they are found in the fused answer, or in the holder's.
STANCE = 0.45


@dataclass(frozen=True, slots=True)
class Carried(Generic[K]):
    """A sentence of the fused answer, or a part of one, and the texts that say it, the best first."""

    offset: int
    length: int
    carriers: tuple[tuple[K, Passage], ...]


@dataclass(frozen=True, slots=True)
class Point(Generic[K]):
    """What one of those who were compared held alone or against others: `kind` is `contradiction` or `insight`."""

    kind: str
    topic: str
    text: str
    holder: K


@dataclass(frozen=True, slots=True)
class Provenance(Generic[K]):
    """Where a fused answer comes from. `own` are the places of what nobody said before, and `dropped` what is not in it.

    With `is_clipped` a part of the texts was not looked at.
    """

    carried: tuple[Carried[K], ...]
    own: tuple[tuple[int, int], ...]
    dropped: tuple[Point[K], ...]
    is_clipped: bool


def trace(fused: str, texts: Mapping[K, str], points: Sequence[Point[K]] = ()) -> Provenance[K]:
    """Find out where `fused` comes from; takes up to three seconds, so it belongs in a thread.

    An answer that is one of the texts word for word, or the end of one (behind the reason for a change), is that as a
    whole. A sentence that nobody says as a whole is taken apart where each of its parts is said by somebody.
    """
    if whole := _whole(fused, texts):
        dropped = _dropped(fused, texts, points) if points else ()
        return Provenance((whole,), (), dropped, is_clipped=False)
    index = Texts(texts)
    cut = sentences(fused[:MOST_CHARS])
    carried: list[Carried[K]] = []
    own: list[tuple[int, int]] = []
    for sentence in cut[:MOST_LOOKED_FOR]:
        if index.is_tired:
            break
        said, is_own = _carried(fused, sentence, index)
        carried += said
        own += [(sentence.offset, sentence.end - sentence.offset)] if is_own else []
    is_clipped = index.is_clipped or len(fused) > MOST_CHARS or len(cut) > MOST_LOOKED_FOR
    return Provenance(tuple(carried), tuple(own), _dropped(fused, texts, points), is_clipped)


def _whole(fused: str, texts: Mapping[K, str]) -> Carried[K] | None:
    carriers = tuple((key, place) for key, text in texts.items() if (place := _verbatim(fused, text)))
    return Carried(0, len(fused), carriers) if carriers else None


def _verbatim(fused: str, text: str) -> Passage | None:
    """Give where a text is this answer: all of it, or what follows the reason in a debate."""
    answer, said = fused.strip(), text.rstrip()
    offset = len(said) - len(answer)
    is_it = bool(answer) and said.endswith(answer) and (not said[:offset].strip() or is_change(text))
    return Passage(offset, len(answer), 1.0) if is_it else None


def _carried(text: str, sentence: Sentence, index: Texts[K]) -> tuple[list[Carried[K]], bool]:
    """Give who says a sentence, in parts if need be, and whether nobody does. What is too short to tell is nobody's."""
    if sentence.is_code:
        return [
            whole := _by(sentence, index.code_carriers(list(code_lines(text, sentence))))
        ], not whole.carriers
    parts = clauses_of(text, sentence)
    says = joined(part.says for part in parts)
    whole = _by(sentence, index.carriers(says))
    if whole.carriers or len(says.words) < FEWEST_WORDS:
        return [whole], False
    each = [_by(part.place, index.carriers(part.says)) for part in parts] if len(parts) > 1 else []
    if each and all(part.carriers for part in each):
        return each, False
    return [whole], True


def _by(place: Sentence, found: Mapping[K, Passage]) -> Carried[K]:
    best_first = sorted(found.items(), key=lambda item: -item[1].score)
    return Carried(place.offset, place.end - place.offset, tuple(best_first))


def points_of(verdict: Mapping[str, Any] | None) -> list[Point[str]]:
    """Give what a verdict says that some held against others, or alone; its answers are named as they are in it."""
    if verdict is None:
        return []
    holders = {c["label"]: c["answer"] for c in verdict.get("candidates", ())}
    found = [*_stances(verdict), *_insights(verdict)]
    return [
        Point(kind, topic, text, holders[label])
        for kind, topic, text, label in found
        if text and label in holders
    ]


def _stances(verdict: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    for item in verdict.get("contradictions", ()):
        for stance in item["stances"]:
            yield "contradiction", item["topic"], stance["stance"], stance["label"]


def _insights(verdict: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    for item in verdict.get("unique_insights", ()):
        yield "insight", "", item["insight"], item["label"]


def _dropped(fused: str, texts: Mapping[K, str], points: Sequence[Point[K]]) -> tuple[Point[K], ...]:
    """Give the points that are in the fused answer neither as the judge put them nor as their holder did."""
    if not points:
        return ()
    answer = Texts({"": fused})
    holders = {point.holder for point in points}
    said = {key: Texts({key: text}) for key, text in texts.items() if key in holders}
    return tuple(p for p in points if not _is_in(answer, p, texts.get(p.holder, ""), said.get(p.holder)))


def _is_in(answer: Texts[str], point: Point[K], text: str, said: Texts[K] | None) -> bool:
    told = wording(point.text)
    if answer.carriers(told, STANCE):
        return True
    own = said.carriers(told, STANCE).get(point.holder) if said else None
    return own is not None and bool(answer.carriers(wording(text[own.offset : own.offset + own.length])))
