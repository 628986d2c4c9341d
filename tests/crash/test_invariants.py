"""The checker of the promise checked: it accepts what happened, and objects to every history that breaks an invariant."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.history import History, history_of, sqlite_rows, witness
from tests.invariants import AT_THE_END, HALFWAY, check, check_halfway, objections
from tests.site.conftest import Api
from tests.site.test_metrics import until
from tests.upstream import Script, Upstream

COUNTED = {"prompt_tokens": 9, "completion_tokens": 3, "cost": 0.25}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> list[History]:
    """Keep the history for the whole module, since a run over a killed server takes a while."""
    return []


@pytest.fixture
def history(kept: list[History], request: pytest.FixtureRequest) -> History:
    """Give the history of a merge whose server was killed while cyd wrote, to be spoilt at will."""
    if not kept:
        kept.append(lived(request.getfixturevalue("api"), request.getfixturevalue("upstream")))
    return copy.deepcopy(kept[0])


def lived(api: Api, upstream: Upstream) -> History:
    """Run it, and read all that is known of it."""
    rows = sqlite_rows(api.site.data_dir / "fusion.sqlite3")
    upstream.witness = witness(rows)
    gate = threading.Event()
    upstream.scripts |= {
        name: Script([f"{name} answers ", "well."], usage=COUNTED) for name in ("ada", "bea")
    }
    upstream.scripts["cyd"] = Script(["cyd begins ", "and ends."], gate=gate, gate_at=1, usage=COUNTED)
    slug = api.preset(upstream, "merge", ("ada", "bea", "cyd"), quorum=3)
    run_id: str = api("POST", "runs", {"preset": slug, "prompt": "What is best?"})["id"]
    awaited = {"ada": "answer.finished", "bea": "answer.finished", "cyd": "answer.delta"}
    names = {answer["id"]: answer["model"] for answer in api("GET", f"runs/{run_id}")["answers"]}
    for event in api.events(run_id):
        if event["kind"] == awaited.get(name := names.get(event.get("answer", ""), "")):
            del awaited[name]
        if not awaited:
            break
    # Meanwhile the judge was asked what a right answer needs; cut in the middle of that, it would be asked once more.
    needs = f"SELECT id FROM runs_step WHERE run_id = '{run_id}' AND outcome = 'complete'"
    until(lambda: bool(rows(needs)))
    api.site.kill()
    check_halfway(history_of(rows, run_id, upstream.ledger))
    gate.set()
    api.site.start()
    stream = list(api.events(run_id))
    view = api("GET", f"runs/{run_id}")
    history = history_of(rows, run_id, upstream.ledger, view=view, stream=stream)
    # Locks of a ledger cannot be copied, and nobody waits for them any more.
    history.asked = [replace(a, was_dropped=None, is_over=None) for a in history.asked]  # type: ignore[arg-type]
    return history


def event_of(history: History, kind: str, number: int = 0) -> dict[str, Any]:
    """Give an event of a kind."""
    return [event for event in history.events if event["kind"] == kind][number]


def ask_cyd_once_more(history: History) -> None:
    """Add a request of which no row knows."""
    cyds = [asked for asked in history.asked if asked.model == "cyd"]
    history.asked.append(copy.deepcopy(cyds[-1]))


def forget_in_time(history: History, model: str, **what: Any) -> None:
    """Change what was in rows when a model was first asked."""
    asked = next(asked for asked in history.asked if asked.model == model)
    for row in (*asked.seen.answers, *asked.seen.steps):
        if row["model"] == model:
            row.update(what)


def retell(history: History, kind: str, **what: Any) -> None:
    """Change what an event says."""
    event_of(history, kind)["data"].update(what)


def end_twice(history: History) -> None:
    """Say the end twice."""
    last = history.events[-1]
    history.events.append({**last, "seq": last["seq"] + 1})
    history.run["seq"] += 1


def begin_again(history: History, model: str) -> None:
    """Begin a finished answer again, and finish it again."""
    answer = next(answer["id"] for answer in history.answers if answer["model"] == model)
    again = [
        e for e in history.events if e["data"].get("answer") == answer and e["kind"] != "answer.accepted"
    ]
    last = history.events.pop()
    history.events += [*copy.deepcopy(again), last]
    for number, event in enumerate(history.events, start=1):
        event["seq"] = number
    history.run["seq"] = len(history.events)


def judge_again(history: History) -> None:
    """Ask the judge once more, in an attempt of which the rows know, after it was seen to have finished."""
    asked = copy.deepcopy(next(asked for asked in history.asked if asked.model == "judge"))
    history.steps[0]["attempt"] = 2
    done = copy.deepcopy(asked.seen)
    for row in (*done.steps, *asked.seen.steps):
        row["attempt"] = 2
    for row in done.steps:
        row["outcome"] = "complete"
    history.sightings.append((len(history.asked), done))
    history.asked.append(asked)


def restream(history: History, order: list[int]) -> None:
    """Stream the events in another order, which may lack some or double them."""
    assert history.stream
    history.stream = [history.stream[index] for index in order]


def say_cyd_was_asked_otherwise(history: History) -> None:
    """Ask the second time with another setting."""
    [asked for asked in history.asked if asked.model == "cyd"][-1].body["max_tokens"] = 1


BROKEN: dict[str, tuple[str, Callable[[History], object]]] = {
    "no final state": ("ended", lambda h: h.run.update(state="fusing")),
    "a lease that outlives it": ("ended", lambda h: h.run.update(lease_until="2026-01-01")),
    "two ends": ("ended", end_twice),
    "an end of another kind": ("ended", lambda h: retell(h, "run.finished", state="failed")),
    "an open answer": ("ended", lambda h: h.answers[1].update(outcome="")),
    "no fused answer": ("ended", lambda h: h.fusions.clear()),
    "a gap": ("numbered", lambda h: h.events.pop(4)),
    "a double": ("numbered", lambda h: h.events.insert(4, h.events[4])),
    "a row that lags": ("numbered", lambda h: h.run.update(seq=h.run["seq"] - 1)),
    "a stream that lost one": ("streamed", lambda h: restream(h, [0, 1, 2, 4])),
    "a stream that told one twice": ("streamed", lambda h: restream(h, [0, 1, 1, *range(2, len(h.events))])),
    "a stream out of order": ("streamed", lambda h: restream(h, [1, 0, *range(2, len(h.events))])),
    "an offset with a hole": ("tiled", lambda h: retell(h, "answer.delta", offset=1)),
    "text that no event told": ("tiled", lambda h: h.answers[0].update(text="ada answers well. ")),
    "fused text that no event told": ("tiled", lambda h: h.fusions[0].update(text="")),
    "a page that differs": ("rebuilt_alike", lambda h: h.view and h.view.update(message="?")),
    "an answer that differs": ("rebuilt_alike", lambda h: h.view and h.view["answers"][2].update(attempt=1)),
    "a request of nobody": ("stored_first", lambda h: setattr(h.asked[0], "model", "eve")),
    "a request before its row": ("stored_first", lambda h: forget_in_time(h, "ada", attempt=0)),
    "a judge before its row": ("stored_first", lambda h: forget_in_time(h, "judge", id=-1)),
    "a request too many": ("paid_once", ask_cyd_once_more),
    "a finished answer asked again": ("paid_once", lambda h: forget_in_time(h, "bea", outcome="complete")),
    "a finished answer begun again": ("paid_once", lambda h: begin_again(h, "ada")),
    "a step asked again that was once finished": ("paid_once", lambda h: judge_again(h)),
    "a finished step asked again": ("paid_once", lambda h: forget_in_time(h, "judge", outcome="complete")),
    "another question": ("same_question", say_cyd_was_asked_otherwise),
    "text that was not sent": (
        "word_for_word",
        lambda h: setattr(next(a for a in h.asked if a.model == "ada"), "said", "other"),
    ),
    "a step that was not sent": ("word_for_word", lambda h: h.steps[0]["result"].update(text="other")),
    "an older attempt's text": ("word_for_word", lambda h: h.answers[2].update(text="cyd begins ")),
    "a fused answer of its own": ("fused_from_somewhere", lambda h: h.fusions[0].update(text="other")),
    "a complete cost with a lost call": ("honest_costs", lambda h: h.run.update(cost_complete=1)),
    "a sum too small": ("honest_costs", lambda h: h.run.update(cost_usd=0.25)),
    "an unknown sum that is known": ("honest_costs", lambda h: h.run.update(cost_usd=None)),
    "nobody tells where it comes from": (
        "traced",
        lambda h: h.events.remove(event_of(h, "fused.provenance")),
    ),
    "a sentence that is not there": (
        "traced",
        lambda h: h.fusions[0]["provenance"]["sentences"][0].update(offset=1_000),
    ),
}


def test_a_run_over_a_kill_keeps_every_invariant(history: History) -> None:
    check(history)
    assert [answer["attempt"] for answer in history.answers] == [1, 1, 2]


@pytest.mark.parametrize(("name", "spoil"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_history_is_objected_to(
    history: History, name: str, spoil: Callable[[History], object]
) -> None:
    spoil(history)
    found = objections(history, [*HALFWAY, *AT_THE_END])
    assert name in {objection.partition(":")[0] for objection in found}


def test_every_invariant_is_broken_by_some_history() -> None:
    assert {name for name, _ in BROKEN.values()} == {i.__name__ for i in [*HALFWAY, *AT_THE_END]}
