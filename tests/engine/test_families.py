"""Votes by family, and refusals: who counts when values are compared."""

from __future__ import annotations

import pytest

from fusion_site.engine.asking import ModelRef
from fusion_site.engine.positions import Position, counted
from fusion_site.engine.refusals import is_refusal
from fusion_site.engine.results import AnswerKey, Source
from fusion_site.engine.settings import Member, Mode
from tests.engine.judges import candidates_in, holding, judge_by, task_of
from tests.engine.recording import Recording, cast, record, settings
from tests.engine.scripted import hangs, writes

NO = "I'm sorry, but I can't help with that."


def count(votes: list[tuple[str, str]]) -> tuple[list[int], str | None]:
    """Give who is in front and with what, where each of these families ends in this value."""
    positions = [Position(AnswerKey(0, n), f"Answer: {value}") for n, (_, value) in enumerate(votes)]
    found = counted(positions, {n: family for n, (family, _) in enumerate(votes)})
    return [p.key.member for p in found.front], found.value


@pytest.mark.parametrize(
    ("votes", "front", "value"),
    [
        # A family has one vote, so its two members are no majority over two others.
        ([("x", "1"), ("x", "1"), ("y", "2"), ("z", "2")], [2, 3], "2"),
        ([("x", "1"), ("x", "1"), ("x", "1"), ("y", "2")], [0, 1, 2, 3], None),
        # Where its members differ, each has its share.
        ([("x", "1"), ("x", "2"), ("y", "1")], [0, 2], "1"),
        ([("x", "1"), ("x", "2"), ("y", "1"), ("z", "2")], [0, 1, 2, 3], None),
        ([("x", "1"), ("x", "1"), ("x", "2"), ("y", "2")], [2, 3], "2"),
        # In a pool of one family all count alike.
        ([("x", "1"), ("x", "1"), ("x", "2")], [0, 1], "1"),
    ],
)
def test_a_family_has_one_vote(votes: list[tuple[str, str]], front: list[int], value: str | None) -> None:
    assert count(votes) == (front, value)


def family_run(votes: list[tuple[str, str]], mode: Mode = Mode.BEST_OF) -> Recording:
    """Run members of these vendors that end in these values."""
    pool = tuple(Member(n, f"L{n}", ModelRef("c", f"{vendor}/m-{n}")) for n, (vendor, _) in enumerate(votes))
    asker = cast(judge=judge_by(holding("Answer: 1")))
    scripts = {
        m.model.model: writes(f"By {m.index}.\nAnswer: {v}") for m, (_, v) in zip(pool, votes, strict=True)
    }
    asker.scripts = {**asker.scripts, **scripts}
    return record(settings(mode, members=pool, quorum=len(pool)), asker)


def test_two_of_one_family_do_not_outvote_two_families() -> None:
    told = family_run([("x", "1"), ("x", "1"), ("y", "2"), ("z", "2")])
    assert told.fused.source is Source.VOTE
    assert told.text.endswith("Answer: 2")
    assert told.fused.note == "2 of 4 agreed on 2."


def test_a_tie_of_families_goes_to_the_judge_among_the_tied_only() -> None:
    told = family_run([("x", "1"), ("x", "1"), ("y", "2"), ("z", "3"), ("z", "4")])
    assert told.fused.source is Source.BEST_OF
    shown = [candidates_in(c.ask) for c in told.asker.calls if task_of(c.ask) == "judge"]
    assert sorted(shown[0].values()) == ["By 0.\nAnswer: 1", "By 1.\nAnswer: 1", "By 2.\nAnswer: 2"]


class TestRefusals:
    """They count only where most refuse."""

    @pytest.mark.parametrize("mode", Mode)
    def test_one_among_three_neither_wins_nor_is_shown(self, mode: Mode) -> None:
        told = record(
            settings(mode, quorum=3, debate_rounds=0),
            cast(
                writes(NO, 1), writes("One way.", 2), writes("Two ways.", 3), judge=judge_by(holding("Two"))
            ),
        )
        assert set(told.fused.answers) == {AnswerKey(0, 1), AnswerKey(0, 2)}
        assert all(NO not in call.prompt for call in told.asker.calls)

    def test_it_stops_no_vote(self) -> None:
        told = record(
            settings(quorum=3), cast(writes(NO), writes("Answer: 5", 2), writes("So: 5.\nAnswer: 5", 3))
        )
        assert told.fused.source is Source.VOTE

    def test_most_of_them_count_as_answers(self) -> None:
        told = record(
            settings(quorum=3),
            cast(
                writes(NO), writes(NO + " ", 2), writes("Like this: …", 3), judge=judge_by(holding("sorry"))
            ),
        )
        assert told.text in {NO, NO + " "}
        assert len(told.fused.answers) == 3

    def test_it_does_not_hurry_the_others(self) -> None:
        told = record(
            settings(members=4, quorum=2, grace=2.0, deadline_s=100),
            cast(
                writes(NO, 0.5),
                writes(NO, 0.5),
                writes("One way.", 6),
                writes("Two ways.", 8),
                judge=judge_by(holding("Two")),
            ),
        )
        assert told.text == "Two ways."

    def test_where_one_refuses_and_the_rest_fails_it_is_all_there_is(self) -> None:
        told = record(settings(members=2, deadline_s=40), cast(writes(NO), hangs()))
        assert (told.fused.source, told.text) == (Source.SINGLE, NO)

    @pytest.mark.parametrize(
        "text",
        [
            NO,
            "I cannot assist with this request.",
            "I’m not able to help you with that. Please ask something else.",
            "Sorry, I can't do that.",
            "As an AI language model, I can't provide that information.",
            "Unfortunately, I am unable to comply with this request.",
            "I apologize, but I cannot fulfill this request.",
            "**I won't provide instructions for this.**",
        ],
    )
    def test_what_is_one(self, text: str) -> None:
        assert is_refusal(text)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "You can't help with that unless you have a key.",
            "I can't help but admire it.",
            "I cannot provide that as a list, but here is a table: …",
            "I can't help with that. However, the usual dose is 5 mg.",
            "I'm sorry, but I can't help with that.\n\nAnswer: 5",
            NO + " " + "Here it goes on with an answer. " * 30,
            "The model says: I'm sorry, but I can't help with that.",
            "I am unable to write to the file, which shows that the disk is full.",
            "Es tut mir leid, dabei kann ich nicht helfen.",
        ],
    )
    def test_what_is_none(self, text: str) -> None:
        assert not is_refusal(text)
