"""The merge: of the best three, whole or not at all, and no worse than the best single answer."""

from __future__ import annotations

from typing import Any

import pytest

from fusion_site.engine.asking import Ask, Outcome
from fusion_site.engine.events import FusedDelta, FusedStarted
from fusion_site.engine.results import AnswerKey, Source
from fusion_site.engine.settings import Mode
from tests.engine.judges import (
    Pick,
    candidates_in,
    fences_in,
    first_shown,
    holding,
    judge_by,
    task_of,
    tasks,
    verdict,
)
from tests.engine.recording import FALLBACK, JUDGE, Recording, cast, member, record, settings
from tests.engine.scripted import Hang, InTurn, Made, Part, Script, fails, hangs, writes

TEXTS = ["One way.", "Two ways.", "Three ways.", "Four ways."]
MARKS = {
    "One": [True, False, False, False],
    "Two": [True] * 4,
    "Three": [False] * 4,
    "Four": [False, True, True, True],
}


def merged(judge: Part, fallback: Part = (), **more: Any) -> Recording:
    """Run four members in merge mode."""
    chosen = settings(
        Mode.MERGE, members=more.pop("members", 4), quorum=4, judge=more.pop("settled", {}), **more
    )
    return record(chosen, cast(*(writes(text) for text in TEXTS), judge=judge, fallback=fallback))


def test_the_best_three_are_merged_the_winner_first() -> None:
    told = merged(judge_by(holding("One"), marks=MARKS))
    call = told.asker.calls_to(JUDGE)[-1]
    assert list(candidates_in(call.ask).values()) == ["One way.", "Two ways.", "Four ways."]
    assert told.fused.answers == (AnswerKey(0, 0), AnswerKey(0, 1), AnswerKey(0, 3))


def test_the_merger_is_given_the_analysis_and_the_aspects() -> None:
    pool = tuple(member(n, aspect=f"aspect {n}") for n in range(4))
    told = merged(
        judge_by(holding("One"), consensus=["All see ways."], blind_spots=["No cost."]), members=pool
    )
    call = told.asker.calls_to(JUDGE)[-1]
    analysis = fences_in(call.ask, "analysis")[""]
    assert analysis["consensus"] == ["All see ways."]
    assert analysis["blind_spots"] == ["No cost."]
    letter = next(letter for letter, text in candidates_in(call.ask).items() if text == "One way.")
    assert f"Prefer candidate {letter} for: aspect 0" in call.prompt
    assert "write nowhere that code was run or tested" in call.prompt


def test_each_try_starts_the_text_again() -> None:
    judge = tasks(judge=judge_by(first_shown), merge=fails(text="Half a mer"))
    told = merged(judge, tasks(merge=writes("All of it.")))
    assert told.text == "All of it."
    assert [e.source for e in told.all(FusedStarted)] == [Source.MERGE, Source.MERGE]
    assert "Half a mer" in [e.text for e in told.all(FusedDelta)]
    assert told.steps[-2:] == ["merge/0", "merge/1"]
    assert told.asker.calls_to(FALLBACK)[0].ask.messages == told.asker.calls_to(JUDGE)[-1].ask.messages


@pytest.mark.parametrize(
    "bad",
    [
        fails(),
        fails(text="Half a mer"),
        writes("Cut sho", outcome=Outcome.TRUNCATED),
        writes("  \n", outcome=Outcome.COMPLETE),
        writes("No.", outcome=Outcome.FILTERED),
    ],
)
def test_a_merge_that_fails_twice_gives_the_best_candidate_word_for_word(bad: Script) -> None:
    told = merged(tasks(judge=judge_by(holding("Two")), merge=bad), tasks(merge=bad))
    assert told.fused.source is Source.FALLBACK
    assert told.text == "Two ways."
    assert told.fused.note.startswith("The merge failed. ")
    assert told.end.state == "done"


def test_a_merge_that_hangs_is_left_for_the_fallback_at_half_of_the_time() -> None:
    judge = tasks(judge=judge_by(holding("Two")), merge=hangs("Let me"))
    told = merged(judge, tasks(merge=writes("All of it.")), deadline_s=102)
    assert told.time_of(FusedStarted) == 52.0
    assert told.text == "All of it."
    assert told.steps[-2:] == ["merge/0", "merge/1"]


def test_a_merge_that_a_reader_sees_being_written_is_not_cut_for_the_fallback() -> None:
    slow = tasks(judge=judge_by(holding("Two")), merge=writes("Slow, but sure." * 2, after=90, pieces=30))
    told = merged(slow, tasks(merge=writes("All of it.")), deadline_s=102)
    assert told.text == "Slow, but sure." * 2
    stuck = tasks(
        judge=judge_by(holding("Two")), merge=[*writes("Slow, and stuck.", after=64, pieces=16)[:-1], Hang()]
    )
    told = merged(stuck, tasks(merge=writes("All of it.")), deadline_s=102)
    assert told.time_of(FusedStarted) == 2.0 + 64.0 + 5.0
    assert told.text == "All of it."


def test_a_merge_that_hangs_is_left_at_the_deadline() -> None:
    stuck = hangs("Let me")
    told = merged(tasks(judge=judge_by(holding("Two")), merge=stuck), tasks(merge=stuck), deadline_s=100)
    assert told.time_of(FusedStarted) == 100.0
    assert told.text == "Two ways."
    assert told.fused.source is Source.FALLBACK
    assert told.fused.note == "The merge failed. It was not done when the time for judging was up."


def harm_judge(pick: Pick | None, *, merge: str = "Merged at last.", then: Part = ()) -> Made | InTurn:
    """Judge the members for `Two`, and whether the merged answer is better by `pick` (None plays `then`)."""

    def script(ask: Ask) -> Script:
        if task_of(ask) == "merge":
            return writes(merge)
        shown = candidates_in(ask)
        if merge not in shown.values():
            return writes(verdict(holding("Two")(shown)))
        if pick is None:
            assert not callable(then)
            assert not isinstance(then, InTurn)
            return then
        return writes(verdict(pick(shown)))

    return script


class TestDoNoHarm:
    """The merged answer must beat the best candidate in both orders."""

    def test_one_that_does_is_returned(self) -> None:
        told = merged(harm_judge(holding("Merged")), do_no_harm=True, settled={"swap_check": False})
        assert told.text == "Merged at last."
        assert told.fused.source is Source.MERGE
        assert told.steps == ["judge/0", "merge/0", "harm/0", "harm/1"]
        orders = [list(candidates_in(call.ask).values()) for call in told.asker.calls_to(JUDGE)[2:]]
        assert orders[0] == orders[1][::-1]
        assert sorted(orders[0]) == ["Merged at last.", "Two ways."]

    @pytest.mark.parametrize("pick", [holding("Two"), first_shown, lambda shown: None])
    def test_one_that_does_not_gives_way_to_the_best_and_the_page_says_why(self, pick: Pick) -> None:
        told = merged(harm_judge(pick), do_no_harm=True)
        assert told.text == "Two ways."
        assert told.fused.source is Source.BEST_OF
        assert "not clearly better" in told.fused.note
        assert [e.source for e in told.all(FusedStarted)] == [Source.MERGE, Source.BEST_OF]

    def test_without_a_verdict_it_gives_way_too_and_the_note_does_not_claim_one(self) -> None:
        told = merged(harm_judge(None, then=fails()), fails(), do_no_harm=True)
        assert told.text == "Two ways."
        assert "could not be compared" in told.fused.note
        assert "not clearly better" not in told.fused.note

    def test_a_verdict_on_one_order_alone_is_not_enough(self) -> None:
        seen: list[str] = []

        def script(ask: Ask) -> Script:
            shown = candidates_in(ask)
            if task_of(ask) == "merge":
                return writes("Merged at last.")
            if "Merged at last." not in shown.values():
                return writes(verdict(holding("Two")(shown)))
            seen.append(next(iter(shown.values())))
            return writes(verdict(holding("Merged")(shown))) if seen[0] == seen[-1] else fails()

        told = merged(script, fails(), do_no_harm=True)
        assert told.text == "Two ways."

    def test_it_is_not_asked_where_the_merge_failed(self) -> None:
        told = merged(tasks(judge=judge_by(holding("Two")), merge=fails()), fails(), do_no_harm=True)
        assert not any(step.startswith("harm") for step in told.steps)
