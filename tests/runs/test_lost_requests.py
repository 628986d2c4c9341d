"""A request whose connection broke before any answer may have been read, and paid for: it counts, and its cost is unknown."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from fusion_site.runs.loading import load_state
from fusion_site.runs.models import Run, Step
from tests.runs.conftest import Desk
from tests.runs.test_executing import all_answer, events_of, rebuilt, work
from tests.upstream import Answering, Script, Upstream

pytestmark = pytest.mark.django_db(transaction=True)

COUNTED = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9, "cost": 0.25}
BUSY = Script(status=503, body={"error": {"message": "busy"}})


def costing(answering: Answering) -> Callable[[dict[str, Any]], Script]:
    """Let a model say what it costs."""

    def answer(body: dict[str, Any]) -> Script:
        script = answering(body) if callable(answering) else answering
        script.usage = COUNTED
        return script

    return answer


def after(first: Script, then: Answering) -> Callable[[dict[str, Any]], Script]:
    """Let a model do something else the first time."""
    left = [first]

    def answer(body: dict[str, Any]) -> Script:
        if left:
            return left.pop()
        return then(body) if callable(then) else then

    return answer


def known_cost(run: Run) -> Decimal:
    """Give what three answers and the judge's calls cost, of which there are more where answers come one by one."""
    return Decimal("0.25") * (3 + run.steps.count())


@pytest.fixture
def priced(upstream: Upstream) -> Upstream:
    """Give an upstream whose every answer says its cost."""
    all_answer(upstream)
    for name in ("ada", "bea", "cyd", "judge"):
        upstream.scripts[name] = costing(upstream.scripts[name])
    return upstream


def test_nothing_lost_leaves_the_cost_complete(desk: Desk, priced: Upstream) -> None:
    run = work(desk.start())
    assert (run.cost_usd, run.cost_complete) == (known_cost(run), True)


def test_a_lost_request_to_a_member_is_an_attempt_of_unknown_cost(desk: Desk, priced: Upstream) -> None:
    priced.scripts["ada"] = after(Script(is_mute=True), priced.scripts["ada"])
    run = work(desk.start())
    ada = run.answers.get(member=0)
    assert (ada.outcome, ada.attempt, ada.cost_usd) == ("complete", 2, Decimal("0.25"))
    assert (run.state, run.cost_usd, run.cost_complete) == ("done", known_cost(run), False)
    told = [e.kind for e in events_of(run) if e.data.get("answer") == ada.pk and e.kind != "answer.delta"]
    assert told == ["answer.started", "answer.retrying", "answer.started", "answer.finished"]
    assert rebuilt(run) == load_state(run.pk)


def test_a_lost_request_to_the_judge_is_an_attempt_of_unknown_cost(desk: Desk, priced: Upstream) -> None:
    priced.scripts["judge"] = after(Script(is_mute=True), priced.scripts["judge"])
    run = work(desk.start())
    step = Step.objects.get(run=run, attempt__gt=1)
    assert (step.outcome, step.attempt, step.cost_usd) == ("complete", 2, Decimal("0.25"))
    assert (run.state, run.cost_usd, run.cost_complete) == ("done", known_cost(run), False)


def test_a_refused_request_was_not_paid_for(desk: Desk, priced: Upstream) -> None:
    priced.scripts["ada"] = after(BUSY, priced.scripts["ada"])
    run = work(desk.start())
    assert run.answers.get(member=0).attempt == 1
    assert (run.cost_usd, run.cost_complete) == (known_cost(run), True)
