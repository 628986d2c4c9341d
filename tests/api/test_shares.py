"""Links, votes, comments and insights by REST: the same rules as on the pages, and what is foreign looks absent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from fusion_site.accounts.models import AuditEntry, Reach, Team, User
from fusion_site.runs.models import Run
from fusion_site.runs.sharing.models import Comment, Share
from fusion_site.runs.voting.models import Vote
from tests.api.conftest import Program
from tests.runs.test_insights import judged

pytestmark = pytest.mark.django_db

ProgramOf = Callable[[User | None], Program]


@pytest.fixture
def run(team: Team, bob: User) -> Run:
    """Give a run of bob's with three answers, whose judge picked the first."""
    run, _ = judged(team, bob, 0)
    run.settings = {"members": [], "judge": None}
    run.save()
    return run


@pytest.fixture
def votable(run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Give the same, with a ballot: what its settings would say of names is not what these tests are about."""
    monkeypatch.setattr("fusion_site.runs.voting.ballot.names_of", lambda members, question: [])
    monkeypatch.setattr("fusion_site.runs.voting.ballot.settings_from_json", lambda data: _Bare())
    return run


class _Bare:
    members = ()


def test_a_link_is_made_read_listed_and_revoked(
    run: Run, program_of: ProgramOf, bob: User, alice: User
) -> None:
    mine = program_of(bob)
    made = mine.made(f"runs/{run.pk}/shares", {"show": ["fused", "comments"], "password": "long enough"})
    assert made["url"].endswith("/")
    assert (made["show"], made["has_password"], made["state"], made["views"]) == (
        ["fused", "comments"],
        True,
        "live",
        0,
    )
    read = mine("GET", f"shares/{made['id']}").json()
    assert read == made | {"url": None}
    for program, path in ((mine, f"runs/{run.pk}/shares"), (program_of(alice), "shares")):
        assert program("GET", path).json() == {"items": [read], "next": None}
    assert program_of(alice)("DELETE", f"shares/{made['id']}").status_code == 204
    assert mine("GET", f"shares/{made['id']}").json()["state"] == "revoked"
    assert Client().get(made["url"]).status_code == 404
    assert mine("DELETE", f"shares/{made['id']}").status_code == 204
    assert AuditEntry.objects.filter(action="share.revoked", door="token").count() == 1


def test_what_is_not_ones_own_looks_absent_and_changes_nothing(
    run: Run, program_of: ProgramOf, bob: User, dave: User, charlie: User
) -> None:
    made = program_of(bob).made(f"runs/{run.pk}/shares", {})
    assert made["show"] == ["fused", "verdict"]
    for user in (dave, charlie):
        for method in ("GET", "DELETE"):
            foreign, absent = (program_of(user)(method, f"shares/{at}") for at in (made["id"], "none"))
            assert (foreign.status_code, foreign.content) == (404, absent.content)
    assert program_of(dave)("POST", f"runs/{run.pk}/shares", {}).status_code == 403
    assert program_of(dave)("GET", f"runs/{run.pk}/shares").json()["items"] == []
    doors: list[tuple[str, str, Any]] = [
        ("POST", "shares", {}),
        ("GET", "shares", None),
        ("POST", "votes", {"choice": "tie"}),
        ("GET", "votes", None),
        ("DELETE", "votes", None),
        ("POST", "comments", {"text": "I"}),
        ("GET", "comments", None),
    ]
    for method, door, body in doors:
        callers: list[tuple[User | None, int]] = [(charlie, 404), (None, 401)]
        for who, status in callers:
            assert program_of(who)(method, f"runs/{run.pk}/{door}", body).status_code == status
    assert (Share.objects.count(), Vote.objects.count(), Comment.objects.count()) == (1, 0, 0)
    assert Client().get(made["url"]).status_code == 200


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"show": ["nonsense"]}, "show"),
        ({"show": []}, "show"),
        ({"expires_at": "tomorrow"}, "expires_at"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "2030-01-01T00:00:00"}, "expires_at"),
        ({"password": "short"}, "password"),
        ({"voting": True}, "voting"),
        ({"shows": ["fused"]}, "shows"),
    ],
)
def test_what_cannot_be_kept_is_said_by_its_field(
    run: Run, program_of: ProgramOf, bob: User, given: dict[str, Any], field: str
) -> None:
    refused = program_of(bob)("POST", f"runs/{run.pk}/shares", given)
    assert refused.status_code == 422
    assert list(refused.json()["error"]["fields"]) == [field]
    assert not Share.objects.exists()


def test_the_teams_policy_holds_for_programs(run: Run, program_of: ProgramOf, bob: User, team: Team) -> None:
    made = program_of(bob).made(f"runs/{run.pk}/shares", {})
    Team.objects.filter(pk=team.pk).update(links_max_days=5)
    late = (timezone.now() + timedelta(days=6)).isoformat()
    assert program_of(bob)("POST", f"runs/{run.pk}/shares", {"expires_at": late}).status_code == 422
    Team.objects.filter(pk=team.pk).update(links=Reach.NONE)
    assert program_of(bob)("POST", f"runs/{run.pk}/shares", {}).status_code == 403
    assert program_of(bob)("GET", f"shares/{made['id']}").json()["state"] == "refused"


def test_a_vote_is_cast_changed_counted_and_withdrawn(
    votable: Run, program_of: ProgramOf, alice: User, bob: User
) -> None:
    path, mine = f"runs/{votable.pk}/votes", program_of(alice)
    first, second, _ = votable.answers.values_list("pk", flat=True)
    before = mine("GET", path).json()
    assert (before["mine"], before["tally"]) == (None, None)
    assert set(before["choices"]) >= {first, second, "tie"}
    assert mine("POST", path, {"choice": "nobody"}).json()["error"]["fields"] == {
        "choice": ["There is no such candidate."]
    }
    assert program_of(bob)("POST", path, {"choice": "tie"}).status_code == 200
    assert mine("POST", path, {"choice": first, "note": "why"}).json()["mine"]["note"] == "why"
    told = mine("POST", path, {"choice": second}).json()
    assert told["mine"]["choice"] == second
    counted = {each["choice"]: each["votes"] for each in told["tally"] if each["votes"]}
    assert counted == {second: 1, "tie": 1}
    assert mine("DELETE", path).status_code == 204
    assert mine("DELETE", path).status_code == 404
    assert Vote.objects.count() == 1


def test_nobody_votes_while_there_is_nothing_to_vote_on(
    votable: Run, program_of: ProgramOf, bob: User
) -> None:
    votable.answers.filter(member__gt=0).update(outcome="error")
    votable.fusions.all().delete()
    refused = program_of(bob)("POST", f"runs/{votable.pk}/votes", {"choice": "tie"})
    assert (refused.status_code, refused.json()["error"]["kind"]) == (409, "bad_request")


def test_comments_belong_to_their_authors(run: Run, program_of: ProgramOf, alice: User, dave: User) -> None:
    path, writer, other = f"runs/{run.pk}/comments", program_of(dave), program_of(alice)
    made = writer.made(path, {"text": "<i>Well.</i>"})
    assert (made["text"], made["is_mine"], made["edited_at"]) == ("<i>Well.</i>", True, None)
    assert [each["is_mine"] for each in other("GET", path).json()["items"]] == [False]
    assert writer("POST", path, {}).json()["error"]["fields"] == {"text": ["This field is required."]}
    for method, body in (("PATCH", {"text": "mine now"}), ("DELETE", None)):
        assert other(method, f"{path}/{made['id']}", body).status_code == 404
    changed = writer("PATCH", f"{path}/{made['id']}", {"text": "Better."}).json()
    assert changed["text"] == "Better."
    assert changed["edited_at"] is not None
    assert writer("DELETE", f"{path}/{made['id']}").status_code == 204
    assert other("GET", path).json()["items"] == []


def test_insights_are_those_of_the_team(run: Run, program_of: ProgramOf, bob: User, charlie: User) -> None:
    told = program_of(bob)("GET", "insights?days=7").json()
    assert (told["days"], told["runs"], told["verdicts"], told["votes"]) == (7, 1, 1, 0)
    assert told["by_judges"][0]["name"] == "lab/one"
    assert told["by_people"] == []
    assert told["agreement"] == {"share": None, "votes": 0, "chance": None}
    assert told["models"][0]["mean_usd"] == "0.01"
    assert program_of(charlie)("GET", "insights").json()["runs"] == 0
    assert program_of(bob)("GET", "insights?days=-1").status_code == 422
    assert program_of(None)("GET", "insights").status_code == 401
