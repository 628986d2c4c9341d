"""What a team's rules keep on the site's own machines never leaves: looked for in the ledgers of servers outside."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from asgiref.sync import async_to_sync
from django.conf import LazySettings
from django.db import connection as database
from django.test import Client

from fusion_site.accounts.models import Membership, Team, User
from fusion_site.accounts.tokens import make_token
from fusion_site.pages.words import was_not_asked
from fusion_site.pools import reaching
from fusion_site.pools.flows.check_connection import check_connection
from fusion_site.pools.flows.refresh_catalogue import refresh_catalogue
from fusion_site.pools.models import Connection, Judge
from fusion_site.providers import AskFailed
from fusion_site.runs.flows.again import fuse_run_again, retry_answer
from fusion_site.runs.models import Run
from fusion_site.runs.sharing.flows.share import share_run
from fusion_site.runs.voting.insights import insights_of
from tests.pools.models_server import ModelsServer
from tests.pools.openrouter import OpenRouter
from tests.runs.conftest import Desk
from tests.runs.test_executing import all_answer, kind_of, work
from tests.upstream import Script, Upstream, judge_for

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def outside(upstream: Upstream, settings: LazySettings) -> Iterator[Upstream]:
    """Give a second server, which the operator lets connections lead to but does not call in-house."""
    server = Upstream()
    server.scripts["judge"] = judge_for("bea")
    all_answer(server)
    settings.FUSION_PRIVATE_UPSTREAMS = frozenset({upstream.host_port, server.host_port})
    yield server
    server.close()


@pytest.fixture
def far(desk: Desk, outside: Upstream) -> Connection:
    """Give the team's connection to the server outside."""
    return Connection.objects.create(team=desk.team, name="Far", kind="openai", base_url=outside.url)


def be_local_only(team: Team) -> None:
    """Switch it on."""
    Team.objects.filter(pk=team.pk).update(local_only=True)


def refused(run: Run) -> list[str | None]:
    """Give the kinds of the members' errors."""
    return [kind_of(answer) for answer in run.answers.all()]


def test_a_local_only_team_sends_nothing_outside_and_says_so(desk: Desk, upstream: Upstream) -> None:
    all_answer(upstream)
    be_local_only(desk.team)
    run = work(desk.start("A secret question"))
    assert (run.state, refused(run)) == ("failed", ["permission"] * 3)
    [error, *_] = [answer.error or {} for answer in run.answers.all()]
    assert upstream.host_port in error["message"]
    assert error["retryable"] is False
    assert upstream.ledger == []


def test_what_the_operator_calls_in_house_is_asked(
    desk: Desk, upstream: Upstream, settings: LazySettings
) -> None:
    all_answer(upstream)
    be_local_only(desk.team)
    settings.FUSION_IN_HOUSE = frozenset({upstream.host_port})
    assert work(desk.start()).state == "done"
    assert {asked.model for asked in upstream.ledger} == {"ada", "bea", "cyd", "judge"}


def test_in_house_is_one_port_of_one_host(desk: Desk, upstream: Upstream, settings: LazySettings) -> None:
    be_local_only(desk.team)
    host, _, port = upstream.host_port.partition(":")
    settings.FUSION_IN_HOUSE = frozenset({f"{host}:{int(port) - 1}", f"localhost:{port}", f"1.{host}:{port}"})
    assert refused(work(desk.start())) == ["permission"] * 3
    assert upstream.ledger == []


@pytest.mark.parametrize("part", ["judge", "fallback", "second", "member"])
def test_one_part_outside_is_left_out_and_the_others_go_on(
    desk: Desk, upstream: Upstream, outside: Upstream, far: Connection, settings: LazySettings, part: str
) -> None:
    """Whatever is asked of a judge there (scores, comparisons, repairs, the merge) is not sent either."""
    all_answer(upstream)
    desk.change(mode="merge")
    judge = Judge.objects.get(pk=desk.preset.judge_id)
    if part == "judge":
        judge.connection = far
    elif part == "fallback":
        upstream.scripts["judge"] = Script(status=500, body={"error": {"message": "broken"}})
        judge.fallback_connection, judge.fallback_model = far, "judge"
    elif part == "second":
        judge.second_connection, judge.second_model = far, "judge"
    else:
        desk.preset.pool.members.filter(position=0).update(connection=far)
    judge.save()
    desk.preset.refresh_from_db()
    settings.FUSION_IN_HOUSE = frozenset({upstream.host_port})
    be_local_only(desk.team)
    run = work(desk.start())
    assert run.state == "done"
    assert refused(run) == ["permission" if part == "member" else None, None, None]
    assert outside.ledger == []
    assert upstream.asked("bea")


def test_a_request_that_waits_to_be_sent_again_is_not(
    desk: Desk, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rule is switched on between the first request and its repetition."""
    monkeypatch.setattr(reaching, "ROW_GOOD_FOR_S", 0.0)
    busy = Script(status=503, body={"error": {"message": "busy"}})
    upstream.scripts |= dict.fromkeys(("ada", "bea", "cyd"), busy)

    def switch_on() -> None:
        be_local_only(desk.team)
        database.close()

    upstream.witness = switch_on
    run = work(desk.start())
    assert refused(run) == ["permission"] * 3
    asked = {name: len(upstream.asked(name)) for name in ("ada", "bea", "cyd")}
    assert set(asked.values()) <= {0, 1}
    # Of one that was asked once, nobody says that it was not.
    told = {answer.model: was_not_asked(answer.error) for answer in run.answers.all()}
    assert told == {name: not times for name, times in asked.items()}


def test_going_on_with_an_old_run_sends_nothing(desk: Desk, upstream: Upstream) -> None:
    all_answer(upstream)
    upstream.scripts["cyd"] = Script(status=400, body={"error": {"message": "no"}})
    run = work(desk.start())
    before = len(upstream.ledger)
    be_local_only(desk.team)
    all_answer(upstream)
    retry_answer(run.answers.get(member=2))
    assert kind_of(work(run).answers.get(member=2)) == "permission"
    fuse_run_again(Run.objects.get(pk=run.pk))
    work(run)
    assert len(upstream.ledger) == before


def test_a_host_that_the_team_has_not_allowed_is_not_asked_and_that_is_no_failure(
    desk: Desk,
    upstream: Upstream,
    outside: Upstream,
    far: Connection,
    client_for: Callable[[User | None], Client],
) -> None:
    all_answer(upstream)
    desk.preset.pool.members.filter(position=0).update(connection=far)
    far.base_url = outside.url.replace("127.0.0.1", "localhost")
    far.save()
    Team.objects.filter(pk=desk.team.pk).update(allowed_hosts=["127.0.0.1"])
    run = work(desk.start())
    assert (run.state, refused(run)) == ("done", ["permission", None, None])
    assert outside.ledger == []
    place = Membership.objects.select_related("team", "user").get(user=desk.person, team=desk.team)
    link = share_run(place, run, {"show": ["fused", "members"], "days": 7})
    browser = client_for(desk.person)
    told = {
        name: browser.get(path).content.decode()
        for name, path in {
            "page": f"/runs/{run.pk}/",
            "file": f"/runs/{run.pk}/export.md",
            "link": f"/s/{link.token}/",
            "file of the link": f"/s/{link.token}/export.md",
        }.items()
    }
    for name, text in told.items():
        assert "was not asked: this team may send nothing to its connection." in text, name
        assert "failed: not allowed" not in text, name
    for name in ("page", "link"):
        card = told[name].partition('data-outcome="error"')[2].partition("</header>")[0]
        assert card.count("Not asked") == 2, name
        assert "Failed" not in card, name
        assert "cost unknown" not in card, name
    for name in ("file", "file of the link"):
        assert ", Not asked*" in told[name], name
    assert "ada" not in {figures.model for figures in insights_of(desk.team, None).models}


def test_nobody_is_asked_for_models_or_tested(alice: User, team: Team, models_server: ModelsServer) -> None:
    row = Connection.objects.create(team=team, name="Lab", kind="openai", base_url=models_server.url)
    be_local_only(team)
    place = Membership.objects.select_related("team").get(user=alice, team=team)

    async def tried() -> str:
        fault = await check_connection(place, row)
        with pytest.raises(AskFailed):
            await refresh_catalogue(row, anew=True)
        await reaching.close_providers()
        return fault.kind if fault else ""

    assert async_to_sync(tried)() == "permission"
    assert models_server.keys == []


def test_nobody_is_led_to_openrouter(
    alice: User, team: Team, client_for: Callable[[User | None], Client], openrouter: OpenRouter
) -> None:
    browser = client_for(alice)
    begun = browser.get("/connections/openrouter/")
    assert begun["Location"].startswith(openrouter.auth_url)
    be_local_only(team)
    assert browser.get("/connections/openrouter/")["Location"] == "/connections/"
    assert "local only" in browser.get("/connections/").content.decode()


def test_compose_says_it_before_anything_is_asked(
    desk: Desk, client_for: Callable[[User | None], Client]
) -> None:
    browser = client_for(desk.person)
    assert "will not be asked" not in browser.get("/").content.decode()
    marked = ("/", "/connections/")
    assert not any("Local only" in browser.get(path).content.decode() for path in marked)
    be_local_only(desk.team)
    assert all("Local only" in browser.get(path).content.decode() for path in marked)
    page = browser.get("/").content.decode()
    assert "The model Ada will not be asked. This team is local only" in page
    assert "The judge will not be asked." in page
    assert (
        page.count("will not be asked") == 4
    )  # the rehearsal presets, which the site runs itself, are not among them


def test_no_address_outside_is_saved_and_one_from_before_may_be_renamed(desk: Desk, far: Connection) -> None:
    be_local_only(desk.team)
    token = make_token(desk.person, desk.team, "t")[1]
    headers = {"HTTP_AUTHORIZATION": f"Bearer {token}"}
    new = {"name": "New", "kind": "openai", "base_url": "https://models.example.com/v1"}
    said = Client().post("/api/v1/connections", new, "application/json", **headers)  # type: ignore[arg-type]
    assert said.status_code == 422
    assert "local only" in said.json()["error"]["fields"]["base_url"][0]
    kept = Client().patch(
        f"/api/v1/connections/{far.pk}",
        {"name": "Farther"},
        "application/json",
        **headers,  # type: ignore[arg-type]
    )
    assert kept.status_code == 200


def test_a_connection_says_that_it_is_not_asked_and_is_not_added_to_a_run(
    desk: Desk, upstream: Upstream, client_for: Callable[[User | None], Client]
) -> None:
    all_answer(upstream)
    run, browser = work(desk.start()), client_for(desk.person)
    before = len(upstream.ledger)
    ready = browser.get("/connections/").content.decode()
    assert "not asked" not in ready
    be_local_only(desk.team)
    page = browser.get("/connections/").content.decode()
    assert page.count("not asked") == 1
    assert page.count(">not tested yet<") == ready.count(">not tested yet<") - 1
    connection = Connection.objects.get(team=desk.team, name="Up")
    form = {"connection": connection.pk, "model": "dot"}
    answer = browser.post(f"/runs/{run.pk}/ask/", form)
    assert answer.status_code == 422
    assert "local only" in answer.content.decode()
    assert len(upstream.ledger) == before
