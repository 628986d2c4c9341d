"""What a program is told of the Compact host: how it is by everybody's token, why it failed by its owner's alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import LazySettings

from fusion_site.accounts.models import User
from fusion_site.compact.status import CompactStatus
from fusion_site.pools import compact_host
from tests.api.conftest import Program

SECRET = "/srv/models/lantern.gguf could not be read"


@pytest.fixture(autouse=True)
def failed(settings: LazySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a host that failed for a reason that names a path, and no model files."""
    settings.FUSION_COMPACT_FILES, settings.FUSION_COMPACT_TEMPLATES = (
        tmp_path / "models",
        tmp_path / "templates",
    )
    status = CompactStatus(state="failed", file=Path("/srv/models/lantern.gguf"), error=SECRET)
    monkeypatch.setattr(compact_host, "status", lambda: status)


def test_the_reason_and_the_choices_are_the_owners(
    call: Program, program_of: Callable[[User | None], Program], dave: User
) -> None:
    owned, seen = (program("GET", "compact") for program in (call, program_of(dave)))
    assert (owned.json()["error"], owned.json()["chosen"]["everyone"]) == (SECRET, True)
    assert (seen.json()["state"], seen.json()["file"]) == ("failed", "lantern.gguf")
    assert (seen.json()["error"], seen.json()["chosen"]) == (None, None)
    assert "/srv/models" not in seen.content.decode()


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
