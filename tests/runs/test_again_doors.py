"""Later passes as programs and pages open them, what these are told, and who may."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import Client
from django.test.utils import override_settings

from fusion_site.accounts.models import User
from fusion_site.runs.flows.again import fuse_run_again, retry_answer
from fusion_site.runs.models import Run
from tests.api.conftest import Program, program_of
from tests.runs.conftest import Desk
from tests.runs.test_again import again, answer, work_on
from tests.runs.test_executing import all_answer, work
from tests.runs.test_rest import call
from tests.upstream import Script, Upstream, judge_for

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["call", "program_of"]

Programs = Callable[[User | None], Program]
Clients = Callable[[User | None], Client]


@pytest.fixture
def ended(desk: Desk, upstream: Upstream) -> Run:
    """Give a run that is over, in which cyd failed."""
    all_answer(upstream)
    upstream.scripts["cyd"] = Script(status=401, body={"error": {"message": "no"}})
    run = work(desk.start())
    upstream.scripts["cyd"] = Script(["I am cyd."])
    return run


def streamed(call: Program, run: Run, after: int) -> list[dict[str, Any]]:
    """Give the events after one, as their stream tells them until it closes."""
    response = call("GET", f"runs/{run.pk}/events", HTTP_LAST_EVENT_ID=str(after))

    async def all_of_it() -> bytes:
        return b"".join([chunk async for chunk in response.streaming_content])

    lines = async_to_sync(all_of_it)().decode().split("\n")
    kinds = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    data = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    return [{"kind": kind, **each} for kind, each in zip(kinds, data, strict=True)]


def test_fuse_is_accepted_and_its_stream_ends_with_the_newest_version(
    ended: Run, call: Program, upstream: Upstream
) -> None:
    before = ended.seq
    response = call("POST", f"runs/{ended.pk}/fuse")
    assert response.status_code == 202
    assert (response.json()["id"], response.json()["state"]) == (ended.pk, "done")
    assert call("GET", f"runs/{ended.pk}").json()["reopened"] == "fuse"
    work_on(ended)
    told = streamed(call, ended, before)
    assert [each["kind"] for each in told if not each["kind"].endswith("delta")] == [
        "run.reopened",
        "verdict.started",
        "verdict.reading",
        "verdict.finished",
        "fused.started",
        "fused.finished",
        "fused.provenance",
        "run.updated",
    ]
    assert (told[-1]["reason"], told[-1]["state"]) == ("fused", "done")
    assert {each["version"] for each in told if each["kind"].startswith("fused.")} == {2}
    run = call("GET", f"runs/{ended.pk}").json()
    assert (run["reopened"], run["fused"]["version"]) == (None, 2)
    assert [fused["version"] for fused in run["fusions"]] == [1, 2]
    assert streamed(call, ended, run["seq"]) == []


def test_a_retried_answer_is_open_at_once(ended: Run, call: Program) -> None:
    path = f"runs/{ended.pk}/answers/{answer(ended, 2).pk}/retry"
    assert call("POST", path).status_code == 202
    cyd = call("GET", f"runs/{ended.pk}").json()["answers"][2]
    assert (cyd["outcome"], cyd["error"], cyd["text"], cyd["attempt"]) == (None, None, "", 1)
    work_on(ended)
    cyd = call("GET", f"runs/{ended.pk}").json()["answers"][2]
    assert (cyd["outcome"], cyd["text"], cyd["attempt"]) == ("complete", "I am cyd.", 2)


def test_what_cannot_be_opened_now_is_409_with_a_sentence(
    desk: Desk, ended: Run, call: Program, upstream: Upstream
) -> None:
    going_on = desk.start()
    retry = f"answers/{answer(ended, 2).pk}/retry"
    assert call("POST", f"runs/{ended.pk}/{retry}").status_code == 202
    refused = {
        "The run is not over yet": f"runs/{going_on.pk}/fuse",
        "still being written": f"runs/{going_on.pk}/answers/{answer(going_on, 0).pk}/retry",
        "being worked on again already": f"runs/{ended.pk}/fuse",
    }
    for words, path in refused.items():
        response = call("POST", path)
        assert response.status_code == 409
        assert response.json()["error"]["kind"] == "bad_request"
        assert words in response.json()["error"]["message"]


def test_who_may_not_act_opens_nothing(
    ended: Run, dave: User, charlie: User, call: Program, program_of: Programs, client_for: Clients
) -> None:
    retry = f"answers/{answer(ended, 2).pk}/retry"
    for door in ("fuse", retry):
        assert program_of(dave)("POST", f"runs/{ended.pk}/{door}").status_code == 403
        assert program_of(charlie)("POST", f"runs/{ended.pk}/{door}").status_code == 404
        assert client_for(dave).post(f"/runs/{ended.pk}/{door}/").status_code == 403
        assert client_for(charlie).post(f"/runs/{ended.pk}/{door}/").status_code == 404
    assert call("POST", f"runs/{ended.pk}/answers/{'a' * 24}/retry").status_code == 404
    assert not Run.objects.get(pk=ended.pk).is_open


def test_limits_hold_for_later_passes(desk: Desk, ended: Run, call: Program) -> None:
    desk.start()
    with override_settings(FUSION_RUNS_PER_PERSON=1):
        response = call("POST", f"runs/{ended.pk}/fuse")
    assert (response.status_code, response.json()["error"]["kind"]) == (429, "rate_limit")
    assert response["Retry-After"]


def test_the_page_says_what_fusing_again_would_add(
    desk: Desk, ended: Run, upstream: Upstream, dave: User, client_for: Clients
) -> None:
    def shown(user: User) -> str:
        return client_for(user).get(f"/runs/{ended.pk}/").content.decode()

    assert "Fuse again<" in shown(desk.person)
    assert "Retry<" in shown(desk.person)
    assert "Fuse again" not in shown(dave)
    assert "Retry<" not in shown(dave)
    call_again = client_for(desk.person).post(
        f"/runs/{ended.pk}/answers/{answer(ended, 2).pk}/retry/", headers={"HX-Request": "true"}
    )
    assert call_again.status_code == 204
    assert "Asking again" in shown(desk.person)
    assert "Fuse again" not in shown(desk.person)
    work_on(ended)
    assert "Fuse again with 1 new answer<" in shown(desk.person)
    assert "Retry<" not in shown(desk.person)


def test_a_refusal_is_a_toast_on_the_page(desk: Desk, ended: Run, client_for: Clients) -> None:
    client = client_for(desk.person)
    assert client.post(f"/runs/{ended.pk}/fuse/").status_code == 302
    answer = client.post(f"/runs/{ended.pk}/fuse/", headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert "being worked on again already" in answer.content.decode()
    assert 'hx-swap-oob="beforeend"' in answer.content.decode()


def test_versions_are_read_and_compared(
    desk: Desk, ended: Run, upstream: Upstream, charlie: User, client_for: Clients
) -> None:
    retry_and_fuse(ended, upstream)
    client = client_for(desk.person)
    first = client.get(f"/runs/{ended.pk}/versions/1/").content.decode()
    assert "I am bea and <strong>bea</strong> it is." in first
    assert "Chosen from: Ada, Bea" in first
    assert client.get(f"/runs/{ended.pk}/versions/2.md").content.decode() == "I am cyd <b>now</b>."
    compared = client.get(f"/runs/{ended.pk}/compare/").content.decode()
    assert "I am <del>bea</del>" in compared
    assert "<ins>cyd</ins>" in compared
    assert "<b>" not in compared
    assert "Both say the same" not in compared
    same = client.get(f"/runs/{ended.pk}/compare/?before=2&after=2").content.decode()
    assert "Both say the same, word for word." in same
    swapped = client.get(f"/runs/{ended.pk}/compare/?before=2&after=1").content.decode()
    assert "<ins>bea</ins>" in swapped
    for path in ("versions/3/", "compare/?before=3", "versions/3.md", "compare/?after=x"):
        assert client.get(f"/runs/{ended.pk}/{path}").status_code == 404
    for path in ("versions/1/", "compare/", "versions/1.md"):
        assert client_for(charlie).get(f"/runs/{ended.pk}/{path}").status_code == 404


def retry_and_fuse(run: Run, upstream: Upstream) -> None:
    """Have cyd answer, and be picked."""
    upstream.scripts |= {"cyd": Script(["I am cyd <b>now</b>."]), "judge": judge_for("cyd")}
    again(run, lambda: retry_answer(answer(run, 2)))
    again(run, lambda: fuse_run_again(run))


def test_one_more_model_is_chosen_by_editors_of_the_team(
    desk: Desk,
    ended: Run,
    dave: User,
    charlie: User,
    call: Program,
    program_of: Programs,
    client_for: Clients,
    upstream: Upstream,
) -> None:
    upstream.scripts["dan"] = Script(["I am dan."])
    given = {"connection": desk.preset.judge.connection_id, "model": "dan"}
    assert program_of(dave)("POST", f"runs/{ended.pk}/answers", given).status_code == 403
    assert program_of(charlie)("POST", f"runs/{ended.pk}/answers", given).status_code == 404
    refused = call("POST", f"runs/{ended.pk}/answers", {**given, "connection": "nowhere"})
    assert refused.status_code == 422
    assert list(refused.json()["error"]["fields"]) == ["connection"]
    assert call("POST", f"runs/{ended.pk}/answers", given).status_code == 202
    assert call("POST", f"runs/{ended.pk}/answers", given).status_code == 409
    work_on(ended)
    assert call("GET", f"runs/{ended.pk}").json()["answers"][3]["text"] == "I am dan."
    path = f"/runs/{ended.pk}/ask/"
    assert client_for(dave).get(path).status_code == 403
    assert client_for(charlie).get(path).status_code == 404
    client = client_for(desk.person)
    assert "Ask another model" in client.get(path).content.decode()
    typed = client.post(path, {"connection": given["connection"], "model": "", "label": "Mine"})
    assert typed.status_code == 422
    assert 'value="Mine"' in typed.content.decode()
    assert client.post(path, given).status_code == 302
    assert "being worked on again already" in client.post(path, given).content.decode()
