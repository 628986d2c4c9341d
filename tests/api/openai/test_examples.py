"""The examples of docs/clients.md for curl and the official Python client, run as they stand there."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests.api.openai.conftest import Shop
from tests.api.openai.examples import examples_of, output_of

CURL = shutil.which("curl")


def the_newest(shop: Shop, count: int) -> list[str]:
    """Give the fused answers of the newest runs."""
    return [run["fused"]["text"] for run in shop.rest("GET", f"runs?limit={count}")["items"]]


@pytest.mark.skipif(CURL is None, reason="curl is not installed")
def test_curl(shop: Shop, tmp_path: Path) -> None:
    (example,) = examples_of("curl")
    printed = output_of(shop.site, shop.token, ["bash", "-euc", example], tmp_path)
    assert '"id":"fusion/rehearsal"' in printed
    assert printed.rstrip().endswith("data: [DONE]")


@pytest.mark.parametrize("number", [0, 1])
def test_python(shop: Shop, tmp_path: Path, number: int) -> None:
    example = examples_of("python")[number]
    printed = output_of(shop.site, shop.token, [sys.executable, "-c", example], tmp_path)
    newest, before = the_newest(shop, 2)
    assert newest in printed
    assert (before in printed) is (number == 0)
    assert ("Scholar is done" in printed) is (number == 1)
