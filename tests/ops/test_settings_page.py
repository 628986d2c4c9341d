"""docs/settings.md lists every setting, in the order of settings.py, and nothing that is none."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from fusion_site.compact.options import HostOptions

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = (ROOT / "fusion_site" / "settings.py").read_text()
PAGE = (ROOT / "docs" / "settings.md").read_text()
READ = re.compile(r'\benv(?:_flag|_list|_pairs|_secret)?\(\s*"([A-Z_]+)"')
COMPACT = [f"FUSION_COMPACT_{field.name.upper()}" for field in fields(HostOptions)]
OF_TESTS = ["FUSION_REQUIRE_ALL", "FUSION_TEST_BROWSER"]


def test_the_page_lists_the_settings_in_the_order_of_the_file() -> None:
    in_file = list(dict.fromkeys(READ.findall(SETTINGS)))
    on_page = re.findall(r"^\| `([A-Z_]+)` \|", PAGE, flags=re.MULTILINE)
    assert len(in_file) > 10
    assert [name for name in on_page if name in in_file] == in_file
    assert [name for name in on_page if name not in in_file] == [*COMPACT, *OF_TESTS]


def test_plain_defaults_on_the_page_are_those_of_the_file() -> None:
    for name, default in re.findall(r'(?:int|float)\(env\("([A-Z_]+)", "([\d.]+)"\)\)', SETTINGS):
        assert f"| `{name}` | `{default}` |" in PAGE
