"""What is read of a judge that still writes: only what is complete, in the order in which it is written, and never a pick."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from fusion_site.engine.candidates import Candidate
from fusion_site.engine.results import AnswerKey
from fusion_site.engine.unfinished import found_so_far
from fusion_site.engine.verdict import read_verdict
from tests.engine.test_properties import TEXTS

FOUND = {
    "reasoning": "Both {say} ] much.",
    "candidates": [{"label": "A", "criteria": [{"name": "Correct", "met": True, "quote": 'a "word" ]}'}]}],
    "consensus": ["One \\ point.", 'Said "twice".'],
    "contradictions": [
        {"topic": "When", "stances": [{"label": "A", "stance": "now"}, {"label": "B", "stance": "later"}]}
    ],
    "partial_coverage": [{"labels": ["A"], "point": "Locks."}],
    "unique_insights": [{"label": "B", "insight": "Batches."}, {"label": "Z", "insight": "Nobody."}],
    "blind_spots": ["Time."],
    "winner": "A",
}
REPLIES = {
    "fenced": f"I {{think}} so.\n```json\n{json.dumps(FOUND)}\n```",
    "bare": json.dumps(FOUND, indent=1),
}


def test_each_point_is_there_once_it_is_written_and_stays() -> None:
    whole = read_verdict(REPLIES["bare"], [Candidate(AnswerKey(0, n), "", "AB"[n]) for n in range(2)]).lists
    for reply in REPLIES.values():
        before = found_so_far("", "AB")
        assert not any(before.values())
        for end in range(len(reply) + 1):
            found = found_so_far(reply[:end], "AB")
            for name, points in found.items():
                assert len(points) >= len(before[name])
                if name != "contradictions":
                    assert points == whole[name][: len(points)]
            before = found
        assert before == whole


def test_a_point_is_shown_before_the_reply_ends() -> None:
    begun = REPLIES["fenced"].partition('"contradictions"')[0]
    assert found_so_far(begun, "AB")["consensus"] == FOUND["consensus"]
    stance = REPLIES["fenced"].partition(', {"label": "B", "stance"')[0]
    (first,) = found_so_far(stance, "AB")["contradictions"]
    assert first == {"topic": "When", "stances": [{"label": "A", "stance": "now"}]}


@given(TEXTS, st.sampled_from(["", "```json\n", '{"consensus": ["']))
def test_whatever_a_judge_writes_can_be_looked_at(text: str, before: str) -> None:
    for points in found_so_far(before + text, "AB").values():
        json.dumps(points)
