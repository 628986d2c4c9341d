"""docs/security.md promises nothing without naming tests that there are."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()
PROMISES = re.findall(r"^\| (?!promise|---)(.+?) \| (.+) \|$", PAGE, re.MULTILINE)
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)


def test_every_promise_names_a_test() -> None:
    assert len(PROMISES) > 10
    assert [promise for promise, tests in PROMISES if "::test_" not in tests] == []


def test_every_test_that_is_named_exists() -> None:
    assert [f"{path}::{name}" for path, name in NAMED if name not in _tests_in(ROOT / path)] == []


def _tests_in(path: Path) -> set[str]:
    """Name the test functions of a file, without running it."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {each.name for each in ast.walk(ast.parse(path.read_text())) if isinstance(each, kinds)}
