"""What a cut call cost is asked for afterwards, until it is told; rows, events, pages and programs then say it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.test import Client

from fusion_site.accounts.models import Membership, User
from fusion_site.pools.flows.save_connection import save_connection
from fusion_site.pools.models import Connection
from fusion_site.pools.reaching import close_providers
from fusion_site.providers import Generation
from fusion_site.runs.execution import upkeep
from fusion_site.runs.execution.reconciling import Reconciler
from fusion_site.runs.execution.upkeep import Upkeep
from fusion_site.runs.flows.cancel import cancel_run
from fusion_site.runs.flows.reconcile import CutCall, cut_calls, keep_bills
from fusion_site.runs.live import watching
from fusion_site.runs.live.feed import follow
from fusion_site.runs.loading import load_state
from fusion_site.runs.models import Answer, Run, Step
from fusion_site.runs.reading import run_json
from tests.api.conftest import Program, program_of
from tests.invariants import OF_ITS_READERS
from tests.runs.conftest import Desk, working
from tests.runs.test_costs import named, stop_at
from tests.runs.test_executing import all_answer, events_of, rebuilt
from tests.runs.test_rest import Programs, read_events
from tests.upstream import WITHIN_S, Script, Upstream, judge_for, task_of

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["program_of"]

BILL: dict[str, Any] = {
    "total_cost": 0.125,
    "native_tokens_prompt": 30,
    "native_tokens_completion": 12,
    "provider_name": "BaseTen",
    "cancelled": True,
}


@pytest.fixture
def router(desk: Desk, upstream: Upstream) -> Connection:
    """Have the desk's preset go through OpenRouter."""
    place = Membership.objects.select_related("team").get(user=desk.person, team=desk.team)
    given = {"name": "Router", "kind": "openrouter", "base_url": upstream.url, "api_key": "sk-or-v1-12345"}
    connection = save_connection(place, given)
    desk.preset.pool.members.update(connection=connection)
    desk.preset.judge.connection = connection
    desk.preset.judge.save()
    return connection


@pytest.fixture
def cut(desk: Desk, router: Connection, upstream: Upstream) -> Run:
    """Give a run of three answers with a cost, but for ada's, who was stopped."""
    upstream.scripts |= {name: named(name, f"I am {name}.") for name in ("bea", "cyd")}
    upstream.scripts["ada"] = named("ada", "begun ", hangs=True)
    judge = upstream.scripts["judge"]
    assert callable(judge)

    def paid(body: dict[str, Any]) -> Script:
        script = judge(body)
        cost = 0.5 if task_of(body) == "judge" else 0
        script.usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2, "cost": cost}
        return script

    upstream.scripts["judge"] = paid
    run = stop_at(desk.start(), "answer.delta", "begun ", member=0)
    assert (run.state, run.cost_usd, run.cost_complete) == ("done", Decimal(1), False)
    return run


def look(run: Run, *after_s: float, reconciler: Reconciler | None = None) -> Run:
    """Have it looked so many seconds after the run's end, one time after the other."""
    at = run.finished_at
    assert at is not None
    looking = reconciler or Reconciler()

    async def all_looks() -> None:
        try:
            for seconds in after_s:
                await looking.look(at + timedelta(seconds=seconds))
        finally:
            await close_providers()

    async_to_sync(all_looks)()
    return Run.objects.get(pk=run.pk)


def test_a_cut_call_is_paid_for_afterwards(cut: Run, upstream: Upstream) -> None:
    upstream.bills["gen-ada"] = BILL
    before = cut.seq
    run = look(cut, 2)
    ada = run.answers.get(member=0)
    assert (ada.cost_usd, ada.provider) == (Decimal("0.125"), "BaseTen")
    assert (ada.usage["prompt_tokens"], ada.usage["completion_tokens"]) == (30, 12)
    assert (run.cost_usd, run.cost_complete, run.seq) == (Decimal("1.125"), True, before + 1)
    last = events_of(run)[-1]
    assert (last.kind, last.data["reason"], last.data["cost_usd"]) == ("run.updated", "cost", "1.125")
    assert rebuilt(run) == load_state(run.pk)
    assert upstream.looked_up == ["gen-ada"]
    again = look(run, 4, 60, 600)
    assert (upstream.looked_up, again.seq) == (["gen-ada"], run.seq)


def test_what_the_stream_said_stays(cut: Run, upstream: Upstream) -> None:
    cut.answers.filter(member=0).update(
        usage={"prompt_tokens": 7, "completion_tokens": None}, provider="Groq"
    )
    upstream.bills["gen-ada"] = BILL
    ada = look(cut, 2).answers.get(member=0)
    assert (ada.usage["prompt_tokens"], ada.usage["completion_tokens"], ada.provider) == (7, 12, "Groq")


def test_it_is_asked_again_after_growing_pauses_for_an_hour(cut: Run, upstream: Upstream) -> None:
    at = cut.finished_at
    assert at is not None

    async def asked_at() -> list[int]:
        reconciler = Reconciler()
        asked: list[int] = []
        for second in (*range(200), *range(200, 4000, 8)):
            await reconciler.look(at + timedelta(seconds=second))
            if len(upstream.looked_up) > len(asked):
                asked.append(second)
        await close_providers()
        return asked

    pauses = [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1624, 2224, 2824, 3424]
    assert async_to_sync(asked_at)() == pauses
    assert upstream.looked_up == ["gen-ada"] * len(pauses)


def test_a_late_bill_is_found_by_a_server_that_was_started_meanwhile(cut: Run, upstream: Upstream) -> None:
    run = look(cut, 2, 4)
    assert not run.cost_complete
    upstream.bills["gen-ada"] = BILL
    assert look(run, 1800).cost_complete


@pytest.mark.parametrize(
    "bill",
    [
        {"total_cost": None},
        {"total_cost": "much"},
        {"total_cost": 999_999},
        {"total_cost": 1, "is_byok": True},
    ],
)
def test_a_bill_without_a_cost_changes_nothing(cut: Run, upstream: Upstream, bill: dict[str, Any]) -> None:
    upstream.bills["gen-ada"] = {**BILL, **bill}
    run = look(cut, 2)
    assert upstream.looked_up == ["gen-ada"]
    assert (run.seq, run.cost_complete) == (cut.seq, False)


def test_only_openrouter_is_asked(cut: Run, router: Connection, upstream: Upstream) -> None:
    upstream.bills["gen-ada"] = BILL
    Connection.objects.filter(pk=router.pk).update(kind="openai")
    assert not look(cut, 2, 4).cost_complete
    assert upstream.looked_up == []


def test_a_key_that_is_gone_is_no_fault_of_the_site(
    cut: Run, router: Connection, upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    Connection.objects.filter(pk=router.pk).update(key_lost=True)
    look(cut, 2)
    assert upstream.looked_up == []
    assert not [record for record in caplog.records if record.levelname in {"WARNING", "ERROR"}]


def test_all_calls_of_a_stopped_run_are_told_by_one_event(
    desk: Desk, router: Connection, upstream: Upstream
) -> None:
    upstream.scripts |= {name: named(name, "begun ", hangs=True) for name in ("ada", "bea", "cyd")}
    upstream.bills |= {f"gen-{name}": BILL for name in ("ada", "bea", "cyd")}
    run = desk.start()

    async def stop() -> None:
        async with working() as supervisor:
            supervisor.submit(run.pk)
            for name in ("ada", "bea", "cyd"):
                await asyncio.to_thread(upstream.wait_for, name, 1, sent=1)
            while await Answer.objects.filter(run=run, generation_id="").aexists():
                await asyncio.sleep(0.01)
            await sync_to_async(cancel_run)(run)
            async for _ in follow(run.pk, 0):
                pass

    async_to_sync(stop)()
    run = look(Run.objects.get(pk=run.pk), 2)
    assert (run.state, run.cost_usd, run.cost_complete) == ("cancelled", Decimal("0.375"), True)
    assert [event.kind for event in events_of(run)][-2:] == ["run.finished", "run.updated"]
    assert rebuilt(run) == load_state(run.pk)


def test_a_judge_that_was_stopped_is_paid_for_too(desk: Desk, router: Connection, upstream: Upstream) -> None:
    upstream.scripts |= {name: named(name, f"I am {name}.") for name in ("ada", "bea", "cyd")}
    hanging, early = named("judge", "I begin ", hangs=True), judge_for("bea")

    def judge(body: dict[str, Any]) -> Script:
        script = hanging if task_of(body) == "judge" else early(body)
        return script if script is hanging else replace(script, usage={"cost": 0, "total_tokens": 1})

    upstream.scripts["judge"] = judge
    upstream.bills["gen-judge"] = BILL
    run = desk.start()

    async def stop() -> None:
        async with working() as supervisor:
            supervisor.submit(run.pk)
            steps = Step.objects.filter(run=run)
            comparing = steps.filter(name__startswith="judge/")
            while not await comparing.exclude(generation_id="").aexists():
                await asyncio.sleep(0.01)
            # What it was asked of single answers may take longer, and has a cost only once it is over.
            while await steps.exclude(pk__in=comparing).filter(outcome="").aexists():
                await asyncio.sleep(0.01)
            await sync_to_async(cancel_run)(run)
            async for _ in follow(run.pk, 0):
                pass

    async_to_sync(stop)()
    run = look(Run.objects.get(pk=run.pk), 2)
    assert Step.objects.get(run=run, name__startswith="judge/").cost_usd == Decimal("0.125")
    assert (run.cost_usd, run.cost_complete) == (Decimal("0.875"), True)
    assert rebuilt(run) == load_state(run.pk)


def test_a_step_that_ended_without_its_cost_is_paid_for_in_its_result_too(
    desk: Desk, router: Connection, upstream: Upstream, cut: Run
) -> None:
    step = Step.objects.get(run=cut, name__startswith="judge/")
    assert step.result is not None
    Step.objects.filter(pk=step.pk).update(
        cost_usd=None, generation_id="gen-judge", result={**step.result, "cost_usd": None}
    )
    upstream.bills |= {"gen-judge": BILL, "gen-ada": BILL}
    run = look(cut, 2)
    step.refresh_from_db()
    assert step.result is not None
    assert (step.cost_usd, step.result["cost_usd"]) == (Decimal("0.125"), "0.125")
    assert (run.cost_usd, run.cost_complete) == (Decimal("0.75"), True)


def test_a_run_that_is_worked_on_is_left_alone(cut: Run) -> None:
    at = cut.finished_at
    assert at is not None
    (call,) = cut_calls(at)
    Run.objects.filter(pk=cut.pk).update(state="answering", finished_at=None, is_open=True)
    assert cut_calls(at) == []
    assert keep_bills(cut.pk, [(call, Generation(Decimal(1)))]) is None
    assert cut.answers.get(member=0).cost_usd is None


def test_what_is_known_by_now_or_was_asked_anew_is_not_overwritten(cut: Run) -> None:
    at = cut.finished_at
    assert at is not None
    (call,) = cut_calls(at)
    bills: Sequence[tuple[CutCall, Generation]] = [(call, Generation(Decimal(1)))]
    cut.answers.filter(member=0).update(generation_id="gen-newer")
    assert keep_bills(cut.pk, bills) is None
    cut.answers.filter(member=0).update(generation_id=call.generation_id)
    assert keep_bills(cut.pk, bills) is not None
    assert keep_bills(cut.pk, bills) is None
    cut.refresh_from_db()
    assert cut.cost_usd == 2


def test_a_call_that_was_lost_keeps_the_cost_at_least(cut: Run, upstream: Upstream) -> None:
    cut.answers.filter(member=1).update(attempt=2)
    upstream.bills["gen-ada"] = BILL
    run = look(cut, 2)
    assert (run.cost_usd, run.cost_complete) == (Decimal("1.125"), False)


def test_pages_and_programs_say_it(
    cut: Run,
    desk: Desk,
    upstream: Upstream,
    program_of: Programs,
    client_for: Callable[[User | None], Client],
) -> None:
    program: Program = program_of(desk.person)
    at_the_end = cut.seq
    upstream.bills["gen-ada"] = BILL
    run = look(cut, 2)
    told = program("GET", f"runs/{run.pk}").json()
    assert {name: told[name] for name in told if name not in OF_ITS_READERS} == run_json(load_state(run.pk))
    assert (told["cost_usd"], told["cost_complete"], told["answers"][0]["cost_usd"]) == (
        "1.125",
        True,
        "0.125",
    )
    assert "$1.13" in client_for(desk.person).get(f"/runs/{run.pk}/").content.decode()
    status, rest = read_events(program.token, run.pk, str(at_the_end))
    assert (status, [event["event"] for event in rest]) == (200, ["run.updated"])
    assert read_events(program.token, run.pk, str(run.seq)) == (200, [])
    assert [event["event"] for event in read_events(program.token, run.pk)[1]][-1] == "run.updated"


def test_an_open_page_of_a_finished_run_is_told_at_once(cut: Run, upstream: Upstream) -> None:
    upstream.bills["gen-ada"] = BILL
    at = cut.finished_at
    assert at is not None

    async def watch() -> list[str]:
        listener = await watching.watch(cut.pk, may_act=True)
        try:
            async with asyncio.timeout(WITHIN_S):
                frames = [await listener.frame()]
                await Reconciler().look(at + timedelta(seconds=2))
                return [*frames, await listener.frame()]
        finally:
            watching.leave(cut.pk, listener)
            await close_providers()

    before, after = async_to_sync(watch)()
    assert "at least" in before
    assert "$0.13" in after
    assert "at least" not in after


def test_the_server_does_so_by_itself(cut: Run, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "LOOK_S", 0.02)
    Run.objects.filter(pk=cut.pk).update(finished_at=cut.created_at - timedelta(minutes=1))
    upstream.bills["gen-ada"] = BILL

    async def until_it_is_told() -> None:
        kept = Upkeep(None)
        kept.start()
        try:
            async with asyncio.timeout(WITHIN_S):
                async for facts in follow(cut.pk, cut.seq, past_end=True):
                    if any(fact.kind == "run.updated" for fact in facts):
                        return
        finally:
            await kept.stop()
            await close_providers()

    async_to_sync(until_it_is_told)()
    assert Run.objects.get(pk=cut.pk).cost_complete


def test_nothing_is_asked_where_nothing_was_cut(desk: Desk, router: Connection, upstream: Upstream) -> None:
    all_answer(upstream)
    run = stop_at(desk.start(), "never")
    look(run, 2, 4)
    assert upstream.looked_up == []
