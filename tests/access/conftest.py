"""Setting the scene of the matrix: one of everything that a team has, made by the flows that make it."""

from __future__ import annotations

import pytest
from allauth.usersessions.models import UserSession
from django.test import Client

from fusion_site.accounts.access import SESSION_TEAM
from fusion_site.accounts.flows.end_team import delete_team
from fusion_site.accounts.flows.invite import invite
from fusion_site.accounts.flows.join_team import join_team
from fusion_site.accounts.flows.new_team import new_team
from fusion_site.accounts.models import Membership, Role, SignOn, Team, User
from fusion_site.accounts.tokens import make_token
from fusion_site.pools.flows.delete import delete
from fusion_site.pools.flows.save_connection import save_connection
from fusion_site.pools.flows.save_judge import save_judge
from fusion_site.pools.flows.save_pool import save_pool
from fusion_site.pools.flows.save_preset import save_preset
from fusion_site.runs.attached.files import picture_of
from fusion_site.runs.finding.flows.index import index_due
from fusion_site.runs.finding.flows.mark import set_tags
from fusion_site.runs.flows.draft import Writing, add_files
from fusion_site.runs.hooks.flows.settle import make_hook
from fusion_site.runs.hooks.models import Delivery
from fusion_site.runs.models import Run
from fusion_site.runs.sharing.flows.comment import add_comment
from fusion_site.runs.sharing.flows.share import share_run
from fusion_site.runs.voting.models import Vote
from tests.access.scene import CANARY, KEY, Scene
from tests.conftest import make_person
from tests.pictures import png
from tests.runs.conftest import Desk, desk, upstream
from tests.runs.test_executing import work
from tests.upstream import Script, Upstream

__all__ = ["desk", "upstream"]


@pytest.fixture
def scene(desk: Desk, upstream: Upstream, alice: User, bob: User, dave: User, charlie: User) -> Scene:
    """Set the scene."""
    place = Membership.objects.select_related("team", "user").get(user=alice, team=desk.team)
    people: dict[str, User | None] = {
        "nobody": None,
        "charlie": charlie,
        "dave": dave,
        "bob": bob,
        "alice": alice,
    }
    tokens = {
        name: make_token(user, user.personal_team if name == "charlie" else desk.team, f"{name}s")[1]
        for name, user in people.items()
        if user is not None
    }
    ids = {**_things(place, upstream.url), **_run(desk, place, upstream), **_of_the_team(place)}
    elsewhere = {
        name: make_token(user, user.personal_team, "own")[1]
        for name, user in people.items()
        if user is not None
    }
    sessions = {name: _session_of(user, desk.team) for name, user in people.items() if user is not None}
    return Scene(ids, people, tokens, elsewhere, sessions, desk.team, upstream)


def _session_of(user: User, team: Team) -> str:
    """Sign somebody in, to work in the team where they are in it."""
    client = Client()
    client.force_login(user)
    session = client.session
    if team.memberships.filter(user=user).exists():
        session[SESSION_TEAM] = team.pk
    session.save()
    return str(session.session_key)


def _things(place: Membership, url: str) -> dict[str, str]:
    """Make a connection, a pool, a judge and a preset with two versions each, and one of them to be restored."""
    name = {"name": CANARY}
    connection = save_connection(place, {**name, "kind": "openai", "base_url": url, "api_key": KEY})
    member = {"connection": connection.pk, "model": "ada"}
    pool = save_pool(place, {**name, "members": [member]})
    judge = save_judge(place, {**name, "connection": connection.pk, "model": "judge"})
    preset = save_preset(place, {**name, "pool": pool.pk, "judge": judge.pk})
    gone = save_pool(place, {**name, "members": [member]})
    ids = {"deleted.thing_id": gone.pk}
    delete(place, gone)
    for row in (connection, pool, judge, preset):
        noun = row._meta.model_name or ""
        ids |= {f"{noun}s.row_id": row.pk, f"{noun}s.thing_id": row.pk, f"{noun}_id": row.pk}
    return {**ids, "slug": preset.slug, "model": f"fusion/{preset.slug}"}


def _run(desk: Desk, place: Membership, upstream: Upstream) -> dict[str, str]:
    """Have bob run something, and the team say something about it."""
    for name in ("ada", "bea", "cyd"):
        upstream.scripts[name] = Script([f"{CANARY} of {name}."])
    picture = picture_of(f"{CANARY}.png", png())
    run: Run = work(desk.start(CANARY, pictures=[picture]))
    draft = add_files(Writing(desk.person, desk.team, "t" * 24), [picture], [])
    bob = Membership.objects.select_related("team", "user").get(user=desk.person, team=desk.team)
    made = share_run(place, run, {"show": ["fused", "members"], "days": 7, "voting": True})
    comment = add_comment(bob, run, {"text": CANARY})
    (tag,) = set_tags(bob, run, [CANARY])
    while index_due():
        pass
    Vote.objects.create(run=run, person=place.user, voter=f"person {place.user_id}", note=CANARY)
    answer = run.answers.order_by("pk").first()
    assert answer is not None
    return {
        "run_id": run.pk,
        "response_id": f"resp_{run.pk}",
        "answer_id": answer.pk,
        "share_id": made.share.pk,
        "s.token": made.token,
        "comment_id": comment.pk,
        "sha256": picture.sha256,
        "file_id": draft.files.get().pk,
        "tag_id": tag.pk,
    }


def _of_the_team(place: Membership) -> dict[str, str]:
    """Have a way of signing in, an invitation, a session, a token of alice's, and a team of hers that is closed."""
    invitation, token = invite(place, many=True)
    SignOn.objects.create(
        team=place.team, issuer="https://sso.example", client_id=CANARY, sealed_secret="x", role="viewer"
    )
    client = Client()
    client.force_login(place.user)
    client.get("/sessions/")
    closed = new_team(f"{CANARY} closed", place.user)
    delete_team(Membership.objects.select_related("team", "user").get(user=place.user, team=closed))
    hook, _ = make_hook(place, {"name": CANARY, "url": f"https://hooks.example/{CANARY}"})
    Delivery.objects.create(hook=hook, due_at=None, outcome="failed", error=CANARY)
    erin = join_team(make_person("erin"), place.team, Role.VIEWER)
    return {
        "invitation_id": invitation.pk,
        "join.token": token,
        "sign_on_id": place.team.pk,
        "team_id": closed.pk,
        "ref": erin.ref,
        "person_id": erin.ref,
        "session_id": str(UserSession.objects.filter(user=place.user).latest("pk").pk),
        "token_id": place.user.tokens.latest("created_at").pk,
        "hook_id": hook.pk,
        "state": "no-such-state",
    }
