"""`/api/v1/runs` as a program meets it: shapes, refusals, the event stream, idempotency, limits, and who may what."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client
from django.test.utils import override_settings
from django.utils.html import strip_tags

from fusion_site.accounts.models import User
from fusion_site.runs.finding.flows.index import index_due
from fusion_site.runs.models import Event, Run
from tests.api.conftest import Program, program_of
from tests.runs.conftest import Desk, working
from tests.runs.test_executing import all_answer, work
from tests.upstream import Script, Upstream

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["program_of"]

Programs = Callable[[User | None], Program]


@pytest.fixture
def call(desk: Desk, program_of: Programs) -> Program:
    """Give bob's program."""
    return program_of(desk.person)


def post(call: Program, body: dict[str, Any], **headers: str) -> Any:
    """Ask for a run."""
    return call("POST", "runs", {"preset": "best", "prompt": "What is best?", **body}, **headers)


def test_a_run_is_accepted_with_its_address(call: Program) -> None:
    response = post(call, {})
    assert response.status_code == 201
    made = response.json()
    assert made["state"] == "queued"
    assert made["url"].endswith(f"/runs/{made['id']}/")
    assert call("GET", f"runs/{made['id']}").json()["answers"][0]["outcome"] is None


def test_a_finished_run_reads_as_the_contract_says(desk: Desk, call: Program, upstream: Upstream) -> None:
    all_answer(upstream)
    upstream.scripts["ada"] = Script(
        ["ada"], usage={"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9, "cost": 0.00012}
    )
    run_id = post(call, {}).json()["id"]
    work(Run.objects.get(pk=run_id))
    run = call("GET", f"runs/{run_id}").json()
    assert run["state"] == "done"
    assert (run["preset"], run["preset_name"]) == (desk.preset.pk, "Best")
    ada, bea, _ = run["answers"]
    assert (ada["member"], ada["round"], ada["outcome"], ada["text"]) == (0, 0, "complete", "ada")
    assert ada["usage"] == {"prompt_tokens": 7, "completion_tokens": 2, "reasoning_tokens": None}
    assert (ada["cost_usd"], bea["cost_usd"]) == ("0.00012", None)
    assert set(bea["usage"].values()) == {None}
    assert run["fused"]["source"] == "best_of"
    assert run["fused"]["text"] == bea["text"]
    assert run["fusions"] == [run["fused"]]
    assert run["verdict"]["winner"] == bea["id"]
    assert (run["cost_usd"], run["cost_complete"]) == ("0.00012", False)
    assert run["finished_at"] > run["created_at"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"preset": "nothing"}, "preset"),
        ({"prompt": " \n"}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"messages": [{"role": "user", "content": "x"}]}, "prompt"),
        ({"prompt": None, "messages": []}, "messages"),
        ({"prompt": None, "messages": [{"role": "assistant", "content": "x"}]}, "messages"),
        ({"prompt": None, "messages": [{"role": "wizard", "content": "x"}]}, "messages.0.role"),
        ({"prompt": "x" * 200_001}, "prompt"),
        ({"prompt": "a\u0000b"}, "prompt"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_what_cannot_be_run_is_said_at_its_field(call: Program, body: dict[str, Any], field: str) -> None:
    response = post(call, body)
    assert response.status_code == 422
    assert field in response.json()["error"]["fields"]
    assert Run.objects.count() == 0


def test_null_variables_are_none(call: Program) -> None:
    assert post(call, {"variables": None}).status_code == 201


def test_an_address_that_is_not_there_is_404_for_every_method(call: Program) -> None:
    for method in ("GET", "POST", "PATCH", "DELETE"):
        response = call(method, "runs/x/nothing")
        assert response.status_code == 404
        assert response.json()["error"]["kind"] == "not_found"


def test_template_variables_are_filled_or_asked_for(desk: Desk, call: Program, upstream: Upstream) -> None:
    desk.change(template="Write for {{reader}}: {{prompt}}")
    assert "variables" in post(call, {}).json()["error"]["fields"]
    run = call.made("runs", {"preset": "best", "prompt": "Hello", "variables": {"reader": "a child"}})
    row = Run.objects.get(pk=run["id"])
    assert (row.prompt, row.title) == ("Write for a child: Hello", "Hello")


def test_a_conversation_reaches_every_member(desk: Desk, call: Program, upstream: Upstream) -> None:
    all_answer(upstream)
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "And now?"},
    ]
    run = call.made("runs", {"preset": desk.preset.pk, "messages": turns})
    work(Run.objects.get(pk=run["id"]))
    assert upstream.asked("ada")[0].body["messages"] == turns


def test_the_same_key_gives_the_same_run_and_another_body_is_refused(call: Program) -> None:
    first = post(call, {}, HTTP_IDEMPOTENCY_KEY="k1")
    again = post(call, {}, HTTP_IDEMPOTENCY_KEY="k1")
    other = post(call, {"prompt": "Else?"}, HTTP_IDEMPOTENCY_KEY="k1")
    assert first.status_code == again.status_code == 201
    assert first.json()["id"] == again.json()["id"]
    assert other.status_code == 409
    assert Run.objects.count() == 1


def test_a_key_belongs_to_one_person(desk: Desk, call: Program, alice: User, program_of: Programs) -> None:
    mine = post(call, {}, HTTP_IDEMPOTENCY_KEY="k1").json()
    hers = post(program_of(alice), {}, HTTP_IDEMPOTENCY_KEY="k1").json()
    assert mine["id"] != hers["id"]


def test_too_many_runs_at_once_are_refused(call: Program) -> None:
    with override_settings(FUSION_RUNS_PER_PERSON=2):
        answers = [post(call, {}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert answers[2]["Retry-After"]
    assert answers[2].json()["error"]["kind"] == "rate_limit"


def read_events(token: str | None, run_id: str, last: str | None = None) -> tuple[int, list[dict[str, Any]]]:
    """Read the whole event stream of a run: the status, and each event as `{id, event, data}`."""

    async def read() -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {token}"} | ({"Last-Event-ID": last} if last is not None else {})
        response: Any = await AsyncClient().get(f"/api/v1/runs/{run_id}/events", headers=headers)
        if not getattr(response, "streaming", False):
            return response.status_code, response.content
        return response.status_code, b"".join([piece async for piece in response.streaming_content])

    status, body = async_to_sync(read)()
    if status != 200:
        return status, []
    events = [
        dict(line.split(": ", 1) for line in frame.split("\n"))
        for frame in body.decode().split("\n\n")
        if frame and not frame.startswith(":")
    ]
    return status, [{**event, "data": json.loads(event["data"])} for event in events]


def test_events_tell_the_whole_run_and_resume_anywhere(desk: Desk, call: Program, upstream: Upstream) -> None:
    all_answer(upstream)
    run = work(Run.objects.get(pk=post(call, {}).json()["id"]))
    status, events = read_events(call.token, run.pk)
    assert status == 200
    assert [int(event["id"]) for event in events] == list(range(1, run.seq + 1))
    assert [events[0]["event"], events[-1]["event"]] == ["run.accepted", "run.finished"]
    for answer in run.answers.all():
        pieces = [
            e["data"] for e in events if e["event"] == "answer.delta" and e["data"]["answer"] == answer.pk
        ]
        assert "".join(piece["text"] for piece in pieces) == answer.text
        assert [piece["offset"] for piece in pieces] == [
            sum(len(p["text"]) for p in pieces[:n]) for n in range(len(pieces))
        ]
    for cut in (1, run.seq // 2, run.seq - 1):
        assert read_events(call.token, run.pk, str(cut))[1] == events[cut:]
    assert read_events(call.token, run.pk, str(run.seq)) == (200, [])


@pytest.mark.parametrize("last", ["-1", "x", "1.5"])
def test_a_cursor_that_is_none_is_refused(desk: Desk, call: Program, last: str) -> None:
    run = desk.start()
    assert read_events(call.token, run.pk, last)[0] == 422


def test_events_come_while_the_run_goes_on(desk: Desk, call: Program, upstream: Upstream) -> None:
    all_answer(upstream)
    run = desk.start()

    async def follow_live() -> list[bytes]:
        async with working() as supervisor:
            response: Any = await AsyncClient().get(
                f"/api/v1/runs/{run.pk}/events", headers={"Authorization": f"Bearer {call.token}"}
            )
            seen: list[bytes] = []
            async for piece in response.streaming_content:
                seen.append(piece)
                supervisor.submit(run.pk)
            return seen

    pieces = async_to_sync(follow_live)()
    assert len(pieces) > 2
    assert b"event: run.accepted" in pieces[0]
    assert b"event: run.finished" in pieces[-1]


def test_cancel_is_accepted_and_a_final_run_stays(desk: Desk, call: Program, upstream: Upstream) -> None:
    all_answer(upstream)
    run = desk.start()
    answer = run.answers.get(member=2)
    assert call("POST", f"runs/{run.pk}/answers/{answer.pk}/cancel").status_code == 202
    done = work(run)
    assert done.answers.get(member=2).outcome == "cancelled"
    assert call("POST", f"runs/{run.pk}/cancel").status_code == 202
    assert Run.objects.get(pk=run.pk).state == "done"
    queued = desk.start()
    assert call("POST", f"runs/{queued.pk}/cancel").status_code == 202
    assert work(queued).state == "cancelled"
    assert len(upstream.asked("ada")) == 1


VERBS = [
    ("GET", "runs/{run}"),
    ("GET", "runs/{run}/events"),
    ("POST", "runs/{run}/cancel"),
    ("POST", "runs/{run}/answers/{answer}/cancel"),
]


@pytest.mark.parametrize(("method", "path"), VERBS)
def test_a_foreign_run_is_answered_like_none(
    desk: Desk, charlie: User, program_of: Programs, method: str, path: str
) -> None:
    run = desk.start()
    names = {"run": run.pk, "answer": run.answers.get(member=0).pk}
    before = Event.objects.count()
    program = program_of(charlie)
    foreign = program(method, path.format(**names))
    absent = program(method, path.format(run="a" * 24, answer=names["answer"]))
    assert foreign.status_code == absent.status_code == 404
    assert foreign.content == absent.content
    assert program_of(None)(method, path.format(**names)).status_code == 401
    run.refresh_from_db()
    assert not run.cancel_requested
    assert not run.answers.filter(cancel_requested=True).exists()
    assert Event.objects.count() == before


def test_a_viewer_runs_and_stops_only_their_own(desk: Desk, dave: User, program_of: Programs) -> None:
    program = program_of(dave)
    theirs = desk.start()
    own = post(program, {}).json()["id"]
    assert program("POST", f"runs/{theirs.pk}/cancel").status_code == 403
    assert program("POST", f"runs/{own}/cancel").status_code == 202


def test_lists_are_newest_first_and_paged(
    desk: Desk, call: Program, charlie: User, program_of: Programs
) -> None:
    ids = [desk.start().pk for _ in range(3)]
    first = call("GET", "runs?limit=2").json()
    second = call("GET", f"runs?limit=2&cursor={first['next']}").json()
    assert [run["id"] for run in first["items"] + second["items"]] == ids[::-1]
    assert second["next"] is None
    assert program_of(charlie)("GET", "runs").json()["items"] == []


def test_pages_show_a_run_to_the_team_only(
    desk: Desk, upstream: Upstream, charlie: User, client_for: Callable[[User | None], Client]
) -> None:
    all_answer(upstream)
    upstream.scripts["bea"] = Script(["# bea\n\n<script>alert(1)</script>"])
    run = work(desk.start("<b>Best?</b>"))
    page = client_for(desk.person).get(f"/runs/{run.pk}/")
    assert page.status_code == 200
    body = page.content.decode()
    assert "&lt;b&gt;Best?&lt;/b&gt;" in body
    assert "<script>alert" not in body
    assert "Fused from" in body
    assert client_for(charlie).get(f"/runs/{run.pk}/").status_code == 404
    assert client_for(charlie).get(f"/runs/{'a' * 24}/").status_code == 404
    assert client_for(None).get(f"/runs/{run.pk}/").status_code == 302
    source = client_for(desk.person).get(f"/runs/{run.pk}/fused.md")
    assert source.content.decode() == run.fusions.get().text


def test_compose_keeps_what_was_typed(desk: Desk, client_for: Callable[[User | None], Client]) -> None:
    desk.change(template="For {{reader}}: {{prompt}}")
    field = f"variable-{desk.preset.pk}-reader"
    client = client_for(desk.person)
    page = client.post("/", {"prompt": "my <long> prompt", "preset": desk.preset.pk, field: ""})
    assert page.status_code == 422
    assert "my &lt;long&gt; prompt" in page.content.decode()
    assert "Give a value for reader." in page.content.decode()
    answer = client.post("/", {"prompt": "Hi", "preset": desk.preset.pk, field: "all"})
    assert answer.status_code == 302
    assert Run.objects.get().prompt == "For all: Hi"
    # It is called what its person wrote, not what the template begins with.
    assert re.search(r'class="row-title"[^>]*>\s*Hi\s*<', client.get("/").content.decode())
    while index_due():
        pass
    run = Run.objects.get().pk
    assert run in client.get("/runs/?q=ALL: hi").content.decode()
    assert run not in client.get("/runs/?q=nothing").content.decode()


def test_pages_stop_a_run(desk: Desk, dave: User, client_for: Callable[[User | None], Client]) -> None:
    run = desk.start()
    assert client_for(dave).post(f"/runs/{run.pk}/cancel/").status_code == 403
    answer = client_for(desk.person).post(f"/runs/{run.pk}/cancel/", headers={"HX-Request": "true"})
    assert answer.status_code == 204
    run.refresh_from_db()
    assert run.cancel_requested


def test_compose_says_what_a_run_may_cost(
    desk: Desk, upstream: Upstream, client_for: Callable[[User | None], Client]
) -> None:
    client = client_for(desk.person)
    form = {"prompt": "x" * 350, "preset": desk.preset.pk}
    assert strip_tags(client.post("/estimate/", form).content.decode()).strip() == "cost unknown"
    for name in ("ada", "bea", "cyd", "judge"):
        desk.preset.judge.connection.catalogue.create(model=name, prompt_price=0, completion_price="0.001")
    before = client.post("/estimate/", form).content.decode()
    assert "$0.75 to $" in before
    counted = {"prompt_tokens": 9, "completion_tokens": 1000, "total_tokens": 1009}
    upstream.scripts |= {name: Script([name], usage=counted) for name in ("ada", "bea", "cyd")}
    work(desk.start())
    assert "$3.00 to $" in client.post("/estimate/", form).content.decode()
