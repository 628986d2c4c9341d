"""Pictures go with a prompt: what is taken, who is sent them, where they are shown, and to whom."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from fusion_site.accounts.models import Membership, User
from fusion_site.pools.models import CatalogueModel, Connection, PoolMember
from fusion_site.runs.attached.files import picture_of
from fusion_site.runs.attached.models import Picture
from fusion_site.runs.flows.add_member import add_member
from fusion_site.runs.flows.enclose import forget_pictures
from fusion_site.runs.flows.repeat import repeat_run
from fusion_site.runs.flows.start import KeyReused
from fusion_site.runs.loading import load_state
from fusion_site.runs.models import Run
from fusion_site.runs.sharing.flows.share import share_run
from tests.pictures import SECRET, gif, jpeg, png, webp
from tests.runs.conftest import MEMBERS, Desk
from tests.runs.test_executing import rebuilt, work
from tests.upstream import Asked, Script, Upstream, text_of

pytestmark = pytest.mark.django_db(transaction=True)
Clients = Callable[[User | None], Client]


@pytest.fixture
def browser(desk: Desk, client_for: Clients) -> Client:
    """Give bob's browser, in the team."""
    return client_for(desk.person)


@pytest.fixture(autouse=True)
def answers(upstream: Upstream) -> None:
    """Have every member answer."""
    for name in MEMBERS:
        upstream.scripts[name] = Script([f"{name} says so."])


def sees(desk: Desk, **models: bool) -> None:
    """Have the connection tell which of its models read pictures."""
    connection = Connection.objects.get(team=desk.team, name="Up")
    for model, reads in models.items():
        CatalogueModel.objects.create(
            connection=connection, model=model, name=model, input_modalities=["text", *["image"] * reads]
        )


def sent(asked: Asked) -> list[bytes]:
    """Give the pictures in the last turn of a request."""
    content = asked.body["messages"][-1]["content"]
    urls = (
        [p["image_url"]["url"] for p in content if p["type"] == "image_url"]
        if isinstance(content, list)
        else []
    )
    return [base64.b64decode(url.partition(";base64,")[2]) for url in urls]


def text(asked: Asked) -> str:
    """Give the text of the last turn of a request."""
    return text_of(asked.body["messages"][-1])


def added(browser: Client, *files: tuple[str, bytes], **form: str) -> str:
    """Put files beside a prompt, and give the list that comes back."""
    uploads: list[Any] = []
    for name, data in files:
        upload = io.BytesIO(data)
        upload.name = name
        uploads.append(upload)
    given = {"tab": "t" * 24, **form, "files": uploads}
    return browser.post("/draft/files/", given, headers={"HX-Request": "true"}).content.decode()


def shown(page: str) -> list[str]:
    """Give the ids of the files in a list."""
    return re.findall(r'name="file" value="(\w+)"', page)


def ask(browser: Client, desk: Desk, files: list[str], **form: Any) -> HttpResponse:
    """Send the form."""
    given = {"tab": "t" * 24, "prompt": "What is it?", "preset": desk.preset.pk, "file": files, **form}
    return browser.post("/", given)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("a.png", png(), "image/png"),
        ("a.jpg", jpeg(), "image/jpeg"),
        ("a.gif", gif(), "image/gif"),
        ("misnamed.txt", webp(), "image/webp"),
    ],
)
def test_a_picture_is_kept_without_what_a_camera_wrote(
    browser: Client, name: str, data: bytes, kind: str
) -> None:
    page = added(browser, (name, data))
    assert "8 × 6" in page
    assert name in page
    assert SECRET in data
    found = browser.get(f"/draft/files/{shown(page)[0]}/picture/")
    assert found["Content-Type"] == kind
    assert found["X-Content-Type-Options"] == "nosniff"
    assert found["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert SECRET not in found.content
    assert found.content[:4] == data[:4]
    # What is kept is a whole picture of the same size again: read once more, it stays as it is.
    again = picture_of(name, found.content)
    assert (again.data, again.width, again.height) == (found.content, 8, 6)


def test_a_turned_photograph_stays_upright(browser: Client) -> None:
    page = added(browser, ("a.jpg", jpeg(orientation=6)))
    kept = browser.get(f"/draft/files/{shown(page)[0]}/picture/").content
    assert b"Exif\0\0MM" in kept
    assert b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06" in kept
    page = added(browser, ("b.jpg", jpeg(orientation=1)))
    assert b"Exif" not in browser.get(f"/draft/files/{shown(page)[1]}/picture/").content


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("cut.png", png()[:60], "is damaged"),
        ("cut.jpg", jpeg()[:200], "is damaged"),
        ("cut.gif", gif()[:30], "is damaged"),
        ("cut.webp", webp()[:40], "is damaged"),
        ("short.jpg", b"\xff\xd8\xff\xe0\x00\x00" * 9, "is damaged"),
        ("wide.png", png(17_000, 1), "17,000 by 1 pixels"),
        ("none.gif", gif(0, 6), "0 by 6 pixels"),
        ("large.png", png(note=b"x" * 3_000_001), "A picture may have up to 3.0 MB"),
        ("large.txt", b"x" * 500_001, "A text file may have up to 500 kB"),
        ("tool.exe", b"MZ\x00\x01\x02", "is neither text nor a picture"),
        ("latin.txt", "Grüße".encode("latin-1"), "is neither text nor a picture"),
        ("page.pdf", b"%PDF-1.7\n\xe2\xe3\xcf\xd3", "is neither text nor a picture"),
        ("empty.txt", b" \n", "is empty"),
    ],
)
def test_what_cannot_be_taken_is_named_with_its_reason(
    browser: Client, name: str, data: bytes, why: str
) -> None:
    page = added(browser, (name, data), ("kept.md", b"# Kept"))
    assert f"“{name}”" in page
    assert why in page
    assert "kept.md" in page
    assert len(shown(page)) == 1


def test_files_are_counted(browser: Client) -> None:
    page = added(browser, *((f"{n}.txt", b"x") for n in range(11)))
    assert "Use at most 10 files." in page
    assert not shown(page)
    page = added(browser, *((f"{n}.png", png(n + 1)) for n in range(9)))
    assert "Use at most 8 pictures." in page
    assert not shown(page)


def test_text_files_become_named_parts_that_nothing_inside_can_close(browser: Client, desk: Desk) -> None:
    inside = b"```\nnot the end\n````\r\nnor this\n"
    page = added(browser, ("C:\\notes\\plan.md", inside), ("b.txt", "\ufeffzweite".encode()))
    assert "33 bytes" not in page
    assert "plan.md" in page
    run = Run.objects.get(pk=ask(browser, desk, shown(page)).headers["Location"].split("/")[2])
    assert run.prompt == (
        "What is it?\n\nFile: plan.md\n`````\n```\nnot the end\n````\nnor this\n`````\n\nFile: b.txt\n```\nzweite\n```"
    )


def test_who_sees_pictures_is_sent_them_and_others_are_told(
    browser: Client, desk: Desk, upstream: Upstream
) -> None:
    sees(desk, ada=True, bea=False, judge=True)
    page = added(browser, ("plan.png", png()))
    before = browser.post(
        "/estimate/", {"preset": desk.preset.pk, "prompt": "x", "file": shown(page)}
    ).content.decode()
    assert "1 of 3 members can see the picture." in before
    assert "Nobody has told whether Cyd can" in before
    assert "Not sent to Bea" in before
    run = Run.objects.get(pk=ask(browser, desk, shown(page)).headers["Location"].split("/")[2])
    work(run)
    kept = Picture.objects.get()
    for name in ("ada", "cyd"):
        assert sent(upstream.wait_for(name)) == [bytes(kept.data)]
        assert text(upstream.wait_for(name)) == "What is it?"
    assert not sent(upstream.wait_for("bea"))
    assert "cannot be shown: plan.png, 8 by 6 pixels" in text(upstream.wait_for("bea"))
    assert all(sent(asked) == [bytes(kept.data)] for asked in upstream.asked("judge"))
    state = load_state(run.pk)
    assert state.unseen_by == [1]
    assert state.pictures[0]["sha256"] == hashlib.sha256(bytes(kept.data)).hexdigest()
    assert rebuilt(run) == state
    seen = browser.get(f"/runs/{run.pk}/").content.decode()
    assert "Not shown the picture: Bea." in seen
    assert seen.count("Not shown the picture.") == 1
    assert base64.b64encode(bytes(kept.data)).decode() not in str(run.settings)


def test_a_blind_judge_is_told_so(desk: Desk, upstream: Upstream) -> None:
    sees(desk, ada=True, bea=True, cyd=True, judge=False)
    run = work(desk.start(pictures=[picture_of("a.png", png())]))
    asked = upstream.asked("judge")
    assert asked
    assert not any(sent(each) for each in asked)
    assert all("cannot be shown: a.png" in text(each) for each in asked)
    assert load_state(run.pk).unseen_by == [None]
    assert all("pictures" not in message for step in run.steps.all() for message in step.messages)


def test_a_picture_that_nobody_sees_starts_nothing(browser: Client, desk: Desk) -> None:
    sees(desk, ada=False, bea=False, cyd=False)
    page = added(browser, ("plan.png", png()))
    refused = ask(browser, desk, shown(page))
    assert refused.status_code == 422
    assert "No member that is asked can see pictures." in refused.content.decode()
    assert "plan.png" in refused.content.decode()
    assert "What is it?</textarea>" in refused.content.decode()
    assert not Run.objects.exists()


def test_an_unknown_member_is_sent_none_where_its_switch_is_off(
    browser: Client, desk: Desk, upstream: Upstream
) -> None:
    sees(desk, ada=True)
    bea = PoolMember.objects.get(model="bea")
    page = added(browser, ("plan.png", png()))
    ask(
        browser, desk, shown(page), **{f"send-there-{desk.preset.pk}": [bea.pk], f"send-{desk.preset.pk}": []}
    )
    work(Run.objects.get())
    assert not sent(upstream.wait_for("bea"))
    assert sent(upstream.wait_for("cyd"))


def test_later_turns_passes_and_repeats_have_the_picture(
    desk: Desk, upstream: Upstream, alice: User, client_for: Clients
) -> None:
    sees(desk, ada=True, bea=True, cyd=True, judge=True, dan=False)
    upstream.scripts["dan"] = Script(["dan says so."])
    run = work(desk.start(pictures=[picture_of("a.png", png())]))
    data = bytes(Picture.objects.get().data)
    follow = work(desk.start("And now?", after=run))
    first, *_ = upstream.asked("ada")[-1].body["messages"]
    assert base64.b64encode(data).decode() in str(first)
    assert first["role"] == "user"
    assert not load_state(follow.pk).pictures
    assert "With a.png" in client_for(desk.person).get(f"/runs/{follow.pk}/").content.decode()
    work(repeat_run(desk.person, run))
    assert sent(upstream.asked("ada")[-1]) == [data]
    alices = Membership.objects.get(user=alice, team=desk.team)
    add_member(
        alices, run, {"connection": Connection.objects.get(team=desk.team, name="Up").pk, "model": "dan"}
    )
    work(Run.objects.get(pk=run.pk))
    assert not sent(upstream.wait_for("dan"))
    assert load_state(run.pk).unseen_by == [3]
    assert Picture.objects.count() == 1


def test_a_run_taken_over_sends_the_picture_again(desk: Desk, upstream: Upstream) -> None:
    upstream.scripts["ada"] = Script(status=500, body={"error": {"message": "no"}})
    run = work(desk.start(pictures=[picture_of("a.png", png())]))
    assert len({tuple(sent(asked)) for name in MEMBERS for asked in upstream.asked(name)}) == 1
    assert run.state == "done"


def test_the_same_order_with_another_picture_is_another(desk: Desk) -> None:
    order: dict[str, Any] = {"idempotency_key": "k", "pictures": [picture_of("a.png", png())]}
    first = desk.start(**order)
    assert desk.start(**order).pk == first.pk
    with pytest.raises(KeyReused):
        desk.start(**{**order, "pictures": [picture_of("a.png", png(9))]})
    with pytest.raises(KeyReused):
        desk.start(idempotency_key="k")


def test_who_may_read_the_run_may_see_its_picture(
    desk: Desk, browser: Client, client_for: Clients, charlie: User, alice: User
) -> None:
    run, other = desk.start(pictures=[picture_of("a.png", png())]), desk.start()
    address = f"/runs/{run.pk}/pictures/{Picture.objects.get().sha256}"
    assert browser.get(address).status_code == 200
    assert browser.get(address.replace(run.pk, other.pk)).status_code == 404
    assert client_for(charlie).get(address).status_code == 404
    assert client_for(None).get(address).status_code == 302


@pytest.mark.parametrize("parts", [["fused", "prompt"], ["fused", "members"]])
def test_a_link_shows_the_picture_with_the_prompt_alone(
    desk: Desk, client_for: Clients, parts: list[str], alice: User
) -> None:
    run = work(desk.start(pictures=[picture_of("a.png", png())]))
    place = Membership.objects.select_related("team", "user").get(user=alice, team=desk.team)
    token = share_run(place, run, {"show": parts, "days": 7}).token
    sha256, visitor = Picture.objects.get().sha256, client_for(None)
    page, file = visitor.get(f"/s/{token}/").content.decode(), visitor.get(f"/s/{token}/pictures/{sha256}")
    exported = visitor.get(f"/s/{token}/export.json").content.decode()
    is_shown = "prompt" in parts
    assert (sha256 in page, file.status_code == 200, sha256 in exported) == (is_shown,) * 3
    if is_shown:
        assert file["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert file["Referrer-Policy"] == "no-referrer"


def test_exports_name_the_pictures(desk: Desk, browser: Client) -> None:
    sees(desk, ada=True, bea=True, cyd=False)
    run = work(desk.start(pictures=[picture_of("a b.png", png())]))
    assert (
        "- a b.png (8 by 6 pixels)\n\nNot shown the picture: Cyd."
        in browser.get(f"/runs/{run.pk}/export.md").content.decode()
    )
    told = browser.get(f"/runs/{run.pk}/export.json").json()["pictures"]
    assert [(each["name"], each["kind"], each["width"]) for each in told] == [("a b.png", "image/png", 8)]


def test_a_picture_goes_when_nothing_has_it(desk: Desk, browser: Client) -> None:
    page = added(browser, ("a.png", png()), ("b.png", png(9)))
    kept = shown(page)
    later = timezone.now() + timedelta(hours=2)
    assert forget_pictures(later) == 0
    ask(browser, desk, kept[:1])
    assert Run.objects.count() == 1
    assert forget_pictures(timezone.now()) == 0
    assert forget_pictures(later) == 1
    assert Picture.objects.get().width == 8
