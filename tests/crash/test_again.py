"""Killed in the middle of a later pass: what was finished is asked for no more, and the pass comes to its end."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from tests.crash.theatre import COUNTED, MEMBERS, Theatre
from tests.upstream import BEFORE_HEADERS, Script, judge_for

RUNS = 2


def late(theatre: Theatre) -> None:
    """Have runs whose cyd came too late for the first fused answer."""
    gate = threading.Event()
    theatre.plays(cyd=Script(["cyd is ", "late."], usage=COUNTED, gate=gate, gate_at=1))
    theatre.start(RUNS, quorum=2, grace=1)
    theatre.until("fused answers", lambda: theatre.count("runs_fusion", "finished") == RUNS)
    gate.set()
    theatre.all_ended()


def halfway(theatre: Theatre, model: str, sent: int) -> int:
    """Count the requests for a model that wait at a gate after so many pieces."""
    return sum(asked.sent == sent and not asked.is_over.is_set() for asked in theatre.upstream.asked(model))


@pytest.mark.parametrize(("at", "merging"), [(1, False), (2, True)])
def test_killed_while_what_there_is_is_fused_again(theatre: Theatre, at: int, merging: bool) -> None:
    late(theatre)
    gate = threading.Event()
    usual = judge_for("cyd")

    def judge(body: dict[str, Any]) -> Script:
        script = replace(usual(body), usage=COUNTED)
        return replace(script, gate=gate, gate_at=at) if (len(script.pieces) > 1) is merging else script

    theatre.upstream.scripts["judge"] = judge
    theatre.fuse_again()
    theatre.until("the gate", lambda: halfway(theatre, "judge", at) == RUNS)
    theatre.kill()
    gate.set()
    theatre.restart()
    theatre.all_ended()
    assert set(theatre.states()) == {"done"}
    assert theatre.count("runs_fusion", "version = 2 AND finished") == RUNS
    assert [len(theatre.upstream.asked(name)) for name in MEMBERS] == [RUNS] * 3


def test_killed_while_a_member_is_asked_again(theatre: Theatre) -> None:
    theatre.plays(cyd=Script(["cyd is cut"], usage=COUNTED, finish="length"))
    theatre.start(RUNS)
    theatre.all_ended()
    gate = threading.Event()
    theatre.upstream.scripts["cyd"] = Script(["cyd is ", "whole."], usage=COUNTED, gate=gate, gate_at=1)
    theatre.retry("cyd")
    theatre.until("a half", lambda: halfway(theatre, "cyd", 1) == RUNS)
    theatre.kill()
    gate.set()
    theatre.restart()
    theatre.all_ended()
    assert theatre.count("runs_answer", "model = 'cyd' AND text = 'cyd is whole.' AND attempt = 3") == RUNS
    assert [len(theatre.upstream.asked(name)) for name in MEMBERS] == [RUNS, RUNS, 3 * RUNS]
    theatre.fuse_again()
    theatre.all_ended()
    assert theatre.count("runs_fusion", "finished") == 2 * RUNS


def test_frozen_while_what_there_is_is_fused_again(theatre: Theatre) -> None:
    late(theatre)
    gate = threading.Event()
    usual = judge_for("cyd")
    theatre.upstream.scripts["judge"] = lambda body: replace(
        usual(body), usage=COUNTED, gate=gate, gate_at=BEFORE_HEADERS
    )
    before = len(theatre.upstream.compared())
    theatre.fuse_again()
    theatre.until("the judge", lambda: len(theatre.upstream.compared()) == before + RUNS)
    theatre.freeze()
    theatre.all_sound()
    gate.set()
    theatre.take_over()
    theatre.all_ended()
    theatre.thaw()
    theatre.all_ended()
    assert theatre.count("runs_fusion", "version = 2 AND finished") == RUNS


def waiting(theatre: Theatre) -> int:
    """Count the runs that wait for a person, as their rows say."""
    return len(theatre.rows("SELECT id FROM runs_run WHERE is_open AND is_paused AND guidance IS NULL"))


def test_killed_while_a_choice_is_waited_for_and_once_it_was_made(theatre: Theatre) -> None:
    theatre.plays()
    runs = theatre.start(RUNS, "best_of", guided=True)
    theatre.until("the wait", lambda: waiting(theatre) == RUNS)
    theatre.kill()
    asked = len(theatre.upstream.ledger)
    theatre.restart()
    assert theatre.is_heard()
    assert waiting(theatre) == RUNS
    gate, usual = threading.Event(), judge_for("bea")
    theatre.upstream.scripts["judge"] = lambda body: replace(usual(body), usage=COUNTED, gate=gate, gate_at=2)
    for run_id in runs:
        bea = theatre.api("GET", f"runs/{run_id}")["answers"][1]
        tick = {"from": "passage", "answer": bea["id"], "offset": 0, "length": 3, "text": "bea"}
        theatre.api("POST", f"runs/{run_id}/guidance", {"keep": [tick]})
    theatre.until("the gate", lambda: halfway(theatre, "judge", 2) == RUNS)
    assert len(theatre.upstream.ledger) == asked + RUNS
    theatre.kill()
    gate.set()
    theatre.restart()
    theatre.all_ended()
    assert set(theatre.states()) == {"done"}
    assert theatre.count("runs_fusion", "finished AND source = 'merge' AND guidance IS NOT NULL") == RUNS
    # Only the merge that was cut is asked for again.
    assert len(theatre.upstream.ledger) == asked + 2 * RUNS
