"""A run from acceptance to its end, over a real upstream, in rows and events."""

from __future__ import annotations

import asyncio
import threading
from decimal import Decimal
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async

from fusion_site.engine.results import AnswerKey
from fusion_site.ops.metrics import REGISTRY
from fusion_site.pools.models import Connection, Judge
from fusion_site.runs.flows.cancel import cancel_answer, cancel_run
from fusion_site.runs.header import header
from fusion_site.runs.live.feed import follow
from fusion_site.runs.loading import load_state
from fusion_site.runs.models import Answer, Event, Run, Step
from fusion_site.runs.resuming import resume_of
from fusion_site.runs.state import RunState
from tests.runs.conftest import Desk, working
from tests.upstream import WITHIN_S, Script, Upstream, task_of

pytestmark = pytest.mark.django_db(transaction=True)


def work(run: Run) -> Run:
    """Work on one run to its end."""

    async def to_the_end() -> None:
        async with working() as supervisor:
            supervisor.submit(run.pk)
            async for _ in follow(run.pk, 0):
                pass

    async_to_sync(to_the_end)()
    return Run.objects.get(pk=run.pk)


def all_answer(upstream: Upstream) -> None:
    """Have every member answer in two pieces."""
    for name in ("ada", "bea", "cyd"):
        upstream.scripts[name] = Script([f"I am {name}", f" and **{name}** it is."])


def events_of(run: Run) -> list[Event]:
    """Give the run's events, having checked that they are numbered from 1 without gaps."""
    events = list(run.events.all())
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    return events


def kind_of(answer: Answer) -> str | None:
    """Give the kind of an answer's error."""
    return answer.error["kind"] if answer.error else None


def rebuilt(run: Run) -> RunState:
    """Give the state that a reader builds from the events alone."""
    first, *rest = events_of(run)
    state = RunState(
        id=run.pk,
        seq=1,
        state="queued",
        mode=first.data["mode"],
        prompt=first.data["prompt"],
        title=first.data["title"],
        preset=first.data["preset"],
        preset_name=first.data["preset_name"],
        pinned=first.data["pinned"],
        rehearsal=first.data["rehearsal"],
        created_at=first.data["at"],
        after=first.data["after"],
        history=first.data["history"] or "",
        earlier=first.data["thread"][:-1],
        left_out=first.data["left_out"],
        stand_ins=first.data["stand_ins"],
        pictures=first.data["pictures"],
        unseen_by=first.data["unseen_by"],
        guided=first.data["guided"],
    )
    for data in first.data["answers"]:
        state.apply(1, "answer.added", data)
    for event in rest:
        state.apply(event.seq, event.kind, event.data)
    return state


def test_best_of_returns_the_winner_byte_for_byte(desk: Desk, upstream: Upstream) -> None:
    all_answer(upstream)
    text = "bea says: é\u2028x\u0085 \U0001f600\n\n```\ncode\n```\ttail "
    upstream.scripts["bea"] = Script([text[:9], text[9:]])
    run = work(desk.start())
    assert (run.state, run.fusions.get().source) == ("done", "best_of")
    assert run.fusions.get().text == text == run.answers.get(member=1).text
    assert run.verdict is not None
    assert run.verdict["winner"] == run.answers.get(member=1).pk


def test_merge_streams_the_merged_text(desk: Desk, upstream: Upstream) -> None:
    all_answer(upstream)
    desk.change(mode="merge")
    run = work(desk.start())
    assert (run.state, run.fusions.get().source) == ("done", "merge")
    assert run.fusions.get().text == "# Merged\n\nAll of it in one."
    kinds = [event.kind for event in events_of(run)]
    assert kinds.index("verdict.finished") < kinds.index("fused.started") < kinds.index("fused.delta")


def test_debate_asks_again_and_keeps_both_rounds(desk: Desk, upstream: Upstream) -> None:
    all_answer(upstream)

    def cyd(body: dict[str, Any]) -> Script:
        debates = body["messages"][0]["content"].startswith("Task: challenge")
        return Script(["CHANGE\nReason: bea is right.\n\nbea, then."] if debates else ["I am cyd."])

    upstream.scripts["cyd"] = cyd
    desk.change(mode="debate")
    run = work(desk.start())
    assert (run.state, run.fusions.get().source) == ("done", "debate")
    assert list(run.answers.values_list("round", "member")) == [(r, m) for r in (0, 1) for m in (0, 1, 2)]
    assert run.answers.get(round=1, member=2).text.startswith("CHANGE")


def test_rows_and_events_tell_the_same(desk: Desk, upstream: Upstream) -> None:
    all_answer(upstream)
    upstream.scripts["ada"] = Script(status=401, body={"error": {"message": "no"}})
    desk.change(mode="debate")
    run = work(desk.start())
    assert rebuilt(run) == load_state(run.pk)


def test_rows_and_events_tell_the_same_at_every_flush(desk: Desk, upstream: Upstream) -> None:
    all_answer(upstream)
    gate = threading.Event()
    upstream.scripts["cyd"] = Script(["one ", "two"], gate=gate, gate_at=1)
    run = desk.start()

    async def look() -> int:
        looks = 0
        async with working() as supervisor:
            supervisor.submit(run.pk)
            async for facts in follow(run.pk, 0):
                stored, told = await sync_to_async(lambda: (load_state(run.pk), rebuilt(run)))()
                if stored.seq == told.seq:
                    assert stored == told
                    looks += 1
                if any(fact.kind == "answer.delta" and fact.data["text"] == "one " for fact in facts):
                    gate.set()
        return looks

    assert async_to_sync(look)() > 2


def test_a_failing_and_an_empty_member_do_not_stop_the_others(desk: Desk, upstream: Upstream) -> None:
    all_answer(upstream)
    upstream.scripts["ada"] = Script(status=402, body={"error": {"message": "Insufficient credits"}})
    upstream.scripts["cyd"] = Script([])
    run = work(desk.start())
    ada, bea, cyd = run.answers.all()
    assert (ada.outcome, kind_of(ada)) == ("error", "billing")
    assert (bea.outcome, cyd.outcome) == ("complete", "empty")
    assert (run.state, run.fusions.get().source) == ("done", "single")
    assert not [asked for asked in upstream.asked("judge") if task_of(asked.body) == "judge"]


def test_no_usable_answer_fails_the_run_with_every_reason(desk: Desk, upstream: Upstream) -> None:
    for name in ("ada", "bea", "cyd"):
        upstream.scripts[name] = Script(status=401, body={"error": {"message": "wrong key"}})
    run = work(desk.start())
    assert (run.state, run.fusions.count()) == ("failed", 0)
    assert [kind_of(answer) for answer in run.answers.all()] == ["auth"] * 3
    assert upstream.asked("judge") == []


def test_stop_drops_every_upstream_connection_and_keeps_what_was_written(
    desk: Desk, upstream: Upstream
) -> None:
    all_answer(upstream)
    for name in ("ada", "bea"):
        upstream.scripts[name] = Script(["begun ", "never"], gate=threading.Event(), gate_at=1)
    run = desk.start()

    async def stop() -> None:
        async with working() as supervisor:
            supervisor.submit(run.pk)
            async for facts in follow(run.pk, 0):
                if sum(f.kind == "answer.delta" and f.data["text"] == "begun " for f in facts):
                    for name in ("ada", "bea"):
                        await asyncio.to_thread(upstream.wait_for, name, sent=1)
                    await sync_to_async(cancel_run)(run)

    async_to_sync(stop)()
    run.refresh_from_db()
    assert run.state == "cancelled"
    assert run.answers.get(member=0).outcome == "cancelled"
    for name in ("ada", "bea"):
        assert upstream.wait_for(name).was_dropped.wait(WITHIN_S)
    assert {a.text for a in run.answers.filter(outcome="cancelled")} >= {"begun "}
    assert [e.kind for e in events_of(run)][-1] == "run.finished"


def test_stop_of_one_member_lets_the_others_go_on(desk: Desk, upstream: Upstream) -> None:
    all_answer(upstream)
    upstream.scripts["ada"] = Script(["begun ", "never"], gate=threading.Event(), gate_at=1)
    run = desk.start()

    async def stop() -> None:
        async with working() as supervisor:
            supervisor.submit(run.pk)
            async for facts in follow(run.pk, 0):
                if any(f.kind == "answer.delta" and f.data["text"] == "begun " for f in facts):
                    await sync_to_async(cancel_answer)(await run.answers.aget(member=0))

    async_to_sync(stop)()
    run.refresh_from_db()
    ada = run.answers.get(member=0)
    assert (run.state, ada.outcome, ada.text) == ("done", "cancelled", "begun ")
    assert upstream.wait_for("ada").was_dropped.wait(WITHIN_S)


def test_a_parked_run_goes_on_and_pays_for_no_answer_twice(desk: Desk, upstream: Upstream) -> None:
    all_answer(upstream)
    gate = threading.Event()
    upstream.scripts["cyd"] = Script(["half ", "whole cyd"], gate=gate, gate_at=1)
    run = desk.start()

    async def until_two_are_done() -> None:
        async with working() as supervisor:
            supervisor.submit(run.pk)
            done = 0
            async for facts in follow(run.pk, 0):
                done += sum(fact.kind == "answer.finished" for fact in facts)
                if done == 2:
                    await asyncio.to_thread(upstream.wait_for, "cyd")
                    return

    async_to_sync(until_two_are_done)()
    run.refresh_from_db()
    assert not run.is_final
    gate.set()
    run = work(run)
    assert run.state == "done"
    assert [len(upstream.asked(name)) for name in ("ada", "bea", "cyd")] == [1, 1, 2]
    cyd = run.answers.get(member=2)
    assert (cyd.attempt, cyd.text) == (2, "half whole cyd")
    assert rebuilt(run) == load_state(run.pk)


def test_a_run_that_was_taken_over_is_written_by_its_new_owner_only(desk: Desk, upstream: Upstream) -> None:
    all_answer(upstream)
    gate = threading.Event()
    upstream.scripts["cyd"] = Script(["a", "b"], gate=gate, gate_at=0)
    run = desk.start()

    async def take_over() -> int:
        async with working() as supervisor:
            supervisor.submit(run.pk)
            async for facts in follow(run.pk, 0):
                if any(fact.kind == "answer.finished" for fact in facts):
                    break
            # Another process claims the run: from now on every write of this one must bounce.
            await Run.objects.filter(pk=run.pk).aupdate(epoch=99)
            before = await Event.objects.filter(run=run).acount()
            gate.set()
            await supervisor.finished(run.pk)
            return before

    taken = REGISTRY.get_sample_value("fusion_lease_takeovers_total") or 0
    before = async_to_sync(take_over)()
    run.refresh_from_db()
    assert (run.epoch, run.state) == (99, "answering")
    assert REGISTRY.get_sample_value("fusion_lease_takeovers_total") == taken + 1
    assert run.events.count() == before


def test_every_judge_call_is_kept_raw(desk: Desk, upstream: Upstream) -> None:
    all_answer(upstream)
    run = work(desk.start())
    steps = {step.name.partition("#")[0]: step for step in Step.objects.filter(run=run)}
    assert len(steps) == len(upstream.asked("judge"))
    assert {(step.model, step.outcome) for step in steps.values()} == {("judge", "complete")}
    texts = {name: (step.result or {})["text"] for name, step in steps.items()}
    assert "I compared them." in texts.pop("judge/0")
    assert all("I looked." in text for name, text in texts.items() if name.startswith("score/"))


def test_what_was_known_when_the_comparison_began_is_kept_for_whoever_goes_on(
    desk: Desk, upstream: Upstream
) -> None:
    all_answer(upstream)
    upstream.scripts["cyd"] = Script(["I am ", "cyd."], gate=(gate := threading.Event()))
    run = desk.start()

    async def look() -> None:
        async with working() as supervisor:
            supervisor.submit(run.pk)
            while await Step.objects.filter(run=run, outcome="complete").acount() < 3:
                await asyncio.sleep(0.01)
            gate.set()
            async for _ in follow(run.pk, 0):
                pass

    async_to_sync(look)()
    run.refresh_from_db()
    resume = resume_of(run)
    assert resume.compared == (AnswerKey(0, 0), AnswerKey(0, 1), AnswerKey(0, 2))
    assert resume.scored == (AnswerKey(0, 0), AnswerKey(0, 1))
    assert resume.with_needs is True
    assert run.verdict is not None
    assert run.verdict["needs"] == ["It says why.", "It gives figures."]
    assert len(run.verdict["finalists"]) == 2


def test_where_the_judge_reads_ahead_the_order_of_arrival_is_kept_and_no_step_is_made_of_it(
    desk: Desk, upstream: Upstream
) -> None:
    all_answer(upstream)
    upstream.scripts["ada"] = Script(["I am ", "ada."], gate=(gate := threading.Event()))
    Connection.objects.update(kind="compact")
    Judge.objects.update(swap_check=True)
    desk.preset.refresh_from_db()
    run = desk.start()

    def read_ahead() -> bool:
        return any(one.body["max_tokens"] == 0 for one in upstream.asked("judge"))

    async def last_comes_ada() -> None:
        async with working() as supervisor, asyncio.timeout(WITHIN_S):
            supervisor.submit(run.pk)
            while await Answer.objects.filter(run=run, outcome="complete").acount() < 2 or not read_ahead():
                await asyncio.sleep(0.01)
            gate.set()
            async for _ in follow(run.pk, 0):
                pass

    async_to_sync(last_comes_ada)()
    run.refresh_from_db()
    resume = resume_of(run)
    assert set(resume.arrived) == set(resume.compared or ())
    assert resume.arrived[-1] == AnswerKey(0, 0)
    asked = upstream.asked("judge")
    assert Step.objects.filter(run=run).count() == sum(one.body["max_tokens"] > 0 for one in asked)


def test_unknown_cost_is_unknown(desk: Desk, upstream: Upstream) -> None:
    all_answer(upstream)
    run = work(desk.start())
    assert run.cost_usd is None
    assert not run.cost_complete


def test_cost_comes_from_the_server_or_else_from_tokens_and_prices(desk: Desk, upstream: Upstream) -> None:
    all_answer(upstream)
    counted = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    upstream.scripts["ada"] = Script(["ada"], usage={**counted, "cost": 0.5})
    upstream.scripts["cyd"] = Script(["cyd"], usage=counted)
    connection = desk.preset.judge.connection
    for name in ("ada", "bea", "cyd"):
        connection.catalogue.create(model=name, prompt_price="0.001", completion_price="0.01")
    run = work(desk.start())
    assert [answer.cost_usd for answer in run.answers.all()] == [Decimal("0.5"), None, Decimal("0.2")]
    assert (run.cost_usd, run.cost_complete) == (Decimal("0.7"), False)


def test_a_long_prompt_costs_what_the_catalogue_says_of_long_prompts(desk: Desk, upstream: Upstream) -> None:
    all_answer(upstream)
    for name, tokens in (("ada", 100), ("bea", 101)):
        upstream.scripts[name] = Script([name], usage={"prompt_tokens": tokens, "completion_tokens": 10})
        desk.preset.judge.connection.catalogue.create(
            model=name,
            prompt_price="0.001",
            completion_price="0.01",
            overrides=[{"min_prompt_tokens": 100, "prompt": "0.002"}],
        )
    run = work(desk.start())
    assert [answer.cost_usd for answer in run.answers.all()] == [Decimal("0.2"), Decimal("0.302"), None]


def test_a_state_of_an_unstarted_run_comes_from_rows(desk: Desk) -> None:
    run = desk.start()
    state = load_state(run.pk)
    assert state == rebuilt(run)
    assert all(not answer.outcome for answer in state.answers.values())


def parked(desk: Desk, upstream: Upstream) -> Run:
    """Give a run that was parked while cyd had written half of an answer."""
    all_answer(upstream)
    upstream.scripts["cyd"] = Script(["half ", "whole"], gate=threading.Event(), gate_at=1)
    run = desk.start()

    async def until_half() -> None:
        async with working() as supervisor:
            supervisor.submit(run.pk)
            async for facts in follow(run.pk, 0):
                if any(fact.kind == "answer.delta" and fact.data["text"] == "half " for fact in facts):
                    return

    async_to_sync(until_half)()
    run.refresh_from_db()
    return run


def test_an_answer_that_cannot_be_asked_again_tells_the_same_in_rows_and_events(
    desk: Desk, upstream: Upstream
) -> None:
    run = parked(desk, upstream)
    Connection.objects.update(key_lost=True)
    run = work(run)
    cyd = run.answers.get(member=2)
    assert (cyd.outcome, kind_of(cyd), cyd.text, cyd.attempt) == ("error", "auth", "", 2)
    assert rebuilt(run) == load_state(run.pk)


def test_a_parked_run_that_is_stopped_keeps_what_was_written(desk: Desk, upstream: Upstream) -> None:
    run = parked(desk, upstream)
    cancel_run(run)
    run = work(run)
    cyd = run.answers.get(member=2)
    assert (run.state, cyd.outcome, cyd.text) == ("cancelled", "cancelled", "half ")
    assert len(upstream.asked("cyd")) == 1
    assert rebuilt(run) == load_state(run.pk)


def test_a_refusal_is_left_out_and_the_headline_says_so(desk: Desk, upstream: Upstream) -> None:
    all_answer(upstream)
    upstream.scripts["ada"] = Script(["I'm sorry, but I can't ", "help with that."])
    run = work(desk.start())
    assert run.answers.get(member=0).pk not in run.fusions.get().answers
    assert header(load_state(run.pk)).startswith(
        "Fused from 2 of 3. It is Bea's answer, word for word. Ada refused"
    )
