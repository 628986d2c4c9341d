"""The honest header of stored runs: one row of the table for each way in which a fused answer comes about."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from fusion_site.accounts.models import User
from fusion_site.pools.models import Judge, PoolMember
from fusion_site.runs.flows.cancel import cancel_answer
from fusion_site.runs.header import header, sentences, short_header
from fusion_site.runs.loading import brief_states, load_state
from fusion_site.runs.models import Run
from fusion_site.runs.reading import run_json
from tests.runs.conftest import Desk
from tests.runs.test_executing import all_answer, rebuilt, work
from tests.upstream import Script, Upstream, candidates_in, judge_for, task_of, verdict

pytestmark = pytest.mark.django_db(transaction=True)
FAILS = Script(status=401, body={"error": {"message": "no"}})
Changes = Callable[[Desk, Upstream], None]


@pytest.fixture(autouse=True)
def judge_only_compares(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the judge to comparing: what else it is asked depends on who is faster, and is in no header."""
    monkeypatch.setattr("fusion_site.engine.scoring.FEWEST_MEMBERS", 99)


def told(run: Run) -> list[str]:
    """Give the sentences of a run that is over, which its events tell as its rows do."""
    state = load_state(run.pk)
    assert rebuilt(run) == state
    return sentences(state)


def member(desk: Desk, name: str, **more: Any) -> None:
    """Add a member to the pool."""
    connection, pool = desk.preset.judge.connection, desk.preset.pool
    place = pool.members.count()
    PoolMember.objects.create(
        pool=pool, position=place, connection=connection, model=name, label=name.title(), **more
    )


def judged(desk: Desk, **fields: Any) -> None:
    """Change the judge."""
    Judge.objects.filter(pk=desk.preset.judge_id).update(**fields)
    desk.preset.judge.refresh_from_db()


def in_both_orders(desk: Desk, upstream: Upstream) -> None:
    judged(desk, swap_check=True)


def in_one_order(desk: Desk, upstream: Upstream) -> None:
    pass


def picks_whoever_is_first(desk: Desk, upstream: Upstream) -> None:
    judged(desk, swap_check=True)
    upstream.scripts["judge"] = lambda body: Script(
        [verdict(next(iter(candidates_in(body))), candidates_in(body))]
    )


def by_the_fallback_judge(desk: Desk, upstream: Upstream) -> None:
    upstream.scripts |= {"judge": Script(["Hm."]), "spare": judge_for("bea")}
    judged(desk, fallback_model="spare", fallback_connection=desk.preset.judge.connection)


def by_a_judge_in_the_pool(desk: Desk, upstream: Upstream) -> None:
    judge, own = judge_for("bea"), Script(["I am ada."])
    upstream.scripts["ada"] = lambda body: judge(body) if task_of(body) else own
    judged(desk, model="ada")


def by_a_second_judge(desk: Desk, upstream: Upstream) -> None:
    desk.preset.pool.members.filter(model="bea").update(model="acme/bea")
    upstream.scripts |= {
        "acme/bea": Script(["I am bea."]),
        "acme/judge": judge_for("bea"),
        "lab/two": judge_for("bea"),
    }
    where = desk.preset.judge.connection
    judged(desk, model="acme/judge", second_model="lab/two", second_connection=where, swap_check=True)


def by_nobody(desk: Desk, upstream: Upstream) -> None:
    upstream.scripts["judge"] = Script(["Hm."])


def alone(desk: Desk, upstream: Upstream) -> None:
    upstream.scripts |= {"ada": FAILS, "cyd": Script([])}


def without_anybody(desk: Desk, upstream: Upstream) -> None:
    upstream.scripts |= dict.fromkeys(("ada", "bea"), FAILS) | {
        "cyd": Script(["half"], finish="content_filter")
    }


def by_vote(desk: Desk, upstream: Upstream) -> None:
    upstream.scripts |= {name: Script([f"{name} says.\n\nAnswer: 391"]) for name in ("ada", "bea", "cyd")}
    upstream.scripts["cyd"] = FAILS


def merging(desk: Desk, upstream: Upstream, merged: str) -> None:
    judge = judge_for("bea")
    upstream.scripts["judge"] = lambda body: Script([merged]) if task_of(body) == "merge" else judge(body)
    desk.change(mode="merge")


def merged_with_code(desk: Desk, upstream: Upstream) -> None:
    merging(desk, upstream, "Do this:\n\n```sh\nls\n```")
    member(desk, "dan")
    desk.change(quorum=4)
    upstream.scripts["dan"] = Script(["I am dan."])


def merged_with_a_cut_one(desk: Desk, upstream: Upstream) -> None:
    merging(desk, upstream, "All in one.")
    upstream.scripts["cyd"] = Script(["I am c"], finish="length")


def merged_in_vain(desk: Desk, upstream: Upstream) -> None:
    merging(desk, upstream, "All in one.")
    desk.change(do_no_harm=True)


def merged_by_nobody(desk: Desk, upstream: Upstream) -> None:
    merging(desk, upstream, " ")


def debated(desk: Desk, upstream: Upstream) -> None:
    change, own = Script(["CHANGE\nReason: bea is right.\n\nbea, then."]), Script(["I am cyd."])
    upstream.scripts["cyd"] = lambda body: change if task_of(body) == "challenge" else own
    desk.change(mode="debate")


CLOSE = "A close call: the judge did not decide the same way twice, and no score was higher, so the pool's order decided."
TABLE: dict[Changes, list[str]] = {
    in_one_order: ["Fused from 3 of 3.", "It is Bea's answer, word for word.", "Judged in one order only."],
    in_both_orders: [
        "Fused from 3 of 3.",
        "It is Bea's answer, word for word.",
        "Judges agreed in both orders.",
    ],
    picks_whoever_is_first: ["Fused from 3 of 3.", "It is *'s answer, word for word.", CLOSE],
    by_the_fallback_judge: [
        "Fused from 3 of 3.",
        "It is Bea's answer, word for word.",
        "Judged in one order only.",
        "The judge failed, and the fallback judge, spare, decided.",
    ],
    by_a_judge_in_the_pool: [
        "Fused from 3 of 3.",
        "It is Bea's answer, word for word.",
        "Judged in one order only.",
        "The judge's own model is in the pool.",
    ],
    by_a_second_judge: [
        "Fused from 3 of 3.",
        "It is Bea's answer, word for word.",
        "Judges agreed in both orders.",
        "The second judge, lab/two, agreed.",
    ],
    by_nobody: [
        "Not judged: one answer, from 3 of 3.",
        "It is Ada's answer, word for word.",
        "The judge gave no verdict: it holds no JSON object. None had a score by then, so it is the first in the pool.",
    ],
    alone: [
        "Not fused: Bea's is the only usable answer of 3.",
        "Ada failed: key refused.",
        "Cyd came back empty.",
    ],
    without_anybody: [
        "No member gave a usable answer.",
        "Ada failed: key refused.",
        "Bea failed: key refused.",
        "Cyd was withheld by the provider's filter.",
    ],
    by_vote: [
        "2 of 2 agreed on 391.",
        "No judge was asked.",
        "It is Ada's answer, word for word.",
        "Cyd failed: key refused.",
    ],
    merged_with_code: [
        "Fused from 3 of 4.",
        "* was compared, but is not among the best that were merged.",
        "Judged in one order only.",
        "The code in it has not been run.",
    ],
    merged_with_a_cut_one: [
        "Fused from 3 of 3.",
        "Judged in one order only.",
        "Cut off by its length limit: Cyd.",
    ],
    merged_in_vain: [
        "Not merged: the best single answer, from 3 of 3.",
        "It is Bea's answer, word for word.",
        "The merged answer was not clearly better than the best single one, which is returned.",
        "Judged in one order only.",
    ],
    merged_by_nobody: [
        "Not merged: the best single answer, from 3 of 3.",
        "It is Bea's answer, word for word.",
        "The merge failed. Its text was empty.",
        "Judged in one order only.",
    ],
    debated: [
        "Fused from 3 of 3.",
        "It is *'s answer, word for word.",
        "Changed in the debate: Cyd.",
        "Judged in one order only.",
    ],
}


@pytest.mark.parametrize("change", TABLE, ids=lambda change: change.__name__)
def test_it_says_how_the_answer_came_about(desk: Desk, upstream: Upstream, change: Changes) -> None:
    all_answer(upstream)
    change(desk, upstream)
    found, wanted = told(work(desk.start())), TABLE[change]
    assert len(found) == len(wanted), found
    for sentence, pattern in zip(found, wanted, strict=True):
        begin, _, end = pattern.partition("*")
        assert sentence == pattern if not end else sentence.startswith(begin) and sentence.endswith(end), (
            found
        )


@pytest.mark.parametrize(
    ("change", "label"),
    [
        (by_nobody, "Not judged: one answer"),
        (merged_by_nobody, "Not merged: the best answer"),
        (by_vote, "Agreed"),
    ],
)
def test_a_fallback_is_called_what_it_is_above_its_text(
    desk: Desk,
    upstream: Upstream,
    client_for: Callable[[User | None], Client],
    change: Changes,
    label: str,
) -> None:
    all_answer(upstream)
    change(desk, upstream)
    page = client_for(desk.person).get(f"/runs/{work(desk.start()).pk}/").content.decode()
    (shown,) = re.findall(r'class="fused-source">([^<]*)<', page)
    assert shown.startswith(label)
    badges = re.findall(r'badge-accent">([^<]*)<', page)
    assert ("returned" in badges, "best" in badges) == (change is by_vote, change is merged_by_nobody)


def test_it_says_why_each_missing_one_is_missing(
    desk: Desk, upstream: Upstream, client_for: Callable[[User | None], Client]
) -> None:
    all_answer(upstream)
    for name in ("dan", "eve", "fay", "gus"):
        member(desk, name)
    member(desk, "hal", deadline_s=1)
    upstream.scripts |= {
        "ada": Script(["I'm sorry, but I can't ", "help with that."]),
        "dan": Script(["I am d"], finish=None),
        "fay": Script(["I am f"], finish="length"),
        "gus": Script(["I am g"], finish="content_filter"),
        "hal": Script(["I am slow."], gate=threading.Event()),
        "eve": Script(["I am eve."]),
    }
    desk.change(quorum=8)
    run = desk.start()
    cancel_answer(run.answers.get(label="Eve"))
    run = work(run)
    why = [
        "Ada refused to answer.",
        "Dan broke off.",
        "Eve was stopped by hand.",
        "Fay was cut off by its length limit, and so does not count.",
        "Gus was withheld by the provider's filter.",
        "Hal timed out at 1 s.",
    ]
    assert told(run)[:8] == ["Fused from 2 of 8.", "It is Bea's answer, word for word.", *why]
    state = load_state(run.pk)
    assert short_header(brief_states([run])[run.pk]) == " ".join(["Fused from 2 of 8.", *why])
    assert run_json(state)["fused"]["header"] == header(state) == run_json(state)["fusions"][0]["header"]
    page = client_for(desk.person).get("/runs/").content.decode()
    assert "Fused from 2 of 8. Ada refused to answer." in page
    page = client_for(desk.person).get(f"/runs/{run.pk}/").content.decode()
    assert all(sentence.replace("'", "&#x27;") in page for sentence in why)


def test_what_it_says_of_a_version_stays_when_answers_change(desk: Desk, upstream: Upstream) -> None:
    all_answer(upstream)
    upstream.scripts["cyd"] = Script(["I am cyd "], finish=None)
    run = work(desk.start())
    before = header(load_state(run.pk))
    assert "Cyd broke off." in before
    run.answers.filter(label="Cyd").update(outcome="", text="")
    assert header(load_state(run.pk)) == before
    assert json.dumps(run_json(load_state(run.pk))["fusions"][0]["verdict"]) == json.dumps(run.verdict)
