"""One answer taken for the fused one by a person, and taken back; the timeline of a run; all of a run as a file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from fusion_site.accounts.models import User
from fusion_site.runs.flows.again import fuse_run_again
from fusion_site.runs.flows.thin import KEPT_FOR, thin_ended_runs
from fusion_site.runs.loading import load_state
from fusion_site.runs.models import Event, Run
from tests.api.conftest import Program, program_of
from tests.invariants import OF_ITS_READERS
from tests.runs.conftest import Desk
from tests.runs.test_again import again, answer
from tests.runs.test_again_doors import Clients, ended
from tests.runs.test_executing import all_answer, rebuilt, work
from tests.runs.test_rest import call
from tests.upstream import Script, Upstream

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["call", "ended", "program_of"]


def kinds(run: Run, after: int) -> list[str]:
    return list(Event.objects.filter(run=run, seq__gt=after).values_list("kind", flat=True))


def test_an_answer_that_is_used_instead_is_the_next_version_word_for_word(ended: Run, call: Program) -> None:
    path = f"runs/{ended.pk}/answers/{answer(ended, 0).pk}/use"
    response = call("POST", path)
    assert response.status_code == 202, response.content
    assert kinds(ended, ended.seq) == [
        "run.reopened",
        "fused.started",
        "fused.delta",
        "fused.finished",
        "fused.provenance",
        "run.updated",
    ]
    run = call("GET", f"runs/{ended.pk}").json()
    assert (run["state"], run["reopened"]) == ("done", None)
    fused = run["fused"]
    assert (fused["version"], fused["source"], fused["text"]) == (2, "chosen", run["answers"][0]["text"])
    assert fused["header"] == "Version 2, chosen by hand: Ada's answer, word for word."
    assert fused["verdict"] == run["fusions"][0]["verdict"]
    [whole] = fused["provenance"]
    assert (whole["length"], whole["from"][0]["answer"]) == (len(fused["text"]), answer(ended, 0).pk)
    assert rebuilt(ended) == load_state(ended.pk)
    again_the_same = call("POST", path)
    assert again_the_same.status_code == 409
    assert "already" in again_the_same.json()["error"]["message"]
    failed = call("POST", f"runs/{ended.pk}/answers/{answer(ended, 2).pk}/use")
    assert (failed.status_code, "nothing in this answer" in failed.content.decode()) == (409, True)


def test_a_choice_can_be_taken_back_and_nothing_else(ended: Run, call: Program) -> None:
    before = call("GET", f"runs/{ended.pk}").json()
    assert call("DELETE", f"runs/{ended.pk}/fusions/1").status_code == 409
    call("POST", f"runs/{ended.pk}/answers/{answer(ended, 0).pk}/use")
    seq = call("GET", f"runs/{ended.pk}").json()["seq"]
    assert call("DELETE", f"runs/{ended.pk}/fusions/9").status_code == 404
    assert call("DELETE", f"runs/{ended.pk}/fusions/2").status_code == 204
    assert kinds(ended, seq) == ["run.reopened", "fused.withdrawn", "run.updated"]
    after = call("GET", f"runs/{ended.pk}").json()
    assert (after["fused"], after["fusions"]) == (before["fused"], before["fusions"])
    assert rebuilt(ended) == load_state(ended.pk)
    assert call("GET", f"runs/{ended.pk}/steps?version=2").json()["items"] == []
    ended.refresh_from_db()
    again(ended, lambda: fuse_run_again(ended))
    assert [each["version"] for each in call("GET", f"runs/{ended.pk}").json()["fusions"]] == [1, 2]


def test_who_may_not_act_chooses_nothing(
    ended: Run, dave: User, charlie: User, program_of: Callable[..., Program], client_for: Clients
) -> None:
    door = f"runs/{ended.pk}/answers/{answer(ended, 0).pk}/use"
    for who, status in ((dave, 403), (charlie, 404)):
        assert program_of(who)("POST", door).status_code == status
        assert client_for(who).post(f"/{door}/").status_code == status
        assert client_for(who).post(f"/runs/{ended.pk}/versions/1/undo/").status_code == status
    assert kinds(ended, ended.seq) == []


def test_while_a_run_goes_on_nothing_is_chosen(desk: Desk, call: Program) -> None:
    run = desk.start()
    response = call("POST", f"runs/{run.pk}/answers/{answer(run, 0).pk}/use")
    assert (response.status_code, "not over yet" in response.content.decode()) == (409, True)


def page_of(client: Client, run: Run) -> str:
    return client.get(f"/runs/{run.pk}/timeline/").content.decode().partition("<main")[2]


def test_the_timeline_of_an_old_run_is_the_same_once_its_pieces_are_gone(
    desk: Desk, upstream: Upstream, client_for: Clients
) -> None:
    all_answer(upstream)
    desk.change(quorum=2)
    upstream.scripts["cyd"] = Script(["I am ", "cyd."], pace_s=0.3)
    run = work(desk.start())
    client = client_for(desk.person)
    shown = page_of(client, run)
    for name in ("Ada", "Bea", "Cyd", "Judge: comparing the answers", "Fused answer"):
        assert name in shown
    assert "enough answers at" in shown
    assert "going on" not in shown
    assert "<animate" not in shown
    assert " style=" not in shown
    Run.objects.filter(pk=run.pk).update(finished_at=timezone.now() - KEPT_FOR - timedelta(minutes=1))
    assert thin_ended_runs(timezone.now()) == 1
    assert page_of(client, run) == shown


def test_a_later_pass_has_a_chart_of_its_own(ended: Run, desk: Desk, client_for: Clients) -> None:
    again(ended, lambda: fuse_run_again(ended))
    shown = page_of(client_for(desk.person), ended)
    assert shown.count("<table") == 2
    assert "The first pass" in shown


def test_a_run_that_waits_has_a_timeline_that_is_fetched_again(desk: Desk, client_for: Clients) -> None:
    run = desk.start()
    assert "load delay:" in page_of(client_for(desk.person), run)


def test_a_run_as_a_file_is_complete_and_says_its_shape(
    ended: Run, desk: Desk, call: Program, client_for: Clients
) -> None:
    told: dict[str, Any] = call("GET", f"runs/{ended.pk}/export.json").json()
    assert (told["format"], told["format_version"]) == ("fusion-run", 1)
    run = call("GET", f"runs/{ended.pk}").json()
    assert {name: told[name] for name in run if name not in OF_ITS_READERS} == {
        name: value for name, value in run.items() if name not in OF_ITS_READERS
    }
    assert [step["name"] for step in told["steps"]] == [
        step["name"] for step in call("GET", f"runs/{ended.pk}/steps").json()["items"]
    ]
    assert [member["label"] for member in told["settings"]["members"]] == ["Ada", "Bea", "Cyd"]
    assert "seed" not in told["settings"]
    assert {"Ada", "Fused answer"} <= {lane["name"] for lane in told["timeline"][0]["lanes"]}
    assert client_for(desk.person).get(f"/runs/{ended.pk}/export.json").json() == told
    text = call("GET", f"runs/{ended.pk}/export.md").content.decode()
    assert f"> {told['header']}" in text
    assert "| Criterion | " in text
    assert call("GET", f"runs/{ended.pk}/export.pdf").status_code == 422
