"""Killed and frozen at each stage of a run, which is reached by gates of the upstream and by what the rows say."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest

from tests.crash.ordering import Order
from tests.crash.theatre import COUNTED, MEMBERS, Theatre
from tests.upstream import BEFORE_HEADERS, Asked, Script, judge_for, task_of

# As many as one connection asks for at once: a member that waits for its turn would not reach its stage.
RUNS = 2


@dataclass
class Stage:
    """How a stage is reached: with these gates in the scripts, once this holds. `opens` lets everything go on."""

    theatre: Theatre
    gate: threading.Event = field(default_factory=threading.Event)

    def member(self, name: str, at: int) -> Script:
        """Give a member that waits at the gate."""
        return Script([f"{name} answers ", "well."], usage=COUNTED, gate=self.gate, gate_at=at)

    def judge(self, at: int, *, merging: bool = False) -> Callable[[dict[str, Any]], Script]:
        """Give a judge that waits at the gate, where it judges or where it merges."""
        usual, gated = judge_for("bea"), "merge" if merging else "judge"

        def answer(body: dict[str, Any]) -> Script:
            script = usual(body)
            return replace(script, gate=self.gate, gate_at=at) if task_of(body) == gated else script

        return answer

    def asked(self, model: str, times: int, *, sent: int = 0) -> bool:
        """Whether a model has been asked so often, and each time was sent so many pieces; early calls are not counted."""
        found = self.calls(model)
        return len(found) >= times and all(asked.sent >= sent for asked in found)

    def calls(self, model: str) -> list[Asked]:
        """Give what a model was asked, without the early calls, which no gate holds up."""
        return [a for a in self.theatre.upstream.asked(model) if task_of(a.body) not in {"say", "score"}]


def accepted(stage: Stage) -> None:
    """Each run was accepted, and that is all that anybody was told."""
    stage.theatre.start(RUNS)


def before_headers(stage: Stage) -> None:
    """All members were asked, and nobody has answered anything."""
    stage.theatre.plays(**{name: stage.member(name, BEFORE_HEADERS) for name in MEMBERS})
    stage.theatre.start(RUNS)
    stage.theatre.until("requests", lambda: all(stage.asked(name, RUNS) for name in MEMBERS))


def mid_stream(stage: Stage) -> None:
    """All members have written half, and the rows hold it."""
    stage.theatre.plays(**{name: stage.member(name, 1) for name in MEMBERS})
    stage.theatre.start(RUNS)
    is_half = "kind = 'answer.delta'"
    stage.theatre.until("halves", lambda: stage.theatre.count("runs_event", is_half) == RUNS * len(MEMBERS))


def one_is_late(stage: Stage) -> None:
    """Two are done and stored, the third writes."""
    stage.theatre.plays(cyd=stage.member("cyd", 1))
    stage.theatre.start(RUNS)
    stage.theatre.until(
        "answers", lambda: stage.theatre.count("runs_answer", "outcome = 'complete'") == 2 * RUNS
    )
    stage.theatre.until("a half", lambda: stage.asked("cyd", RUNS, sent=1))


def answers_stored(stage: Stage) -> None:
    """All answers are in rows; the judge may or may not have been asked."""
    stage.theatre.start(RUNS)
    stage.theatre.until(
        "answers", lambda: stage.theatre.count("runs_answer", "outcome = 'complete'") == 3 * RUNS
    )


def judge_asked(stage: Stage) -> None:
    """The judge was asked and says nothing yet."""
    stage.theatre.plays(judge=stage.judge(BEFORE_HEADERS))
    stage.theatre.start(RUNS)
    stage.theatre.until("the judge", lambda: stage.asked("judge", RUNS))


def judge_writes(stage: Stage) -> None:
    """The judge has written its whole verdict, and has not said that this is all."""
    stage.theatre.plays(judge=stage.judge(1))
    stage.theatre.start(RUNS)
    stage.theatre.until("verdicts", lambda: stage.asked("judge", RUNS, sent=1))


def verdict_stored(stage: Stage) -> None:
    """Each verdict is in rows; the merge may or may not have been asked for."""
    stage.theatre.start(RUNS)
    is_told = "kind = 'verdict.finished'"
    stage.theatre.until("verdicts", lambda: stage.theatre.count("runs_event", is_told) == RUNS)


def merging(stage: Stage) -> None:
    """The fused answer is half written, and the rows hold that."""
    stage.theatre.plays(judge=stage.judge(2, merging=True))
    stage.theatre.start(RUNS)
    is_half = "kind = 'fused.delta'"
    stage.theatre.until("halves", lambda: stage.theatre.count("runs_event", is_half) >= RUNS)


def settling(stage: Stage) -> None:
    """The fused answer is finished, and one member still writes."""
    stage.theatre.plays(cyd=stage.member("cyd", 1))
    stage.theatre.start(RUNS, quorum=2, grace=1)
    stage.theatre.until("fused answers", lambda: stage.theatre.count("runs_fusion", "finished") == RUNS)


STAGES = [
    accepted,
    before_headers,
    mid_stream,
    one_is_late,
    answers_stored,
    judge_asked,
    judge_writes,
    verdict_stored,
    merging,
    settling,
]


@pytest.mark.parametrize("reach", STAGES, ids=lambda reach: reach.__name__)
def test_killed(theatre: Theatre, reach: Callable[[Stage], None]) -> None:
    stage = Stage(theatre)
    theatre.plays()
    reach(stage)
    theatre.kill()
    stage.gate.set()
    theatre.restart()
    theatre.all_ended()
    assert set(theatre.states()) == {"done"}


@pytest.mark.parametrize(
    "reach",
    [mid_stream, one_is_late, judge_asked, settling],
    ids=lambda reach: reach.__name__,
)
def test_frozen_until_another_process_has_taken_over(
    theatre: Theatre, reach: Callable[[Stage], None]
) -> None:
    stage = Stage(theatre)
    theatre.plays()
    reach(stage)
    theatre.freeze()
    theatre.all_sound()
    # Everybody answers now, also the frozen process: when it wakes up, it knows all that it would go on with.
    stage.gate.set()
    theatre.take_over()
    theatre.all_ended()
    theatre.thaw()
    theatre.all_ended()
    assert set(theatre.states()) == {"done"}


@pytest.mark.parametrize("who", ["ada", "judge", "merge"])
def test_killed_after_the_last_byte_and_before_it_is_stored(theatre: Theatre, who: str) -> None:
    stage = Stage(theatre)
    theatre.plays()
    if who == "ada":
        theatre.plays(ada=stage.member("ada", 1))
    else:
        theatre.plays(judge=stage.judge(1, merging=who == "merge"))
    model = "ada" if who == "ada" else "judge"
    times = 2 * RUNS if who == "merge" else RUNS
    theatre.start(RUNS)
    theatre.until("the gate", lambda: stage.asked(model, times, sent=1))
    others = (len(MEMBERS) - 1) * RUNS if who == "ada" else len(MEMBERS) * RUNS
    theatre.until("answers", lambda: theatre.count("runs_answer", "outcome = 'complete'") == others)
    with theatre.locked():
        last = [asked for asked in stage.calls(model) if not asked.is_whole]
        stage.gate.set()
        theatre.until("the last byte", lambda: all(asked.is_over.is_set() for asked in last))
        theatre.site.kill()
        assert all(asked.is_whole for asked in last)
    theatre.all_sound()
    theatre.restart()
    theatre.all_ended()
    # It was paid for twice, and nobody knows how much the first time: no other answer was.
    again = [asked for asked in theatre.upstream.ledger if any(asked.body == lost.body for lost in last)]
    assert (len(last), len(again)) == (RUNS, 2 * RUNS)
    assert set(theatre.states()) == {"done"}
    assert not theatre.count("runs_answer r JOIN runs_run x ON x.id = r.run_id", "x.cost_complete")


def test_killed_before_it_is_accepted(theatre: Theatre) -> None:
    theatre.plays()
    body = {"preset": theatre.preset("merge"), "prompt": f"Question {secrets.token_hex(8)}?"}
    key = secrets.token_hex(8)
    with theatre.locked():
        order = Order(theatre.api, body, key)
        assert order.was_sent.wait(20)
        theatre.until("an answer", theatre.is_heard)
        theatre.site.kill()
    assert not theatre.rows(f"SELECT id FROM runs_run WHERE idempotency_key = '{key}'")
    theatre.restart()
    (run_id,) = {theatre.ordered(body, key) for _ in range(3)}
    theatre.watched(run_id)
    theatre.all_ended()


def test_killed_while_the_same_order_comes_from_many(theatre: Theatre) -> None:
    theatre.plays()
    body = {"preset": theatre.preset("merge"), "prompt": f"Question {secrets.token_hex(8)}?"}
    key = secrets.token_hex(8)
    stored = f"SELECT id FROM runs_run WHERE idempotency_key = '{key}'"
    orders = [Order(theatre.api, body, key) for _ in range(8)]
    theatre.until("the first", lambda: bool(theatre.rows(stored)))
    theatre.site.kill()
    for order in orders:
        order.join()
    theatre.restart()
    (run_id,) = {theatre.ordered(body, key) for _ in range(3)}
    assert theatre.rows(stored) == [{"id": run_id}]
    theatre.watched(run_id)
    theatre.all_ended()


def test_a_kill_costs_at_most_the_last_flush_of_text(theatre: Theatre) -> None:
    gates = {place: threading.Event() for place in range(1, 4)}
    pieces = [f"piece {place} " for place in range(4)]
    theatre.plays(cyd=Script(pieces, usage=COUNTED, gates={**gates, 4: (end := threading.Event())}))
    (run_id,) = theatre.start(1)
    for place, gate in gates.items():
        # What was sent gets into rows by itself, although nothing comes after it.
        theatre.until("a flush", partial(theatre.has_told, run_id, "cyd", "".join(pieces[:place])))
        gate.set()
        theatre.upstream.wait_for("cyd", sent=place + 1)
    theatre.kill()
    assert theatre.told(run_id, "cyd").startswith("".join(pieces[:-1]))
    end.set()
    theatre.restart()
    theatre.all_ended()
    assert theatre.told(run_id, "cyd").endswith("".join(pieces))
