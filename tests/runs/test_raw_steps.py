"""Every call by the judge can be opened: as it was sent, whom it showed, and as it came back; also while it is written."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import Client

from fusion_site.accounts.models import User
from fusion_site.pools.models import Judge
from fusion_site.runs.flows.again import fuse_run_again
from fusion_site.runs.live import watching
from fusion_site.runs.live.feed import follow
from fusion_site.runs.loading import load_state
from fusion_site.runs.models import Run
from tests.api.conftest import program_of
from tests.runs.conftest import Desk, working
from tests.runs.test_executing import all_answer, rebuilt, work
from tests.runs.test_rest import Programs
from tests.upstream import Script, Upstream, candidates_in, judge_for, verdict

__all__ = ["program_of"]
pytestmark = pytest.mark.django_db(transaction=True)
Clients = Callable[[User | None], Client]


@pytest.fixture(autouse=True)
def judge_only_compares(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the judge to comparing, so that its calls can be counted."""
    monkeypatch.setattr("fusion_site.engine.scoring.FEWEST_MEMBERS", 99)


def test_each_call_is_told_as_it_was_sent_and_came_back(
    desk: Desk, upstream: Upstream, program_of: Programs, charlie: User
) -> None:
    all_answer(upstream)
    desk.change(mode="merge", do_no_harm=True)
    run = work(desk.start())
    answers = {answer.pk: answer.text for answer in run.answers.all()}
    told = program_of(desk.person)("GET", f"runs/{run.pk}/steps").json()["items"]
    assert [step["name"] for step in told] == ["judge/0", "merge/0", "harm/0", "harm/1"]
    assert [step["stage"] for step in told] == ["fence", None, "fence", "fence"]
    sent = {str(asked.body["messages"]): asked for asked in upstream.asked("judge")}
    for step in told:
        assert [turn.pop("pictures") for turn in step["messages"]] == [[], []]
        asked = sent[str(step["messages"])]
        assert step["reply"] == asked.said
        shown = candidates_in(asked.body)
        assert [each["label"] for each in step["shown"]] == list(shown)
        for each in step["shown"]:
            text = answers[each["answer"]] if each["answer"] else "# Merged\n\nAll of it in one."
            assert shown[each["label"]] == text
        assert (step["versions"], step["outcome"], step["attempt"], step["problem"]) == (
            [1],
            "complete",
            1,
            None,
        )
        assert step["started_at"] < step["finished_at"]
        assert step["took_ms"] >= 0
    assert program_of(charlie)("GET", f"runs/{run.pk}/steps").status_code == 404


def test_the_page_shows_them_to_the_team_and_only_as_text(
    desk: Desk, upstream: Upstream, client_for: Clients, dave: User, charlie: User
) -> None:
    all_answer(upstream)
    upstream.scripts["judge"] = lambda body: Script(["<script>x</script>", verdict("A", candidates_in(body))])
    run = work(desk.start())
    address = f"/runs/{run.pk}/versions/1/judged/"
    page = client_for(dave).get(address).content.decode()
    assert "Comparing the answers" in page
    assert "&lt;script&gt;x&lt;/script&gt;" in page
    assert "<script>x" not in page
    assert "Task: judge the candidates" in page
    assert address in client_for(dave).get(f"/runs/{run.pk}/").content.decode()
    assert address in client_for(dave).get(f"/runs/{run.pk}/versions/1/").content.decode()
    assert client_for(charlie).get(address).status_code == 404
    assert client_for(dave).get(f"/runs/{run.pk}/versions/2/judged/").status_code == 404


def test_a_call_that_is_made_anew_stays_as_it_was(
    desk: Desk, upstream: Upstream, program_of: Programs
) -> None:
    all_answer(upstream)
    upstream.scripts["judge"] = Script(["I do not know."])
    run = work(desk.start())
    upstream.scripts["judge"] = judge_for("bea")
    fuse_run_again(run)
    run = work(run)
    fuse_run_again(run)
    run = work(run)
    call = program_of(desk.person)
    told = {n: call("GET", f"runs/{run.pk}/steps?version={n}").json()["items"] for n in (1, 2, 3)}
    assert [(s["name"], s["replaced"], s["reply"]) for s in told[1]] == [
        ("judge/0", True, "I do not know."),
        ("judge/0/again", True, "I do not know."),
    ]
    assert {step["problem"] for step in told[1]} == {"it holds no JSON object"}
    (second,), (third,) = told[2], told[3]
    assert second == third
    assert (second["name"], second["replaced"], second["versions"]) == ("judge/0", False, [2, 3])
    assert len(call("GET", f"runs/{run.pk}/steps").json()["items"]) == 3


@pytest.fixture
def slow_judge(upstream: Upstream) -> threading.Event:
    """Have the judge stop in the middle of its verdict, behind the first thing that it found, until the gate is open."""
    gate = threading.Event()

    def judge(body: dict[str, Any]) -> Script:
        found = verdict(
            "A", candidates_in(body), consensus=["They **agree** on locks."], blind_spots=["Time."]
        )
        begun, rest = found.split('"blind_spots"')
        return Script([begun, '"blind_spots"' + rest], gate=gate, gate_at=1)

    upstream.scripts["judge"] = judge
    return gate


def test_what_the_judge_finds_is_shown_while_it_writes(
    desk: Desk, upstream: Upstream, slow_judge: threading.Event
) -> None:
    all_answer(upstream)
    run = desk.start()

    async def watch() -> tuple[str, str]:
        async with working() as supervisor, asyncio.timeout(20):
            listener = await watching.watch(run.pk, may_act=True)
            supervisor.submit(run.pk)
            frames = before = ""
            while 'data-state="done"' not in frames:
                frames += await listener.frame()
                if "They agree on locks." in frames and not before:
                    before = frames
                    slow_judge.set()
            watching.leave(run.pk, listener)
        return before, frames

    before, frames = async_to_sync(watch)()
    assert "The judge is writing" in before
    assert "says Judge" not in before
    assert "Time." not in before
    assert "Time." in frames
    assert "says Judge" in frames


def test_a_judge_that_is_cut_off_tells_the_same_in_rows_and_events(
    desk: Desk, upstream: Upstream, slow_judge: threading.Event
) -> None:
    all_answer(upstream)
    run = desk.start()

    async def until_it_writes() -> None:
        async with working() as supervisor:
            supervisor.submit(run.pk)
            async for facts in follow(run.pk, 0):
                if any(fact.kind == "verdict.delta" for fact in facts):
                    return

    async_to_sync(until_it_writes)()
    state = load_state(run.pk)
    assert state.judging is not None
    assert "locks" in state.judging.text
    assert rebuilt(Run.objects.get(pk=run.pk)) == state
    slow_judge.set()
    run = work(run)
    assert rebuilt(run) == load_state(run.pk)
    assert run.fusions.get().verdict == run.verdict
    assert run.steps.get().attempt == 2


def test_fusing_again_says_what_it_may_cost(
    desk: Desk, upstream: Upstream, client_for: Clients, dave: User
) -> None:
    all_answer(upstream)
    run = work(desk.start())
    address = f"/runs/{run.pk}/fuse/estimate/"
    client = client_for(desk.person)
    assert address in client.get(f"/runs/{run.pk}/").content.decode()
    assert client.get(address).content.decode().strip() == "cost unknown"
    where = Judge.objects.get(pk=desk.preset.judge_id).connection
    where.catalogue.create(model="judge", prompt_price=0, completion_price="0.001")
    assert client.get(address).content.decode().strip() == "$0.25 to $8.19"
    assert client_for(dave).get(address).status_code == 403
