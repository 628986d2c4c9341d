"""A person chooses what the fused answer keeps: while the run waits for that, once it is over, and when that is no choice."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.test import Client
from django.test.utils import override_settings
from django.utils import timezone

from fusion_site.accounts.models import User
from fusion_site.runs.claiming import claimable
from fusion_site.runs.flows.cancel import cancel_run
from fusion_site.runs.flows.guide import guide_run
from fusion_site.runs.limits import LimitReached
from fusion_site.runs.live.choosing import choice_view
from fusion_site.runs.live.feed import follow
from fusion_site.runs.loading import load_state
from fusion_site.runs.models import Run
from fusion_site.runs.reading import run_json
from tests.api.conftest import Program, program_of
from tests.runs.conftest import MEMBERS, Desk, working
from tests.runs.test_again import fused
from tests.runs.test_executing import all_answer, events_of, rebuilt, work
from tests.runs.test_rest import call
from tests.upstream import WITHIN_S, Script, Upstream, candidates_in, task_of, verdict

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["call", "program_of"]

Programs = Callable[[User | None], Program]
CONSENSUS = {"from": "consensus", "text": "All of them say it is."}
STANCE = {"from": "contradiction", "text": "Which one", "stance": "bea it is"}


def analysing(body: dict[str, Any]) -> Script:
    """Judge for bea, with points to tick; merge what is to be kept, word for word."""
    if task_of(body) == "merge":
        lines = body["messages"][-1]["content"].split("\n")
        at = next((n for n, line in enumerate(lines) if line.startswith("<<wishes ")), None)
        kept = json.loads(lines[at + 1])["keep"] if at is not None else []
        return Script(
            ["# Merged\n\n", *(f"{wish.get('stance') or wish['text']}\n\n" for wish in kept), "So."]
        )
    found = candidates_in(body)
    bea = next(letter for letter, text in found.items() if "bea" in text)
    lists = {
        "consensus": [CONSENSUS["text"]],
        "contradictions": [
            {
                "topic": "Which one",
                "stances": [
                    {"label": x, "stance": f"{t.split()[-3].strip('*')} it is"} for x, t in found.items()
                ],
            }
        ],
        "unique_insights": [{"label": bea, "insight": "Only bea is bea."}],
        "partial_coverage": [{"labels": [bea], "point": "Some say who they are."}],
        "blind_spots": ["Nobody says when."],
    }
    return Script([verdict(bea, found, **lists)])


@pytest.fixture(autouse=True)
def judge_only_compares(monkeypatch: pytest.MonkeyPatch, upstream: Upstream) -> None:
    """Keep the judge to comparing and merging."""
    monkeypatch.setattr("fusion_site.engine.scoring.FEWEST_MEMBERS", 99)
    all_answer(upstream)
    upstream.scripts["judge"] = analysing


def until_paused(run: Run) -> Run:
    """Work on a run until only a person is waited for."""

    async def so_far() -> None:
        async with working() as supervisor:
            supervisor.submit(run.pk)
            async for facts in follow(run.pk, run.seq):
                if any(fact.kind == "guidance.wanted" for fact in facts):
                    break
            await supervisor.finished(run.pk)

    async_to_sync(so_far)()
    run.refresh_from_db()
    assert rebuilt(run) == load_state(run.pk)
    return run


def to_the_end(run: Run) -> Run:
    """Have the site's sweep find a run, and work on it to its end."""

    async def found() -> None:
        async with working() as supervisor:
            supervisor.start()
            async for _ in follow(run.pk, 0):
                pass

    async_to_sync(found)()
    run.refresh_from_db()
    assert rebuilt(run) == load_state(run.pk)
    return run


@pytest.fixture
def waiting(desk: Desk) -> Run:
    """Give a run that waits for its person."""
    return until_paused(desk.start(guided=True))


def asked(upstream: Upstream) -> list[int]:
    """Count the requests to the members, and those that compare and merge."""
    tasks = [task_of(each.body) for each in upstream.asked("judge")]
    return [*(len(upstream.asked(name)) for name in MEMBERS), tasks.count("judge"), tasks.count("merge")]


def passage(run: Run, member: int, text: str) -> dict[str, Any]:
    """Give a tick at a passage of a member's answer."""
    answer = run.answers.get(member=member, round=0)
    at = answer.text.index(text)
    return {"from": "passage", "answer": answer.pk, "offset": at, "length": len(text), "text": text}


def test_a_run_that_waits_holds_nothing_and_goes_on_with_what_is_chosen(
    waiting: Run, call: Program, upstream: Upstream
) -> None:
    assert (waiting.state, waiting.is_open, waiting.is_paused) == ("judging", True, True)
    assert (waiting.lease_until, waiting.lease_owner) == (None, "")
    assert not claimable().exists()
    shown = call("GET", f"runs/{waiting.pk}").json()
    assert (shown["guided"], shown["fused"], shown["verdict"]["consensus"]) == (
        True,
        None,
        [CONSENSUS["text"]],
    )
    assert shown["waits_until"] > timezone.now().isoformat()
    chosen = {"keep": [CONSENSUS, STANCE], "drop": [passage(waiting, 2, "and **cyd** it is.")]}
    response = call("POST", f"runs/{waiting.pk}/guidance", chosen)
    assert (response.status_code, response.json()["state"]) == (202, "judging")
    assert claimable().exists()
    run = to_the_end(waiting)
    assert (run.state, fused(run)) == ("done", [(1, "merge", True)])
    assert asked(upstream) == [1, 1, 1, 1, 1]
    shown = call("GET", f"runs/{run.pk}").json()
    kept, left_out = shown["fused"]["guidance"]["keep"], shown["fused"]["guidance"]["drop"]
    assert [(t["from"], t["text"], t["stance"], t["heeded"]) for t in kept] == [
        ("consensus", CONSENSUS["text"], None, True),
        ("contradiction", "Which one", "bea it is", True),
    ]
    assert [(t["text"], t["offset"], t["heeded"]) for t in left_out] == [("and **cyd** it is.", 9, True)]
    assert shown["waits_until"] is None
    kinds = [event.kind for event in events_of(run) if "delta" not in event.kind]
    assert kinds.index("guidance.wanted") < kinds.index("guidance.given") < kinds.index("fused.started")
    assert call("POST", f"runs/{run.pk}/guidance", {}).status_code == 422


def test_it_goes_on_without_a_choice_when_somebody_says_so_or_time_is_up(
    desk: Desk, call: Program, upstream: Upstream
) -> None:
    said_so = until_paused(desk.start(guided=True))
    assert call("POST", f"runs/{said_so.pk}/guidance", {"keep": [], "drop": []}).status_code == 202
    assert call("POST", f"runs/{said_so.pk}/guidance", {"keep": [CONSENSUS]}).status_code == 409
    assert fused(to_the_end(said_so)) == [(1, "best_of", True)]
    late = until_paused(desk.start("What is best now?", guided=True))
    Run.objects.filter(pk=late.pk).update(guided_until=timezone.now() - timedelta(seconds=1))
    assert call("POST", f"runs/{late.pk}/guidance", {"keep": [CONSENSUS]}).status_code == 409
    run = to_the_end(late)
    assert run.fusions.get().note == "Nobody chose in time what to keep."
    assert call("GET", f"runs/{run.pk}").json()["fused"]["guidance"] == {
        "keep": [],
        "drop": [],
        "missed": True,
    }
    assert asked(upstream) == [2, 2, 2, 2, 0]


def test_a_choice_is_heard_while_a_late_answer_is_written(
    desk: Desk, call: Program, upstream: Upstream
) -> None:
    gate = threading.Event()
    upstream.scripts["cyd"] = Script(["I am cyd", " and late."], gate=gate, gate_at=1)
    desk.change(quorum=2, grace=1)
    run = desk.start(guided=True)

    async def choose_meanwhile() -> None:
        async with working() as supervisor:
            supervisor.submit(run.pk)
            async for facts in follow(run.pk, run.seq):
                kinds = {fact.kind for fact in facts}
                if "guidance.wanted" in kinds:
                    given = await sync_to_async(call)(
                        "POST", f"runs/{run.pk}/guidance", {"keep": [CONSENSUS]}
                    )
                    assert given.status_code == 202
                if "fused.finished" in kinds:
                    gate.set()

    async_to_sync(choose_meanwhile)()
    run.refresh_from_db()
    assert (run.state, run.claims, fused(run)) == ("done", 1, [(1, "merge", True)])
    assert run.fusions.get().late == [run.answers.get(member=2).pk]
    assert CONSENSUS["text"] in run.fusions.get().text
    assert asked(upstream) == [1, 1, 1, 1, 1]


def test_stop_ends_a_run_that_waits(waiting: Run, upstream: Upstream) -> None:
    async def stop() -> None:
        async with working():
            await sync_to_async(cancel_run)(waiting)
            async with asyncio.timeout(WITHIN_S):
                async for _ in follow(waiting.pk, waiting.seq):
                    pass

    async_to_sync(stop)()
    run = Run.objects.get(pk=waiting.pk)
    assert (run.state, run.is_open, run.guided_until) == ("cancelled", False, None)
    assert rebuilt(run) == load_state(run.pk)
    assert asked(upstream) == [1, 1, 1, 1, 0]


def test_runs_that_wait_lock_nobody_out_but_are_bounded(desk: Desk, upstream: Upstream) -> None:
    with override_settings(FUSION_RUNS_PER_PERSON=1):
        first = until_paused(desk.start(guided=True))
        work(desk.start())
        with pytest.raises(LimitReached, match="wait for your choice"):
            desk.start(guided=True)
        going_on = desk.start()
        with pytest.raises(LimitReached, match="going on"):
            desk.start()
        work(going_on)
        cancel_run(first)
        assert to_the_end(first).state == "cancelled"
        desk.start(guided=True)


def test_a_run_that_is_over_makes_a_further_version_of_the_points(
    desk: Desk, call: Program, upstream: Upstream
) -> None:
    run = work(desk.start())
    before = asked(upstream)
    keep = [passage(run, 0, "I am ada"), {"from": "blind_spot", "text": "Nobody says when."}]
    assert call("POST", f"runs/{run.pk}/guidance", {"keep": keep}).status_code == 202
    assert call("POST", f"runs/{run.pk}/guidance", {"keep": keep}).status_code == 409
    run = to_the_end(run)
    assert fused(run) == [(1, "best_of", True), (2, "merge", True)]
    assert asked(upstream) == [*before[:4], 1]
    first, second = run_json(load_state(run.pk))["fusions"]
    assert first["guidance"] is None
    assert [tick["heeded"] for tick in second["guidance"]["keep"]] == [True, True]
    assert call("POST", f"runs/{run.pk}/fuse").status_code == 202
    assert fused(to_the_end(run))[-1] == (3, "best_of", True)


def test_what_cannot_be_taken_is_said_at_each_tick(waiting: Run, desk: Desk, call: Program) -> None:
    other = work(desk.start("Another one?"))
    there = passage(waiting, 0, "I am ada")
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"from": "consensus", "text": "Ignore all that."}, "text"),
        ({"from": "contradiction", "text": "Which one", "stance": "none"}, "text"),
        ({"from": "rumour", "text": "x"}, "from"),
        ({**there, "offset": 1}, "text"),
        ({**there, "text": "I am bea"}, "text"),
        ({**there, "offset": None}, "offset"),
        ({**there, "offset": 10**9}, "offset"),
        ({**there, "answer": other.answers.get(member=0).pk}, "answer"),
        ({"from": "passage", "text": "x" * 2001}, "text"),
        (CONSENSUS, "text"),
    ]
    ticks = [tick for tick, _ in wrong]
    response = call("POST", f"runs/{waiting.pk}/guidance", {"keep": [CONSENSUS], "drop": ticks})
    assert response.status_code == 422
    fields = response.json()["error"]["fields"]
    for number, (tick, field) in enumerate(wrong):
        assert f"drop.{number}.{field}" in fields, tick
    assert Run.objects.get(pk=waiting.pk).guidance is None
    for body, field in [
        ({"keep": [CONSENSUS] * 41}, "keep"),
        ({"keep": "all"}, "keep"),
        ({"kept": []}, "kept"),
        ({"keep": [{"from": "consensus"}]}, "keep.0.text"),
    ]:
        response = call("POST", f"runs/{waiting.pk}/guidance", body)
        assert response.status_code == 422
        assert field in response.json()["error"]["fields"]


def test_who_may_not_act_and_who_comes_too_early_choose_nothing(
    desk: Desk, waiting: Run, dave: User, charlie: User, call: Program, program_of: Programs
) -> None:
    path = f"runs/{waiting.pk}/guidance"
    assert program_of(dave)("POST", path, {"keep": [CONSENSUS]}).status_code == 403
    assert program_of(charlie)("POST", path, {"keep": [CONSENSUS]}).status_code == 404
    early = desk.start("Too early?")
    response = call("POST", f"runs/{early.pk}/guidance", {"keep": []})
    assert (response.status_code, response.json()["error"]["kind"]) == (409, "bad_request")
    assert Run.objects.get(pk=waiting.pk).guidance is None


def test_a_choice_is_shown_without_the_marks_of_markdown() -> None:
    tick = {"text": "See [the **manual**](https://x.example) on `locks`.", "stance": None, "heeded": True}
    shown = choice_view({"keep": [tick], "drop": []})
    assert shown is not None
    assert shown["keep"][0]["text"] == "See the manual on locks."


def test_what_a_program_starts_of_a_guided_preset_waits_for_nobody_unless_it_says_so(
    desk: Desk, call: Program, upstream: Upstream
) -> None:
    desk.change(guided=True)
    body = {"preset": "best", "prompt": "At once?"}
    for more in ({}, {"guided": None}, {"guided": False}):
        run = work(Run.objects.get(pk=call("POST", "runs", body | more).json()["id"]))
        assert (run.state, fused(run)) == ("done", [(1, "best_of", True)])
        assert load_state(run.pk).guided is False
    asked = call("POST", "runs", body | {"guided": True}).json()["id"]
    assert until_paused(Run.objects.get(pk=asked)).is_paused


@pytest.mark.parametrize(("is_set", "ticked"), [(True, {}), (False, {"guided": "1"})])
def test_on_the_pages_a_guided_preset_waits_and_so_does_a_ticked_box(
    desk: Desk,
    client_for: Callable[[User | None], Client],
    upstream: Upstream,
    is_set: bool,
    ticked: dict[str, str],
) -> None:
    desk.change(guided=is_set)
    client, given = client_for(desk.person), {"preset": desk.preset.pk, "prompt": "Shall I choose?"}
    assert client.post("/", given | ticked).status_code == 302
    first = until_paused(Run.objects.get())
    assert first.is_paused
    guide_run(first, {})
    work(first)
    assert client.post(f"/runs/{first.pk}/follow-up/", given).status_code == 302
    later = Run.objects.exclude(pk=first.pk).get()
    assert load_state(later.pk).guided is is_set


def test_one_answer_is_nothing_to_merge(desk: Desk, call: Program, upstream: Upstream) -> None:
    for name in ("ada", "cyd"):
        upstream.scripts[name] = Script(status=401, body={"error": {"message": "no"}})
    run = work(desk.start(guided=True))
    assert fused(run) == [(1, "single", True)]
    response = call("POST", f"runs/{run.pk}/guidance", {"keep": [passage(run, 1, "I am bea")]})
    assert response.status_code == 409
    assert "nothing to merge" in response.json()["error"]["message"]
