"""A canary in every secret that can be typed or made: after a run that fails in every way, none is found where it may not be.

Looked through are all lines of the log at its most talkative, every event and frame, every page and answer for programs of
everybody, error pages, exports, sessions, and all bytes of the data folder; for each canary in every form of `searching`.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
from cryptography.fernet import Fernet

from tests.accounts.sign_in_service import SignInService
from tests.pictures import SECRET as OF_A_CAMERA
from tests.pictures import png
from tests.site.conftest import Api
from tests.site.searching import Search, ask_all, crawl, listen, look_into
from tests.site.test_metrics import until
from tests.site.visitor import PASSWORD, RECOVERY, Visitor
from tests.site_process import Site, free_port
from tests.upstream import Script, Upstream, judge_for

# A word of every canary, by which the search of runs would find it. None has a form by which a log would know a key:
# that last line of defence is not what is tried here.
WORD = "Zq7canary"
KEY = f"{WORD}/Key+of=upstream?0123456789"
EARLIER_KEY = f"{WORD}.earlier.key.0123456789"
DELETED_KEY = f"{WORD}.deleted.key.0123456789"
TYPED_KEY = f"{WORD}.typed.key.0123456789"
CLIENT_SECRET = f"{WORD} client secret: 50% odd"
SHARE_PASSWORD = f"{WORD} share password"
DRAFT = f"{WORD} of bob's draft"
PICTURE = f"{WORD}-of-bobs.png"
OPERATORS = {
    "FUSION_SECRET_KEY": f"{WORD}-secret-key-of-the-site-0123456789-abcdefghijklmnop",
    "FUSION_METRICS_TOKEN": f"{WORD}-metrics-0123456789",
    "FUSION_HF_TOKEN": f"{WORD}-hub-0123456789",
    "FUSION_SEALING_KEYS": Fernet.generate_key().decode(),
}
MAIL_PASSWORD = f"{WORD}-mail-0123456789"
ANSWER = "An answer that may be seen."
# What is no secret to everybody: where it may be. One page shows a secret again, to its owner, who has proved who they are.
ALLOWED = {
    "a recovery code": f"^alice@example.com: GET {RECOVERY}",
    "the last recovery code": f"^alice@example.com: GET {RECOVERY}",
    "the link's token": "^a visitor",
    "bob's draft": r"^bob@example.com: |^the file fusion.sqlite3",
    "the name of bob's picture": r"^bob@example.com: |^the file fusion.sqlite3",
}


def echoing(status: int) -> Script:
    """Refuse, and repeat the key in every way in which a server might."""
    headers = (KEY, f"Bearer {KEY}", f"{KEY}:", f"user:{KEY}")
    coded = [base64.b64encode(header.encode()).decode() for header in headers]
    words = f"No: {KEY}, {quote(KEY, safe='')}, {coded}, {KEY.encode().hex()}"
    error = {"message": words, "code": KEY, "type": KEY, "param": KEY, "metadata": {"raw": words}}
    return Script(status=status, body={"error": error})


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """Give an upstream whose members fail in every way, and a judge."""
    server = Upstream()
    server.scripts |= {
        "good": Script([ANSWER], usage={"prompt_tokens": 3, "completion_tokens": 5}),
        "refused": echoing(401),
        "broken": echoing(500),
        "missing": echoing(404),
        "named": Script(["Another."], origin={"provider": KEY, "model": KEY, "id": KEY}),
        "cut": Script(["It begins and "], finish=None),
        "mute": Script(is_mute=True),
        "judge": judge_for(ANSWER),
    }
    yield server
    server.close()


@pytest.fixture
def service() -> Iterator[SignInService]:
    """Give a sign-in service."""
    with SignInService().running() as service:
        yield service


@pytest.fixture
def site(
    tmp_path: Path, upstream: Upstream, service: SignInService, installed: tuple[Path, str]
) -> Iterator[Site]:
    """Give a site that logs as much as it can, and whose operator has secrets, too."""
    shutil.copytree(installed[0], tmp_path / "var")
    for made_here in ("secret.key", "sealing.keys"):
        (tmp_path / "var" / made_here).unlink(missing_ok=True)
    env = {
        **OPERATORS,
        "FUSION_EMAIL_URL": f"smtp+plain://fusion:{MAIL_PASSWORD}@127.0.0.1:{free_port()}",
        "FUSION_PRIVATE_UPSTREAMS": f"{upstream.host_port},127.0.0.1:{service.port}",
        "FUSION_LOG_FORMAT": "plain",
        "FUSION_LOG_LEVEL": "debug",
        "FUSION_ACCESS_LOG": "1",
    }
    with Site(tmp_path / "var", **env) as running:
        yield running


@pytest.fixture
def cast(site: Site) -> Iterator[list[Visitor]]:
    """Give alice, bob, charlie and nobody; the first three have signed up."""
    people = [Visitor(site, f"{name}@example.com") for name in ("alice", "bob", "charlie", "nobody")]
    for person in people[:3]:
        person.sign_up()
    yield people
    for person in people:
        person.close()


def furnish(api: Api, upstream: Upstream) -> dict[str, str]:
    """Make one of everything over the upstream, and a connection that is deleted; gives ids by nouns."""
    up: dict[str, Any] = {"name": "Up", "kind": "openai", "base_url": upstream.url}
    connection = api("POST", "connections", {**up, "api_key": EARLIER_KEY})["id"]
    api("PATCH", f"connections/{connection}", {"api_key": KEY})
    deleted = api("POST", "connections", {**up, "name": "Gone", "api_key": DELETED_KEY})["id"]
    api("DELETE", f"connections/{deleted}")
    where = {"connection": connection}
    members = [{**where, "model": name} for name in upstream.scripts if name != "judge"]
    pool = api("POST", "pools", {"name": "Pool", "members": members})["id"]
    judge = api("POST", "judges", {"name": "Judge", **where, "model": "judge"})["id"]
    preset = {"name": "Preset", "pool": pool, "judge": judge, "mode": "merge", "quorum": len(members)}
    made = api("POST", "presets", preset)["id"]
    return {"connections": connection, "pools": pool, "judges": judge, "presets": made}


def run_and_retry(api: Api, cast: list[Visitor], preset: str, search: Search) -> str:
    """Run the preset, watched by the team, ask one that failed again, and wait until the run can be found; gives its id."""
    run: str = api("POST", "runs", {"preset": preset, "prompt": "Which is best?"})["id"]
    listening = [listen(each, run, search) for each in cast[:2]]
    for event in api.events(run):
        search.take(f"an event of {run}", json.dumps(event))
    ended = api("GET", f"runs/{run}")
    assert {a["model"]: a["outcome"] for a in ended["answers"]} == {
        **dict.fromkeys(("refused", "broken", "missing", "mute"), "error"),
        **dict.fromkeys(("good", "named"), "complete"),
        "cut": "interrupted",
    }
    assert ended["state"] == "done"
    refused = next(a["id"] for a in ended["answers"] if a["model"] == "refused")
    api("POST", f"runs/{run}/answers/{refused}/retry")
    for event in api.events(run, after=1):
        search.take(f"an event of {run} again", json.dumps(event))
    for thread in listening:
        thread.join(10)
    until(lambda: bool(found(api, "seen")))
    return run


def found(api: Api, word: str) -> list[str]:
    """Give the runs in whose texts a word stands."""
    return [run["id"] for run in api("GET", f"runs?q={word}")["items"]]


def type_a_key(visitor: Visitor, search: Search) -> None:
    """Fill in a connection wrongly: its key is kept for the form, in the session."""
    typed = {"name": "Third", "kind": "openai", "base_url": "nonsense", "api_key": TYPED_KEY}
    page = visitor.send("/connections/new/", **typed)
    assert 'name="kept_key"' in search.page("alice: POST /connections/new/", page).text


def write_a_draft(visitor: Visitor, search: Search) -> None:
    """Begin to ask something with a picture, and leave it."""
    page = visitor.http.get("/").text
    form = dict(re.findall(r'name="(tab|draft|seen|csrfmiddlewaretoken)" value="(\w*)"', page))
    kept = visitor.http.post(
        "/draft/files/", data={**form, "prompt": DRAFT}, files={"files": (PICTURE, png(), "image/png")}
    )
    assert PICTURE in search.page("bob@example.com: POST /draft/files/", kept).text


def share(api: Api, run: str, visitor: Visitor, search: Search) -> str:
    """Make a link with a password, and have somebody open it, wrongly first; gives its token."""
    wanted = {"show": ["fused", "verdict", "members", "prompt", "cost"], "password": SHARE_PASSWORD}
    path: str = urlsplit(api("POST", f"runs/{run}/shares", wanted)["url"]).path
    for typed in (f"{SHARE_PASSWORD[:-1]}!", SHARE_PASSWORD):
        page = search.page("a visitor: POST /s/", visitor.http.post(path, data={"password": typed}))
    assert ANSWER in page.text
    crawl(visitor, search, "a visitor of /s/", (path, f"{path}export.md", f"{path}export.json"))
    return path.strip("/").split("/")[1]


def ask_wrongly(site: Site, visitor: Visitor, search: Search) -> None:
    """Have error pages shown."""
    for path, host in (("/no/such/", ""), ("/api/v1/no", ""), ("/", "stranger.example"), ("/s/nosuch/", "")):
        page = visitor.http.get(path, headers={"Host": host} if host else {})
        assert search.page(f"an error page: {path}", page).status_code >= 400
    login, typed = f"{site.url}/accounts/login/", {"login": "x", "password": SHARE_PASSWORD}
    search.page("an error page: sign-in", httpx.post(login, data=typed, timeout=30))
    metrics = {"Authorization": f"Bearer {OPERATORS['FUSION_METRICS_TOKEN']}"}
    figures = httpx.get(f"{site.url}/metrics", headers=metrics, timeout=30)
    search.page("the metrics", figures.raise_for_status())


def sign_on(owner: Visitor, visitor: Visitor, service: SignInService, search: Search) -> None:
    """Set the team's service up, and have somebody come by it; it does not take the site's secret, and the site says so."""
    typed = {"issuer": service.issuer, "client_id": "fusion site", "secret": CLIENT_SECRET, "role": "viewer"}
    page = search.page("alice: POST /team/sign-on/", owner.send("/team/sign-on/", **typed))
    known = re.search(r"/sign-on/(\w+)/back/", page.text)
    assert known is not None, page.text
    link = re.search(r'href="(/sign-on/\w+/go/[^"]+)"', visitor.http.get(f"/sign-on/{known[1]}/").text)
    assert link is not None
    refused = search.page("an error page: /sign-on/", visitor.http.get(unescape(link[1])))
    assert "client id and secret" in refused.text


def test_no_secret_is_found_where_it_may_not_be(
    site: Site, cast: list[Visitor], upstream: Upstream, service: SignInService
) -> None:
    search = Search()
    alice, bob, charlie, nobody = cast
    alice.post("/teams/new/", name="Alpha")
    factor, codes = alice.set_up_second_factor()
    api, stranger = Api(site, alice.make_token()), Api(site, charlie.make_token())
    invited: str = api("POST", "team/invitations", {"role": "editor", "email": bob.email})["url"]
    bob.join(invited)
    mate = Api(site, bob.make_token())
    things = furnish(api, upstream)
    sign_on(alice, nobody, service, search)
    things["runs"] = run = run_and_retry(api, cast, things["presets"], search)
    search.take("a check", json.dumps(api("POST", f"connections/{things['connections']}/check")))
    type_a_key(alice, search)
    write_a_draft(bob, search)
    link = share(api, run, nobody, search)
    for noun in ("shares", "tokens"):
        things[noun] = api("GET", noun)["items"][0]["id"]
    ask_wrongly(site, nobody, search)
    pages = [f"/runs/{run}/", f"/runs/{run}/timeline/", "/team/sign-on/", "/export/", "/deleted/", RECOVERY]
    for visitor, program in ((alice, api), (bob, mate), (charlie, stranger)):
        seen = crawl(visitor, search, visitor.email, ["/", *pages, f"/runs/{run}/export.json"])
        assert len(seen) > 25
        ask_all(program, search, visitor.email, things)
        search.page(f"{visitor.email}: a search", visitor.http.get("/runs/", params={"q": "seen"}))
    assert found(api, "seen") == [run]
    assert found(api, WORD) == []
    site.stop()
    look_into(site, search)
    secrets = {
        "the second factor's secret": factor,
        "a recovery code": codes[0],
        "the last recovery code": codes[-1],
        "the invitation's token": invited.rstrip("/").rpartition("/")[2],
        "the link's token": link,
        "the key": KEY,
        "the key before": EARLIER_KEY,
        "the key of what was deleted": DELETED_KEY,
        "the key of a form that was refused": TYPED_KEY,
        "the client secret": CLIENT_SECRET,
        "the password of the link": SHARE_PASSWORD,
        "the password of all": PASSWORD,
        "alice's token": api.token,
        "bob's token": mate.token,
        "the mail server's password": MAIL_PASSWORD,
        "what a camera wrote": OF_A_CAMERA.decode(),
        "bob's draft": DRAFT,
        "the name of bob's picture": PICTURE,
        **OPERATORS,
    }
    _has_looked_everywhere(search, upstream, run)
    assert search.finds(secrets, but=ALLOWED) == []


def _has_looked_everywhere(search: Search, upstream: Upstream, run: str) -> None:
    """Whether the places were there in which something could have been found."""
    assert upstream.asked("good")[0].authorization == f"Bearer {KEY}"
    shown = "\n".join(search.places(ANSWER))
    for place in (
        "a frame of",
        "an event of",
        "a visitor of /s/",
        "the file fusion.sqlite3",
        "bob@example.com: GET /runs/",
        f"alice@example.com: GET /runs/{run}/export.md",
        f"alice@example.com: GET /runs/{run}/export.json",
        f"alice@example.com: /api/v1/runs/{run}/export.md",
        f"bob@example.com: /api/v1/runs/{run}/steps",
    ):
        assert place in shown, place
    assert "a session" in search.places('"typed_key"')
    assert "the file output.log" in search.places("DEBUG") + search.places("debug")
    for place in ("bob@example.com: GET / (200)", "the file fusion.sqlite3"):
        assert place in "\n".join(search.places(DRAFT))
    assert "alice@example.com: /api/v1/export (200)" in search.places('"Preset"')
    assert "alice@example.com: GET /export/ (200)" in search.places('"Preset"')
