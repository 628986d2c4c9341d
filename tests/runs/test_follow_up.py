"""A run that is over is followed up: what reaches the models of its thread, what is refused, and what is told of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from fusion_site.accounts.models import Team, User
from fusion_site.engine.turns import History
from fusion_site.pools.invalid import Invalid
from fusion_site.pools.models import CatalogueModel, Connection, PoolMember, Preset
from fusion_site.runs import threads
from fusion_site.runs.flows.add_member import add_member
from fusion_site.runs.flows.again import retry_answer
from fusion_site.runs.frozen import settings_of
from fusion_site.runs.loading import load_state
from fusion_site.runs.models import Conversation, Run
from tests.api.conftest import Program, program_of
from tests.runs.conftest import MEMBERS, Desk
from tests.runs.test_again import again
from tests.runs.test_executing import rebuilt, work
from tests.upstream import Asked, Script, Upstream, candidates_in, task_of

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["program_of"]

Programs = Callable[[User | None], Program]


@pytest.fixture
def call(desk: Desk, program_of: Programs) -> Program:
    """Give bob's program."""
    return program_of(desk.person)


@pytest.fixture(autouse=True)
def judge_only_compares(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the judge to comparing."""
    monkeypatch.setattr("fusion_site.engine.scoring.FEWEST_MEMBERS", 99)


def says(upstream: Upstream, turn: int, *silent: str) -> None:
    """Have every member say which turn it is; the silent ones fail."""
    for name in MEMBERS:
        upstream.scripts[name] = Script([f"{name} in turn {turn}."])
    for name in silent:
        upstream.scripts[name] = Script(status=401, body={"error": {"message": "no"}})


def first(desk: Desk, upstream: Upstream, *silent: str, **order: Any) -> Run:
    """Give a run that is over."""
    says(upstream, 1, *silent)
    return work(desk.start("First?", **order))


def messages(asked: Asked) -> list[tuple[str, str]]:
    """Give what was asked, by role."""
    return [(m["role"], m["content"]) for m in asked.body["messages"]]


def newest(upstream: Upstream) -> dict[str, list[tuple[str, str]]]:
    """Give what each member was asked last."""
    return {name: messages(upstream.asked(name)[-1]) for name in MEMBERS}


def test_a_thread_goes_on_with_the_fused_answers(desk: Desk, upstream: Upstream) -> None:
    one = first(desk, upstream)
    says(upstream, 2)
    two = work(desk.start("Second?", after=one))
    three = work(desk.start("Third?", after=two))
    said = [
        ("user", "First?"),
        ("assistant", "bea in turn 1."),
        ("user", "Second?"),
        ("assistant", "bea in turn 2."),
        ("user", "Third?"),
    ]
    assert newest(upstream) == dict.fromkeys(MEMBERS, said)
    state = load_state(three.pk)
    assert (state.after, state.history, state.earlier) == (two.pk, "fused", [one.pk, two.pk])
    assert (state.left_out, state.stand_ins) == ([], [])
    assert rebuilt(three) == state
    assert three.prompt == "Third?"


def test_each_member_goes_on_from_what_it_said_itself(desk: Desk, upstream: Upstream) -> None:
    one = first(desk, upstream, "cyd")
    says(upstream, 2)
    two = work(desk.start("Second?", after=one))
    three = work(desk.start("Third?", after=two, history=History.OWN))
    own = {name: [m for role, m in asked if role == "assistant"] for name, asked in newest(upstream).items()}
    assert own["ada"] == ["ada in turn 1.", "ada in turn 2."]
    assert own["cyd"] == ["bea in turn 1.", "cyd in turn 2."]
    assert load_state(three.pk).stand_ins == [{"member": 2, "turns": 1}]
    assert rebuilt(three) == load_state(three.pk)


def test_a_member_is_known_by_its_place_connection_and_model(desk: Desk, upstream: Upstream) -> None:
    one = first(desk, upstream)
    members = {m.model: m for m in PoolMember.objects.filter(pool=desk.preset.pool)}
    members["ada"].position, members["bea"].position = 1, 0
    for each in members.values():
        each.save()
    two = work(desk.start("Second?", after=one, history=History.OWN))
    said = {name: asked[1][1] for name, asked in newest(upstream).items()}
    assert said == {"ada": "bea in turn 1.", "bea": "bea in turn 1.", "cyd": "cyd in turn 1."}
    assert [each["member"] for each in load_state(two.pk).stand_ins] == [0, 1]


def test_all_answers_are_shown_to_all_without_names(desk: Desk, upstream: Upstream) -> None:
    one = first(desk, upstream, "ada")
    upstream.scripts["ada"] = Script(["I am ada."])
    work(desk.start("Second?", after=one, history=History.ALL))
    for name in MEMBERS:
        asked = upstream.asked(name)[-1]
        assert [role for role, _ in messages(asked)] == ["system", "user", "assistant", "user"]
        assert set(candidates_in(asked.body)) == {"A", "B"}
        assert set(candidates_in(asked.body).values()) == {"bea in turn 1.", "cyd in turn 1."}
        assert messages(asked)[-1][1].endswith("\n\nSecond?")


def test_names_are_taken_out_of_all_answers(desk: Desk, upstream: Upstream) -> None:
    PoolMember.objects.filter(model="cyd").update(label="Cydonia-7")
    says(upstream, 1)
    upstream.scripts["cyd"] = Script(["As Cydonia-7 would say: yes."])
    one = work(desk.start("First?"))
    work(desk.start("Second?", after=one, history=History.ALL))
    shown = candidates_in(upstream.asked("ada")[-1].body).values()
    assert "As this assistant would say: yes." in shown


@pytest.mark.parametrize("history", History)
def test_the_judge_sees_prompts_and_fused_answers(desk: Desk, upstream: Upstream, history: History) -> None:
    one = first(desk, upstream)
    work(desk.start("Second?", after=one, history=history))
    asked = [each for each in upstream.asked("judge") if task_of(each.body) == "judge"][-1]
    lines = messages(asked)[-1][1].split("\n")
    (place,) = [number for number, line in enumerate(lines) if line.startswith("<<conversation ")]
    said = [{"role": "user", "content": "First?"}, {"role": "assistant", "content": "bea in turn 1."}]
    assert json.loads(lines[place + 1]) == said


def test_system_turns_hold_for_the_whole_thread_and_templates_for_its_first_turn(
    desk: Desk, upstream: Upstream, call: Program
) -> None:
    desk.change(template="Think first. {{prompt}}")
    says(upstream, 1)
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "First?"}]
    one = work(Run.objects.get(pk=call.made("runs", {"preset": "best", "messages": turns})["id"]))
    work(desk.start("Second?", after=one))
    asked = [("system", "Be brief."), ("user", "Think first. First?"), ("assistant", "bea in turn 1.")]
    assert newest(upstream)["ada"] == [*asked, ("user", "Second?")]


def test_a_thread_is_frozen_with_the_follow_up(desk: Desk, upstream: Upstream) -> None:
    one = first(desk, upstream)
    two = desk.start("Second?", after=one, history=History.OWN)
    before = settings_of(Run.objects.get(pk=two.pk))
    says(upstream, 9)
    again(one, lambda: retry_answer(one.answers.get(member=0)))
    assert settings_of(Run.objects.get(pk=two.pk)) == before
    assert "thread" not in two.settings
    work(two)
    assert newest(upstream)["ada"][1] == ("assistant", "ada in turn 1.")


def test_what_does_not_fit_is_left_out_and_said(desk: Desk, upstream: Upstream, call: Program) -> None:
    connection = Connection.objects.get(team=desk.team, name="Up")
    for model, tokens in (("ada", 1500), ("judge", 4000)):
        CatalogueModel.objects.create(connection=connection, model=model, context_length=tokens)
    says(upstream, 1)
    upstream.scripts["bea"] = Script(["bea " + "x" * 2000])
    run = work(desk.start("First?"))
    for prompt in ("Second?", "Third?"):
        run = work(desk.start(prompt, after=run))
    short, ample = newest(upstream)["ada"], newest(upstream)["cyd"]
    assert short[0] == ("user", "[... 1 earlier turn left out ...]\n\nSecond?")
    assert ample[0] == ("user", "First?")
    read = call("GET", f"runs/{run.pk}").json()
    left_out = [{"member": index, "turns": 1, "shortened": False} for index in (0, None)]
    assert (read["left_out"], read["history"], read["after"]) == (left_out, "fused", read["thread"][-2])
    assert read["thread"][-1] == run.pk
    page = call_page(desk, run)
    assert "The oldest turn was left out for Ada and the judge: there was no room." in page


def call_page(desk: Desk, run: Run) -> str:
    """Give the page of a run as who started it sees it."""
    client = Client()
    client.force_login(desk.person)
    return str(client.get(f"/runs/{run.pk}/").content.decode())


def test_a_thread_is_not_kept_beyond_its_bound(
    desk: Desk, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "MOST_KEPT", 60)
    monkeypatch.setattr(threads, "_AT_ONCE", 1)
    run = first(desk, upstream)
    for prompt in ("Second?", "Third?", "Fourth?", "Fifth?"):
        run = work(desk.start(prompt, after=run))
    kept = settings_of(run).thread
    assert [turn.asked[0].content for turn in kept.turns] == ["Third?", "Fourth?"]
    assert kept.left_out == 2
    assert newest(upstream)["cyd"][0] == ("user", "[... 2 earlier turns left out ...]\n\nThird?")


def test_one_more_member_is_told_of_the_thread_too(desk: Desk, upstream: Upstream, bob: User) -> None:
    one = first(desk, upstream)
    two = work(desk.start("Second?", after=one, history=History.OWN))
    upstream.scripts["dan"] = Script(["Dan, too."])
    connection = Connection.objects.get(team=desk.team, name="Up")
    place = desk.team.memberships.get(user=bob)
    again(two, lambda: add_member(place, two, {"connection": connection.pk, "model": "dan"}))
    assert messages(upstream.asked("dan")[0])[1] == ("assistant", "bea in turn 1.")
    assert load_state(two.pk).stand_ins == [{"member": 3, "turns": 1}]


# Refusals -------------------------------------------------------------------------------------------------


def refused(call: Program, **body: Any) -> dict[str, list[str]]:
    """Give the messages at the fields of an order that is refused."""
    before = Run.objects.count()
    response = call("POST", "runs", {"prompt": "Second?", **body})
    assert response.status_code == 422, response.content
    assert Run.objects.count() == before
    fields: dict[str, list[str]] = response.json()["error"]["fields"]
    return fields


def test_what_cannot_be_followed_up_is_said_at_its_field(
    desk: Desk, upstream: Upstream, call: Program
) -> None:
    one = first(desk, upstream)
    turns = [{"role": "user", "content": "Hi"}]
    assert refused(call, after=one.pk, history="some") == {"history": ["Choose one of: fused, own, all."]}
    assert list(refused(call, preset="best", history="own")) == ["history"]
    assert list(refused(call, after=one.pk, prompt=None, messages=turns)) == ["messages"]
    assert list(refused(call, after=one.pk, variables={"x": "y"})) == ["variables"]
    assert list(refused(call, after=one.pk, prompt=" ")) == ["prompt"]
    assert list(refused(call, after=one.pk, preset="none")) == ["preset"]
    assert refused(call) == {"preset": ["This field is required."]}
    going_on = desk.start("Going on?")
    assert list(refused(call, after=going_on.pk)) == ["after"]


def test_a_foreign_run_is_followed_up_like_none(
    desk: Desk, upstream: Upstream, charlie: User, program_of: Programs
) -> None:
    one = first(desk, upstream)
    theirs = program_of(charlie)
    absent = refused(theirs, after="a" * 24)
    assert refused(theirs, after=one.pk) == absent == {"after": ["There is no such run."]}
    assert refused(theirs, after="a\x00") == absent


def test_a_run_without_a_fused_answer_goes_on_with_what_members_said(
    desk: Desk, upstream: Upstream, call: Program
) -> None:
    one = first(desk, upstream)
    one.fusions.all().delete()
    assert list(refused(call, after=one.pk)) == ["after"]
    two = work(
        Run.objects.get(pk=call.made("runs", {"prompt": "Second?", "after": one.pk, "history": "own"})["id"])
    )
    assert newest(upstream)["ada"] == [
        ("user", "First?"),
        ("assistant", "ada in turn 1."),
        ("user", "Second?"),
    ]
    assert load_state(two.pk).stand_ins == []
    one.answers.update(outcome="error")
    for history in ("own", "all"):
        assert list(refused(call, after=one.pk, history=history)) == ["after"]


def test_the_preset_is_the_runs_own_unless_another_is_named(
    desk: Desk, upstream: Upstream, call: Program
) -> None:
    one = first(desk, upstream)
    other = Preset.objects.create(
        team=desk.team,
        name="Other",
        slug="other",
        pool=desk.preset.pool,
        judge=desk.preset.judge,
        mode="merge",
    )
    made = [
        call.made("runs", {"prompt": "Second?", "after": one.pk, **more})
        for more in ({}, {"preset": "other"})
    ]
    assert [Run.objects.get(pk=each["id"]).preset_id for each in made] == [desk.preset.pk, other.pk]
    desk.preset.delete()
    assert list(refused(call, after=one.pk)) == ["preset"]


def test_the_same_key_gives_the_same_follow_up_even_when_its_run_goes_on(
    desk: Desk, upstream: Upstream, call: Program
) -> None:
    one = first(desk, upstream)
    body = {"prompt": "Second?", "after": one.pk}
    made = call("POST", "runs", body, HTTP_IDEMPOTENCY_KEY="k")
    Run.objects.filter(pk=one.pk).update(is_open=True)
    same = call("POST", "runs", body, HTTP_IDEMPOTENCY_KEY="k")
    assert made.json()["id"] == same.json()["id"]
    other = call("POST", "runs", {**body, "history": "own"}, HTTP_IDEMPOTENCY_KEY="k")
    assert other.status_code == 409
    assert Conversation.objects.count() == 1


def test_a_flow_takes_no_run_of_another_team(desk: Desk, upstream: Upstream, charlie: User) -> None:
    one = first(desk, upstream)
    Run.objects.filter(pk=one.pk).update(team=Team.objects.get(personal_of=charlie))
    with pytest.raises(Invalid):
        desk.start("Second?", after=Run.objects.get(pk=one.pk))


# Pages and the command ------------------------------------------------------------------------------------


def test_a_viewer_follows_up_from_the_page(
    desk: Desk, upstream: Upstream, dave: User, charlie: User, client_for: Callable[[User | None], Client]
) -> None:
    one = first(desk, upstream)
    client = client_for(dave)
    address = f"/runs/{one.pk}/follow-up/"
    box = client.get(address, headers={"HX-Request": "true"}).content.decode()
    assert "<h1" not in box
    assert "Ask 3 models" in box
    assert "<h1" in client.get(address).content.decode()
    typed = {"prompt": "", "history": "own", "preset": desk.preset.pk}
    wrong = client.post(address, typed)
    assert wrong.status_code == 422
    assert 'value="own" checked' in wrong.content.decode()
    assert client.post(address, {**typed, "prompt": "x", "history": "y"}).status_code == 422
    assert client.post(address, {**typed, "prompt": "x", "preset": "y"}).status_code == 422
    assert client_for(charlie).post(address, typed).status_code == 404
    done = client.post(address, {**typed, "prompt": "Second?"})
    two = Run.objects.get(after=one)
    assert done["Location"] == f"/runs/{two.pk}/#run"
    assert (two.person, two.team, two.history) == (dave, one.team, "own")
    assert b"free" not in client.post(f"{address}estimate/", typed).content
    rows = client.get("/runs/").content.decode()
    assert f'follow-up to <a href="/runs/{one.pk}/">First?</a>' in rows


def test_older_turns_are_read_when_they_are_opened(
    desk: Desk, upstream: Upstream, charlie: User, client_for: Callable[[User | None], Client]
) -> None:
    run = first(desk, upstream)
    for turn in (2, 3, 4):
        says(upstream, turn)
        run = work(desk.start(f"Prompt {turn}?", after=run))
    page = call_page(desk, run)
    assert "bea in turn 1." not in page
    assert page.index("bea in turn 2.") < page.index("bea in turn 3.") < page.index('id="run"')
    client = client_for(desk.person)
    assert b"bea in turn 1." in client.get(f"/runs/{run.pk}/thread/1/").content
    assert client.get(f"/runs/{run.pk}/thread/4/").status_code == 404
    assert client_for(charlie).get(f"/runs/{run.pk}/thread/1/").status_code == 404


@pytest.mark.usefixtures("quietly")
def test_the_command_follows_up(desk: Desk, upstream: Upstream, charlie: User) -> None:
    one = first(desk, upstream)
    said = {"email": desk.person.email, "after": one.pk, "history": "all"}
    call_command("fuse", "Second?", **said)
    two = Run.objects.get(after=one)
    assert (two.state, two.history, two.preset_id) == ("done", "all", desk.preset.pk)
    for wrong in ({"email": charlie.email, "after": one.pk}, {"email": desk.person.email}):
        with pytest.raises(CommandError):
            call_command("fuse", "Second?", **wrong)
