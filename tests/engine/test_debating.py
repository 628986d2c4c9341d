"""The debate: who is shown what, and which changes count."""

from __future__ import annotations

from typing import Any

import pytest

from fusion_site.engine.asking import Message, Outcome, Sampling
from fusion_site.engine.debating import moved
from fusion_site.engine.events import AnswerFinished, AnswerStarted, VerdictStarted
from fusion_site.engine.moves import moves_in
from fusion_site.engine.positions import Position
from fusion_site.engine.results import AnswerKey, AnswerResult, Source
from fusion_site.engine.settings import Mode
from tests.engine.judges import candidates_in, fences_in, holding, judge_by, task_of, tasks
from tests.engine.recording import JUDGE, Recording, cast, member, model, record, resume_from, settings
from tests.engine.scripted import InTurn, Part, Script, fails, writes

TEXTS = ["One way.", "Two ways.", "Three ways."]
KEEP = writes("KEEP\nReason: nobody shows me wrong")


def change(text: str, reason: str = "one way is too few") -> Script:
    """Change to `text`."""
    return writes(f"CHANGE\nReason: {reason}\n\n{text}")


def debated(*replies: Script, **more: Any) -> Recording:
    """Run three members that answer by TEXTS and then reply by these scripts."""
    members = [
        tasks(answer=writes(text), challenge=reply) for text, reply in zip(TEXTS, replies, strict=True)
    ]
    judge = more.pop("judged", judge_by(holding("Two")))
    return record(settings(Mode.DEBATE, **more), cast(*members, judge=judge))


BEFORE = Position(AnswerKey(0, 1), "Before.")
AFTER = AnswerKey(1, 1)


@pytest.mark.parametrize(
    "reply",
    [
        "KEEP\nReason: all fine",
        "KEEP",
        "keep.",
        "CHANGE\n\nAfter, without a reason.",
        "CHANGE\nReason:\n\nAfter, without a reason.",
        "CHANGE\nReason: none\n\nAfter, without a reason.",
        "CHANGE\nReason: N/A.\n\nAfter, without a reason.",
        "CHANGE\nReason: a good one",
        "CHANGE\nReason: a good one\n\n  ",
        "After, without the word.",
        "I would CHANGE it.\nReason: a good one\n\nAfter.",
        "",
    ],
)
def test_what_is_no_reasoned_change_keeps_the_first_answer(reply: str) -> None:
    assert moved(BEFORE, AFTER, AnswerResult(Outcome.COMPLETE, reply)) == BEFORE


@pytest.mark.parametrize(
    ("reply", "reason", "text"),
    [
        ("CHANGE\nReason: a good one\n\nAfter.", "a good one", "After."),
        ("**Change**\n\n**Reason:** a good one\n\nAfter.", "a good one", "After."),
        ("CHANGE\nReason: “it rains” is wrong\nAfter.\n\nMore.", "“it rains” is wrong", "After.\n\nMore."),
        ("CHANGE\nReason: a good one\n\n- a  \n- b\u2028c", "a good one", "- a  \n- b\u2028c"),
    ],
)
def test_a_reasoned_change_counts_with_its_text_untouched(reply: str, reason: str, text: str) -> None:
    assert moved(BEFORE, AFTER, AnswerResult(Outcome.COMPLETE, reply)) == Position(AFTER, text, reason=reason)


@pytest.mark.parametrize("outcome", [o for o in Outcome if o is not Outcome.COMPLETE])
def test_a_reply_that_is_not_whole_changes_nothing(outcome: Outcome) -> None:
    reply = AnswerResult(outcome, "CHANGE\nReason: a good one\n\nAft")
    assert moved(BEFORE, AFTER, reply) == BEFORE


def test_a_whole_change_of_a_cut_answer_is_whole() -> None:
    before = Position(AnswerKey(0, 1), "Bef", truncated=True)
    after = moved(before, AFTER, AnswerResult(Outcome.COMPLETE, "CHANGE\nReason: a good one\n\nAfter."))
    assert after.truncated is False


def test_the_judge_reads_the_final_positions_and_the_reasons() -> None:
    told = debated(KEEP, change("Two and a half."), KEEP)
    for call in told.asker.calls_to(JUDGE):
        assert sorted(candidates_in(call.ask).values()) == ["One way.", "Three ways.", "Two and a half."]
        (reason,) = fences_in(call.ask, "reason").values()
        assert reason == "one way is too few"
    assert told.text == "Two and a half."
    assert told.verdict["winner"] == [1, 1]
    reasons = {tuple(c["answer"]): c["reason"] for c in told.verdict["candidates"]}
    assert reasons == {(0, 0): "", (1, 1): "one way is too few", (0, 2): ""}


def test_an_unreasoned_change_never_reaches_the_judge() -> None:
    told = debated(KEEP, writes("CHANGE\n\nTwo, for no reason."), KEEP)
    assert told.text == "Two ways."
    assert all("no reason" not in call.prompt for call in told.asker.calls_to(JUDGE))


def test_a_reply_that_fails_keeps_the_first_answer() -> None:
    told = debated(fails(), fails(text="CHANGE"), KEEP)
    assert told.fused.answers == tuple(AnswerKey(0, n) for n in range(3))


def test_the_verdict_says_who_moved_and_after_whose_words() -> None:
    quoting = change("Two and a half.", "“One  way.” forgets the rest, and “Three *ways*.” has too many")
    told = debated(KEEP, quoting, writes("CHANGE\n\nFor no reason."))
    moves = {tuple(move["answer"]): move for move in told.verdict["moves"]}
    assert {key: (move["choice"], move["changed"]) for key, move in moves.items()} == {
        (1, 0): ("keep", False),
        (1, 1): ("change", True),
        (1, 2): ("change", False),
    }
    assert moves[1, 1]["quotes"] == [[0, 0], [0, 2]]
    assert (moves[1, 0]["reason"], moves[1, 0]["quotes"]) == ("nobody shows me wrong", [])
    assert moves[1, 2]["reason"] == ""


def test_who_moved_is_told_alike_after_a_takeover_and_where_no_judge_decided() -> None:
    told = debated(KEEP, change("Two and a half."), KEEP)
    judging = next(n for n, event in enumerate(told.events) if isinstance(event, VerdictStarted))
    again = record(
        settings(Mode.DEBATE),
        cast(judge=judge_by(holding("Two"))),
        resume=resume_from(told.events[: judging + 1]),
    )
    assert again.verdict["moves"] == told.verdict["moves"]
    unjudged = debated(KEEP, change("Two and a half."), KEEP, judged=fails())
    assert unjudged.fused.source == Source.FALLBACK
    assert unjudged.verdict["moves"] == told.verdict["moves"]


def test_a_change_that_came_too_late_to_count_is_not_called_one() -> None:
    first, late = (
        AnswerResult(Outcome.COMPLETE, "Before."),
        AnswerResult(Outcome.COMPLETE, "CHANGE\nReason: x y\n\nAfter."),
    )
    answers = {BEFORE.key: first, AFTER: late}
    assert moves_in(answers, [BEFORE]) == []
    (move,) = moves_in(answers, [Position(AFTER, "After.", reason="x y")])
    assert (move["answer"], move["changed"]) == ([1, 1], True)


def test_each_member_sees_the_others_in_an_order_of_its_own() -> None:
    told = debated(KEEP, KEEP, KEEP)
    shown = {}
    for n in range(3):
        call = told.asker.calls_to(model(n))[1]
        assert task_of(call.ask) == "challenge"
        shown[n] = candidates_in(call.ask)
        assert sorted(shown[n].values()) == sorted(text for m, text in enumerate(TEXTS) if m != n)
        assert list(shown[n]) == ["A", "B"]
        assert call.ask.messages[-2] == Message("assistant", TEXTS[n])


def test_a_challenge_keeps_the_conversation_and_every_system_prompt() -> None:
    turns = (
        Message("system", "Answer in verse."),
        Message("user", "Hello?"),
        Message("assistant", "Hi."),
        Message("user", "Why is it blue?"),
    )
    pool = (member(0, system="You are a poet."), member(1))
    told = record(
        settings(Mode.DEBATE, members=pool, messages=turns),
        cast(*(tasks(answer=writes(t), challenge=KEEP) for t in TEXTS[:2]), judge=judge_by(holding("Two"))),
    )
    first, challenge = told.asker.calls_to(model(0))
    assert first.ask.messages == (Message("system", "You are a poet.\n\nAnswer in verse."), *turns[1:])
    assert challenge.ask.messages[0].content.endswith("You are a poet.\n\nAnswer in verse.")
    assert challenge.ask.messages[1:4] == turns[1:]


def test_two_rounds_build_on_each_other() -> None:
    members: list[Part] = [
        tasks(answer=writes(TEXTS[0]), challenge=KEEP),
        InTurn(writes(TEXTS[1]), change("Two, second."), change("Two, third.")),
        tasks(answer=writes(TEXTS[2]), challenge=KEEP),
    ]
    told = record(settings(Mode.DEBATE, debate_rounds=2), cast(*members, judge=judge_by(holding("third"))))
    second = told.asker.calls_to(model(0))[2]
    assert "Two, second." in candidates_in(second.ask).values()
    assert told.asker.calls_to(model(1))[2].ask.messages[-2].content == "Two, second."
    assert told.text == "Two, third."
    assert told.verdict["winner"] == [2, 1]


def test_no_rounds_is_no_debate() -> None:
    told = debated(KEEP, KEEP, KEEP, debate_rounds=0)
    assert {e.key.round for e in told.all(AnswerStarted)} == {0}


def test_first_answers_stay_as_they_were() -> None:
    told = debated(
        change("One now."), change("Two now."), change("Three now."), judged=judge_by(holding("One"))
    )
    firsts = {e.key.member: e.result.text for e in told.all(AnswerFinished) if e.key.round == 0}
    assert list(firsts.values()) == TEXTS
    assert told.text == "One now."


def test_sampling_of_the_member_is_kept() -> None:
    pool = (member(0, sampling=Sampling(temperature=0.9, max_tokens=77)), member(1))
    told = record(
        settings(Mode.DEBATE, members=pool),
        cast(*(tasks(answer=writes(t), challenge=KEEP) for t in TEXTS[:2]), judge=judge_by(holding("Two"))),
    )
    assert [call.ask.sampling.max_tokens for call in told.asker.calls_to(model(0))] == [77, 77]
