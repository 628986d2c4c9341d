"""What a program is told of the Compact host: how it is by everybody's token, why it failed by its owner's alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings

from fusion_site.accounts.models import User
from fusion_site.compact.files.offer import Licence, Offer
from fusion_site.compact.files.shelf import Record
from fusion_site.compact.status import CompactStatus
from fusion_site.pools import compact_files, compact_host
from tests.api.conftest import Program

SECRET = "/srv/models/lantern.gguf could not be read"
FAILED_AT = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
OFFER = Offer(
    "hf:meadow/lantern-GGUF/lantern.gguf", "lantern.gguf", 4000, "ab" * 32, "c", licence=Licence("mit")
)


@pytest.fixture(autouse=True)
def failed(settings: LazySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a host that failed for a reason that names a path, and no model files."""
    settings.FUSION_COMPACT_FILES, settings.FUSION_COMPACT_TEMPLATES = (
        tmp_path / "models",
        tmp_path / "templates",
    )
    status = CompactStatus(
        state="failed", file=Path("/srv/models/lantern.gguf"), error=SECRET, error_at=FAILED_AT
    )
    monkeypatch.setattr(compact_host, "status", lambda: status)


def test_the_reason_and_the_choices_are_the_owners(
    call: Program, program_of: Callable[[User | None], Program], dave: User
) -> None:
    owned, seen = (program("GET", "compact") for program in (call, program_of(dave)))
    assert (owned.json()["error"], owned.json()["chosen"]["everyone"]) == (SECRET, True)
    assert (seen.json()["state"], seen.json()["file"]) == ("failed", "lantern.gguf")
    assert (seen.json()["error"], seen.json()["chosen"]) == (None, None)
    assert "/srv/models" not in seen.content.decode()
    for told in (owned, seen):  # when it failed is no secret: the page says that too
        assert datetime.fromisoformat(told.json()["error_at"]) == FAILED_AT


def test_what_is_unknown_is_null_and_models_without_an_address_are_named(call: Program) -> None:
    told = call("GET", "compact").json()
    assert {told[name] for name in ("facts", "machine", "work", "tokens_per_second", "warning")} == {None}
    first, *others = call("GET", "compact/known").json()["items"]
    assert (first["name"], first["source"]) == ("Llama 4 Compact 12B", None)
    assert len(first["restrictions"]) > 2
    assert all(other["source"].startswith("hf:") for other in others)
    assert call("GET", "compact/files").json() == {"items": [], "next": None}


def test_where_no_process_hosts_a_model_none_fetches_files(call: Program) -> None:
    for path, body in (("offers", {}), ("fetch", {"accept": True})):
        refused = call("POST", f"compact/{path}", {"source": "hf:meadow/lantern-GGUF/lantern.gguf", **body})
        assert refused.status_code == 422
        assert "compact pull" in refused.json()["error"]["fields"]["source"][0]


def test_paths_of_the_machine_and_who_accepted_a_licence_are_told_to_the_owner_alone(
    call: Program, program_of: Callable[[User | None], Program], dave: User
) -> None:
    keep("copied.gguf", "file:/srv/incoming/copied.gguf")
    keep("fetched.gguf", OFFER.source)
    (compact_files.shelf().folder / "put.gguf").write_bytes(b"by hand")
    owned, seen = (program("GET", "compact/files") for program in (call, program_of(dave)))
    assert told_of(owned) == [
        ("copied.gguf", "file:/srv/incoming/copied.gguf", "ada@example.com"),
        ("fetched.gguf", OFFER.source, "ada@example.com"),
        ("put.gguf", None, None),
    ]
    assert told_of(seen) == [
        ("copied.gguf", None, None),
        ("fetched.gguf", OFFER.source, None),
        ("put.gguf", None, None),
    ]
    assert [each["accepted_at"] for each in seen.json()["items"][:2]] == [FAILED_AT.isoformat()] * 2
    for secret in ("/srv/incoming", "ada@"):
        assert secret not in seen.content.decode()


def keep(name: str, source: str) -> None:
    """Have a file here that ada let come."""
    shelf, when = compact_files.shelf(), FAILED_AT.isoformat()
    draft = shelf.begin(replace(OFFER, name=name))
    draft.write_bytes(b"1234")
    shelf.put(draft, name, Record(source, "ab" * 32, 4, "ada@example.com", when, when, licence=OFFER.licence))


def told_of(listed: Any) -> list[tuple[str, str | None, str | None]]:
    """Give what is told of where each file is from, and of who accepted its licence."""
    return [(each["name"], each["source"], each["accepted_by"]) for each in listed.json()["items"]]


def test_parts_are_seen_by_all_and_dropped_by_the_owner(
    call: Program, program_of: Callable[[User | None], Program], dave: User
) -> None:
    shelf = compact_files.shelf()
    shelf.begin(OFFER).write_bytes(b"x" * 1000)
    (shelf.folder / ".forgotten.gguf.0123456789abcdef.part").write_bytes(b"x" * 7)
    forgotten = {"name": "forgotten.gguf", "have": 7, "size": None, "source": None}
    cut = {"name": "lantern.gguf", "have": 1000, "size": 4000, "source": OFFER.source}
    assert call("GET", "compact/parts").json() == {"items": [forgotten, cut], "next": None}
    other = program_of(dave)
    assert other("GET", "compact/parts").json()["items"] == [forgotten, {**cut, "source": None}]

    there, absent = (other("DELETE", f"compact/parts/{name}.gguf") for name in ("lantern", "none"))
    assert (there.status_code, there.content) == (absent.status_code, absent.content)
    assert there.status_code == 403
    with shelf.alone("lantern.gguf"):
        refused = call("DELETE", "compact/parts/lantern.gguf")
    assert refused.status_code == 422
    assert refused.json()["error"]["fields"] == {"file": ["lantern.gguf is being fetched already."]}
    assert len(shelf.parts()) == 2
    for name in ("lantern.gguf", "forgotten.gguf", "none.gguf", "%00", "x" * 300):
        assert call("DELETE", f"compact/parts/{name}").status_code == 204
    assert shelf.parts() == []
    assert sorted(path.name for path in shelf.folder.iterdir()) == [
        ".forgotten.gguf.lock",
        ".lantern.gguf.lock",
    ]


def test_a_part_outside_of_the_folder_is_none(tmp_path: Path) -> None:
    (beside := tmp_path / "beside.lock").write_text("held")
    compact_files.shelf().folder.mkdir()
    compact_files.shelf().remove_part("/../beside")
    assert beside.read_text() == "held"
