"""Where a fused answer comes from: as programs read it, after a kill, after a retry, and on a version's page."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from fusion_site.accounts.models import User
from fusion_site.runs.flows.again import retry_answer
from fusion_site.runs.live.sourcing import plainly
from fusion_site.runs.loading import load_state
from fusion_site.runs.models import Run
from fusion_site.runs.reading import run_json
from tests.api.conftest import Program, program_of
from tests.runs.conftest import Desk
from tests.runs.test_executing import events_of, rebuilt, work
from tests.upstream import Script, Upstream, candidates_in, task_of

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["program_of"]

ADA = "# Plan \U0001f600\n\nAdd the column as *nullable*. It takes two days to fill it."
BEA = "Add the column as nullable. It takes nine days to fill it.\n\nWatch the replicas while you do it."
CYD = "Nobody knows how long that takes, least of all me."
MERGED = (
    "Add the column as **nullable**. It takes nine days to fill it.\n\n"
    "- Watch the replicas while you do it.\n- Tell the people on call what you are about to do.\n"
)
DAYS = {"ada": "two", "bea": "nine"}


def judge(body: dict[str, Any]) -> Script:
    """Judge that ada and bea contradict each other, and merge them."""
    if task_of(body) == "merge":
        return Script([MERGED[:20], MERGED[20:]])
    if task_of(body) in {"say", "score"}:
        return Script(["- It says how long it takes."])
    shown = candidates_in(body).items()
    labels = {
        name: letter for name in ("ada", "bea") for letter, text in shown if f"{DAYS[name]} days" in text
    }
    found = {
        "winner": labels["bea"],
        "contradictions": [
            {
                "topic": "How long",
                "stances": [
                    {"label": labels["ada"], "stance": "It takes two days to fill it."},
                    {"label": labels["bea"], "stance": "It takes nine days to fill it."},
                ],
            }
        ],
    }
    return Script([f"```json\n{json.dumps(found)}\n```"])


@pytest.fixture
def merged(desk: Desk, upstream: Upstream) -> Run:
    """Give a run of ada and bea that was merged; cyd failed."""
    upstream.scripts |= {"ada": Script([ADA]), "bea": Script([BEA]), "judge": judge}
    upstream.scripts["cyd"] = Script(status=401, body={"error": {"message": "no"}})
    desk.change(mode="merge")
    return work(desk.start())


def parts(text: str, places: list[dict[str, Any]]) -> list[str]:
    """Give what stands at these places of a text."""
    return [text[place["offset"] :][: place["length"]] for place in places]


def test_programs_read_who_says_each_sentence(
    merged: Run, desk: Desk, program_of: Callable[[User | None], Program]
) -> None:
    run = program_of(desk.person)("GET", f"runs/{merged.pk}").json()
    fused, texts = run["fused"], {answer["id"]: answer for answer in run["answers"]}
    assert fused == run["fusions"][0]
    assert parts(fused["text"], fused["provenance"]) == [
        "Add the column as **nullable**.",
        "It takes nine days to fill it.",
        "Watch the replicas while you do it.",
        "Tell the people on call what you are about to do.",
    ]
    said = [
        [
            (texts[place["answer"]]["label"], *parts(texts[place["answer"]]["text"], [place]))
            for place in each["from"]
        ]
        for each in fused["provenance"]
    ]
    assert said == [
        [("Ada", "Add the column as *nullable*."), ("Bea", "Add the column as nullable.")],
        [("Bea", "It takes nine days to fill it.")],
        [("Bea", "Watch the replicas while you do it.")],
        [],
    ]
    assert {(p["attempt"], p["score"]) for each in fused["provenance"] for p in each["from"]} == {(1, 1.0)}
    assert parts(fused["text"], fused["judge_only"]) == ["Tell the people on call what you are about to do."]
    ada = run["answers"][0]["id"]
    assert fused["dropped"] == [
        {"kind": "contradiction", "topic": "How long", "text": "It takes two days to fill it.", "answer": ada}
    ]
    assert fused["provenance_clipped"] is False
    kinds = [event.kind for event in events_of(merged)]
    assert kinds.index("fused.finished") < kinds.index("fused.provenance") < kinds.index("run.finished")
    assert run_json(rebuilt(merged)) == run_json(load_state(merged.pk))


def test_a_picked_answer_is_that_as_a_whole(desk: Desk, upstream: Upstream) -> None:
    upstream.scripts |= {"ada": Script([ADA]), "bea": Script([BEA]), "cyd": Script([CYD]), "judge": judge}
    fusion = work(desk.start()).fusions.get()
    bea = fusion.run.answers.get(member=1)
    assert fusion.source == "best_of"
    provenance: Any = fusion.provenance
    (whole,) = provenance["sentences"]
    assert (whole["offset"], whole["length"]) == (0, len(BEA))
    assert whole["from"] == [{"answer": bea.pk, "attempt": 1, "offset": 0, "length": len(BEA), "score": 1.0}]
    assert [point["text"] for point in provenance["dropped"]] == ["It takes two days to fill it."]


@pytest.mark.parametrize("stopped", [False, True])
def test_a_run_that_was_cut_before_it_was_told_tells_it_when_it_goes_on(
    merged: Run, upstream: Upstream, stopped: bool
) -> None:
    known = merged.fusions.get().provenance
    at = merged.events.get(kind="fused.provenance").seq
    merged.events.filter(seq__gte=at).delete()
    merged.fusions.update(provenance=None)
    open_again = {"is_open": True, "state": "settling", "finished_at": None, "cancel_requested": stopped}
    Run.objects.filter(pk=merged.pk).update(seq=at - 1, **open_again)
    asked = len(upstream.ledger)
    run = work(merged)
    assert (run.state, run.fusions.get().provenance) == ("cancelled" if stopped else "done", known)
    assert [event.kind for event in events_of(run)][-2:] == ["fused.provenance", "run.finished"]
    assert len(upstream.ledger) == asked


def test_what_was_said_before_a_retry_is_not_looked_for_in_the_new_answer(
    merged: Run, desk: Desk, upstream: Upstream, client_for: Callable[[User | None], Client]
) -> None:
    page = f"/runs/{merged.pk}/versions/1/"
    before = client_for(desk.person).get(page).content.decode()
    ada = merged.answers.get(member=0)
    assert f'href="/runs/{merged.pk}/#answer-{ada.pk}"' in before
    assert "Only the judge wrote this" in before
    upstream.scripts["ada"] = Script(["I say nothing of the kind any more."])
    work(retry_answer(ada))
    after = client_for(desk.person).get(page).content.decode()
    assert "Ada, before it was asked again" in after
    assert f'#answer-{ada.pk}"' not in after


@pytest.mark.parametrize(
    ("marked", "plain"),
    [
        ("**Keep** `a_b`, _then_\n> see [this](https://a.example/b_c).", "Keep a_b, then see this."),
        ("| 1 | *two* |", "1 two"),
        ("- [x] It &amp; that", "[x] It & that"),
        ("2 * 3 ~~ 4", "2 3 4"),
    ],
)
def test_sentences_are_shown_without_their_marks(marked: str, plain: str) -> None:
    assert plainly(marked) == plain
