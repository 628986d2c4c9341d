"""Later passes of a run that has ended: fused again with what there is now, and single answers asked for again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.utils import timezone

from fusion_site.accounts.models import Membership, Team, User
from fusion_site.pools.invalid import Invalid
from fusion_site.pools.models import Connection
from fusion_site.providers import Generation
from fusion_site.runs.claiming import renew
from fusion_site.runs.execution import executing
from fusion_site.runs.flows.add_member import add_member
from fusion_site.runs.flows.again import fuse_run_again, retry_answer
from fusion_site.runs.flows.cancel import cancel_run
from fusion_site.runs.flows.reconcile import CutCall, keep_bills
from fusion_site.runs.flows.reopening import NotNow
from fusion_site.runs.flows.thin import KEPT_FOR, thin_ended_runs
from fusion_site.runs.limits import LimitReached
from fusion_site.runs.live.feed import follow
from fusion_site.runs.loading import load_state
from fusion_site.runs.models import Answer, Run
from fusion_site.runs.reading import run_json
from tests.runs.conftest import MEMBERS, Desk, working
from tests.runs.test_executing import all_answer, events_of, rebuilt, work
from tests.upstream import WITHIN_S, Script, Upstream, judge_for

pytestmark = pytest.mark.django_db(transaction=True)
COUNTED = {"prompt_tokens": 9, "completion_tokens": 3, "cost": 0.25}


def again(run: Run, reopen: Callable[[], Run]) -> list[str]:
    """Open a later pass and work on it to its end; gives the kinds of its events."""

    async def to_the_end() -> list[str]:
        kinds = []
        async with working():
            await sync_to_async(reopen)()
            async for facts in follow(run.pk, run.seq):
                kinds += [fact.kind for fact in facts]
        return kinds

    kinds = async_to_sync(to_the_end)()
    run.refresh_from_db()
    assert rebuilt(run) == load_state(run.pk)
    return kinds


def fused(run: Run) -> list[tuple[int, str, bool]]:
    """Give the versions of the fused answer: number, source, whether it is whole."""
    return list(run.fusions.values_list("version", "source", "finished"))


def answer(run: Run, member: int) -> Answer:
    """Give a member's first answer."""
    return run.answers.get(round=0, member=member)


@pytest.fixture(autouse=True)
def judge_only_compares(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the judge to comparing: what else it is asked depends on who is faster, and is not what these tests are about."""
    monkeypatch.setattr("fusion_site.engine.scoring.FEWEST_MEMBERS", 99)


def late_run(desk: Desk, upstream: Upstream) -> Run:
    """Give a run that is over, whose cyd answered after ada's and bea's answers had been fused."""
    all_answer(upstream)
    gate = threading.Event()
    upstream.scripts["cyd"] = Script(["I am cyd", " and late."], gate=gate)
    desk.change(quorum=2, grace=1)
    run = desk.start()

    async def to_the_end() -> None:
        async with working() as supervisor:
            supervisor.submit(run.pk)
            async for facts in follow(run.pk, 0):
                if any(fact.kind == "fused.finished" for fact in facts):
                    gate.set()

    async_to_sync(to_the_end)()
    run.refresh_from_db()
    assert run.fusions.get().late == [answer(run, 2).pk]
    return run


def test_a_late_answer_is_fused_as_a_second_version(desk: Desk, upstream: Upstream) -> None:
    run = late_run(desk, upstream)
    upstream.scripts["judge"] = judge_for("cyd")
    kinds = again(run, lambda: fuse_run_again(run))
    assert kinds[0] == "run.reopened"
    assert kinds[-1] == "run.updated"
    assert "run.finished" not in kinds
    assert (run.state, run.is_open, run.reopened) == ("done", False, "")
    assert fused(run) == [(1, "best_of", True), (2, "best_of", True)]
    assert run.fusions.get(version=2).text == "I am cyd and late."
    assert [len(upstream.asked(name)) for name in MEMBERS] == [1, 1, 1]
    assert len(upstream.compared()) == 2
    told = run_json(load_state(run.pk))
    assert (told["fused"]["version"], [f["version"] for f in told["fusions"]]) == (2, [1, 2])
    assert told["fused"]["late"] == []
    first, second = told["fusions"]
    assert (first["verdict"]["winner"], second["verdict"]["winner"]) == (answer(run, 1).pk, answer(run, 2).pk)
    assert first["header"].startswith("Fused from 2 of 3.")
    assert "Cyd was too late to count." in first["header"]
    assert second["header"].startswith("Version 2, with 1 late answer. Fused from 3 of 3. It is Cyd's")
    assert events_of(run)[-1].data["reason"] == "fused"


def test_the_same_question_is_not_asked_of_the_judge_again(desk: Desk, upstream: Upstream) -> None:
    all_answer(upstream)
    run = work(desk.start())
    again(run, lambda: fuse_run_again(run))
    assert fused(run) == [(1, "best_of", True), (2, "best_of", True)]
    assert len(upstream.compared()) == 1
    assert len({fusion.text for fusion in run.fusions.all()}) == 1


def test_a_judge_that_had_failed_is_asked_again(desk: Desk, upstream: Upstream) -> None:
    all_answer(upstream)
    upstream.scripts["judge"] = Script(["I do not know."], usage=COUNTED)
    run = work(desk.start())
    assert fused(run) == [(1, "fallback", True)]
    before = len(upstream.compared())
    bea = judge_for("bea")
    upstream.scripts["judge"] = lambda body: replace(bea(body), usage=COUNTED)
    again(run, lambda: fuse_run_again(run))
    assert fused(run) == [(1, "fallback", True), (2, "best_of", True)]
    assert len(upstream.compared()) == before + 1
    assert run.cost_usd == Decimal("0.25") * (before + 1)


def test_a_failed_answer_is_asked_for_again_and_nobody_else(desk: Desk, upstream: Upstream) -> None:
    all_answer(upstream)
    upstream.scripts["cyd"] = Script(status=401, body={"error": {"message": "no"}})
    run = work(desk.start())
    upstream.scripts["cyd"] = Script(["I am cyd."])
    kinds = again(run, lambda: retry_answer(answer(run, 2)))
    cyd = answer(run, 2)
    assert (cyd.outcome, cyd.text, cyd.attempt, cyd.error) == ("complete", "I am cyd.", 2, None)
    assert [len(upstream.asked(name)) for name in (*MEMBERS, "judge")] == [1, 1, 2, 1]
    assert kinds[:2] == ["run.reopened", "answer.reopened"]
    assert fused(run) == [(1, "best_of", True)]
    assert events_of(run)[-1].data["reason"] == "retried"
    again(run, lambda: fuse_run_again(run))
    assert run.fusions.get(version=2).answers == [answer(run, n).pk for n in range(3)]


def test_a_failed_run_is_done_once_a_retry_gives_an_answer(desk: Desk, upstream: Upstream) -> None:
    for name in MEMBERS:
        upstream.scripts[name] = Script(status=401, body={"error": {"message": "no"}})
    run = work(desk.start())
    with pytest.raises(NotNow, match="No member gave a usable answer"):
        fuse_run_again(run)
    again(run, lambda: retry_answer(answer(run, 0)))
    assert (run.state, run.message, fused(run)) == ("failed", "No member gave a usable answer.", [])
    upstream.scripts["ada"] = Script(["At last."])
    again(run, lambda: retry_answer(answer(run, 0)))
    assert (run.state, run.message) == ("done", "")
    assert fused(run) == [(1, "single", True)]
    assert [event.kind for event in events_of(run)].count("run.finished") == 1


def test_a_debate_stands_on_the_positions_there_are(desk: Desk, upstream: Upstream) -> None:
    all_answer(upstream)

    def cyd(body: dict[str, Any]) -> Script:
        debates = body["messages"][0]["content"].startswith("Task: challenge")
        return Script(["CHANGE\nReason: bea is right.\n\nbea, then."] if debates else ["I am cyd."])

    upstream.scripts |= {"ada": Script(status=401, body={"error": {"message": "no"}}), "cyd": cyd}
    desk.change(mode="debate")
    run = work(desk.start())
    upstream.scripts["ada"] = Script(["I am ada, and new."])
    again(run, lambda: retry_answer(answer(run, 0)))
    upstream.scripts["judge"] = judge_for("ada, and new")
    again(run, lambda: fuse_run_again(run))
    assert [len(upstream.asked(name)) for name in MEMBERS] == [2, 2, 2]
    assert run.fusions.get(version=2).text == "I am ada, and new."
    assert run.verdict is not None
    stood = {c["answer"] for c in run.verdict["candidates"]}
    assert run.answers.get(round=1, member=2).pk in stood


def test_what_earlier_attempts_cost_stays_in_the_sum(desk: Desk, upstream: Upstream) -> None:
    upstream.scripts |= {name: Script([name], usage=COUNTED) for name in MEMBERS}
    upstream.scripts["cyd"] = Script(["cyd was cu"], finish="length", usage=COUNTED)
    bea = judge_for("bea")
    upstream.scripts["judge"] = lambda body: replace(bea(body), usage=COUNTED)
    run = work(desk.start())
    assert (run.cost_usd, run.cost_complete) == (Decimal(1), True)
    upstream.scripts["cyd"] = Script(["cyd in full"], usage=COUNTED)
    again(run, lambda: retry_answer(answer(run, 2)))
    assert (run.cost_usd, run.cost_complete) == (Decimal("1.25"), True)
    assert answer(run, 2).cost_usd == Decimal("0.25")


def test_stop_ends_a_later_pass_and_leaves_what_there_was(desk: Desk, upstream: Upstream) -> None:
    run = late_run(desk, upstream)
    desk.change(mode="best_of")
    usual = judge_for("cyd")
    upstream.scripts["judge"] = lambda body: replace(usual(body), gate=threading.Event(), gate_at=1)

    async def stop() -> None:
        async with working():
            await sync_to_async(fuse_run_again)(run)
            async for facts in follow(run.pk, run.seq):
                if any(fact.kind == "verdict.started" for fact in facts):
                    await asyncio.to_thread(upstream.wait_for, "judge", 2)
                    await sync_to_async(cancel_run)(run)

    async_to_sync(stop)()
    run.refresh_from_db()
    assert upstream.wait_for("judge", 2).was_dropped.wait(WITHIN_S)
    assert (run.state, run.is_open, fused(run)) == ("done", False, [(1, "best_of", True)])
    assert events_of(run)[-1].data["reason"] == "stopped"
    upstream.scripts["judge"] = usual
    again(run, lambda: fuse_run_again(run))
    assert (run.message, run.fusions.get(version=2).text) == ("", "I am cyd and late.")


def test_a_version_that_was_stopped_is_not_shown_as_the_newest(desk: Desk, upstream: Upstream) -> None:
    desk.change(mode="merge")
    run = late_run(desk, upstream)
    usual = judge_for("cyd")

    def judge(body: dict[str, Any]) -> Script:
        script = usual(body)
        return replace(script, gate=threading.Event(), gate_at=1) if len(script.pieces) > 1 else script

    upstream.scripts["judge"] = judge

    async def stop() -> None:
        async with working():
            await sync_to_async(fuse_run_again)(run)
            async for facts in follow(run.pk, run.seq):
                if any(fact.kind == "fused.delta" for fact in facts):
                    await sync_to_async(cancel_run)(run)

    async_to_sync(stop)()
    assert fused(run) == [(1, "merge", True), (2, "merge", False)]
    told = run_json(load_state(run.pk))
    assert (told["fused"]["version"], told["fusions"][1]["text"]) == (1, "# Merged\n\n")
    upstream.scripts["judge"] = usual
    again(run, lambda: fuse_run_again(run))
    assert fused(run)[2:] == [(3, "merge", True)]
    assert run_json(load_state(run.pk))["fused"]["version"] == 3


@pytest.mark.parametrize("while_it", ["answers", "is fused again", "asks again"])
def test_nothing_is_opened_while_a_pass_goes_on(desk: Desk, upstream: Upstream, while_it: str) -> None:
    all_answer(upstream)
    run = desk.start()
    if while_it != "answers":
        run = work(run)
        fuse_run_again(run) if while_it == "is fused again" else retry_answer(answer(run, 0))
        assert rebuilt(run) == load_state(run.pk)
    for reopen in (partial(fuse_run_again, run), partial(retry_answer, answer(run, 0))):
        with pytest.raises(NotNow):
            reopen()


def test_a_reply_in_a_debate_is_not_asked_for_again(desk: Desk, upstream: Upstream) -> None:
    all_answer(upstream)
    desk.change(mode="debate")
    run = work(desk.start())
    with pytest.raises(NotNow, match="first answers"):
        retry_answer(run.answers.get(round=1, member=0))


def test_a_parked_pass_goes_on_where_it_was(desk: Desk, upstream: Upstream) -> None:
    run = late_run(desk, upstream)
    usual = judge_for("cyd")
    gate = threading.Event()
    upstream.scripts["judge"] = lambda body: replace(usual(body), gate=gate, gate_at=1)
    upstream.scripts["ada"] = Script(["ada once more"])

    async def park_in_the_middle() -> None:
        async with working():
            await sync_to_async(fuse_run_again)(run)
            async for facts in follow(run.pk, run.seq):
                if any(fact.kind == "verdict.started" for fact in facts):
                    return

    async def go_on() -> None:
        async with working() as supervisor:
            supervisor.submit(run.pk)
            async for _ in follow(run.pk, run.seq):
                pass

    async_to_sync(park_in_the_middle)()
    run.refresh_from_db()
    assert (run.is_open, run.reopened, run.lease_until) == (True, "fuse", None)
    assert rebuilt(run) == load_state(run.pk)
    gate.set()
    async_to_sync(go_on)()
    run.refresh_from_db()
    assert fused(run) == [(1, "best_of", True), (2, "best_of", True)]
    assert [len(upstream.asked(name)) for name in MEMBERS] == [1, 1, 1]
    assert rebuilt(run) == load_state(run.pk)


def test_a_pass_counts_as_a_run_and_holds_what_it_may_cost(
    desk: Desk, upstream: Upstream, settings: Any
) -> None:
    upstream.scripts |= {name: Script([name], usage=COUNTED) for name in (*MEMBERS, "judge")}
    for name in (*MEMBERS, "judge"):
        desk.preset.judge.connection.catalogue.create(
            model=name, prompt_price=0, completion_price=Decimal("0.001")
        )
    run = work(desk.start())
    teams = Team.objects.filter(pk=desk.team.pk)
    whole = (run.cost_usd or 0) + Decimal("0.001") * 4096
    teams.update(budget_usd=whole - Decimal("0.01"))
    for reopen in (partial(fuse_run_again, run), partial(retry_answer, answer(run, 0))):
        with pytest.raises(LimitReached, match="budget"):
            reopen()
    assert not Run.objects.get(pk=run.pk).is_open
    teams.update(budget_usd=whole)
    retry_answer(answer(run, 0))
    run.refresh_from_db()
    assert run.reserved_usd == whole
    settings.FUSION_RUNS_PER_PERSON = 1
    teams.update(budget_usd=None)
    with pytest.raises(LimitReached, match="1 runs going on"):
        desk.start()


def test_bills_and_thinning_leave_an_open_pass_alone(desk: Desk, upstream: Upstream) -> None:
    run = late_run(desk, upstream)
    later = timezone.now() + KEPT_FOR + timedelta(minutes=1)
    assert thin_ended_runs(later) == 1
    retry_answer(answer(run, 0))
    assert thin_ended_runs(later) == 0
    bea = answer(run, 1)
    Answer.objects.filter(pk=bea.pk).update(generation_id="gen-1")
    assert run.finished_at is not None
    call = CutCall(run.pk, run.finished_at, "gen-1", desk.preset.judge.connection_id, Answer, bea.pk)
    bill = (call, Generation(cost_usd=Decimal(1)))
    assert keep_bills(run.pk, [bill]) is None
    run.refresh_from_db()
    upstream.scripts["ada"] = Script(["ada once more"])
    run = work_on(run)
    assert load_state(run.pk).answers[answer(run, 0).pk].text == "ada once more"
    assert keep_bills(run.pk, [bill]) is not None
    assert thin_ended_runs(later) == 1


def work_on(run: Run) -> Run:
    """Work on a run whose pass is open."""

    async def to_the_end() -> None:
        async with working() as supervisor:
            supervisor.submit(run.pk)
            async for _ in follow(run.pk, run.seq):
                pass

    async_to_sync(to_the_end)()
    return Run.objects.get(pk=run.pk)


def test_a_pass_that_is_opened_as_the_last_one_ends_is_worked_on(
    desk: Desk, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_answer(upstream)
    run = desk.start()

    async def open_now(run_id: str, reopened: str) -> None:
        if not reopened:
            owner = (await Run.objects.aget(pk=run_id)).lease_owner
            await sync_to_async(fuse_run_again)(run)
            await sync_to_async(renew)([run_id], owner)

    monkeypatch.setattr(executing, "note_end", open_now)

    async def to_the_end() -> None:
        async with working() as supervisor:
            supervisor.submit(run.pk)
            async with asyncio.timeout(20):
                async for facts in follow(run.pk, 0, past_end=True):
                    if facts[-1].kind == "run.updated":
                        return

    async_to_sync(to_the_end)()
    assert fused(run) == [(1, "best_of", True), (2, "best_of", True)]


def test_one_more_model_is_asked_and_counts_when_it_is_fused_again(desk: Desk, upstream: Upstream) -> None:
    all_answer(upstream)
    upstream.scripts["dan"] = Script(["I am dan."])
    run = work(desk.start())
    given = {"connection": desk.preset.judge.connection_id, "model": "dan", "label": "Ada"}
    kinds = again(run, lambda: add_member(place_of(desk), run, given))
    assert kinds[:2] == ["run.reopened", "answer.added"]
    dan = answer(run, 3)
    assert (dan.label, dan.text, dan.outcome) == ("Ada 2", "I am dan.", "complete")
    assert [len(upstream.asked(name)) for name in (*MEMBERS, "judge")] == [1, 1, 1, 1]
    assert upstream.asked("dan")[0].body["messages"] == upstream.asked("ada")[0].body["messages"]
    assert events_of(run)[-1].data["reason"] == "added"
    upstream.scripts["judge"] = judge_for("dan")
    again(run, lambda: fuse_run_again(run))
    assert run.fusions.get(version=2).text == "I am dan."
    assert run_json(load_state(run.pk))["answers"][3]["member"] == 3


def test_a_run_takes_eight_members_and_only_models_of_its_team(
    desk: Desk, upstream: Upstream, charlie: User
) -> None:
    all_answer(upstream)
    run = work(desk.start())
    own = desk.preset.judge.connection_id
    foreign = Connection.objects.create(
        team=charlie.memberships.get().team, name="Up", kind="openai", base_url=upstream.url
    )
    for given in ({"connection": foreign.pk, "model": "dan"}, {"connection": own, "model": " "}):
        with pytest.raises(Invalid):
            add_member(place_of(desk), run, given)
    for _ in range(5):
        again(run, lambda: add_member(place_of(desk), run, {"connection": own, "model": "ada"}))
    with pytest.raises(NotNow, match="at most 8"):
        add_member(place_of(desk), run, {"connection": own, "model": "ada"})
    assert run.answers.count() == 8
    assert len({row.label for row in run.answers.all()}) == 8


def place_of(desk: Desk) -> Membership:
    """Give the person's place in the team."""
    return Membership.objects.get(user=desk.person, team=desk.team)
