"""One line per record, whatever it holds, and no secrets: what the site's own log form promises of any line."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.test import RequestFactory

from fusion_site.ops.log_facts import about, carrying
from fusion_site.ops.logs import JsonLines, Lines, PlainLines
from fusion_site.ops.loop import LoopWatch

ROOT = Path(__file__).resolve().parents[2]
SEALING = "c2VhbGluZy1rZXktb2YtdGhpcy1zaXRl"
SECRETS = [
    "sk-or-v1-0123456789abcdef",
    "fus_0123456789abcdefghij",
    "Bearer abcdefgh.ijkl",
    "Authorization: Bearer x",
    "gAAAAABm0123456789abcdefghijklmnopqrs",
    "postgres://fusion:hunter22@db/fusion",
    "Cookie: sid=0123456789abcdef; csrf=fedcba9876543210",
    "GET /connections/openrouter/s/?code=0123456789",
    SEALING,
]
HIDDEN_PARTS = ["0123456789", "abcdefgh", "hunter22", "fedcba", "Bearer x", SEALING]


def record(message: str, *args: object, **extra: Any) -> logging.LogRecord:
    """Give a record as a logger makes it."""
    return logging.getLogger("a.room").makeRecord(
        "a.room", logging.ERROR, __file__, 1, message, args, extra.pop("exc_info", None), extra=extra
    )


@pytest.fixture(params=[PlainLines, JsonLines])
def form(request: pytest.FixtureRequest) -> Lines:
    """Give each form in turn."""
    made: Lines = request.param([SEALING])
    return made


@pytest.mark.parametrize("secret", SECRETS)
def test_what_looks_like_a_secret_is_hidden_wherever_it_stands(form: Lines, secret: str) -> None:
    try:
        raise ValueError(f"cannot use {secret}")
    except ValueError:
        failed = record("said %s", secret, exc_info=sys.exc_info(), **carrying(also=secret))
    line = form.format(failed)
    assert line.count("[hidden]") >= 3
    assert not [part for part in HIDDEN_PARTS if part in line]


def test_words_that_are_no_secret_stay(form: Lines) -> None:
    line = form.format(
        record("the task-list of sk- and the run ks2hjzm5y3f5p7kq2m6sbn4d at http://host:80/v1")
    )
    assert "[hidden]" not in line


def test_nobody_can_write_a_line_of_their_own(form: Lines) -> None:
    forged = 'model\n{"level":"info","message":"a run is over"}\r2026-11-26 INFO x: y'
    line = form.format(record("asking %s failed", forged))
    assert len(line.splitlines()) == 1


def test_a_traceback_names_causes_but_not_the_rows_that_databases_quote(form: Lines) -> None:
    reason = "not null\nDETAIL:  Failing row contains (my prompt)"
    try:
        try:
            raise KeyError("inner")
        except KeyError as inner:
            raise ValueError(reason) from inner
    except ValueError:
        line = form.format(record("it failed", exc_info=sys.exc_info()))
    assert "KeyError: 'inner'" in line
    assert "ValueError: not null" in line
    assert "test_logs.py" in line
    assert "my prompt" not in line


def test_long_texts_are_cut(form: Lines) -> None:
    line = form.format(record("got %s", "x" * 5000))
    assert len(line) < 2500
    assert "5004 characters" in line


def test_an_unknown_address_is_not_repeated(form: Lines) -> None:
    request = RequestFactory().get("/s/link-token/")
    line = form.format(record("Internal Server Error: %s", request.path, request=request, status_code=500))
    assert "GET (no such address) was answered by 500" in line
    assert "link-token" not in line


def test_facts_of_what_is_worked_on_reach_tasks_and_end_with_it() -> None:
    form = JsonLines()

    async def inside() -> str:
        return form.format(record("now", **carrying(outcome="error", status=None)))

    async def work() -> str:
        with about(run="r1"), about(request="q1"):
            return await asyncio.create_task(inside())

    line = json.loads(asyncio.run(work()))
    assert {"run": "r1", "request": "q1", "outcome": "error"}.items() <= line.items()
    assert "status" not in line
    with about(run="r2"):
        assert json.loads(form.format(record("inside")))["run"] == "r2"
    assert "run" not in json.loads(form.format(record("later")))


def test_a_task_whose_failure_nobody_sees_is_told_by_what_it_does(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise ValueError("unseen")

    async def lose_it() -> None:
        watch = LoopWatch()
        watch.start()
        task = asyncio.create_task(fail())
        await asyncio.wait([task])
        del task
        assert watch.is_turning()
        await watch.stop()

    asyncio.run(lose_it())
    told = [r for r in caplog.records if r.name == "fusion_site.ops.loop"]
    message, why = told[0].getMessage().split(": ")
    assert (len(told), why) == (1, "Task exception was never retrieved")
    assert message.startswith("nobody waited for what failed in test_a_task_whose")
    assert message.endswith(".fail")
    assert "ValueError: unseen" in JsonLines().format(told[0])


@pytest.mark.parametrize(("level", "told"), [("error", []), ("Warning", ["daphne", "fusion_site"])])
def test_the_level_holds_for_libraries_too(level: str, told: list[str], tmp_path: Path) -> None:
    code = "import logging; [logging.getLogger(n).warning('x') for n in ('daphne', 'fusion_site')]"
    done = manage(tmp_path, "shell", "--verbosity", "0", "-c", code, FUSION_LOG_LEVEL=level)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["logger"] for line in done.stderr.splitlines()] == told


def test_a_form_that_there_is_not_is_refused_in_a_sentence(tmp_path: Path) -> None:
    done = manage(tmp_path, "check", FUSION_LOG_FORMAT="xml")
    assert done.returncode != 0
    told = "The settings cannot work: FUSION_LOG_FORMAT must be one of json, plain, not 'xml'"
    assert done.stderr.splitlines() == [told]


def manage(data_dir: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command as the operator does."""
    own = {**os.environ, "FUSION_DATA_DIR": str(data_dir), "FUSION_LOG_FORMAT": "json", **env}
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=own, capture_output=True, text=True)
