"""docs/operations.md names metrics, log lines, commands and settings that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.core.management import get_commands

from fusion_site.ops.metrics import REGISTRY

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text()
SOURCES = "\n".join(path.read_text() for path in (ROOT / "fusion_site").rglob("*.py"))


@pytest.mark.django_db(transaction=True)
def test_its_metrics_are_measured() -> None:
    known = {sample.name for family in REGISTRY.collect() for sample in family.samples}
    known |= {family.name for family in REGISTRY.collect()} | {f"{f.name}_total" for f in REGISTRY.collect()}
    known |= {f"{family.name}_bucket" for family in REGISTRY.collect() if family.type == "histogram"}
    named = set(re.findall(r"\b((?:fusion|process)_[a-z_]+)\b(?!…)", PAGE))
    assert len(named) > 10
    assert named - known == set()


def test_its_log_lines_are_written() -> None:
    table = PAGE[PAGE.index("| `message` |") :]
    told = [
        line for row in re.findall(r"^\| ([^|`-][^|]*) \|", table, re.MULTILINE) for line in row.split("; ")
    ]
    messages = [line.removesuffix("…").strip() for line in told if line != "…"]
    assert len(messages) > 8
    assert [message for message in messages if f'"{message}' not in SOURCES] == []


def test_its_commands_and_settings_exist() -> None:
    assert set(re.findall(r"manage\.py (\w+)", PAGE)) <= set(get_commands())
    listed = (ROOT / "docs" / "settings.md").read_text()
    assert all(f"`{name}`" in listed for name in re.findall(r"\bFUSION_[A-Z_]+\b", PAGE))
