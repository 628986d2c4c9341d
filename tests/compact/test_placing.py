"""How many layers go to GPUs: all that fit, beside their part of the context and what is kept free."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fusion_site.compact import devices, native, weights
from fusion_site.compact.devices import Device
from fusion_site.compact.files.facts import FileFacts
from fusion_site.compact.options import HostOptions
from fusion_site.compact.placing import layers_that_fit

GIB = 2**30
# 40 layers of 150 MiB, 300 MiB behind them, 128 KiB a token over all layers: 6.15 GiB, and 1 GiB of context at 8192 tokens.
FACTS = FileFacts(
    "m",
    "llama",
    7 * GIB,
    7 * GIB,
    12 * 10**9,
    "Q4_K_M",
    131072,
    40,
    150 * 2**20,
    300 * 2**20,
    2**17,
    32000,
    "",
)
CELLS = 8192


@pytest.mark.parametrize(
    ("free", "layers"),
    [
        ([], 0),
        ([0], 0),
        ([GIB // 2], 0),
        ([64 * GIB], 41),
        # 0.95 x 4096 - 512 = 3379 MiB, less 300 behind the last layer: 17 layers of 150 + 25.6 MiB are 2985, 18 would be 3161.
        ([4 * GIB], 18),
        ([8 * GIB], 40),
        ([8 * GIB + GIB // 8], 41),
        # Half on each, so 19 layers on the first, and 17 on the second before what is behind the last.
        ([4 * GIB, 4 * GIB], 37),
        ([6 * GIB, 3 * GIB], 38),
    ],
)
def test_as_many_layers_as_fit(free: list[int], layers: int) -> None:
    assert layers_that_fit(FACTS, CELLS, free) == layers


def test_more_context_leaves_room_for_fewer_layers() -> None:
    few, many = (layers_that_fit(FACTS, cells, [4 * GIB]) for cells in (65536, 1024))
    assert 0 < few < 18 < many
    assert layers_that_fit(replace(FACTS, per_token=0), 65536, [4 * GIB]) >= many


def test_no_gpu_is_asked_where_the_library_was_built_without() -> None:
    assert native.supports_gpu() or devices.gpus() == []
    assert len(native.devices()) >= 1  # the processor itself
    assert all(
        native.device_free(handle) >= 0 and native.device_description(handle) for handle in native.devices()
    )


@pytest.mark.parametrize(
    ("kinds", "chosen"),
    [((0, 1, 2, 1), ["card 1", "card 3"]), ((2, 0), ["card 0"]), ((0, 3), [])],
)
def test_cards_come_before_what_is_built_in(
    monkeypatch: pytest.MonkeyPatch, kinds: tuple[int, ...], chosen: list[str]
) -> None:
    monkeypatch.setattr(native, "supports_gpu", lambda: True)
    monkeypatch.setattr(native, "devices", lambda: list(range(len(kinds))))
    monkeypatch.setattr(native, "device_type", kinds.__getitem__)
    monkeypatch.setattr(native, "device_description", lambda at: f"card {at}".encode())
    monkeypatch.setattr(native, "device_free", lambda at: GIB)
    assert [device.name for device in devices.gpus()] == chosen


def test_the_setting_wins_and_else_what_fits(tiny: Path) -> None:
    def wanted(layers: int, found: list[Device]) -> int:
        return weights._gpu_layers(tiny, HostOptions(gpu_layers=layers), found)

    card = Device("card", 4 * GIB)
    assert (wanted(-1, []), wanted(7, [])) == (0, 0)
    assert (wanted(0, [card]), wanted(1, [card]), wanted(-1, [card])) == (0, 1, 3)
    assert wanted(-1, [Device("full", GIB // 2)]) == 0
