"""What the tests of the Compact room share: small models, and hosts that run them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fusion_site.compact.options import HostOptions
from fusion_site.compact.weights import LoadedModel, load
from tests.compact.gguf_model import write_tiny_gguf
from tests.compact.hosting import RunningHost, run_host

SCRIPT = "Grüße aus 東京 🎉👩‍🚀! The lantern keeper said: carry on, carry on.\n\n- eins\n- zwei ½\n"


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def tiny(models: Path) -> Path:
    return write_tiny_gguf(models / "tiny.gguf", context=16384)


@pytest.fixture(scope="session")
def scripted(models: Path) -> Path:
    return write_tiny_gguf(models / "scripted.gguf", name="scripted", script=SCRIPT)


@pytest.fixture(scope="session")
def loaded(tiny: Path) -> Iterator[LoadedModel]:
    """The random model in this process."""
    model = load(tiny, HostOptions(), on_progress=lambda share: True)
    yield model
    model.free()


@pytest.fixture(scope="session")
def tiny_host(tiny: Path) -> Iterator[RunningHost]:
    """The random model, four slots, 8192 tokens each, memory for two such."""
    with run_host(tiny, "--slots=4", "--context=8192", "--cells=16384") as host:
        assert host.report() == {"state": "ready", "model": "tiny"}
        yield host


@pytest.fixture(scope="session")
def scripted_host(scripted: Path) -> Iterator[RunningHost]:
    with run_host(scripted) as host:
        assert host.report() == {"state": "ready", "model": "scripted"}
        yield host
