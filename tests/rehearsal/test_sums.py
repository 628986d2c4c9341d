"""Arithmetic questions are answered rightly, except where disagreement is wanted."""

from __future__ import annotations

from fractions import Fraction

import pytest

from fusion_site.engine.closed import final_answer
from fusion_site.rehearsal.arithmetic import find_sum, written
from tests.rehearsal.asking import MEMBERS, script


@pytest.mark.parametrize(
    ("question", "value"),
    [
        ("what is 17*23?", "391"),
        ("What's 17 x 23?", "391"),
        ("Please compute 17 × 23.", "391"),
        ("17*23", "391"),
        ("17 * 23 =", "391"),
        ("What is 17 times 23? Show your work.", "391"),
        ("What is 2 + 3 * 4?", "14"),
        ("What is (2 + 3) * 4?", "20"),
        ("What is 10 - 4 - 3?", "3"),
        ("What is 2^3^2?", "512"),
        ("what is -3 squared?", "-9"),
        ("What is 7 divided by 2?", "3.5"),
        ("What is 1/3?", "1/3"),
        ("Calculate 0.1 + 0.2", "0.3"),
        ("what is 1,000 + 1?", "1001"),
        ("what is 15% of 80?", "12"),
        ("what is 2 ** 10?", "1024"),
        ("what is 5 minus 8?", "-3"),
    ],
)
def test_right_answers(question: str, value: str) -> None:
    found = find_sum(question)
    assert found is not None
    assert written(found.value) == value
    for model in MEMBERS:
        text = script(model, question).text
        assert text.endswith(f"\n\nAnswer: {value}\n\n*rehearsal: scripted, no AI*")
        final = final_answer(text)
        assert final is not None
        assert Fraction(final.value) == found.value


@pytest.mark.parametrize(
    "question",
    [
        "What is 2024?",
        "what is 3-4 week plan",
        "Compute the cost of 3-4 tables",
        "What is 1/0?",
        "What is 9^999?",
        "what is 2*?",
        "what is (2*3?",
        "What is 1.2.3 + 4?",
        "Are 17 * 23 apples enough for us?",
        "what is x*23?",
        "9" * 50 + "+1",
        "",
    ],
)
def test_everything_else_is_no_sum(question: str) -> None:
    assert find_sum(question) is None
    assert final_answer(script("rehearsal/planner", question).text) is None


def test_the_storyteller_is_wrong_where_disagreement_is_wanted() -> None:
    answers = {
        model: final_answer(script(model, "what is 17*23? Please disagree.").text) for model in MEMBERS
    }
    assert [str(answer) for answer in answers.values()] == ["391", "401", "391"]
    assert "401" not in script("rehearsal/storyteller", "what is 17*23?").text


def test_the_steps_lead_to_the_answer() -> None:
    found = find_sum("what is (2+3)^2/4 - 1?")
    assert found is not None
    assert [(step, written(value)) for step, value in found.steps] == [
        ("2 + 3", "5"),
        ("5^{2}", "25"),
        (r"25 \div 4", "6.25"),
        ("6.25 - 1", "5.25"),
    ]
