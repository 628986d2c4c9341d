"""A canary in every secret that can be typed or made: after a run that fails in every way, none is found where it may not be.

Looked through are all lines of the log, every event and frame, every page and answer for programs of everybody, error pages,
exports, and all bytes of the data folder; for each canary as it is and in the encodings in which it could travel.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
from cryptography.fernet import Fernet
from websockets.exceptions import ConnectionClosed

from tests.accounts.one_time import code_of
from tests.accounts.sign_in_service import SignInService
from tests.site.conftest import Api
from tests.site.visitor import Visitor
from tests.site_process import Site, free_port
from tests.upstream import Script, Upstream, judge_for

# Without any form by which a log would know a key: that last line of defence is not what is tried here.
KEY = "Zq7canary/Key+of=upstream?0123456789"
SECOND_KEY = "Zq7canary.second.key.0123456789"
CLIENT_SECRET = "Zq7canary client secret: 50% odd"
SHARE_PASSWORD = "Zq7canary share password"
OPERATORS = {
    "FUSION_SECRET_KEY": "Zq7canary-secret-key-of-the-site-0123456789-abcdefghijklmnop",
    "FUSION_METRICS_TOKEN": "Zq7canary-metrics-0123456789",
    "FUSION_HF_TOKEN": "Zq7canary-hub-0123456789",
}
MAIL_PASSWORD = "Zq7canary-mail-0123456789"
# Matches no place.
NOWHERE = "(?!)"
ANSWER = "An answer that may be seen."
_LINK = re.compile(r'(?:href|hx-get|action|src|data-copy)="(/[^"#]*)"')
_NOT_LOOKED_AT = re.compile(
    r"^/(static|accounts/logout|accounts/factors/totp/activate|connections/openrouter)"
)
# The one page whose purpose is to show a secret again, to its owner alone, who has proved who they are.
RECOVERY = "/accounts/factors/recovery-codes/"


def encoded(secret: str) -> set[bytes]:
    """Give a secret as it is and as it may travel: url-encoded, in hex, in base64 (by all three alignments), in JSON, in HTML."""
    raw = secret.encode()
    # What is left of a short one by some alignments would be found in anything.
    shifts = range(3) if len(raw) > 16 else range(1)
    inner = {base64.b64encode(b"x" * shift + raw)[4 if shift else 0 : -4] for shift in shifts}
    texts = {
        secret,
        quote(secret),
        quote(secret, safe=""),
        json.dumps(secret)[1:-1],
        secret.replace("&", "&amp;").replace("'", "&#x27;"),
    }
    forms = {text.encode() for text in texts} | inner | {base64.urlsafe_b64encode(raw)[:-4]}
    return forms | {raw.hex().encode(), raw.hex().upper().encode()}


@dataclass
class Search:
    """Takes in all that was told or stored, by where it was, and says in which of it a secret is."""

    told: list[tuple[str, bytes]] = field(default_factory=list)

    def take(self, where: str, what: bytes | str) -> None:
        """Remember something that was seen."""
        self.told.append((where, what if isinstance(what, bytes) else what.encode()))

    def finds(self, secrets: dict[str, str], *, but: dict[str, str] | None = None) -> list[str]:
        """Give where which secret is; `but` names the one place in which one may be."""
        found = []
        for name, secret in secrets.items():
            forms = encoded(secret)
            allowed = (but or {}).get(name, NOWHERE)
            found += [
                f"{name} in {where}"
                for where, text in self.told
                if not re.search(allowed, where) and any(form in text for form in forms)
            ]
        return found


def echoing(status: int) -> Script:
    """Refuse, and repeat the key in every way in which a server might."""
    words = (
        f"No: {KEY}, {quote(KEY, safe='')}, {base64.b64encode(KEY.encode()).decode()}, {KEY.encode().hex()}"
    )
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
    made = SignInService()
    with made.running():
        yield made


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
        "FUSION_SEALING_KEYS": Fernet.generate_key().decode(),
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
    """Give alice, bob, charlie and nobody, none of whom has an account yet."""
    people = [Visitor(site, f"{name}@example.com") for name in ("alice", "bob", "charlie", "nobody")]
    yield people
    for person in people:
        person.close()


def crawl(visitor: Visitor, search: Search, whose: str, start: tuple[str, ...] = ("/",)) -> set[str]:
    """Look at every page that can be reached by links; gives their addresses."""
    seen, due = set(start), list(start)
    while due:
        path = due.pop()
        page = visitor.http.get(path)
        search.take(f"{whose}: GET {path} ({page.status_code})", page.content + repr(page.headers).encode())
        for link in map(unescape, _LINK.findall(page.text)):
            bare = urlsplit(link).path
            if bare not in seen and not _NOT_LOOKED_AT.search(bare):
                seen.add(bare)
                due.append(bare)
    return seen


REST = (
    "me connections pools judges presets runs shares tokens team team/people team/invitations team/audit "
    "team/audit/export insights deleted openapi.json"
)


def ask_all(api: Api, search: Search, whose: str, things: dict[str, str]) -> None:
    """Look at every answer for programs, of these things and of all lists."""
    paths = REST.split()
    for noun, key in things.items():
        paths += [f"{noun}/{key}", f"{noun}/{key}/versions"]
    run = things["runs"]
    paths += [f"runs/{run}/{part}" for part in ("events", "steps", "votes", "comments", "shares", "again")]
    paths.append(f"connections/{things['connections']}/models")
    with httpx.Client(headers={"Authorization": f"Bearer {api.token}"}, timeout=30) as client:
        for path in paths:
            answer = client.get(f"{api.site.url}/api/v1/{path}")
            search.take(f"{whose}: /api/v1/{path} ({answer.status_code})", answer.content)


def listen(visitor: Visitor, run: str, search: Search) -> threading.Thread:
    """Take in every frame of a run's page until its socket ends."""

    def read() -> None:
        with suppress(ConnectionClosed, TimeoutError), visitor.socket(run) as socket:
            while True:
                search.take(f"{visitor.email}: a frame of {run}", socket.recv(timeout=5))

    thread = threading.Thread(target=read)
    thread.start()
    return thread


def second_factor(visitor: Visitor) -> dict[str, str]:
    """Set one up; gives what was shown once: the secret and a recovery code."""
    page = visitor.http.get("/accounts/factors/totp/activate/").text
    shown = re.search(r"secret=([A-Z2-7]{16,})|>([A-Z2-7]{32})<|value=\"([A-Z2-7]{32})\"", page)
    assert shown is not None, page
    secret = next(filter(None, shown.groups()))
    visitor.post("/accounts/factors/totp/activate/", code=code_of(secret))
    codes = visitor.http.get(RECOVERY + "download/").text.split()
    assert len(codes) >= 8
    return {
        "the second factor's secret": secret,
        "a recovery code": codes[0],
        "the last recovery code": codes[-1],
    }


def furnish(api: Api, upstream: Upstream) -> dict[str, str]:
    """Make one of everything over the upstream; gives ids by nouns."""
    up: dict[str, Any] = {"name": "Up", "kind": "openai", "base_url": upstream.url}
    connection = api("POST", "connections", {**up, "api_key": SECOND_KEY})["id"]
    api("PATCH", f"connections/{connection}", {"api_key": KEY})
    where = {"connection": connection}
    members = [{**where, "model": name} for name in upstream.scripts if name != "judge"]
    pool = api("POST", "pools", {"name": "Pool", "members": members})["id"]
    judge = api("POST", "judges", {"name": "Judge", **where, "model": "judge"})["id"]
    preset = {"name": "Preset", "pool": pool, "judge": judge, "mode": "merge", "quorum": len(members)}
    made = api("POST", "presets", preset)
    return {
        "connections": connection,
        "pools": pool,
        "judges": judge,
        "presets": made["id"],
        "slug": made["slug"],
    }


def ask_wrongly(site: Site, visitor: Visitor, search: Search) -> None:
    """Have error pages shown."""
    for path, host in (("/no/such/", ""), ("/api/v1/no", ""), ("/", "stranger.example"), ("/s/nosuch/", "")):
        page = visitor.http.get(path, headers={"Host": host} if host else {})
        search.take(f"an error page: {path} ({page.status_code})", page.content)
        assert page.status_code >= 400
    wrong = httpx.post(f"{site.url}/accounts/login/", data={"login": "x", "password": SHARE_PASSWORD})
    search.take(f"an error page: sign-in ({wrong.status_code})", wrong.content)
    metrics = {"Authorization": f"Bearer {OPERATORS['FUSION_METRICS_TOKEN']}"}
    search.take("the metrics", httpx.get(f"{site.url}/metrics", headers=metrics).raise_for_status().content)


def share(api: Api, run: str, visitor: Visitor, search: Search) -> str:
    """Make a link with a password, and have somebody open it, wrongly first; gives its token."""
    wanted = {"show": ["fused", "verdict", "members", "prompt", "cost"], "password": SHARE_PASSWORD}
    url = api("POST", f"runs/{run}/shares", wanted)["url"]
    path = urlsplit(url).path
    for typed in (f"{SHARE_PASSWORD[:-1]}!", SHARE_PASSWORD):
        page = visitor.http.post(path, data={"password": typed})
        search.take(f"a visitor: POST /s/ ({page.status_code})", page.content + repr(page.headers).encode())
    assert ANSWER in page.text
    crawl(visitor, search, "a visitor of /s/", (path,))
    token: str = path.strip("/").split("/")[1]
    return token


def sign_on(visitor: Visitor, service: SignInService, search: Search) -> str:
    """Set the team's service up; gives the page that says so."""
    typed = {"issuer": service.issuer, "client_id": "fusion site", "secret": CLIENT_SECRET, "role": "viewer"}
    page = visitor.send("/team/sign-on/", **typed)
    search.take("alice: POST /team/sign-on/", page.content)
    assert "its settings are saved" in page.text, re.findall(r"<p class=\"[^\"]*error.*?</p>", page.text)
    return page.text


def come_by(visitor: Visitor, page: str, search: Search) -> None:
    """Come by the service, which does not take the site's secret: the site says so."""
    known = re.search(r"/sign-on/(\w+)/back/", page)
    assert known is not None, page
    link = re.search(r'href="(/sign-on/\w+/go/[^"]+)"', visitor.http.get(f"/sign-on/{known[1]}/").text)
    assert link is not None
    refused = visitor.http.get(unescape(link[1]))
    search.take(f"an error page: /sign-on/ ({refused.status_code})", refused.content)
    assert "client id and secret" in refused.text


def folder_of(site: Site, search: Search) -> None:
    """Take in every byte of the data folder, the log among it."""
    for path in sorted(site.data_dir.rglob("*")):
        if path.is_file():
            search.take(f"the file {path.name}", path.read_bytes())


def test_no_secret_is_found_where_it_may_not_be(
    site: Site, cast: list[Visitor], upstream: Upstream, service: SignInService
) -> None:
    search = Search()
    alice, bob, charlie, nobody = cast
    for each in (alice, bob, charlie):
        each.sign_up()
    alice.post("/teams/new/", name="Alpha")
    secrets = second_factor(alice)
    api, stranger = Api(site, alice.make_token()), Api(site, charlie.make_token())
    things = furnish(api, upstream)
    come_by(nobody, sign_on(alice, service, search), search)
    invited = api("POST", "team/invitations", {"role": "viewer", "email": "bob@example.com"})
    bob.http.get(invited["url"]).raise_for_status()
    bob.post("/join/")
    mate = Api(site, bob.make_token())
    run = api("POST", "runs", {"preset": things.pop("slug"), "prompt": "Which is best?"})["id"]
    things["runs"] = run
    listening = [listen(each, run, search) for each in (alice, bob)]
    for event in api.events(run):
        search.take(f"an event of {run}", json.dumps(event))
    ended = api("GET", f"runs/{run}")
    assert {a["model"]: a["outcome"] for a in ended["answers"]} == {
        **dict.fromkeys(("refused", "broken", "missing", "mute"), "error"),
        "good": "complete",
        "named": "complete",
        "cut": "interrupted",
    }
    assert ended["state"] == "done"
    refused = next(a["id"] for a in ended["answers"] if a["model"] == "refused")
    api("POST", f"runs/{run}/answers/{refused}/retry")
    for event in api.events(run, after=1):
        search.take(f"an event of {run} again", json.dumps(event))
    checked = api("POST", f"connections/{things['connections']}/check")
    search.take("alice: a check", json.dumps(checked))
    secrets |= {"a share link's token": share(api, run, nobody, search)}
    ask_wrongly(site, nobody, search)
    for visitor, program in ((alice, api), (bob, mate), (charlie, stranger)):
        seen = crawl(visitor, search, visitor.email, ("/", f"/runs/{run}/", "/team/sign-on/", RECOVERY))
        assert len(seen) > 25
        ask_all(program, search, visitor.email, things)
    for thread in listening:
        thread.join(10)
    site.stop()
    folder_of(site, search)
    secrets |= {
        "the key": KEY,
        "the key before": SECOND_KEY,
        "the client secret": CLIENT_SECRET,
        "the password of the link": SHARE_PASSWORD,
        "alice's token": api.token,
        "bob's token": mate.token,
        "the mail server's password": MAIL_PASSWORD,
        "the sealing key": site.env["FUSION_SEALING_KEYS"],
        **OPERATORS,
    }
    assert upstream.asked("good")[0].authorization == f"Bearer {KEY}"
    assert len(search.told) > 150
    assert any(ANSWER.encode() in text for where, text in search.told if where == "the file fusion.sqlite3")
    allowed = {
        "a recovery code": "^alice@example.com: GET /accounts/factors/recovery-codes/",
        "the last recovery code": "^alice@example.com: GET /accounts/factors/recovery-codes/",
        "a share link's token": "^a visitor",
    }
    assert search.finds(secrets, but=allowed) == []


def test_the_search_finds_what_is_there() -> None:
    search = Search()
    forms = [
        KEY,
        quote(KEY, safe=""),
        KEY.encode().hex(),
        *(base64.b64encode(f"{before}:{KEY}".encode()).decode() for before in ("", "u", "us", "use")),
        json.dumps({"key": CLIENT_SECRET}),
    ]
    for number, form in enumerate(forms):
        search.take(f"place {number}", f"… {form} …")
    found = search.finds({"key": KEY, "secret": CLIENT_SECRET})
    assert len(found) == len(forms), found
