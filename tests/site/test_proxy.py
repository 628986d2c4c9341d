"""The nginx of deploy/ in front of a real site: nothing but names, ports and paths of the file are changed."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from tests.certificates import self_signed
from tests.site.test_logs import token_in
from tests.site.test_metrics import until
from tests.site_process import ROOT, Site, free_port
from tests.upstream import Script, Upstream

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
TOKEN = "metrics-token"
TOO_MANY = "Too many tries"
pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")


@dataclass
class Front:
    """The site as people reach it."""

    site: Site
    url: str
    plain_url: str
    trust: ssl.SSLContext

    def browser(self, address: str = "127.0.0.1") -> httpx.Client:
        """Give a browser at an address of its own; the whole of 127/8 is this machine."""
        transport = httpx.HTTPTransport(verify=self.trust, local_address=address)
        return httpx.Client(base_url=self.url, transport=transport, timeout=20)


def make_certificate(folder: Path) -> None:
    """Write a certificate for 127.0.0.1 that vouches for itself, under the names that the file expects."""
    folder.mkdir()
    key, certificate = self_signed("127.0.0.1")
    (folder / "privkey.pem").write_bytes(key)
    (folder / "fullchain.pem").write_bytes(certificate)


def moved_here(folder: Path, changes: dict[str, str]) -> Path:
    """Give the file of deploy/ with each of `changes` made; every one of them has to be there."""
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy"))
    for old, new in {**changes, "access_log off;": f"access_log off;\n{temporary}"}.items():
        assert old in text, f"{old} is not in deploy/nginx.conf"
        text = text.replace(old, new)
    (folder / "nginx.conf").write_text(text)
    return folder / "nginx.conf"


@contextmanager
def proxy(folder: Path, site: Site, ports: tuple[int, int]) -> Iterator[None]:
    """Run nginx before the site."""
    changes = {
        "listen 80 ": f"listen 127.0.0.1:{ports[0]} ",
        "listen 443 ": f"listen 127.0.0.1:{ports[1]} ",
        "web:8000": f"127.0.0.1:{site.port}",
        "/etc/nginx/tls": str(folder / "tls"),
        "/run/nginx.pid": str(folder / "nginx.pid"),
    }
    assert NGINX is not None
    command = [NGINX, "-p", str(folder), "-c", str(moved_here(folder, changes)), "-e", "stderr"]
    with (folder / "nginx.log").open("wb") as log:
        process = subprocess.Popen([*command, "-g", "daemon off;"], stdout=log, stderr=log)
    try:
        until(lambda: process.poll() is not None or is_open(ports[1]))
        assert process.poll() is None, (folder / "nginx.log").read_text()
        yield
    finally:
        process.terminate()
        process.wait(30)


def is_open(port: int) -> bool:
    """Whether somebody listens."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    """Give an upstream for all of these tests."""
    server = Upstream()
    yield server
    server.close()


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Front]:
    """Give a site behind the proxy, over TLS."""
    folder = tmp_path_factory.mktemp("proxy")
    make_certificate(folder / "tls")
    ports = free_port(), free_port()
    url = f"https://127.0.0.1:{ports[1]}"
    env = {
        "FUSION_URL": url,
        "FUSION_PROXIES": "1",
        "FUSION_METRICS_TOKEN": TOKEN,
        "FUSION_PRIVATE_UPSTREAMS": upstream.host_port,
    }
    trust = ssl.create_default_context(cafile=str(folder / "tls" / "fullchain.pem"))
    with Site(folder / "var", **env) as site, proxy(folder, site, ports):
        yield Front(site, url, f"http://127.0.0.1:{ports[0]}", trust)


def sign_up(browser: httpx.Client) -> None:
    """Sign a person up."""
    form = {"email": "ann@example.com", "password1": "a long passphrase 1"}
    form["csrfmiddlewaretoken"] = token_in(browser.get("/accounts/signup/").text)
    headers = {"Referer": f"{browser.base_url}/accounts/signup/"}
    assert browser.post("/accounts/signup/", data=form, headers=headers).status_code == 302


def make_token(browser: httpx.Client) -> str:
    """Make an API token on the page for it."""
    form = {"name": "a program", "scopes": ["run", "read", "manage"], "days": "30"}
    form["csrfmiddlewaretoken"] = token_in(browser.get("/tokens/").text)
    made = browser.post("/tokens/", data=form, headers={"Referer": f"{browser.base_url}/tokens/"}).text
    (token,) = set(re.findall(r"fus_[\w-]{43}", made))
    return str(token)


def test_pages_streams_and_sockets_pass_and_the_rest_does_not(front: Front, upstream: Upstream) -> None:
    with front.browser() as browser:
        check_pages(front, browser)
        check_bounds(front, browser)
        sign_up(browser)
        check_live(front, browser, upstream)


def check_pages(front: Front, browser: httpx.Client) -> None:
    """Check that pages come over TLS, and over nothing else, whatever a client claims."""
    moved = httpx.get(f"{front.plain_url}/runs/?q=1", timeout=30)
    assert (moved.status_code, moved.headers["Location"]) == (308, "https://127.0.0.1/runs/?q=1")
    claims = {"X-Forwarded-Proto": "http", "X-Request-ID": "chosen-by-client"}
    page = browser.get("/accounts/login/", headers=claims)
    assert page.status_code == 200
    assert "max-age=63072000" in page.headers["Strict-Transport-Security"]
    assert "Secure" in page.headers["Set-Cookie"]
    assert page.headers["X-Request-ID"] != claims["X-Request-ID"]
    assert browser.get("/static/css/base.css").status_code == 200


def check_bounds(front: Front, browser: httpx.Client) -> None:
    """Check that what is too large is refused in the words of the door, and that metrics stay inside."""
    large = b"x" * (4 * 1024 * 1024 + 1)
    refused = browser.post("/api/v1/runs", content=large)
    assert (refused.status_code, refused.json()["error"]["kind"]) == (413, "too_large")
    refused = browser.post("/v1/chat/completions", content=large)
    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "request_too_large")
    assert browser.post("/accounts/login/", content=large).status_code == 413
    token = {"Authorization": f"Bearer {TOKEN}"}
    assert browser.get("/metrics", headers=token).status_code == 404
    assert httpx.get(f"{front.site.url}/metrics", headers=token, timeout=30).status_code == 200


def check_live(front: Front, browser: httpx.Client, upstream: Upstream) -> None:
    """Check that what a model writes is seen through the proxy while it writes."""
    gate = threading.Event()
    upstream.scripts["ada"] = Script(["early ", "late."], gate=gate, gate_at=1)
    token = make_token(browser)
    slug = preset(browser, token, upstream)
    headers = {"Authorization": f"Bearer {token}"}
    run_id = browser.post("/api/v1/runs", json={"preset": slug, "prompt": "Now?"}, headers=headers).json()[
        "id"
    ]
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    url = f"{front.url.replace('https', 'wss')}/ws/runs/{run_id}/"
    own = {"Cookie": cookies, "Origin": front.url}
    with connect(url, ssl=front.trust, additional_headers=own) as page:
        frame = page.recv(timeout=20)
        assert 'id="run"' in frame
        while "early" not in frame:
            frame = page.recv(timeout=20)
        with browser.stream("GET", f"/api/v1/runs/{run_id}/events", headers=headers) as stream:
            told = stream.iter_lines()
            assert any("early" in line for line in told)
            assert not gate.is_set()
            gate.set()
            assert any('"state":"done"' in line for line in told)


def preset(browser: httpx.Client, token: str, upstream: Upstream) -> str:
    """Make a preset with one member, through the proxy."""
    headers = {"Authorization": f"Bearer {token}"}

    def make(path: str, body: dict[str, object]) -> str:
        made = browser.post(f"/api/v1/{path}", json=body, headers=headers)
        assert made.status_code == 201, made.text
        return str(made.json()["slug" if path == "presets" else "id"])

    where = {"connection": make("connections", {"name": "Up", "kind": "openai", "base_url": upstream.url})}
    pool = make("pools", {"name": "Pool", "members": [{**where, "model": "ada"}]})
    judge = make("judges", {"name": "Judge", **where, "model": "judge"})
    return make("presets", {"name": "Preset", "pool": pool, "judge": judge, "mode": "best_of"})


def test_who_guesses_passwords_locks_only_their_own_address_out(front: Front) -> None:
    with front.browser("127.0.0.2") as guesser, front.browser("127.0.0.3") as other:
        told = [guess(guesser, f"p{number}@example.com") for number in range(11)]
        assert [TOO_MANY in page for page in told] == [False] * 10 + [True]
        assert TOO_MANY not in guess(other, "p99@example.com")


def guess(browser: httpx.Client, email: str) -> str:
    """Try to sign in; gives the page that says no."""
    form = {"login": email, "password": "wrong"}
    form["csrfmiddlewaretoken"] = token_in(browser.get("/accounts/login/").text)
    # A client cannot make itself another address.
    headers = {"Referer": f"{browser.base_url}/accounts/login/", "X-Forwarded-For": f"10.0.0.{len(email)}"}
    return browser.post("/accounts/login/", data=form, headers=headers).text
