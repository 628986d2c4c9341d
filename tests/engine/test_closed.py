"""Values that answers end in, and which of them are the same."""

from __future__ import annotations

import random

import pytest

from fusion_site.engine.closed import final_answer, most_common
from fusion_site.engine.results import AnswerKey

FOUND = {
    # Numbers, with signs, separators, units and currencies.
    "Answer: 391": "391",
    "17 × 23 = 391, so:\n\n**Answer:** 391": "391",
    "Because of x.\n\n**Answer:**\n\n391": "391",
    "## Why\n\nBecause.\n\n### Final answer\n\n(B)": "B",
    "Answer: \\(\\frac{3}{4}\\)": "0.75",
    "Answer: $1{,}234$": "1234",
    "Answer: -5": "-5",
    "Answer: −5": "-5",
    "Answer: +5": "5",
    "Answer: 1,234,567.50": "1234567.5",
    "Answer: 1'234": "1234",
    "Answer: 1 234 567": "1234567",
    "Answer: 1\u202f234": "1234",
    "Answer: 0.50": "0.5",
    "Answer: .5": "0.5",
    "Answer: 1/2": "0.5",
    "Answer: 2/6": "1/3",
    "Answer: 1e3": "1000",
    "Answer: 6.02e23": "602000000000000000000000",
    "Answer: 007": "7",
    "Answer: 100": "100",
    "Answer: $1,200": "$1200",
    "Answer: -$3.20": "$-3.2",
    "Answer: 5 €": "€5",
    "Answer: 50%": "50%",
    "Answer: 50 %": "50%",
    "Answer: 50 percent": "50%",
    "Answer: 12 km": "12 km",
    "Answer: 9.81 m/s²": "9.81 m/s²",
    "Answer: 20 °C": "20 °C",
    "Answer: 2.5 million": "2500000",
    "Answer: 12345678901234567890123456789012345": "12345678901234567890123456789012345",
    "#### 42": "42",
    "42": "42",
    "So the answer is 42.": "42",
    "Therefore, the final answer is: **42**": "42",
    "The answer is $42$.": "42",
    r"The answer is \(42\).": "42",
    # Choices.
    "The answer is (B).": "B",
    "Answer: b": "B",
    "**Answer: C**": "C",
    "Answer: D) Paris": "D",
    "Answer: D. Paris": "D",
    "Final answer: `E`": "E",
    "- Answer: A": "A",
    "B": "B",
    # Yes and no.
    "The answer is yes.": "yes",
    "Answer: No!": "no",
    "Yes.": "yes",
    "Answer: True": "true",
    # Boxes.
    r"Hence \boxed{42}.": "42",
    r"$\boxed{\frac{1}{2}}$": "0.5",
    r"\boxed{\text{B}}": "B",
    r"\boxed{1{,}234}": "1234",
    r"\boxed{50\%}": "50%",
    r"First \boxed{1}, then \boxed{2}": "2",
    r"\boxed{x^{2}+1}": "x^{2}+1",
    r"\boxed{7}" + "\n\nI hope that helps.\n\nTruly.": "7",
    # A remark in italics below is no part of the answer.
    "Answer: 391\n\n*rehearsal: scripted, no AI*": "391",
    "Answer: 391\n_by hand_": "391",
}

PROSE = [
    "The question is this:\n\n42",
    "Answer:\n\n41\n\n42",
    "",
    "   \n ",
    "The sky is blue because of scattering.",
    "Answer: a better way is to wait.",
    "The answer is not B.",
    "The answer isn't 5",
    "The answer is A and B.",
    "Answer: B, because of the sea",
    "Answer: yes, if it rains",
    "The answer is no longer valid.",
    "No, it is not safe.",
    "A good idea",
    "a",
    "Answer: 5-7",
    "Answer: 3,5",
    "Answer: 12,34",
    "Answer: 1/0",
    "Answer: 1.2.3",
    "Answer: 2024-05-01",
    "Answer: $5 million to $6 million",
    "Answer: .",
    "Answer:",
    "Answer: 42\n\nBut that depends on the tide.",
    "It was 42",
    "1. First, wait.\n2. Then go.",
    r"\boxed{42",
    r"\boxed{}",
    "Answer: " + "9" * 5000,
    "Answer: 1e999999999",
]


@pytest.mark.parametrize("text", FOUND)
def test_a_value_at_the_end_is_found(text: str) -> None:
    assert str(final_answer(text)) == FOUND[text]


@pytest.mark.parametrize("text", PROSE)
def test_prose_is_never_a_value(text: str) -> None:
    assert final_answer(text) is None


def leaders(*texts: str) -> list[list[int]]:
    """Give the groups with the most common value, by the answers' numbers."""
    finals = {AnswerKey(0, n): final_answer(text) for n, text in enumerate(texts)}
    return [[key.member for key in group] for group in most_common({k: f for k, f in finals.items() if f})]


@pytest.mark.parametrize(
    ("texts", "groups"),
    [
        (["Answer: 1,000", "Answer: 1000.0", r"\boxed{1e3}"], [[0, 1, 2]]),
        (["Answer: 5", "Answer: -5"], [[0], [1]]),
        (["Answer: $5", "Answer: €5"], [[0], [1]]),
        (["Answer: $5", "Answer: 5"], [[0, 1]]),
        (["Answer: 5 km", "Answer: 5"], [[0, 1]]),
        (["Answer: 5 km", "Answer: 5 miles"], [[0], [1]]),
        (["Answer: 5 km", "Answer: 5 miles", "Answer: 5"], [[0], [1], [2]]),
        (["Answer: 5 mW", "Answer: 5 MW"], [[0], [1]]),
        (["Answer: 5 k", "Answer: 5"], [[0], [1]]),
        (["Answer: 5 million", "Answer: 5"], [[0], [1]]),
        (["Answer: 50%", "Answer: 0.5"], [[0], [1]]),
        (["Answer: 12345678901234567890123456781", "Answer: 12345678901234567890123456782"], [[0], [1]]),
        (["Answer: yes", "Answer: no", "Answer: Yes"], [[0, 2]]),
        (["Answer: A", "Answer: B", "Answer: a", "Answer: b", "Answer: C"], [[0, 2], [1, 3]]),
    ],
)
def test_the_most_common_value_leads_and_ties_are_told(texts: list[str], groups: list[list[int]]) -> None:
    assert leaders(*texts) == groups


def test_any_way_of_writing_a_number_gives_the_same_value() -> None:
    rng = random.Random(1)
    for _ in range(2000):
        cents = rng.randrange(-(10**9), 10**9)
        sign, whole, part = "-" if cents < 0 else "", abs(cents) // 100, abs(cents) % 100
        plain = f"{sign}{whole}.{part:02}"
        ways = [
            plain,
            f"{sign}{whole:,}.{part:02}",
            f"{plain}0",
            f"**{plain}**",
            f"${plain}$",
            rf"\boxed{{{plain}}}",
        ]
        finals = {str(final_answer(f"Some reasons.\nAnswer: {way}")) for way in ways}
        assert len(finals) == 1, ways
        assert float(finals.pop()) == cents / 100


def test_any_bytes_are_survived() -> None:
    rng = random.Random(2)
    pieces = [
        "Answer:",
        "the answer is",
        r"\boxed{",
        "{",
        "}",
        "*",
        "_",
        "$",
        "1",
        ",",
        ".",
        "e",
        "/",
        " ",
        "\n",
        "B",
        "%",
        "-",
    ]
    for _ in range(5000):
        found = final_answer("".join(rng.choice(pieces) for _ in range(rng.randrange(30))))
        assert found is None or str(found)
