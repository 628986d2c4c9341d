"""What a run's calls cost, also when they were cut: who served them, by which name, and whether all is known."""

from __future__ import annotations

import asyncio
import threading
from decimal import Decimal

import pytest
from asgiref.sync import async_to_sync, sync_to_async

from fusion_site.pools.flows.starter import ensure_local_connections
from fusion_site.pools.models import Connection
from fusion_site.runs.flows.cancel import cancel_answer, cancel_run
from fusion_site.runs.live.feed import follow
from fusion_site.runs.loading import load_state
from fusion_site.runs.models import Answer, Run, Step
from fusion_site.runs.reading import run_json
from tests.runs.conftest import Desk, working
from tests.runs.test_executing import all_answer, events_of, rebuilt, work
from tests.upstream import Script, Upstream

pytestmark = pytest.mark.django_db(transaction=True)

COUNTED = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9, "cost": 0.25}


def named(name: str, *pieces: str, provider: str = "BaseTen", hangs: bool = False, **more: object) -> Script:
    """Give what OpenRouter sends: the call's name in the headers, who serves it in the chunks; it may hang half way."""
    script = Script(list(pieces), usage=None if hangs else COUNTED)
    script.headers = {"X-Generation-Id": f"gen-{name}"}
    script.origin = {"id": f"gen-{name}", "provider": provider, "model": f"served/{name}"}
    if hangs:
        script.pieces, script.gate, script.gate_at = [*pieces, "never"], threading.Event(), len(pieces)
    return script


def stop_at(run: Run, kind: str, text: str = "", *, member: int | None = None) -> Run:
    """Work on a run; stop it, or one member of it, as soon as an event of this kind with this text has come."""

    async def until_stopped() -> None:
        async with working() as supervisor:
            supervisor.submit(run.pk)
            async for facts in follow(run.pk, 0):
                if not any(fact.kind == kind and fact.data.get("text", "") == text for fact in facts):
                    continue
                if member is None:
                    await sync_to_async(cancel_run)(run)
                else:
                    await sync_to_async(cancel_answer)(await run.answers.aget(member=member))

    async_to_sync(until_stopped)()
    return Run.objects.get(pk=run.pk)


def served(answer: Answer) -> tuple[str, str, str]:
    """Give who served an answer, as its row says."""
    return answer.generation_id, answer.provider, answer.served_model


def test_a_finished_answer_says_who_served_it(desk: Desk, upstream: Upstream) -> None:
    all_answer(upstream)
    upstream.scripts["ada"] = named("ada", "I am ada.")
    run = work(desk.start())
    assert served(run.answers.get(member=0)) == ("gen-ada", "BaseTen", "served/ada")
    assert served(run.answers.get(member=1)) == ("", "", "")
    ended = [e.data for e in events_of(run) if e.kind == "answer.finished"]
    assert {e["generation_id"] for e in ended} == {"gen-ada", ""}
    told = [a["generation_id"] for a in run_json(load_state(run.pk))["answers"]]
    assert told == ["gen-ada", None, None]
    assert rebuilt(run) == load_state(run.pk)


def test_a_stopped_answer_says_who_served_it(desk: Desk, upstream: Upstream) -> None:
    all_answer(upstream)
    upstream.scripts["ada"] = named("ada", "begun ", hangs=True)
    run = stop_at(desk.start(), "answer.delta", "begun ", member=0)
    ada = run.answers.get(member=0)
    assert (ada.outcome, ada.text, served(ada)) == (
        "cancelled",
        "begun ",
        ("gen-ada", "BaseTen", "served/ada"),
    )
    assert rebuilt(run) == load_state(run.pk)


def test_the_answers_of_a_stopped_run_say_who_served_them(desk: Desk, upstream: Upstream) -> None:
    upstream.scripts |= {name: named(name, hangs=True) for name in ("ada", "bea", "cyd")}
    upstream.scripts["cyd"] = named("cyd", "begun ", hangs=True)
    run = stop_at(desk.start(), "answer.delta", "begun ")
    assert run.state == "cancelled"
    assert run.answers.get(member=2).generation_id == "gen-cyd"
    assert (run.cost_usd, run.cost_complete) == (None, False)
    assert rebuilt(run) == load_state(run.pk)


def test_a_name_is_kept_before_the_first_word(desk: Desk, upstream: Upstream) -> None:
    all_answer(upstream)
    upstream.scripts["ada"] = named("ada", hangs=True)
    run = stop_at(desk.start(), "answer.accepted", member=0)
    ada = run.answers.get(member=0)
    assert (ada.outcome, ada.text, ada.generation_id) == ("cancelled", "", "gen-ada")


def test_a_new_attempt_has_a_name_of_its_own(desk: Desk, upstream: Upstream) -> None:
    all_answer(upstream)
    upstream.scripts["cyd"] = named("first", "half ", hangs=True)
    run = desk.start()

    async def until_half() -> None:
        async with working() as supervisor:
            supervisor.submit(run.pk)
            async for facts in follow(run.pk, 0):
                if any(fact.data.get("text") == "half " for fact in facts):
                    return

    async_to_sync(until_half)()
    assert run.answers.get(member=2).generation_id == "gen-first"
    upstream.scripts["cyd"] = Script(["whole"])
    run = work(run)
    assert served(run.answers.get(member=2)) == ("", "", "")
    assert rebuilt(run) == load_state(run.pk)


def test_a_step_keeps_its_name_and_connection(desk: Desk, upstream: Upstream) -> None:
    all_answer(upstream)
    judge = upstream.scripts["judge"]
    assert callable(judge)

    def openrouter(body: dict[str, object]) -> Script:
        script = judge(body)
        script.origin = {"id": "gen-judge", "provider": "Groq", "model": "judge"}
        return script

    upstream.scripts["judge"] = openrouter
    step = Step.objects.get(run=work(desk.start()), name__startswith="judge/")
    assert (step.generation_id, step.connection) == ("gen-judge", desk.preset.judge.connection_id)
    assert step.result is not None
    assert step.result["generation_id"] == "gen-judge"
    assert step.attempt == 1


def test_a_run_that_was_stopped_while_it_was_judged_does_not_know_all_its_costs(
    desk: Desk, upstream: Upstream
) -> None:
    upstream.scripts |= {name: named(name, f"I am {name}.") for name in ("ada", "bea", "cyd")}
    upstream.scripts["judge"] = named("judge", "I begin ", hangs=True)
    run = desk.start()

    async def stop_the_judge() -> None:
        async with working() as supervisor:
            supervisor.submit(run.pk)
            await asyncio.to_thread(upstream.wait_for, "judge", 1, sent=1)
            # The judge may have been asked of one answer before the others were there.
            while await run.answers.filter(outcome="complete").acount() < 3:
                await asyncio.sleep(0.01)
            while not await Step.objects.filter(run=run).exclude(generation_id="").aexists():
                await asyncio.sleep(0.01)
            await sync_to_async(cancel_run)(run)
            async for _ in follow(run.pk, 0):
                pass

    async_to_sync(stop_the_judge)()
    run.refresh_from_db()
    assert (run.state, run.cost_usd, run.cost_complete) == ("cancelled", Decimal("0.75"), False)
    assert Step.objects.filter(run=run, outcome="", generation_id="gen-judge").exists()


def test_a_call_that_was_cut_on_this_machine_cost_nothing(desk: Desk, upstream: Upstream) -> None:
    ensure_local_connections()
    rehearsal = Connection.objects.get(team=desk.team, kind="rehearsal")
    desk.preset.pool.members.update(connection=rehearsal, model="rehearsal/storyteller")
    desk.preset.judge.connection = rehearsal
    desk.preset.judge.model = "rehearsal/judge"
    desk.preset.judge.save()
    run = stop_at(desk.start("Tell me of a harvest."), "answer.started")
    assert run.state == "cancelled"
    started = run.answers.filter(attempt=1)
    assert {answer.cost_usd for answer in started} == {Decimal(0)}
    assert (run.cost_usd, run.cost_complete) == (Decimal(0), True)


def test_a_cost_beyond_any_sense_is_unknown(desk: Desk, upstream: Upstream) -> None:
    all_answer(upstream)
    upstream.scripts["ada"] = Script(["ada"], usage={**COUNTED, "cost": 999_999.5})
    upstream.scripts["bea"] = Script(["bea"], usage={**COUNTED, "cost": "0.000000000012"})
    run = work(desk.start())
    assert run.state == "done"
    assert [answer.cost_usd for answer in run.answers.all()[:2]] == [None, Decimal(0)]
    assert rebuilt(run) == load_state(run.pk)
