"""What a right answer needs, as the judge wrote it down before it read any."""

from __future__ import annotations

import re

from fusion_site.engine.asking import Outcome
from fusion_site.engine.defusing import harmless
from fusion_site.engine.results import AnswerResult

# A few lines, and room for a reasoning judge to come to them.
NEEDS_TOKENS = 1024
MOST_LINES = 6
LONGEST_LINE = 300

_LINE = re.compile(r"\s{0,4}(?:[-*•]|\d{1,2}[.)])\s+(\S.*)")


def needs_in(result: AnswerResult) -> tuple[str, ...]:
    """Give the lines of the list in a whole reply: a few, each short and harmless; whatever else it says is left out."""
    if result.outcome is not Outcome.COMPLETE:
        return ()
    lines = (_LINE.fullmatch(line) for line in harmless(result.text).splitlines())
    return tuple(found[1].strip()[:LONGEST_LINE] for found in lines if found)[:MOST_LINES]
