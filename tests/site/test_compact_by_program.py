"""The Compact host by REST alone, at a running site: a file is fetched, hosted, opened to one team, and put away."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
import urllib.error
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.compact.fake_hub import COMMIT, REPO, TOKEN, FakeHub, running
from tests.compact.gguf_model import write_tiny_gguf
from tests.site.conftest import Api
from tests.site_process import Site

SOURCE = f"hf:{REPO}/lantern.gguf"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[FakeHub]:
    """Give a hub whose gate the site's token opens."""
    content = write_tiny_gguf(tmp_path / "lantern.gguf").read_bytes()
    with running(FakeHub(content, gated="auto", open_to=TOKEN)) as hub:
        yield hub


@pytest.fixture
def owner(tmp_path: Path, installed: tuple[Path, str], hub: FakeHub) -> Iterator[Api]:
    """Give the program of the site's owner, at a site that hosts another file at first."""
    data_dir, token = installed
    shutil.copytree(data_dir, tmp_path / "var")
    with closing(sqlite3.connect(tmp_path / "var/fusion.sqlite3")) as rows, rows:
        rows.execute("UPDATE accounts_user SET is_site_owner = 1")
    first = write_tiny_gguf(tmp_path / "first.gguf")
    hosts = {"FUSION_COMPACT_MODEL": str(first), "FUSION_HF_URL": hub.url, "FUSION_HF_TOKEN": TOKEN}
    with Site(tmp_path / "var", **hosts) as site:
        yield Api(site, token)


def until(owner: Api, path: str, is_so: Callable[[Any], bool]) -> Any:
    """Ask until the answer will do, and give it."""
    last = time.monotonic() + 60
    while not is_so(told := owner("GET", path)):
        assert time.monotonic() < last, f"{told}\n{owner.site.output[-2000:]}"
        time.sleep(0.05)
    return told


def is_ready(told: Any) -> bool:
    """Whether the host can be asked."""
    return bool(told["state"] == "ready" and told["machine"])


def refused(owner: Api, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
    """Send what is to be refused; gives the status and the fields."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        owner(method, path, body)
    return caught.value.code, json.load(caught.value)["error"]["fields"]


def test_a_program_does_all_that_the_page_does(owner: Api) -> None:
    first = until(owner, "compact", is_ready)
    assert (first["file"], first["supervised"], first["error"]) == ("first.gguf", True, None)
    assert (first["machine"]["slots"] > 0, first["work"]["busy"], first["facts"]["architecture"]) == (
        True,
        0,
        "llama",
    )
    assert owner("GET", "compact/fetch") is None

    assert refused(owner, "POST", "compact/offers", {"source": "lantern"})[1].keys() == {"source"}
    offer = owner("POST", "compact/offers", {"source": SOURCE})
    assert (offer["name"], offer["commit"], offer["gated"]) == ("lantern.gguf", COMMIT, True)
    assert offer["licence"]["name"] == "Lantern Community License"
    wanted = {"source": SOURCE, "commit": offer["commit"]}
    assert refused(owner, "POST", "compact/fetch", {**wanted, "accept": False})[1].keys() == {"accept"}
    begun = owner("POST", "compact/fetch", {**wanted, "accept": True})
    assert (begun["accepted_by"], begun["offer"]["sha256"]) == ("ops@example.com", offer["sha256"])
    assert until(owner, "compact/fetch", lambda told: told["state"] != "running")["state"] == "done"
    (kept,) = owner("GET", "compact/files")["items"]
    assert (kept["name"], kept["checked"], kept["hosted"]) == ("lantern.gguf", True, False)
    assert (kept["accepted_by"], kept["source"]) == ("ops@example.com", SOURCE)

    assert refused(owner, "PATCH", "compact", {"file": "none.gguf"}) == (
        422,
        {"file": ["There is no such file here."]},
    )
    owner("PATCH", "compact", {"file": "lantern.gguf"})
    until(owner, "compact", lambda told: (told["state"], told["file"]) == ("ready", "lantern.gguf"))
    assert refused(owner, "DELETE", "compact/files/lantern.gguf")[1].keys() == {"file"}
    owner("PUT", "compact/template", {"template": "{% for m in messages %}{{ m.content }}{% endfor %}"})
    assert owner("GET", "compact")["chosen"]["template"].startswith("{% for m")
    assert refused(owner, "PUT", "compact/template", {"template": "{{ nothing.at.all }}"})[1].keys() == {
        "template"
    }

    slug = owner("GET", "team")["slug"]
    told = owner("PATCH", "compact", {"idle_min": 30, "teams": [slug]})["chosen"]
    assert (told["idle_min"], told["everyone"]) == (30, False)
    assert [(team["slug"], team["ticked"]) for team in told["teams"]] == [(slug, True)]
    assert refused(owner, "PATCH", "compact", {"teams": [slug, "nobody"]})[1].keys() == {"teams.1"}
    assert refused(owner, "PATCH", "compact", {"everyone": False})[1].keys() == {"teams"}
    assert refused(owner, "PATCH", "compact", {"idle_min": -1})[1].keys() == {"idle_min"}
    assert owner("PATCH", "compact", {"everyone": True})["chosen"]["everyone"] is True

    assert owner("PATCH", "compact", {"running": False})["chosen"]["running"] is False
    assert until(owner, "compact", lambda told: told["state"] == "off")["work"] is None
    owner("PATCH", "compact", {"file": "lantern.gguf"})
    owner("DELETE", "compact/files/other.gguf")
    assert [each["hosted"] for each in owner("GET", "compact/files")["items"]] == [True]


WRONG: list[tuple[dict[str, Any], set[str]]] = [
    ({"file": "page.gguf", "idle_min": 7}, {"file"}),
    ({"file": "first.gguf", "running": False}, {"running"}),
    ({"everyone": True, "teams": []}, {"teams"}),
    ({"file": "none.gguf", "idle_min": 7, "teams": []}, {"file"}),
    ({"running": False, "idle_min": 7, "teams": ["nobody", "a\0b"]}, {"teams.0", "teams.1"}),
    ({"everyone": False, "idle_min": -1, "file": "none.gguf"}, {"teams", "idle_min", "file"}),
]


def test_of_a_change_that_is_refused_nothing_is_kept(owner: Api, tmp_path: Path) -> None:
    """Each of these holds something that could be kept, before or after what cannot."""
    (models := tmp_path / "var/models").mkdir()
    write_tiny_gguf(models / "first.gguf")
    (models / "page.gguf").write_bytes(b"<html>404</html>")
    before = until(owner, "compact", is_ready)
    for wanted, fields in WRONG:
        status, said = refused(owner, "PATCH", "compact", wanted)
        assert (status, said.keys()) == (422, fields)
        now = owner("GET", "compact")
        assert (now["chosen"], now["state"], now["incoming"]) == (before["chosen"], "ready", None)
    told = owner("PATCH", "compact", {"file": "first.gguf", "running": True, "idle_min": 7})
    assert (told["chosen"]["running"], told["chosen"]["idle_min"]) == (True, 7)


def test_what_came_of_a_fetch_that_was_stopped_is_listed_and_can_be_dropped(
    owner: Api, hub: FakeHub, tmp_path: Path
) -> None:
    hub.cuts, hub.stalls = [40_000], True
    offer = owner("POST", "compact/offers", {"source": SOURCE})
    wanted = {"source": SOURCE, "commit": offer["commit"], "accept": True}
    assert owner("POST", "compact/fetch", wanted)["state"] == "running"
    until(owner, "compact/fetch", lambda told: any(path.stat().st_size for path in drafts(tmp_path)))
    assert owner("GET", "compact/parts")["items"] == []  # it is told of by `compact/fetch`
    owner("DELETE", "compact/fetch")
    (draft,) = drafts(tmp_path)
    told = {"name": "lantern.gguf", "have": draft.stat().st_size, "size": offer["size"], "source": SOURCE}
    assert owner("GET", "compact/parts") == {"items": [told], "next": None}
    for _ in ("there", "gone"):
        assert owner("DELETE", "compact/parts/lantern.gguf") is None
    assert owner("GET", "compact/parts")["items"] == []
    assert drafts(tmp_path) == []


def drafts(folder: Path) -> list[Path]:
    """Give the files in which bytes of fetches gather."""
    return list((folder / "var/models").glob(".*.part"))
