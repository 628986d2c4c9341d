"""The engine's tasks as a model is sent them: what is to be done, and the data between the delimiters."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from fusion_site.rehearsal.wire import Turn


class Kind(StrEnum):
    """What a task asks for."""

    JUDGE = "judge"
    MERGE = "merge"
    CHALLENGE = "challenge"
    SCORE = "score"
    NEEDS = "say"


_FIRST_LINE = re.compile(
    r"Task: (judge the candidates|merge the candidates|challenge the other answers|score one candidate"
    r"|say what a right answer needs)\b"
)
_MARKING = re.compile(r'"mark": "(\w+)"\.\Z')
_FENCED = re.compile(r"^<<(\w+) (\S+)(?: ([A-Z]))?>>\n(.*)\n<<end \1 \2(?: \3)?>>$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Task:
    """One task. `candidates` maps letters to texts, in the order of the letters; `own` is the member's first answer.

    `kept` and `left_out` are what a reader wants in a merged answer, and what not; `mark` is the word that the reply has
    to bear, if any.
    """

    kind: Kind
    question: str
    candidates: dict[str, str]
    criteria: tuple[dict[str, Any], ...]
    own: str
    kept: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    mark: str = ""


def find_task(system: str, turns: Sequence[Turn]) -> Task | None:
    """Give the task in a conversation; None for an ordinary prompt.

    The system message names the task in its first line, and the last user message that holds the question has the
    data. Text in a candidate cannot look like a delimiter: it is one JSON string on one line.
    """
    named = _FIRST_LINE.match(system)
    data = next(
        (turn.content for turn in reversed(turns) if turn.role == "user" and "<<question" in turn.content),
        "",
    )
    if named is None or not data:
        return None
    kind = Kind(named[1].split()[0])
    fences = [(kind, letter, _decoded(text)) for kind, _, letter, text in _FENCED.findall(data)]
    candidates = {
        letter: text for kind, letter, text in fences if kind == "candidate" and isinstance(text, str)
    }
    if not candidates and kind is not Kind.NEEDS:
        return None
    wishes = next((found for kind, _, found in fences if kind == "wishes" and isinstance(found, dict)), {})
    return Task(
        kind=kind,
        question=next((text for kind, _, text in fences if kind == "question" and isinstance(text, str)), ""),
        candidates=dict(sorted(candidates.items())),
        criteria=next((_criteria(found) for kind, _, found in fences if kind == "criteria"), ()),
        own=next((turn.content for turn in reversed(turns) if turn.role == "assistant"), ""),
        kept=_wordings(wishes.get("keep")),
        left_out=_wordings(wishes.get("leave_out")),
        mark=marked[1] if (marked := _MARKING.search(data)) else "",
    )


def own_words(prompt: str) -> str:
    """Give what a person asked, without the earlier answers that a follow-up may show before it."""
    return _FENCED.sub("", prompt).strip()


def _decoded(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None  # Not the engine's data, so nothing of this fence is known.


def _wordings(found: object) -> tuple[str, ...]:
    items = found if isinstance(found, list) else []
    return tuple(str(i.get("stance") or i.get("text", "")) for i in items if isinstance(i, dict))


def _criteria(found: object) -> tuple[dict[str, Any], ...]:
    items = found if isinstance(found, list) else []
    return tuple(item for item in items if isinstance(item, dict) and item.get("name"))
