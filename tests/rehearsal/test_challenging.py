"""In a debate a member keeps its answer unless two others agree on another value."""

from __future__ import annotations

import pytest

from fusion_site.engine.asking import Outcome
from fusion_site.engine.closed import final_answer
from fusion_site.engine.debating import challenge, moved
from fusion_site.engine.positions import Position
from fusion_site.engine.results import AnswerKey, AnswerResult
from fusion_site.engine.settings import Mode
from tests.rehearsal.asking import MEMBERS, PROMPTS, reply, script
from tests.rehearsal.cases import settings

DISPUTED = "what is 17*23? Please disagree."


def debated(question: str, texts: list[str]) -> list[tuple[str, Position]]:
    """Give each member's reply, and where it stands after it, as the engine reads it."""
    run = settings(question, mode=Mode.DEBATE, models=[MEMBERS[n % 3] for n in range(len(texts))])
    positions = [Position(AnswerKey(0, n), text) for n, text in enumerate(texts)]
    found = []
    for member, before in zip(run.members, positions, strict=True):
        said = reply(challenge(run, member, positions), member.model.model)
        key = AnswerKey(1, member.index)
        found.append((said, moved(before, key, AnswerResult(Outcome.COMPLETE, said))))
    return found


def test_two_that_agree_move_the_third_with_a_reason_and_a_whole_answer() -> None:
    texts = [script(model, DISPUTED).text for model in MEMBERS]
    (planner, first), (storyteller, second), (scholar, third) = debated(DISPUTED, texts)
    assert planner.startswith("KEEP\nReason: ")
    assert scholar.startswith("KEEP\nReason: ")
    assert (first.text, third.text) == (texts[0], texts[2])
    assert storyteller.startswith("CHANGE\nReason: ")
    assert "391" in second.reason
    assert "401" in second.reason
    assert str(final_answer(second.text)) == "391"
    assert second.text == texts[1].replace("401", "391")


def test_one_other_value_moves_nobody() -> None:
    texts = [script(model, DISPUTED).text for model in MEMBERS[:2]]
    for said, position in debated(DISPUTED, texts):
        assert said.startswith("KEEP\n")
        assert position.key.round == 0


def test_two_against_two_move_nobody() -> None:
    right, wrong = (script(model, DISPUTED).text for model in MEMBERS[:2])
    for said, _ in debated(
        DISPUTED, [right, wrong, right.replace("391", "392"), wrong.replace("401", "392"), wrong]
    ):
        assert said.startswith(("KEEP\n", "CHANGE\n"))
    own = debated(DISPUTED, ["Answer: 1", "Answer: 2", "Answer: 2", "Answer: 3", "Answer: 3"])[0][0]
    assert own.startswith("KEEP\n")


def test_only_the_value_itself_is_replaced() -> None:
    texts = ["It is 40, not 401 or 4.0 or 140.\n\nAnswer: 40", "Answer: 41", "Answer: 41"]
    said, position = debated("what is 20+21?", texts)[0]
    assert position.text == "It is 41, not 401 or 4.0 or 140.\n\nAnswer: 41"
    assert said.startswith("CHANGE")


@pytest.mark.parametrize("prompt", PROMPTS)
def test_prose_is_kept_for_a_reason_that_quotes_it(prompt: str) -> None:
    texts = [script(model, prompt).text for model in MEMBERS]
    for text, (said, position) in zip(texts, debated(prompt, texts), strict=True):
        first, reason, *_ = said.splitlines()
        assert first == "KEEP"
        assert reason.startswith("Reason: ")
        assert any(quoted.split("”")[0] in text for quoted in reason.split("“")[1:])
        assert position.text == text


def test_an_empty_own_answer_is_kept_too() -> None:
    assert debated("Explain tides", ["", "Tides follow the moon.", "Tides follow the sun."])[0][0].startswith(
        "KEEP\n"
    )
