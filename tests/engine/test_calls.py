"""What each mode costs in calls, as the table in docs/method.md says: counted over runs of every size."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fusion_site.engine.events import FusedFinished
from fusion_site.engine.results import Source
from fusion_site.engine.settings import Mode
from tests.engine.judges import holding, judge_by, scores_by, task_of, tasks
from tests.engine.recording import Recording, cast, record, settings
from tests.engine.scripted import writes

ALWAYS = {"Answer": [True] * 4}
SIZES = range(2, 9)


@dataclass(frozen=True)
class Row:
    """One row of the table: what is run, and how many calls of each kind are made at most for N members."""

    name: str
    mode: Mode
    agree: bool = False
    more: tuple[tuple[str, Any], ...] = ()

    def run(self, members: int) -> Recording:
        """Run it with members that answer one after another, all by the best judge there could be."""
        texts = ["Answer: 5" if self.agree else f"Answer {n}, in prose." for n in range(members)]
        talk = [
            tasks(answer=writes(text, after), challenge=writes("KEEP\nReason: fine"))
            for after, text in enumerate(texts, start=1)
        ]
        return record(
            settings(self.mode, members=members, quorum=members, **dict(self.more)),
            cast(*talk, judge=judge_by(holding("Answer 0")), early=scores_by(ALWAYS)),
        )


HARM = (("do_no_harm", True),)
ROWS = [
    Row("best of", Mode.BEST_OF),
    Row("merge", Mode.MERGE),
    Row("merge, *do no harm*", Mode.MERGE, more=HARM),
    Row("debate, one round", Mode.DEBATE),
    Row("debate, two rounds", Mode.DEBATE, more=(("debate_rounds", 2),)),
    Row("any, all agree", Mode.BEST_OF, agree=True),
    Row("any, all agree", Mode.MERGE, agree=True, more=HARM),
    Row("any, all agree", Mode.DEBATE, agree=True),
]


def table() -> dict[str, list[str]]:
    """Give the rows of the table in the docs, by their first cell."""
    text = (Path(__file__).parents[2] / "docs/method.md").read_text()
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if "|" in line
    ]
    return {cells[0]: cells[1:] for cells in rows}


def worth(formula: str, members: int) -> int:
    """Give the value of a cell such as `2N + 2`."""
    parts = re.fullmatch(r"(?:(\d*)N)?\s*(?:([+-])?\s*(\d+))?", formula)
    assert parts, formula
    times = int(parts[1] or 1) if "N" in formula else 0
    return times * members + int((parts[2] or "") + (parts[3] or "0"))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.name} {row.mode}")
@pytest.mark.parametrize("members", SIZES)
def test_no_row_makes_more_calls_than_the_table_says(row: Row, members: int) -> None:
    told = row.run(members)
    made = Counter(task_of(call.ask) for call in told.asker.calls)
    answers, early, after, total = (worth(cell, members) for cell in table()[row.name])
    assert made["answer"] + made["challenge"] == answers
    assert made["score"] + made["say"] <= early
    assert made["judge"] + made["merge"] == after
    assert len(told.asker.calls) <= total == answers + early + after


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.name} {row.mode}")
def test_the_table_is_met_where_the_pool_is_large_enough(row: Row) -> None:
    assert len(row.run(8).asker.calls) == worth(table()[row.name][-1], 8)


@pytest.mark.parametrize("row", ROWS[:3], ids=lambda row: row.name)
def test_early_calls_add_no_time(row: Row) -> None:
    told = row.run(6)
    after = len({call.at for call in told.asker.calls if task_of(call.ask) in {"judge", "merge"}})
    assert told.time_of(FusedFinished) == 6.0 + after


def test_all_agree_is_a_vote_in_every_mode() -> None:
    assert {row.run(4).fused.source for row in ROWS if row.agree} == {Source.VOTE}
