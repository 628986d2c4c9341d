"""The command `fusion`: what it prints where, how it ends for a script, and what it does when things break."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import struct
import termios
import threading
from pathlib import Path
from typing import Any

import pytest

from fusion_site.terminal.remote.command import main
from tests.api.openai.conftest import Shop
from tests.pictures import png
from tests.site_process import free_port
from tests.terminal.conftest import WITHIN_S, Terminal
from tests.terminal.relay import Relay
from tests.upstream import Script


def newest(shop: Shop) -> Any:
    """Give the run that was started last."""
    return shop.rest("GET", "runs")["items"][0]


def test_a_script_gets_the_answer_and_nothing_else(shop: Shop, terminal: Terminal) -> None:
    (terminal.home / "change.diff").write_text("+ a line")
    asked = terminal.fusion("--preset=best", "Review.", "-", "--file", "change.diff", piped="from a pipe")
    assert (asked.returncode, asked.stdout) == (0, "bea says this much.\n")
    assert "Ada: complete, 19 characters\n" in asked.stderr
    run = newest(shop)
    assert asked.stderr.endswith(f"{run['fused']['header']}\n{shop.site.url}/runs/{run['id']}/\n")
    assert run["prompt"] == "Review.\n\nfrom a pipe\n\n+ a line"
    (terminal.home / "plan.png").write_bytes(png())
    attached = terminal.fusion("--preset=best", "--mode=merge", "--attach=plan.png", "--json", "What is it?")
    seen = json.loads(attached.stdout)
    assert (seen["mode"], seen["pictures"][0]["name"]) == ("merge", "plan.png")
    follow_up = terminal.fusion("--json", "--after", run["id"], "--history=own", piped="And on a Friday?")
    assert "\nEach of its models was shown its own answers of the thread.\n" in follow_up.stderr
    told = json.loads(follow_up.stdout)
    assert told == shop.run(told["id"])
    assert (told["after"], told["history"], told["prompt"]) == (run["id"], "own", "And on a Friday?")


def test_a_script_sees_that_it_failed(shop: Shop, terminal: Terminal) -> None:
    shop.say(**{name: Script(status=400) for name in ("ada", "bea", "cyd")})
    asked = terminal.fusion("--preset=best", "Which?")
    assert (asked.returncode, asked.stdout) == (1, "")
    assert "The run is failed." in asked.stderr
    assert "Cyd: error, " in asked.stderr


def test_it_goes_on_where_a_cut_left_it(
    shop: Shop, terminal: Terminal, relay: Relay, gate: threading.Event
) -> None:
    shop.say(bea=Script(["bea begins ", "and ends."], gate=gate, gate_at=1))
    url = f"http://127.0.0.1:{relay.port}"
    asked = terminal.begin("--preset=best", "Which?", FUSION_URL=url)
    assert asked.stderr is not None
    told = [asked.stderr.readline(), asked.stderr.readline()]  # two members are done: it follows the run
    assert {line.split(":")[0] for line in told} == {"Ada", "Cyd"}
    relay.cut()
    assert "Trying again." in asked.stderr.readline()
    gate.set()
    out, err = asked.communicate(timeout=WITHIN_S)
    assert (asked.returncode, out) == (0, "bea begins and ends.\n")
    # What was told before is not told again, and nobody was asked again.
    assert [line.split(":")[0] for line in err.splitlines()][:2] == ["Bea", "The judge compares the answers."]
    assert [each.model for each in shop.upstream.ledger].count("ada") == 1


def test_where_the_site_stays_away_it_says_that_the_run_goes_on(
    shop: Shop, terminal: Terminal, relay: Relay, gate: threading.Event
) -> None:
    shop.say(bea=Script(["bea begins ", "and ends."], gate=gate, gate_at=1))
    url = f"http://127.0.0.1:{relay.port}"
    # Longer than the first pause, so that it tries at least once more, also where it stands still for a moment.
    asked = terminal.begin("--preset=best", "--patience=1.2", "Which?", FUSION_URL=url)
    assert asked.stderr is not None
    asked.stderr.readline()
    relay.close()
    out, err = asked.communicate(timeout=WITHIN_S)
    assert (asked.returncode, out) == (4, "")
    assert "cannot be reached" in err
    assert re.search(rf"told at \S+/runs/{newest(shop)['id']}/\n$", err)


@pytest.mark.parametrize(("words", "status", "state"), [([], 3, "cancelled"), (["--leave"], 4, "answering")])
def test_ctrl_c_stops_the_run_or_leaves_it(
    shop: Shop, terminal: Terminal, gate: threading.Event, words: list[str], status: int, state: str
) -> None:
    shop.say(bea=Script(["bea begins ", "and ends."], gate=gate, gate_at=1))
    asked = terminal.begin("--preset=best", "Which?", *words)
    assert asked.stderr is not None
    asked.stderr.readline()
    asked.send_signal(signal.SIGINT)
    out, _ = asked.communicate(timeout=WITHIN_S)
    assert (asked.returncode, out, newest(shop)["state"]) == (status, "", state)


def test_every_refusal_says_what_is_wrong_and_never_the_token(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = "fus_nobodys-token"
    cases: list[tuple[dict[str, str], str]] = [
        ({"FUSION_TOKEN": wrong}, "does not know this token"),
        ({"FUSION_TOKEN": f"{wrong} and more"}, "one word"),
        ({"FUSION_TOKEN": ""}, "A token of the site is needed"),
        ({"FUSION_URL": ""}, "Which site?"),
        ({"FUSION_URL": "fusion.example"}, "has to be like https://"),
        ({"FUSION_URL": f"http://127.0.0.1:{free_port()}"}, "cannot be reached"),
        ({"FUSION_URL": f"{shop.site.url}/elsewhere"}, "is no fusion site"),
        ({}, "There is no such preset. Presets: "),
    ]
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for env, message in cases:
        for name, value in {"FUSION_URL": shop.site.url, "FUSION_TOKEN": shop.token, **env}.items():
            monkeypatch.setenv(name, value)
        status = main(["--preset=nothing", "Which?"])
        told = capsys.readouterr()
        assert (status, told.out) == (2, "")
        assert message in told.err
        assert wrong not in told.err
        assert shop.token not in told.err


def test_what_login_keeps_is_for_its_owner_and_its_site_alone(shop: Shop, terminal: Terminal) -> None:
    typed = f"{shop.site.url}/\n{shop.token}\n"
    nothing = {"FUSION_URL": "", "FUSION_TOKEN": ""}
    kept = terminal.fusion("--login", piped=typed, **nothing)
    assert "bob@example.com" in kept.stderr
    assert shop.token not in kept.stderr + kept.stdout
    path = terminal.home / "fusion" / "config.toml"
    assert path.stat().st_mode & 0o777 == 0o600
    assert terminal.fusion("--preset=best", "Which?", **nothing).returncode == 0
    elsewhere = terminal.fusion("--preset=best", "Which?", FUSION_URL="http://other.example", FUSION_TOKEN="")
    assert "A token of the site is needed" in elsewhere.stderr
    path.chmod(0o640)
    refused = terminal.fusion("--preset=best", "Which?", **nothing)
    assert (refused.returncode, f"chmod 600 {path}" in refused.stderr) == (2, True)
    typed = f"{shop.site.url}\nfus_nobodys-token\n"
    assert terminal.fusion("--login", piped=typed, **nothing).returncode == 2
    assert shop.token in path.read_text()


def test_members_stand_side_by_side_in_a_terminal_and_cannot_steer_it(shop: Shop, terminal: Terminal) -> None:
    shop.say(ada=Script(["\x1b]0;owned\x07\x1b[2J", "red \x9b31m"]))
    near, far = pty.openpty()
    fcntl.ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    asked = terminal.begin("--preset=best", "Which?", stderr=far)
    os.close(far)
    shown = _all_of(near)
    out, _ = asked.communicate(timeout=WITHIN_S)
    assert out == "bea says this much.\n"
    assert re.search(r"Ada +│ Bea +│ Cyd\r\n", shown)
    assert re.search(r"complete, 22 characters +│ complete, 19 characters +│ complete, 19 characters", shown)
    assert "owned" in shown
    assert set(re.findall(r"[\x07\x9b]|\x1b\[?[^a-zA-Z]*[a-zA-Z]?", shown)) <= {
        "\x1b[J",
        *(f"\x1b[{n}F" for n in range(30)),
    }


def _all_of(near: int) -> str:
    """Give what is shown on a terminal until nobody writes to it any more."""
    shown = b""
    try:
        while piece := os.read(near, 65536):
            shown += piece
    except OSError:  # the last writer has gone
        pass
    os.close(near)
    return shown.decode()
