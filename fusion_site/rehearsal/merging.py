"""The scripted merger: the best candidate's text, opened by what several say and closed by what only others say.

What a reader wants kept and left out is taken word for word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from fusion_site.rehearsal.comparing import Comparison
from fusion_site.rehearsal.markup import LABEL, document
from fusion_site.rehearsal.scoring import Marks, best, marks_of
from fusion_site.rehearsal.tasks import Task

_CRITERIA = ({"name": "Correct", "weight": 2}, {"name": "Complete", "weight": 1})
MOST_SHARED, MOST_ADDED = 4, 2
_NO_PARAGRAPH = re.compile(r"#|[-*+>|] |\d+[.)] |```|~~~|\$\$")
_EMPTY_ITEM = re.compile(r"\s*(?:[-*+]|\d+[.)])?[\s.]*")
_LIST_END = re.compile(r"[,;:]$")


def merge(task: Task) -> str:
    """One markdown text made of the candidates' own sentences."""
    comparison = Comparison(task.question, task.candidates)
    marks = [marks_of(comparison, candidate, _CRITERIA) for candidate in comparison.candidates]
    chosen = best(marks)
    blocks = list(_blocks(chosen.candidate.text))
    title = [blocks.pop(0)] if blocks and blocks[0].startswith("# ") else []
    final = [blocks.pop()] if blocks and chosen.candidate.final and "nswer" in blocks[-1] else []
    shared = [point.sentence.text for point in comparison.shared[:MOST_SHARED]]
    agreed = " ".join(map(_whole, shared))
    rest = (_without(block, shared) for block in blocks)
    parts = [agreed, *rest, *_added(comparison, chosen, marks), *final]
    parts = [_left(part, task.left_out) for part in parts]
    said = "\n".join(parts)
    wanted = " ".join(_whole(wish) for wish in task.kept if wish not in said)
    return document(*title, wanted, *parts)


def _left(part: str, left_out: Sequence[str]) -> str:
    """What is left of a part without some sentences; of a list, without the items that were only these."""
    if not any(wish in part for wish in left_out):
        return part
    for wish in left_out:
        part = part.replace(wish, "")
    return "\n".join(line.rstrip() for line in part.splitlines() if not _EMPTY_ITEM.fullmatch(line))


def _without(block: str, said: Sequence[str]) -> str:
    """A paragraph without what was said already; other blocks as they are."""
    if _NO_PARAGRAPH.match(block):
        return block
    for sentence in said:
        block = block.replace(sentence, "")
    return " ".join(block.split())


def _added(comparison: Comparison, chosen: Marks, marks: Sequence[Marks]) -> Iterator[str]:
    """A paragraph for each other answer, the better first, with what only it says."""
    lead = "One answer adds: "
    for mark in sorted(marks, key=lambda mark: mark.rank, reverse=True):
        if mark is chosen or not (said := comparison.unique(mark.candidate.letter)[:MOST_ADDED]):
            continue
        yield lead + " ".join(_whole(sentence.text) for sentence in said)
        lead = "Another answer adds: "


def _whole(sentence: str) -> str:
    """A sentence that came from a list item ends like any other."""
    sentence = _LIST_END.sub("", sentence)
    return sentence if sentence.endswith((".", "!", "?", "”", "*")) else f"{sentence}."


def _blocks(text: str) -> Iterator[str]:
    """The blocks of a markdown text, fences whole, without the label at its end."""
    block: list[str] = []
    in_fence = False
    for line in [*text.splitlines(), ""]:
        in_fence ^= line.strip().startswith(("```", "~~~"))
        if line.strip() or in_fence:
            block.append(line)
        elif block and (joined := "\n".join(block)) != LABEL:
            yield joined
            block = []
        else:
            block = []
    if block:
        yield "\n".join(block)
