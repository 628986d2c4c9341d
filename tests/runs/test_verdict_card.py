"""What the verdict's card says beside scores and criteria."""

from __future__ import annotations

from typing import Any

from django.template.loader import render_to_string

from fusion_site.runs.live.verdict_card import verdict_view

LABELS = {"a1": "Ada", "a2": "Bea", "a3": "Cyd"}
VERDICT: dict[str, Any] = {
    "winner": "a2",
    "close_call": False,
    "reasoning": "",
    "candidates": [
        {"label": letter, "answer": answer, "score": 0.5, "criteria": []}
        for letter, answer in zip("ABC", LABELS, strict=True)
    ],
    "criteria": [{"name": "Correct"}],
    "judge": {"name": "Jury", "model": "lab/judge", "fallback": False},
    "passes": [],
    "note": "",
}


def card(**more: Any) -> str:
    """Give the card's HTML."""
    shown = verdict_view({**VERDICT, **more}, LABELS)
    return render_to_string("runs/_verdict.html", {"state": {"verdict": shown}})


def test_it_lists_what_a_right_answer_needs_as_text() -> None:
    html = card(needs=["<b>Scattering</b>", "A reason"])
    assert "What a right answer needs" in html
    assert "<li>&lt;b&gt;Scattering&lt;/b&gt;</li><li>A reason</li>" in html
    assert "What a right answer needs" not in card(needs=[])


def test_it_says_who_was_scored_alone() -> None:
    assert card(finalists=["A", "C"]).count("scored alone") == 1
    assert "Bea <span" in card(finalists=["A", "C"])
    assert "scored alone" not in card(finalists=["A", "B", "C"])


def test_it_says_that_the_judges_own_model_is_in_the_pool() -> None:
    assert "judge&#x27;s own model is in the pool" in card(judge_in_pool=True).replace("'", "&#x27;")
    assert "own model" not in card(judge_in_pool=False)


def test_it_names_the_second_judge_where_one_was_asked() -> None:
    second = [{"order": "AB", "winner": "A", "model": "other/second", "stage": "fence"}]
    assert "second judge: other/second" in card(second=second)
    assert "second judge" not in card(second=[])


def test_it_quotes_in_plain_words() -> None:
    check = {"name": "Correct", "met": True, "quote": "Add it as **nullable**, then `fill` <b>it</b>"}
    candidates = [{**VERDICT["candidates"][0], "criteria": [check]}]
    html = card(
        candidates=candidates,
        contradictions=[{"topic": "*When*", "stances": [{"label": "A", "stance": "`now`"}]}],
    )
    assert "<q>Add it as nullable, then fill &lt;b&gt;it&lt;/b&gt;</q>" in html
    assert "<p>When</p>" in html
    assert "<dt>Ada</dt><dd>now" in html


def test_it_says_who_moved_in_the_debate_and_after_whose_words() -> None:
    moves = [
        {
            "answer": "a1",
            "choice": "change",
            "changed": True,
            "reason": "“It <i>” is wrong",
            "quotes": ["a2"],
        },
        {"answer": "a3", "choice": "change", "changed": False, "reason": "", "quotes": []},
    ]
    html = card(moves=moves)
    assert (
        "<dt>Ada</dt><dd><strong>changed its answer</strong>, quoting Bea: “It &lt;i&gt;” is wrong</dd>"
        in html
    )
    assert "<dt>Cyd</dt><dd>meant to change its answer, but gave no reason" in html
    assert "In the debate" not in card()


def test_verdicts_of_earlier_versions_are_shown_as_they_were() -> None:
    html = card()
    assert "scored alone" not in html
    assert "<strong>Bea</strong> is best" in html
