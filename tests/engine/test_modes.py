"""Each mode from the first question to the fused answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fusion_site.engine.asking import ErrorKind, Outcome
from fusion_site.engine.events import FusedStarted, VerdictFinished
from fusion_site.engine.results import AnswerKey, Source
from fusion_site.engine.settings import Mode
from tests.engine.judges import holding, judge_by, tasks
from tests.engine.recording import JUDGE, cast, member, model, record, settings
from tests.engine.scripted import InTurn, Script, fails, hangs, stops_dead, writes

ALPHA, BETA, GAMMA = "Alpha says rays.", "Beta says  scattering.\r\n\n  And\tmore…  ", "Gamma says the sea."


def test_best_of_returns_the_winner_byte_for_byte() -> None:
    long = BETA * 500
    told = record(
        settings(),
        cast(writes(ALPHA, 1), writes(long, 2), writes(GAMMA, 3), judge=judge_by(holding("Beta"))),
    )
    assert told.text == long
    assert told.fused.source is Source.BEST_OF
    assert told.fused.answers == (AnswerKey(0, 0), AnswerKey(0, 1), AnswerKey(0, 2))
    assert told.fused.late == ()
    assert told.verdict["winner"] == [0, 1]
    assert told.verdict["close_call"] is False
    assert told.end.state == "done"


def test_merge_streams_what_the_merger_writes() -> None:
    judge = judge_by(holding("Beta"), merged="Both at once.", after=4)
    told = record(settings(Mode.MERGE), cast(writes(ALPHA), writes(BETA), writes(GAMMA), judge=judge))
    assert told.text == "Both at once."
    assert told.fused.source is Source.MERGE
    assert told.steps == ["judge/0", "judge/1", "merge/0"]
    assert told.time_of(FusedStarted) == 5.0


def test_debate_returns_the_position_that_won_after_the_challenge() -> None:
    changed = "CHANGE\nReason: the sea is not up there\n\nGamma now says scattering."
    members = [
        tasks(answer=writes(text), challenge=writes(reply, 2))
        for text, reply in ((ALPHA, "KEEP\nReason: none needed"), (BETA, "KEEP"), (GAMMA, changed))
    ]
    told = record(settings(Mode.DEBATE), cast(*members, judge=judge_by(holding("Gamma now"))))
    assert told.text == "Gamma now says scattering."
    assert told.fused.source is Source.DEBATE
    assert told.verdict["winner"] == [1, 2]
    assert told.fused.answers == (AnswerKey(0, 0), AnswerKey(0, 1), AnswerKey(1, 2))


@pytest.mark.parametrize("mode", Mode)
def test_one_usable_answer_is_returned_without_a_judge(mode: Mode) -> None:
    told = record(settings(mode), cast(fails(), writes(BETA, 2), writes("", outcome=Outcome.EMPTY)))
    assert told.fused.source is Source.SINGLE
    assert told.text == BETA
    assert told.fused.answers == (AnswerKey(0, 1),)
    assert not told.all(VerdictFinished)
    assert told.asker.calls_to(JUDGE) == []
    assert told.outcomes() == [Outcome.ERROR, Outcome.COMPLETE, Outcome.EMPTY]


@pytest.mark.parametrize("mode", Mode)
def test_no_usable_answer_fails_the_run_with_a_reason_for_each(mode: Mode) -> None:
    told = record(
        settings(mode),
        cast(fails(ErrorKind.AUTH), fails(ErrorKind.RATE_LIMIT), writes("  ", outcome=Outcome.COMPLETE)),
    )
    assert told.end.state == "failed"
    assert told.end.message
    assert told.asker.calls_to(JUDGE) == []
    errors = [told.result(n).error for n in (0, 1)]
    assert [error and error.kind for error in errors] == [ErrorKind.AUTH, ErrorKind.RATE_LIMIT]


def test_a_failing_member_never_stops_the_others() -> None:
    told = record(
        settings(members=4),
        cast(
            fails(ErrorKind.BILLING, 0.1),
            fails(ErrorKind.NETWORK, 0.2, text="Half a"),
            writes(BETA, 5),
            writes(GAMMA, 6),
            judge=judge_by(holding("Gamma")),
        ),
    )
    assert told.outcomes() == [Outcome.ERROR, Outcome.INTERRUPTED, Outcome.COMPLETE, Outcome.COMPLETE]
    assert told.result(1).text == "Half a"
    assert told.text == GAMMA


def test_a_stream_that_never_says_how_it_ended_is_a_protocol_error() -> None:
    told = record(settings(members=2), cast(stops_dead("Half"), writes(BETA)))
    ended = told.result(0)
    assert ended.outcome is Outcome.ERROR
    assert ended.error is not None
    assert ended.error.kind is ErrorKind.PROTOCOL
    assert ended.text == "Half"
    assert told.fused.source is Source.SINGLE


def test_the_same_model_may_sit_in_the_pool_twice() -> None:
    twin = replace(member(1), model=member(0).model)
    told = record(
        settings(members=(member(0), twin)),
        cast(InTurn(writes(ALPHA, 1), writes(BETA, 2)), judge=judge_by(holding("Beta"))),
    )
    assert told.text == BETA
    assert told.verdict["winner"] == [0, 1]


def cut(text: str, after: float = 1.0) -> Script:
    """Write an answer that hits its length limit."""
    return writes(text, after, outcome=Outcome.TRUNCATED)


class TestTruncated:
    """An answer cut by its length limit may be merged, but neither wins nor votes beside a whole one."""

    def test_it_does_not_stand_in_a_best_of(self) -> None:
        told = record(
            settings(), cast(cut(ALPHA), writes(BETA, 2), writes(GAMMA, 3), judge=judge_by(holding("Gamma")))
        )
        assert [c["answer"] for c in told.verdict["candidates"]].count([0, 0]) == 0
        assert told.text == GAMMA

    def test_it_is_not_challenged_in_a_debate(self) -> None:
        keep = writes("KEEP\nReason: sure")
        told = record(
            settings(Mode.DEBATE),
            cast(
                cut(ALPHA),
                tasks(answer=writes(BETA), challenge=keep),
                tasks(answer=writes(GAMMA), challenge=keep),
                judge=judge_by(holding("Beta")),
            ),
        )
        assert len(told.asker.calls_to(model(0))) == 1
        assert all(ALPHA not in call.prompt for call in told.asker.calls)

    def test_it_is_merged_and_labelled_and_cannot_win(self) -> None:
        told = record(
            settings(Mode.MERGE, do_no_harm=True),
            cast(cut(ALPHA), writes(BETA), writes(GAMMA), judge=judge_by(holding("Alpha"))),
        )
        judged, merged = told.asker.calls_to(JUDGE)[0], told.asker.calls_to(JUDGE)[2]
        assert "(cut off by its length limit)" in judged.prompt
        assert "Alpha" in merged.prompt
        assert told.verdict["winner"] in ([0, 1], [0, 2])
        assert "cut off" in told.verdict["note"]
        assert told.fused.source is Source.BEST_OF
        assert told.text in (BETA, GAMMA)

    def test_alone_it_is_returned_as_it_is(self) -> None:
        told = record(settings(members=2), cast(cut(ALPHA), fails()))
        assert told.fused.source is Source.SINGLE
        assert told.text == ALPHA
        assert "cut off" in told.fused.note

    @pytest.mark.parametrize("mode", [Mode.BEST_OF, Mode.MERGE])
    def test_where_nothing_whole_came_it_may_win(self, mode: Mode) -> None:
        told = record(settings(mode, members=2), cast(cut(ALPHA), cut(BETA), judge=judge_by(holding("Beta"))))
        assert told.verdict["winner"] == [0, 1]
        assert told.text == (BETA if mode is Mode.BEST_OF else "The merged answer.")

    def test_it_never_is_the_fallback_beside_a_whole_one(self) -> None:
        told = record(
            settings(Mode.MERGE),
            cast(cut(ALPHA), writes(BETA), writes(GAMMA), judge=fails(), fallback=fails()),
        )
        assert told.fused.source is Source.FALLBACK
        assert told.text == BETA


def test_a_hanging_member_does_not_hold_up_the_fused_answer() -> None:
    told = record(
        settings(deadline_s=40),
        cast(writes(ALPHA, 1), writes(BETA, 2), hangs("I th"), judge=judge_by(holding("Alpha"))),
    )
    assert told.time_of(FusedStarted) == 5.0
    assert told.fused.late == (AnswerKey(0, 2),)
    assert told.result(2).outcome is Outcome.ERROR
    assert told.result(2).text == "I th"
