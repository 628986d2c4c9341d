"""Runs are found by words and filters, by the page and by programs, on both databases; nobody finds another team's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from fusion_site.accounts.flows.new_team import new_team
from fusion_site.accounts.models import Membership, Team, User
from fusion_site.pools.models import Preset
from fusion_site.runs.finding.flows.index import index_due
from fusion_site.runs.finding.flows.mark import set_tags, star
from fusion_site.runs.finding.models import Document, Tag
from fusion_site.runs.models import Answer, Fusion, Run
from fusion_site.runs.sharing.models import Comment
from tests.api.conftest import Program, program_of
from tests.runs.test_insights import made_run

pytestmark = pytest.mark.django_db
__all__ = ["program_of"]

ClientFor = Callable[[User | None], Client]


@pytest.fixture
def call(bob: User, program_of: Callable[[User | None], Program]) -> Program:
    """Give bob's program."""
    return program_of(bob)


def stored(team: Team, person: User, prompt: str, fused: str = "", answer: str = "", **fields: Any) -> Run:
    """Store a run that is over, with a fused answer and one of a member."""
    run = made_run(team, person)
    run.created_at = timezone.now()
    run.prompt = prompt
    for name, value in fields.items():
        setattr(run, name, value)
    run.save()
    Answer.objects.create(run=run, member=0, label="Ada", model="ada", outcome="complete", text=answer)
    Fusion.objects.create(run=run, version=1, source="merge", text=fused, finished=True)
    return run


def indexed() -> None:
    """Have all indexed that is due, as the site does behind its pages."""
    while index_due():
        pass


def found(call: Program, query: str = "", **filters: str) -> list[str]:
    """Give the ids that a search finds, in order."""
    given = "&".join(f"{name}={quote(value)}" for name, value in {"q": query, **filters}.items())
    response = call("GET", f"runs?{given}")
    assert response.status_code == 200, response.content
    return [item["id"] for item in response.json()["items"]]


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("migration", True),
        ("MIGRATION locks", True),
        ("migration unicorn", False),
        ('"forty million rows"', True),
        ('"million forty rows"', False),
        ("migr*", True),
        ("migr", False),
        ("cafe naive", True),
        ("CAFÉ", True),
        ("straße", True),
        ("STRASSE", True),
        ("forty-million", True),
        ("東京", True),
        ("京都", False),
        ("東京の天気", True),
        ("हिन्दी", True),
        ("ไทย", True),
        ("Ünïcödé", True),
        ("said", True),
        ('"rows locks"', False),
    ],
)
def test_words_phrases_beginnings_and_every_script(
    team: Team, bob: User, call: Program, query: str, is_found: bool
) -> None:
    run = stored(
        team,
        bob,
        "Is the migration safe? A table of forty million rows",
        "Locks first. Café, naïve, Strasse. 東京の天気は晴れ。",
        "हिन्दी and ภาษาไทย, u\u0308nicode: U\u0308ni\u0308co\u0308de\u0301",
    )
    stored(team, bob, "Something else altogether")
    Comment.objects.create(run=run, person=bob, text="Well said")
    indexed()
    assert found(call, query) == ([run.pk] if is_found else [])


@pytest.mark.parametrize(
    "query",
    [
        '"',
        '""',
        "*",
        "* * *",
        "AND",
        "NOT",
        "a AND",
        "(",
        "team:x",
        "words : (",
        "\x00!",
        "' OR 1=1 --",
        "^a",
        "{a b}: c",
        "a:*b & !c | <->",
        "\\",
        "'\\''",
        "x" * 5000,
        '"a* b"*',
        "NEAR(a b, 5)",
        "😀",
        "-",
        "ﷺ",
        "\ud7ff",
        "'a':*",
    ],
)
def test_no_query_is_an_error(
    team: Team, bob: User, client_for: ClientFor, call: Program, query: str
) -> None:
    stored(team, bob, "Plain talk")
    indexed()
    assert found(call, query) == []
    assert client_for(bob).get("/runs/", {"q": query}).status_code == 200


def test_nobody_finds_another_teams_runs(
    team: Team, bob: User, charlie: User, call: Program, client_for: ClientFor
) -> None:
    foreign = stored(charlie.personal_team, charlie, "The canary sings", "canary", "canary")
    own = stored(team, bob, "Our canary")
    indexed()
    assert found(call, "canary") == [own.pk]
    assert found(call, f'"{foreign.team_id}" canary') == []
    assert foreign.pk not in client_for(bob).get("/runs/", {"q": "canary"}).content.decode()
    for name in ("preset", "pool", "person", "tag"):
        assert call("GET", f"runs?{name}=nothing-of-yours").status_code == 422


def test_another_team_of_the_same_person_is_not_searched(team: Team, bob: User, call: Program) -> None:
    elsewhere = new_team("Beta", bob)
    stored(elsewhere, bob, "canary")
    indexed()
    assert found(call, "canary") == []


def test_what_is_written_later_is_found_and_what_is_gone_is_not(team: Team, bob: User, call: Program) -> None:
    run = stored(team, bob, "Early", is_open=True, state="answering")
    indexed()
    assert found(call, "early") == [run.pk]
    Answer.objects.filter(run=run).update(text="later words")
    indexed()
    assert found(call, "later") == []  # it is not over: nothing is indexed twice while answers come in
    Run.objects.filter(pk=run.pk).update(is_open=False)
    indexed()
    assert found(call, "later") == [run.pk]
    Run.objects.filter(pk=run.pk).update(is_open=True)
    Answer.objects.filter(run=run).update(text="renewed words")
    Run.objects.filter(pk=run.pk).update(is_open=False)
    indexed()
    assert (found(call, "later"), found(call, "renewed")) == ([], [run.pk])
    comment = Comment.objects.create(run=run, person=bob, text="remarkable")
    indexed()
    assert found(call, "remarkable") == [run.pk]
    comment.delete()
    indexed()
    assert found(call, "remarkable") == []
    document = run.document.pk
    run.delete()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM finding_words WHERE rowid = %s", [document])
        assert cursor.fetchone() == (0,)


def test_a_run_that_was_written_by_whomever_has_a_document(team: Team, bob: User) -> None:
    Run.objects.bulk_create([made_run(team, bob) for _ in range(3)])
    assert Document.objects.filter(run__team=team, indexed=0).count() == 3


def test_hits_are_marked_and_escaped(team: Team, bob: User, client_for: ClientFor, call: Program) -> None:
    stored(
        team,
        bob,
        "Why?",
        "Never <script>alert(1)</script> the " + "long " * 60 + "way: <b>canary</b> sings. End",
    )
    indexed()
    shown = client_for(bob).get("/runs/", {"q": "CANARY script"}).content.decode()
    assert "<mark>script</mark>" in shown
    assert "<script>alert" not in shown
    (item,) = call("GET", "runs?q=canary").json()["items"]
    assert item["found"]["where"] == "Fused answer"
    assert [each["text"] for each in item["found"]["pieces"] if each["hit"]] == ["canary"]
    assert item["found"]["pieces"][0] == {"text": "…", "hit": False}
    assert call("GET", "runs").json()["items"][0]["found"] is None


def test_every_filter_alone_and_with_words(team: Team, bob: User, alice: User, call: Program) -> None:
    preset = Preset.objects.filter(team=team).first()
    assert preset is not None
    place = Membership.objects.get(user=bob, team=team)
    plain = stored(team, bob, "canary one", created_at=timezone.now() - timedelta(days=10))
    rich = stored(
        team, alice, "canary two", cost_usd=Decimal("0.5"), preset=preset, pinned_pool=preset.pool_id
    )
    failed = stored(team, bob, "canary three", state="failed", mode="debate")
    live = stored(team, bob, "canary four", state="judging", is_open=True)
    star(bob, plain)
    star(alice, rich)
    set_tags(place, rich, ["Über uns", "ops"])
    indexed()
    day = f"{timezone.now() - timedelta(days=5):%Y-%m-%d}"
    expected: list[tuple[dict[str, str], list[Run]]] = [
        ({"preset": preset.pk}, [rich]),
        ({"preset": preset.slug}, [rich]),
        ({"pool": preset.pool_id}, [rich]),
        ({"mode": "debate"}, [failed]),
        ({"state": "failed"}, [failed]),
        ({"state": "live"}, [live]),
        ({"state": "done"}, [rich, plain]),
        ({"person": "me"}, [live, failed, plain]),
        ({"person": Membership.objects.get(user=alice, team=team).ref}, [rich]),
        ({"since": day}, [live, failed, rich]),
        ({"until": day}, [plain]),
        ({"starred": "true"}, [plain]),
        ({"tag": "uber UNS"}, [rich]),
        ({"cost_over": "0.4"}, [rich]),
        ({"cost_over": "0.5"}, []),
        ({"tag": "ops", "state": "failed"}, []),
    ]
    for filters, runs in expected:
        assert found(call, **filters) == [run.pk for run in runs], filters
        # Of what is searched, the newest document comes first: they were made in this order.
        by_words = sorted(runs, key=lambda run: run.document.pk, reverse=True)
        assert found(call, "canary", **filters) == [run.pk for run in by_words], filters


@pytest.mark.parametrize("filters", [{}, {"q": "canary"}, {"q": "canary", "mode": "merge"}])
def test_pages_follow_each_other_without_gap_or_repetition(
    team: Team, bob: User, call: Program, client_for: ClientFor, filters: dict[str, str]
) -> None:
    runs = [stored(team, bob, f"canary {n}") for n in range(7)]
    indexed()
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        more = {"cursor": cursor} if cursor else {}
        answer = call(
            "GET", "runs?limit=3&" + "&".join(f"{k}={v}" for k, v in {**filters, **more}.items())
        ).json()
        seen += [item["id"] for item in answer["items"]]
        cursor = answer["next"]
    assert seen == [run.pk for run in reversed(runs)]
    assert client_for(bob).get("/runs/", {**filters, "cursor": "from-elsewhere"}).status_code == 200


def test_bad_filters_are_said_beside_their_fields_and_kept(
    bob: User, team: Team, client_for: ClientFor, call: Program
) -> None:
    stored(team, bob, "canary")
    response = client_for(bob).get("/runs/", {"since": "soon", "cost_over": "much", "q": "canary"})
    shown = response.content.decode()
    assert response.status_code == 422
    assert "Give a day as 2026-01-31." in shown
    assert 'value="much"' in shown
    refused = call("GET", "runs?since=soon&mode=odd")
    assert refused.status_code == 422
    assert set(call("GET", "runs?since=soon").json()["error"]["fields"]) == {"since"}


def test_chips_take_off_one_thing_each_and_an_empty_result_says_which(
    bob: User, team: Team, client_for: ClientFor
) -> None:
    stored(team, bob, "canary", mode="merge")
    indexed()
    shown = client_for(bob).get("/runs/", {"q": "canary", "mode": "debate", "starred": "1"}).content.decode()
    assert "No run matches" in shown
    assert 'href="/runs/?mode=debate&amp;starred=1"' in shown
    assert 'href="/runs/?q=canary&amp;starred=1"' in shown


def test_tags_are_the_teams_and_stars_are_ones_own(
    team: Team, alice: User, bob: User, dave: User, call: Program, client_for: ClientFor
) -> None:
    run = stored(team, bob, "canary")
    assert call("PUT", f"runs/{run.pk}/star").status_code == 204
    assert call("PUT", f"runs/{run.pk}/star").status_code == 204
    assert call("PUT", f"runs/{run.pk}/tags", {"tags": ["Ops", "ops", " research "]}).json() == {
        "tags": ["ops", "research"]
    }
    assert call("GET", f"runs/{run.pk}").json()["starred"] is True
    assert 'aria-pressed="false"' in client_for(alice).get("/runs/").content.decode()
    assert client_for(dave).post(f"/runs/{run.pk}/tags/", {"tags": "x"}).status_code == 403
    (ops, research) = call("GET", "tags").json()["items"]
    assert (ops["name"], ops["runs"], research["name"]) == ("ops", 1, "research")
    assert call("PATCH", f"tags/{ops['id']}", {"name": "Research"}).status_code == 422
    assert call("PATCH", f"tags/{ops['id']}", {"name": "operations"}).json()["name"] == "operations"
    assert found(call, tag="operations") == [run.pk]
    for wrong in (["x" * 41], ["…"], ["a,b"], [str(n) for n in range(11)]):
        response = call("PUT", f"runs/{run.pk}/tags", {"tags": wrong})
        assert response.status_code == 422, wrong
        assert list(response.json()["error"]["fields"]) == ["tags"]
    client_for(bob).post(f"/runs/{run.pk}/tags/", {"tags": "research"})
    assert [tag.name for tag in Tag.objects.filter(team=team)] == ["research"]
    assert call("DELETE", f"runs/{run.pk}/star").status_code == 204
    assert found(call, starred="true") == []
