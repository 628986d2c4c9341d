"""`manage.py fuse`: where its prompt comes from, what it prints where, and how it ends for a script."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from fusion_site.runs.models import Run
from tests.runs.conftest import Desk
from tests.upstream import Script, Upstream

pytestmark = pytest.mark.usefixtures("quietly")


class Screen(io.StringIO):
    """A terminal that keeps what is written to it."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def fuse(desk: Desk, *words: str, **options: Any) -> str:
    """Run the command as the desk's person and give what it prints."""
    out = io.StringIO()
    said = {"preset": "best", "email": desk.person.email, "stdout": out} | options
    call_command("fuse", *words, **said)
    return out.getvalue()


def answering(upstream: Upstream) -> None:
    """Have every member answer."""
    for name in ("ada", "bea", "cyd"):
        upstream.scripts[name] = Script([f"{name} answers ", "well."])


def test_the_prompt_comes_from_words_standard_input_and_files(
    desk: Desk, upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(upstream)
    (tmp_path / "change.diff").write_text("+ a line")
    monkeypatch.setattr("sys.stdin", io.StringIO("from a pipe"))
    assert fuse(desk, "Review this.", "-", files=[tmp_path / "change.diff"]) == "bea answers well.\n"
    monkeypatch.setattr("sys.stdin", io.StringIO("a pipe alone"))
    fuse(desk)
    fuse(desk, files=[tmp_path / "change.diff"])
    prompts = [run.prompt for run in Run.objects.order_by("created_at")]
    assert prompts == ["Review this.\n\nfrom a pipe\n\n+ a line", "a pipe alone", "+ a line"]


def test_json_is_the_run_and_nothing_else(desk: Desk, upstream: Upstream) -> None:
    answering(upstream)
    run = json.loads(fuse(desk, "Which?", as_json=True))
    assert (run["id"], run["state"]) == (Run.objects.get().pk, "done")
    assert run["fused"]["text"] == "bea answers well."


def test_a_script_sees_how_it_ended(desk: Desk, upstream: Upstream, tmp_path: Path) -> None:
    (tmp_path / "picture").write_bytes(b"\xff\xd8")
    for options in ({"preset": "nothing"}, {"files": [tmp_path / "picture"]}, {"files": [tmp_path / "none"]}):
        with pytest.raises(CommandError) as refused:
            fuse(desk, "Which?", **options)
        assert refused.value.returncode == 2
    assert not Run.objects.exists()
    for name in ("ada", "bea", "cyd"):
        upstream.scripts[name] = Script(status=400)
    with pytest.raises(CommandError) as failed:
        fuse(desk, "Which?")
    assert failed.value.returncode == 1


def test_members_stand_side_by_side_in_a_terminal_and_cannot_steer_it(
    desk: Desk, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(upstream)
    upstream.scripts["ada"] = Script(["\x1b]0;owned\x07\x1b[2J", "red \x9b31m"])
    screen = Screen()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("COLUMNS", "100")
    fuse(desk, "Which?")
    shown = screen.getvalue()
    assert re.search(r"Ada +│ Bea +│ Cyd\n", shown)
    assert re.search(r"^.*complete, 17 chara.*complete, 17 chara", shown, re.MULTILINE)
    assert set(re.findall(r"\x1b\[?[^a-zA-Z]*[a-zA-Z]?", shown)) <= {
        "\x1b[J",
        *(f"\x1b[{n}F" for n in range(30)),
    }
    assert "owned" in shown
    assert "\x07" not in shown
    assert "\x9b" not in shown


def test_a_narrow_terminal_gets_plain_lines(
    desk: Desk, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(upstream)
    screen = Screen()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("COLUMNS", "40")
    fuse(desk, "Which?", stderr=screen)
    assert "Bea: complete, 17 characters" in screen.getvalue()
    assert "\x1b" not in screen.getvalue()
