"""What a stranger sends is bounded before it is kept: bodies, headers, time, and what comes over a page's socket."""

from __future__ import annotations

import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.site.conftest import Api
from tests.site.visitor import Visitor, closing_code
from tests.site_process import Site
from tests.upstream import Script, Upstream

MOST = 300_000
RECEIVE_S = 1.5
MEGABYTE = 1024 * 1024
API = "/api/v1/runs"
PAGE = "/accounts/login/"


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    """Give an upstream for all of these tests."""
    server = Upstream()
    yield server
    server.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Site]:
    """Give a site with small bounds; the tests leave it as it is."""
    bounds = {"FUSION_BODY_BYTES": str(MOST), "FUSION_RECEIVE_S": str(RECEIVE_S)}
    own = tmp_path_factory.mktemp("bounded")
    with Site(own, FUSION_PRIVATE_UPSTREAMS=upstream.host_port, **bounds) as site:
        yield site


@dataclass
class Reader:
    """Somebody who runs a preset of one model and watches."""

    visitor: Visitor
    api: Api
    slug: str

    def start(self) -> str:
        """Start a run, and give its id."""
        run_id: str = self.api("POST", "runs", {"preset": self.slug, "prompt": "Why?"})["id"]
        return run_id


@pytest.fixture(scope="module")
def reader(shared: Site, upstream: Upstream) -> Iterator[Reader]:
    """Give a reader of what ada writes."""
    visitor = Visitor(shared, "reader@example.com").sign_up()
    api = Api(shared, visitor.make_token())
    yield Reader(visitor, api, api.preset(upstream, "best_of", ("ada",)))
    visitor.close()


def opened(site: Site, sent: bytes) -> socket.socket:
    """Connect and send."""
    connection = socket.create_connection(("127.0.0.1", site.port), timeout=20)
    connection.sendall(sent)
    return connection


def head(path: str, *headers: str) -> bytes:
    """Give the beginning of a POST."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


def read_all(connection: socket.socket) -> bytes:
    """Give all that comes until the other side ends."""
    received = b""
    with connection, suppress(ConnectionResetError):
        while data := connection.recv(65_536):
            received += data
    return received


def memory(site: Site) -> int:
    """Give the server's resident memory in bytes."""
    status = Path(f"/proc/{site.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024


def spooled(site: Site) -> int:
    """Give the bytes of the temporary files that the server holds."""
    files = Path(f"/proc/{site.pid}/fd").iterdir()
    sizes = []
    for file in files:
        with suppress(OSError):
            if "(deleted)" in str(file.readlink()):
                sizes.append(file.stat().st_size)
    return sum(sizes)


@pytest.mark.parametrize("expect", [(), ("Expect: 100-continue",)])
def test_an_announced_gigabyte_is_refused_without_reading(shared: Site, expect: tuple[str, ...]) -> None:
    answer = read_all(opened(shared, head(API, f"Content-Length: {1024 * MEGABYTE}", *expect)))
    headers, _, body = answer.partition(b"\r\n\r\n")
    assert headers.startswith(b"HTTP/1.1 413 ")
    assert b"Connection: close" in headers
    assert json.loads(body)["error"]["kind"] == "too_large"


def test_the_openai_door_refuses_in_the_words_of_its_clients(shared: Site) -> None:
    answer = read_all(opened(shared, head("/v1/chat/completions", f"Content-Length: {MOST + 1}")))
    assert answer.startswith(b"HTTP/1.1 413 ")
    error = json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
    assert (error["type"], error["code"]) == ("invalid_request_error", "request_too_large")


def test_pages_refuse_in_a_page(shared: Site) -> None:
    answer = read_all(opened(shared, head(PAGE, f"Content-Length: {MOST + 1}")))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"Content-Type: text/html" in answer
    assert b"Content-Security-Policy" in answer
    assert b"larger than this site takes" in answer


def test_an_endless_body_is_cut_and_kept_nowhere(shared: Site) -> None:
    before, most_spooled = memory(shared), 0
    connection = opened(shared, head(API, "Transfer-Encoding: chunked"))
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"

    def send() -> None:
        with suppress(OSError):
            while True:
                connection.sendall(chunk)

    sender = threading.Thread(target=send)
    sender.start()
    answer = b""
    with suppress(ConnectionResetError):
        while data := connection.recv(65_536):
            answer += data
            most_spooled = max(most_spooled, spooled(shared))
    sender.join(20)
    connection.close()
    assert not sender.is_alive()
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert most_spooled < MOST + 2 * 65_536
    assert memory(shared) - before < 40 * MEGABYTE


@pytest.mark.parametrize("path", [API, PAGE])
def test_one_byte_more_is_too_much_in_chunks_as_well(shared: Site, path: str) -> None:
    answers = []
    for size in (MOST, MOST + 1):
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (size, b"x" * size)
        sent = head(path, "Transfer-Encoding: chunked", "Connection: close") + body
        answers.append(read_all(opened(shared, sent)).split(b" ", 2)[1])
    assert answers[0] in {b"401", b"403"}
    assert answers[1] == b"413"


def test_who_sends_everything_before_reading_gets_the_answer_too(shared: Site) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", shared.port, timeout=20)
    connection.request("POST", API, b"x" * (8 * MEGABYTE))
    assert connection.getresponse().status == 413
    connection.close()


def test_a_body_of_the_most_that_is_taken_is_read(shared: Site) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", shared.port, timeout=20)
    for _ in range(2):
        connection.request("POST", API, b"x" * MOST)
        response = connection.getresponse()
        assert response.status == 401
        response.read()
    connection.close()


@pytest.mark.parametrize("lines", [["X-Long: " + "x" * 20_000], [f"X-{n}: 1" for n in range(600)]])
def test_headers_are_bounded(shared: Site, lines: list[str]) -> None:
    answer = read_all(opened(shared, head(API, *lines)))
    assert answer.startswith(b"HTTP/1.1 400 ") or answer == b""


BEGINNINGS = [b"P", b"POST /api", head(API, "Content-Length: 1000"), head(API, "Transfer-Encoding: chunked")]


def test_a_request_that_dribbles_in_is_cut(shared: Site) -> None:
    with ThreadPoolExecutor(len(BEGINNINGS)) as threads:
        took = list(threads.map(partial(dribbled, shared), BEGINNINGS))
    assert [RECEIVE_S / 2 < seconds < 20 for seconds in took] == [True] * len(BEGINNINGS)


def dribbled(site: Site, begun: bytes) -> float:
    """Send a request byte by byte after its beginning; gives after how many seconds the site had enough."""
    connection = opened(site, begun)
    connection.settimeout(0.1)
    began = time.monotonic()
    # What is sent is no end of a line, and a digit begins a chunk's length for ever.
    with connection, suppress(ConnectionError, BrokenPipeError):
        while time.monotonic() - began < 20:
            connection.sendall(b"0" if b"chunked" not in begun else b"1\r\nx\r\n")
            try:
                if connection.recv(1024) == b"":
                    break
            except TimeoutError:
                continue
    return time.monotonic() - began


def test_an_answer_may_take_longer_than_its_request(reader: Reader, upstream: Upstream) -> None:
    gate = threading.Event()
    upstream.scripts["ada"] = Script(["ada ", "answers."], gate=gate, gate_at=1)
    stream = reader.api.open("GET", f"runs/{reader.start()}/events")
    # Nothing comes and the stream does not end either, for longer than a request may take to arrive.
    threading.Timer(RECEIVE_S + 1, gate.set).start()
    with stream:
        assert b"run.finished" in stream.read()


def test_a_page_that_talks_over_its_socket_is_no_page_of_ours(reader: Reader, upstream: Upstream) -> None:
    upstream.scripts["ada"] = Script(["ada answers."])
    run_id = reader.start()
    everything: list[Any] = ["hello", b"hello", "x" * MEGABYTE, ["never", "ending"]]
    for said in everything:
        with reader.visitor.socket(run_id) as page:
            page.recv(timeout=30)
            page.send(said)
            assert closing_code(page) == 1008, said


def test_what_a_page_is_sent_is_not_bounded(reader: Reader, upstream: Upstream) -> None:
    upstream.scripts["ada"] = Script(["A long paragraph. " * 200 + "\n\n"] * 320)
    run_id = reader.start()
    assert sum(1 for _ in reader.api.events(run_id)) > 1
    with reader.visitor.socket(run_id) as page:
        assert len(page.recv(timeout=20)) > MEGABYTE
