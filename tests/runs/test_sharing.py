"""Share links, through their doors: what is shown and what never reaches the wire, who may make and end them."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from channels.testing import WebsocketCommunicator
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from fusion_site.accounts.models import AuditEntry, Membership, Reach, Role, Team, User
from fusion_site.asgi import application
from fusion_site.runs.live.lens import Lens, Part
from fusion_site.runs.live.sending import NOT_FOUND
from fusion_site.runs.loading import load_state
from fusion_site.runs.models import Run
from fusion_site.runs.sharing.models import Share
from tests.runs.conftest import Desk, working
from tests.runs.test_executing import work
from tests.upstream import Script, Upstream, candidates_in, task_of, verdict

pytestmark = pytest.mark.django_db(transaction=True)

HOST = "127.0.0.1:8000"
WITHIN_S = 30
ClientFor = Callable[[User | None], Client]
PROMPT = "Canary-prompt: is it safe?\nSecond-line-of-it"
# What each part alone may bring to the wire. The members answer in words of their own, the judge in its.
CANARIES = {
    "prompt": ["Canary-prompt", "Second-line-of-it"],
    "members": ["adas-own-words", "cyds-own-words", "Ada", "Cyd"],
    "fused": ["merged-by-the-judge"],
    "verdict": ["canary-insight"],
}
PARTS = ("fused", "verdict", "members", "prompt", "cost")


def link(client: Client, run: Run, *show: str, **more: str) -> str:
    """Make a link on the page for it, and give its path."""
    page = client.post(
        f"/runs/{run.pk}/share/", {"show": list(show), "days": "7", **more}, headers={"host": HOST}
    )
    assert page.status_code == 200, page.content.decode()
    found = re.search(r'id="made-link"[^>]*>http://[^/]+(/s/[\w-]+/)<', page.content.decode())
    assert found is not None
    return found[1]


@pytest.fixture(autouse=True)
def nobody_has_guessed() -> None:
    """Begin with no misses counted: all tests come from one address."""
    cache.clear()


@pytest.fixture
def merged(desk: Desk, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Give a run that is over, each part of which has a word of its own."""
    monkeypatch.setattr("fusion_site.engine.scoring.FEWEST_MEMBERS", 99)
    script(desk, upstream)
    return work(desk.start(PROMPT))


def script(desk: Desk, upstream: Upstream) -> None:
    for name in ("ada", "bea", "cyd"):
        upstream.scripts[name] = Script([f"{name}s-own-words. ", "More of it."])
    upstream.scripts["bea"] = Script(status=401, body={"error": {"message": "canary-of-the-provider"}})
    upstream.scripts["judge"] = _judge
    desk.change(mode="merge", do_no_harm=False)


def _judge(body: dict[str, Any]) -> Script:
    """Pick ada's answer, quote it, and see something in it that nobody else does."""
    if task_of(body) == "merge":
        return Script(["merged-by-the-judge."])
    found = candidates_in(body)
    best = next(letter for letter, text in found.items() if "adas-own-words" in text)
    return Script([verdict(best, found, unique_insights=[{"label": best, "insight": "canary-insight"}])])


def socket_at(path: str, client: Client | None = None) -> Any:
    """Open a link's socket as a browser would."""
    cookie = client.cookies.output(header="", sep=";", attrs=[]).strip() if client else ""
    headers = [(b"host", HOST.encode()), (b"origin", f"http://{HOST}".encode()), (b"cookie", cookie.encode())]
    return WebsocketCommunicator(application, f"{path}live/", headers=headers)


def first_frame(path: str, client: Client | None = None) -> str | None:
    """Give the first frame of a link's socket, or None where that is closed at once."""

    async def look() -> str | None:
        socket = socket_at(path, client)
        assert (await socket.connect(timeout=WITHIN_S))[0]
        told = await socket.receive_output(timeout=WITHIN_S)
        await socket.disconnect()
        assert told["type"] == "websocket.send" or told["code"] == NOT_FOUND
        frame: str | None = told.get("text")
        return frame

    return async_to_sync(look)()


def everything(path: str, answers: list[str], client: Client | None = None) -> dict[str, tuple[int, str]]:
    """Give what each door behind a link answers."""
    visitor = client or Client()
    doors = ["", "fused.md", "export.md", "export.json", *(f"answers/{a}.md" for a in answers)]
    found = {door: visitor.get(path + door) for door in doors}
    said = {door: (r.status_code, r.content.decode()) for door, r in found.items()}
    frame = first_frame(path, visitor)
    return said | {"live": (404, "") if frame is None else (200, frame)}


@pytest.mark.parametrize(
    "shown", [*[(part,) for part in PARTS], PARTS, ("fused", "prompt"), ("members", "verdict")]
)
def test_only_what_is_shown_reaches_the_wire(
    merged: Run, desk: Desk, client_for: ClientFor, shown: tuple[str, ...]
) -> None:
    path = link(client_for(desk.person), merged, *shown)
    ids = list(merged.answers.values_list("pk", flat=True))
    wire = everything(path, ids)
    told = " ".join(text for _, text in wire.values())
    for part, canaries in CANARIES.items():
        for canary in canaries:
            assert (canary in told) is (part in shown), (part, canary)
    for never in (
        merged.pk,
        desk.preset.name + "<",
        "canary-of-the-provider",
        desk.person.email,
        desk.team.name,
    ):
        assert never not in told
    assert wire["fused.md"][0] == (200 if "fused" in shown else 404)
    assert wire[f"answers/{ids[0]}.md"][0] == (200 if "members" in shown else 404)


@pytest.mark.parametrize("part", PARTS)
def test_what_is_not_shown_is_not_even_in_what_pages_are_made_of(merged: Run, part: str) -> None:
    seen = repr(Lens(frozenset({Part(part)})).state(load_state(merged.pk)))
    for other, canaries in CANARIES.items():
        for canary in canaries:
            assert (canary in seen) is (part == other), (part, canary)
    assert merged.pk not in seen


def test_the_honest_header_is_shown_whatever_else_is(merged: Run, desk: Desk, client_for: ClientFor) -> None:
    bare = link(client_for(desk.person), merged, "prompt")
    assert "Model 2 failed: key refused." in Client().get(bare).content.decode()
    for door in ("export.md", "export.json"):
        told = "Fused from 2 of 3. Model 2 failed: key refused."
        assert told in Client().get(bare + door).content.decode()
    named = link(client_for(desk.person), merged, "members")
    assert "Bea failed: key refused." in Client().get(named).content.decode()


def test_no_visitor_is_indexed_told_on_or_given_a_cookie(
    merged: Run, desk: Desk, client_for: ClientFor
) -> None:
    path = link(client_for(desk.person), merged, "fused", "prompt", "comments")
    for door in (path, path + "fused.md", path + "export.json", "/s/never-was/"):
        answer = Client().get(door)
        assert "noindex" in answer["X-Robots-Tag"]
        assert answer["Referrer-Policy"] == "no-referrer"
        assert answer["Cache-Control"] == "no-store"
        assert not answer.cookies
    head = Client().get(path).content.decode().partition("</head>")[0]
    assert 'property="og:title" content="A shared result"' in head
    assert "Canary-prompt" not in head


def revoke(share: Share) -> None:
    owner = Client()
    assert share.made_by is not None
    owner.force_login(share.made_by)
    assert owner.post(f"/links/{share.pk}/revoke/").status_code == 302


def expire(share: Share) -> None:
    Share.objects.filter(pk=share.pk).update(expires_at=timezone.now())


def delete_the_team(share: Share) -> None:
    Team.objects.filter(pk=share.run.team_id).update(removal_at=timezone.now() + timedelta(days=7))


def allow_no_links(share: Share) -> None:
    Team.objects.filter(pk=share.run.team_id).update(links=Reach.NONE)


def allow_the_team_alone(share: Share) -> None:
    Team.objects.filter(pk=share.run.team_id).update(links=Reach.TEAM)


def want_a_password(share: Share) -> None:
    Team.objects.filter(pk=share.run.team_id).update(links_need_password=True)


ENDS = [revoke, expire, delete_the_team, allow_no_links, want_a_password]


@pytest.mark.parametrize("end", ENDS)
def test_a_dead_link_looks_like_none_at_every_door(
    merged: Run, desk: Desk, client_for: ClientFor, end: Callable[[Share], None]
) -> None:
    path = link(client_for(desk.person), merged, *PARTS)
    ids = list(merged.answers.values_list("pk", flat=True))
    assert {status for status, _ in everything(path, ids[:1]).values()} == {200}
    end(Share.objects.get())
    assert everything(path, ids) == everything("/s/never-was/", ids)
    assert {status for status, _ in everything(path, ids).values()} == {404}


@pytest.mark.parametrize("end", [*ENDS, allow_the_team_alone])
def test_a_dead_link_ends_what_is_watched_through_it(
    merged: Run,
    desk: Desk,
    client_for: ClientFor,
    end: Callable[[Share], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fusion_site.ops.rounds.LOOK_S", 0.05)
    path = link(client_for(desk.person), merged, "fused")
    stays = link(client_for(desk.person), merged, "fused") if end in (revoke, expire) else ""
    share = Share.objects.get(digest=Share.digest_of(path.split("/")[2]))

    async def lose() -> Any:
        sockets = [socket_at(each) for each in (path, stays) if each]
        for socket in sockets:
            assert (await socket.connect(timeout=WITHIN_S))[0]
            await socket.receive_from(timeout=WITHIN_S)
        await sync_to_async(end)(share)
        told = await sockets[0].receive_output(timeout=WITHIN_S)
        for other in sockets[1:]:
            assert await other.receive_nothing(timeout=0.3)
            await other.disconnect()
        return told

    assert async_to_sync(lose)() == {"type": "websocket.close", "code": NOT_FOUND}


def test_a_link_is_live_while_the_run_lives_and_sends_nothing_else(
    desk: Desk, upstream: Upstream, client_for: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fusion_site.engine.scoring.FEWEST_MEMBERS", 99)
    script(desk, upstream)
    gate = threading.Event()
    upstream.scripts["ada"] = Script(["adas-own-words. ", "More of it."], gate=gate, gate_at=1)
    run = desk.start(PROMPT)
    paths = {part: link(client_for(desk.person), run, part) for part in ("fused", "members", "verdict")}

    async def watch() -> dict[str, list[str]]:
        sockets = {part: socket_at(path) for part, path in paths.items()}
        frames: dict[str, list[str]] = {part: [] for part in paths}
        async with working() as supervisor:
            for part, socket in sockets.items():
                assert (await socket.connect(timeout=WITHIN_S))[0]
                frames[part].append(await socket.receive_from(timeout=WITHIN_S))
            supervisor.submit(run.pk)
            while "adas-own-words" not in "".join(frames["members"]):
                frames["members"].append(await sockets["members"].receive_from(timeout=WITHIN_S))
            gate.set()
            for part, socket in sockets.items():
                while 'data-state="done"' not in "".join(frames[part]):
                    frames[part].append(await socket.receive_from(timeout=WITHIN_S))
                await socket.disconnect()
        return frames

    for part, frames in async_to_sync(watch)().items():
        told = "".join(frames)
        assert all(frames)
        for other, canaries in CANARIES.items():
            for canary in canaries:
                assert (canary in told) is (part == other), (part, canary)
        assert ("answer-" in told) is (part == "members")
        assert run.pk not in told


def test_a_password_is_asked_for_at_every_door_and_tried_a_few_times_only(
    merged: Run, desk: Desk, client_for: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fusion_site.runs.sharing.flows.unlock.time", lambda: 6e9)
    path = link(client_for(desk.person), merged, *PARTS, password="open sesame")
    share, visitor = Share.objects.get(), Client()
    assert "open sesame" not in share.password
    assert share.password.startswith("argon2$")
    doors = everything(path, list(merged.answers.values_list("pk", flat=True)), visitor)
    assert doors[""][0] == 200
    assert 'type="password"' in doors[""][1]
    assert "merged-by-the-judge" not in " ".join(text for _, text in doors.values())
    assert {status for door, (status, _) in doors.items() if door} == {404}
    assert visitor.post(path, {"password": "wrong"}).status_code == 422
    opened = visitor.post(path, {"password": "open sesame"})
    assert opened.status_code == 302
    (cookie,) = opened.cookies.values()
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == (path, True, "Lax")
    assert "merged-by-the-judge" in visitor.get(path).content.decode()
    assert "merged-by-the-judge" in (first_frame(path, visitor) or "")
    # The cookie of one link opens no other.
    other = link(client_for(desk.person), merged, "fused", password="open sesame")
    visitor.cookies[next(iter(opened.cookies))]["path"] = other
    assert "merged-by-the-judge" not in visitor.get(other).content.decode()
    statuses = [Client().post(path, {"password": f"guess {n}"}).status_code for n in range(10)]
    assert statuses[:8] == [422] * 8
    assert statuses[8:] == [429] * 2
    late = Client().post(path, {"password": "open sesame"})
    assert late.status_code == 429
    assert late["Retry-After"] == "6"
    monkeypatch.setattr("fusion_site.runs.sharing.flows.unlock.time", lambda: 6e9 + 6)
    assert Client().post(path, {"password": "open sesame"}).status_code == 302


def test_links_are_not_found_by_trying(
    merged: Run, desk: Desk, client_for: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fusion_site.runs.sharing.guessing.time", lambda: 6e9)
    path, guesser = link(client_for(desk.person), merged, "fused"), Client(REMOTE_ADDR="192.0.2.7")
    assert {guesser.get(f"/s/guess-{n}/").status_code for n in range(60)} == {404}
    for guess in ("/s/guess/", path):
        late = guesser.get(guess)
        assert (late.status_code, late["Retry-After"], late.cookies) == (429, "60", {})
    assert Client(REMOTE_ADDR="192.0.2.8").get(path).status_code == 200


def test_who_may_share_list_and_revoke(
    merged: Run, desk: Desk, client_for: ClientFor, alice: User, dave: User, charlie: User
) -> None:
    client, owner, viewer, stranger = (client_for(each) for each in (desk.person, alice, dave, charlie))
    where = f"/runs/{merged.pk}/share/"
    assert viewer.post(where, {"show": ["fused"], "days": "7"}).status_code == 403
    assert stranger.get(where).status_code == 404
    assert stranger.post(where, {"show": ["fused"]}).status_code == 404
    assert not Share.objects.exists()
    path = link(client, merged, "fused")
    share = Share.objects.get()
    assert share.hint in owner.get("/links/").content.decode()
    assert share.hint in client.get(where).content.decode()
    assert share.hint not in viewer.get("/links/").content.decode()
    for other in (viewer, stranger):
        assert other.post(f"/links/{share.pk}/revoke/").status_code == 404
    assert Client().get(path).status_code == 200
    assert owner.post(f"/links/{share.pk}/revoke/").status_code == 302
    assert Client().get(path).status_code == 404
    trail = AuditEntry.objects.filter(team=desk.team, kind="share").values_list("action", "actor")
    assert list(trail) == [("share.revoked", alice.email), ("share.made", desk.person.email)]
    # The token is nowhere: not in the row, the trail or the list.
    token = path.split("/")[2]
    kept = [*Share.objects.values_list(), *AuditEntry.objects.values_list()]
    assert token not in str(kept)


def test_a_password_that_was_typed_is_not_lost_unnoticed(
    desk: Desk, merged: Run, client_for: ClientFor
) -> None:
    """It is not sent back, and the form would make a link without it."""
    page = client_for(desk.person).post(
        f"/runs/{merged.pk}/share/", {"show": "fused", "days": "many", "password": "open sesame"}
    )
    assert page.status_code == 422
    assert "Type the password again" in page.content.decode()
    assert "open sesame" not in page.content.decode()
    page = client_for(desk.person).post(f"/runs/{merged.pk}/share/", {"show": "fused", "days": "many"})
    assert "Type the password again" not in page.content.decode()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"show": ["nonsense"]}, "show_error"),
        ({"show": ["comments"]}, "show_error"),
        ({"show": ["fused"], "days": "0"}, "days_error"),
        ({"show": ["fused"], "days": "31"}, "days_error"),
        ({"show": ["fused"], "password": "short"}, "password_error"),
        ({"show": ["fused"], "password": ""}, "password_error"),
        ({"show": ["fused"], "password": "long enough", "voting": "1"}, "voting_error"),
    ],
)
def test_what_is_wrong_with_a_link_stands_beside_its_field(
    desk: Desk, client_for: ClientFor, given: dict[str, Any], field: str
) -> None:
    Team.objects.filter(pk=desk.team.pk).update(links_max_days=30, links_need_password=True)
    run = desk.start()
    page = client_for(desk.person).post(f"/runs/{run.pk}/share/", {"days": "9", **given})
    assert page.status_code == 422
    assert f'id="{field}"' in page.content.decode()
    assert f'value="{given.get("days", "9")}"' in page.content.decode()
    assert not Share.objects.exists()


def test_a_team_may_keep_links_to_itself(
    merged: Run, desk: Desk, client_for: ClientFor, dave: User, charlie: User
) -> None:
    Team.objects.filter(pk=desk.team.pk).update(links=Reach.TEAM)
    path = link(client_for(desk.person), merged, "fused")
    assert client_for(dave).get(path).status_code == 200
    assert client_for(charlie).get(path).status_code == 404
    asked = Client().get(path)
    assert asked.status_code == 302
    assert asked["Location"].startswith("/accounts/login/?next=/s/")
    mate, stranger = client_for(dave), client_for(charlie)
    assert first_frame(path, mate) is not None
    assert first_frame(path, stranger) is None
    assert first_frame(path) is None
    Membership.objects.filter(user=dave, team=desk.team).delete()
    assert mate.get(path).status_code == 404


def test_a_bound_on_days_holds_for_links_that_are_there(
    merged: Run, desk: Desk, client_for: ClientFor
) -> None:
    path = link(client_for(desk.person), merged, "fused")
    now = timezone.now()
    Share.objects.update(created_at=now - timedelta(days=3))
    Team.objects.filter(pk=desk.team.pk).update(links_max_days=4)
    tomorrow = f"{now + timedelta(days=1):%-d %b %Y}"
    assert tomorrow in Client().get(path).content.decode().partition("This link ends on")[2]
    for where in ("/links/", f"/runs/{merged.pk}/share/"):
        assert f"until {tomorrow}" in client_for(desk.person).get(where).content.decode()
    Team.objects.filter(pk=desk.team.pk).update(links_max_days=3)
    assert Client().get(path).status_code == 404


def test_openings_by_visitors_are_counted(merged: Run, desk: Desk, client_for: ClientFor) -> None:
    path = link(client_for(desk.person), merged, "fused")
    for client in (Client(), Client(), client_for(desk.person)):
        client.get(path)
    Client().head(path)
    assert Share.objects.get().views == 2
    assert "opened 2 times" in client_for(desk.person).get("/links/").content.decode()


def test_who_may_can_run_it_themselves(
    merged: Run, desk: Desk, client_for: ClientFor, dave: User, charlie: User
) -> None:
    bare, told = (link(client_for(desk.person), merged, part) for part in ("fused", "prompt"))
    assert "Second-line-of-it" in client_for(charlie).get(told + "compose/").content.decode()
    assert client_for(charlie).get(bare + "compose/").status_code == 404
    mates = client_for(dave).get(bare + "compose/").content.decode()
    assert "Second-line-of-it" in mates
    assert re.search(rf'value="{desk.preset.pk}"[^>]* checked', mates)
    assert Client().get(told + "compose/")["Location"].startswith("/accounts/login/?next=/s/")


def test_comments_are_text_of_their_authors_and_shown_where_that_is_chosen(
    merged: Run, desk: Desk, client_for: ClientFor, alice: User, dave: User, charlie: User
) -> None:
    where, hostile = f"/runs/{merged.pk}/comments/", "<script>alert(1)</script> said dave"
    User.objects.filter(pk=dave.pk).update(name="")
    writer, other = client_for(dave), client_for(alice)
    assert writer.post(where, {"text": "  "}).status_code == 422
    assert writer.post(where, {"text": hostile}).status_code == 302
    page = other.get(where).content.decode()
    assert hostile not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; said dave" in page
    assert dave.email in page
    comment = merged.comments.get().pk
    for stranger in (other, client_for(charlie)):
        assert stranger.post(f"{where}{comment}/", {"do": "delete"}).status_code == 404
        assert stranger.post(f"{where}{comment}/", {"text": "changed"}).status_code == 404
    assert client_for(charlie).post(where, {"text": "I"}).status_code == 404
    with_them = link(client_for(desk.person), merged, "fused", "comments")
    without = link(client_for(desk.person), merged, "fused")
    assert "said dave" in Client().get(with_them).content.decode()
    assert "said dave" not in Client().get(without).content.decode()
    assert hostile not in Client().get(with_them).content.decode()
    assert dave.email not in Client().get(with_them).content.decode()
    assert writer.post(f"{where}{comment}/", {"text": "said otherwise"}).status_code == 302
    assert "said otherwise" in Client().get(with_them).content.decode()
    assert writer.post(f"{where}{comment}/", {"do": "delete"}).status_code == 302
    assert not merged.comments.exists()


def test_who_leaves_the_team_says_nothing_more(merged: Run, client_for: ClientFor, dave: User) -> None:
    writer, where = client_for(dave), f"/runs/{merged.pk}/comments/"
    writer.post(where, {"text": "mine"})
    Membership.objects.filter(user=dave, role=Role.VIEWER).delete()
    assert writer.post(f"{where}{merged.comments.get().pk}/", {"text": "changed"}).status_code == 404
