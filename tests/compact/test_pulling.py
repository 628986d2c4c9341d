"""Fetching weights from a hub that cuts, lies and refuses, and from this machine's disk."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import pytest

from fusion_site.compact.files.errands import Errands, Place
from fusion_site.compact.files.hub import Hub
from fusion_site.compact.files.offer import PullFailed
from fusion_site.compact.files.progress import Progress
from fusion_site.compact.files.pulling import offer_of, pull
from fusion_site.compact.files.shelf import Kept, Shelf
from fusion_site.compact.files.source import HubFile, LocalFile, WrongSource, source_of
from tests.compact.fake_hub import CARD, COMMIT, REPO, TOKEN, FakeHub, running
from tests.compact.hosting import PATIENCE

SOURCE = f"hf:{REPO}/lantern.gguf"


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "models")


@pytest.fixture
def content(tiny: Path) -> bytes:
    return tiny.read_bytes()


def fetched(
    hub: FakeHub, shelf: Shelf, *, token: str | None = None, heard: list[Progress] | None = None
) -> Kept:
    """Look up and fetch the hub's file, with no pause after a cut."""
    access = Hub(hub.url, token)
    offer = offer_of(source_of(SOURCE), access)
    tell = heard.append if heard is not None else lambda progress: None
    return pull(offer, access, shelf, "ada@example.com", tell, pauses=(0, 0))


def left_over(shelf: Shelf) -> list[str]:
    """The drafts in the folder."""
    return [path.name for path in shelf.folder.iterdir() if path.name.endswith(".part")]


def test_a_fetch_that_is_cut_twice_goes_on_and_is_checked(shelf: Shelf, content: bytes) -> None:
    heard: list[Progress] = []
    with running(FakeHub(content, gated="auto", open_to=TOKEN, cuts=[300_000, 500_000])) as hub:
        kept = fetched(hub, shelf, token=TOKEN, heard=heard)
    assert kept.path.read_bytes() == content
    assert [asked.range for asked in hub.streams] == ["", "bytes=300000-", "bytes=800000-"]
    assert left_over(shelf) == []
    record = kept.record
    assert record is not None
    assert kept.is_checked
    assert (record.source, record.commit, record.accepted_by) == (SOURCE, COMMIT, "ada@example.com")
    assert record.sha256 == hashlib.sha256(content).hexdigest()
    assert record.licence.title == "Lantern Community License"
    assert record.licence.link == f"{hub.url}/{REPO}/blob/{COMMIT}/LICENSE.md"
    assert heard[0].done == 0
    assert heard[-1].share == 1
    assert [each.done for each in heard] == sorted(each.done for each in heard)
    # The token opens the gate, and goes no further than the hub itself.
    assert {(asked.host, asked.token) for asked in hub.ledger} == {("127.0.0.1", TOKEN), ("localhost", "")}


def test_a_server_that_begins_anew_is_followed(shelf: Shelf, content: bytes) -> None:
    with running(FakeHub(content, cuts=[300_000], obeys_range=False)) as hub:
        assert fetched(hub, shelf).path.read_bytes() == content


def test_what_is_here_is_not_fetched_again(shelf: Shelf, content: bytes) -> None:
    with running(FakeHub(content)) as hub:
        first, second = fetched(hub, shelf), fetched(hub, shelf)
        assert first == second
        assert len(hub.streams) == 1
        hub.content = content + b"newer"
        with pytest.raises(PullFailed, match=r"another file called lantern\.gguf"):
            fetched(hub, shelf)
    first.path.write_bytes(b"GGUF")
    assert not shelf.kept()[0].is_checked


def test_wrong_bytes_are_refused_and_removed(shelf: Shelf, content: bytes) -> None:
    with (
        running(FakeHub(content, told_sha256="ab" * 32)) as hub,
        pytest.raises(PullFailed, match="It has been removed"),
    ):
        fetched(hub, shelf)
    assert (shelf.kept(), left_over(shelf)) == ([], [])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"open_to": "another", "gated": "manual"},
            "is gated by its authors .* Ask for access on that page, then give",
        ),
        ({"open_to": "another", "refuses": 403, "token": TOKEN}, "This site's token may not read it"),
        ({"told_size": 10**15}, r"needs 10000\d\d\.\d GB more on the disk"),
        ({"told_size": 1000}, "is longer than was told: 1000 bytes"),
        ({"name": "other.gguf"}, "has no file lantern.gguf. Its GGUF files: other.gguf"),
        ({"cuts": [500, 0, 0, 0]}, "cannot be fetched to its end: .* What came is kept"),
    ],
)
def test_a_refusal_says_what_to_do(shelf: Shelf, content: bytes, changes: dict[str, Any], said: str) -> None:
    token = changes.get("token")
    hub = FakeHub(content, **{name: value for name, value in changes.items() if name != "token"})
    with running(hub), pytest.raises(PullFailed, match=said) as caught:
        fetched(hub, shelf, token=token)
    assert TOKEN not in str(caught.value)
    assert shelf.kept() == []


def test_a_hub_that_is_away_or_knows_nothing(shelf: Shelf, content: bytes) -> None:
    with running(FakeHub(content)) as hub, pytest.raises(PullFailed, match="has no repository some/where"):
        offer_of(source_of("hf:some/where/x.gguf"), Hub(hub.url))
    with pytest.raises(PullFailed, match="cannot be reached"):
        offer_of(source_of(SOURCE), Hub(hub.url, TOKEN))


def test_nothing_is_fetched_before_somebody_accepted(shelf: Shelf, content: bytes) -> None:
    with running(FakeHub(content)) as hub:
        offer = offer_of(source_of(SOURCE), Hub(hub.url))
        with pytest.raises(PullFailed, match="has to accept the licence first: Lantern Community License"):
            pull(offer, Hub(hub.url), shelf, " ", lambda progress: None)
    assert hub.streams == []


def test_a_file_of_this_machine_is_copied(shelf: Shelf, tiny: Path, tmp_path: Path) -> None:
    nowhere = Hub("http://127.0.0.1:9")
    kept = pull(offer_of(source_of(f"file:{tiny}"), nowhere), nowhere, shelf, "ada", lambda progress: None)
    assert kept.path.read_bytes() == tiny.read_bytes()
    assert kept.record is not None
    assert (kept.record.sha256, kept.is_checked) == (hashlib.sha256(tiny.read_bytes()).hexdigest(), False)
    (page := tmp_path / "page.gguf").write_text("<html>")
    with pytest.raises(PullFailed, match="does not begin with the letters GGUF"):
        offer_of(source_of(f"file:{page}"), nowhere)


async def test_a_fetch_whose_process_was_killed_goes_on_next_time(shelf: Shelf, content: bytes) -> None:
    hub = FakeHub(content, open_to=TOKEN, cuts=[400_000], stalls=True)
    with running(hub):
        async with asyncio.timeout(PATIENCE):
            errands = Errands(Place(hub.url, shelf.folder, TOKEN))
            offer = await errands.look(SOURCE)
            errands.fetch(offer, "ada")
            with pytest.raises(PullFailed, match="Another file is being fetched"):
                errands.fetch(offer, "bob")
            while sum(path.stat().st_size for path in shelf.folder.glob(".*.part")) < 300_000:
                await asyncio.sleep(0.01)
            await errands.stop()
            stopped = errands.newest
            assert stopped is not None
            assert stopped.state == "stopped"
            errands.fetch(offer, "ada")
            while errands.newest is not None and errands.newest.state == "running":
                await asyncio.sleep(0.01)
    newest = errands.newest
    assert newest is not None
    assert (newest.state, newest.message) == ("done", "")
    assert shelf.kept()[0].is_checked
    assert hub.streams[-1].range.startswith("bytes=3") or hub.streams[-1].range.startswith("bytes=4")


async def test_a_changed_licence_has_to_be_accepted_anew(
    shelf: Shelf, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(FakeHub(content)) as hub:
        errands = Errands(Place(hub.url, shelf.folder))
        offer = await errands.look(SOURCE)
        monkeypatch.setitem(CARD, "license", "mit")
        errands.fetch(offer, "ada")
        while errands.newest is not None and errands.newest.state == "running":
            await asyncio.sleep(0.01)
    assert errands.newest is not None
    assert "another one was accepted" in errands.newest.message
    assert hub.streams == []


def test_sources() -> None:
    assert source_of("hf:a/b/c/d.gguf@v1") == HubFile("a/b", "c/d.gguf", "v1")
    page = "https://huggingface.co/a/b/blob/main/d.gguf"
    assert (
        source_of(page)
        == source_of(page.replace("blob", "resolve") + "?download=true")
        == HubFile("a/b", "d.gguf")
    )
    assert source_of("file:///x/d.gguf") == source_of(" file:/x/d.gguf") == LocalFile(Path("/x/d.gguf"))


@pytest.mark.parametrize(
    "text",
    ["", "hf:a/b", "hf:a/b/model.bin", "hf:a/../b.gguf", "hf:a/b/../c.gguf", "file:d.gguf", "hf:a/b/.gguf", "a/b/c.gguf", "hf:a/b/c\x00.gguf"],
)  # fmt: skip
def test_what_names_no_file_is_refused(text: str) -> None:
    with pytest.raises(WrongSource):
        source_of(text)
