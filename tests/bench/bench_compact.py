"""The Compact host beside what else serves a GGUF file: one file, one run. Compare ratios, and only on a quiet machine.

`make bench MODEL=/path/to/file.gguf` takes a file of yours; else the bench writes one of half a gigabyte with random
weights, which computes as a real model does. It must not end an answer early, so a file of yours may make the rates of all
contenders a little wrong, in the same way. llama-server takes part where it is installed. The judge's first word is measured with
four layers of that model.

Every ask is a prompt of some 80 tokens of its own and an answer of 64. All contenders are loaded at once where memory
allows that, and take turns at each number of streams, so that whatever else the machine does meets all of them.
"""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter
from urllib.parse import urlsplit

import httpx
import pytest

from fusion_site.compact.machine import free_bytes
from fusion_site.engine.asking import (
    Ask,
    Asker,
    AskEvent,
    AskFinished,
    AskStarted,
    AskText,
    Message,
    ModelRef,
    Outcome,
)
from fusion_site.engine.fuse import fuse
from fusion_site.engine.settings import FusionSettings, Judge, Member, Mode
from fusion_site.providers import Endpoint, Providers
from tests.bench.contenders import (
    CONTENDERS,
    PATIENCE_S,
    Contender,
    Figures,
    Served,
    compact,
    largest_gap,
    llama_server,
    measure,
)
from tests.bench.midsize import write_midsize_gguf
from tests.bench.source import ROOT
from tests.providers.server import TRUSTED, asker_for

# How many answers at once, and how often that is measured: short measurements want more of them.
STREAMS = {1: 4, 2: 4, 4: 3, 8: 3, 16: 3}
LIMIT = 64
# As in the other benches: only a figure that misses its goal by this factor fails, for the machine may do other things.
MARGIN = 1.25
PROSE = " ".join((ROOT / "docs/method.md").read_text().split())
ANSWER = 1000  # characters of prose, which this model takes for about 400 tokens
ARRIVALS_S = (3.0, 7.0, 11.0, 15.0)
Table = dict[str, dict[int, Figures]]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the file to serve."""
    if given := os.environ.get("MODEL"):
        return Path(given).absolute()
    path = write_midsize_gguf(tmp_path_factory.mktemp("compact") / "midsize.gguf")
    print(f"\na model of {path.stat().st_size / 2**20:.0f} MiB with random weights")
    return path


@pytest.fixture(scope="module")
def quick_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a judge's file: one that two cores read as fast as the answers come, or most would be left to read in any case."""
    if given := os.environ.get("MODEL"):
        return Path(given).absolute()
    return write_midsize_gguf(tmp_path_factory.mktemp("judge") / "four-layers.gguf", layers=4)


@pytest.fixture(scope="module")
def scheduler_share() -> list[float]:
    """Hold what share of its steps the scheduler took for itself at 16 streams."""
    return []


@pytest.fixture(scope="module")
def table(model: Path, scheduler_share: list[float]) -> Table:
    """Measure everybody, and print that as it comes."""
    found: dict[str, dict[int, list[Figures]]] = {name: defaultdict(list) for name in CONTENDERS}
    for names in _together(model):
        with ExitStack() as stack:
            contenders = {name: stack.enter_context(CONTENDERS[name](model)) for name in names}
            asyncio.run(_measured(contenders, found, scheduler_share))
    return {name: {n: _middle(each) for n, each in by_streams.items()} for name, by_streams in found.items()}


def _together(model: Path) -> list[list[str]]:
    """Give who can be loaded at once: everybody, or each alone where so many copies do not fit in memory."""
    names = list(CONTENDERS)
    fits = 2 * len(names) * model.stat().st_size < free_bytes()
    return [names] if fits else [[name] for name in names]


async def _measured(
    contenders: dict[str, Contender], found: dict[str, dict[int, list[Figures]]], share: list[float]
) -> None:
    """Ask everybody once to warm up, then in turn with each number of streams at once."""
    names = list(contenders)
    for name in names:
        await measure(contenders[name], [_prompt(0)], 4)
    for streams, rounds in STREAMS.items():
        for turn in range(rounds):
            prompts = [_prompt(streams * 100 + turn * streams + number) for number in range(streams)]
            for name in names:
                before = await _steps(contenders[name])
                figures = await measure(contenders[name], prompts, LIMIT)
                print(f"\n{name:>20}  {streams:2}: {figures.rate:5.1f}/s {figures.first_s:5.2f}s", end="")
                found[name][streams].append(figures)
                after = await _steps(contenders[name])
                if before and after and streams == max(STREAMS):
                    step_s, decode_s = (after[n] - before[n] for n in (0, 1))
                    share.append((step_s - decode_s) / step_s)
            names.reverse()


def _middle(found: list[Figures]) -> Figures:
    return Figures(median(each.rate for each in found), median(each.first_s for each in found))


async def _steps(contender: object) -> tuple[float, float] | None:
    """Seconds of all steps of this host so far, and of llama.cpp within them."""
    if not isinstance(contender, Served) or not contender.key:
        return None
    headers = {"authorization": f"Bearer {contender.key}"}
    async with httpx.AsyncClient(trust_env=False) as client:
        url = contender.base_url.removesuffix("/v1") + "/metrics"
        lines = (await client.get(url, headers=headers)).text.splitlines()
    known = dict(line.split() for line in lines if not line.startswith("#"))
    return float(known["compact_step_seconds_total"]), float(known["compact_decode_seconds_total"])


def _prompt(number: int) -> str:
    """Some 80 tokens of prose that share their beginning with no other prompt."""
    return f"{number}. " + PROSE[number * 7 % 3000 :][:200]


def _told(what: str, figure: float, goal: float, *, most: bool = False) -> None:
    """Print a figure beside its goal, and hold it to that, but for the margin."""
    sign = "at most" if most else "at least"
    print(f"\n{what}: {figure:.2f} (goal: {sign} {goal})")
    assert figure <= goal * MARGIN if most else figure >= goal / MARGIN


@pytest.mark.parametrize(("streams", "goal"), [(16, 2.0), (4, 1.4)])
def test_tokens_per_second(table: Table, streams: int, goal: float) -> None:
    ours, theirs = table["this host"][streams], table["llama_cpp.server"][streams]
    _told(f"tokens per second to llama_cpp.server at {streams} streams", ours.rate / theirs.rate, goal)


def test_the_first_token(table: Table) -> None:
    ours, theirs = table["this host"][16], table["llama_cpp.server"][16]
    _told(
        "median first token to llama_cpp.server at 16 streams", ours.first_s / theirs.first_s, 0.3, most=True
    )


@pytest.mark.parametrize("streams", STREAMS)
def test_beside_llama_server(table: Table, streams: int) -> None:
    if "llama-server" not in table:
        pytest.skip("llama-server is not installed")
    ratio = table["this host"][streams].rate / table["llama-server"][streams].rate
    _told(f"tokens per second to llama-server at {streams} streams", ratio, 0.95)


def test_what_the_scheduler_takes_itself(table: Table, scheduler_share: list[float]) -> None:
    _told("per cent of a step that is not llama.cpp, at 16 streams", 100 * scheduler_share[0], 5.0, most=True)


def test_running_answers_while_others_join(model: Path) -> None:
    joiners = [f"{number}: " + PROSE[number * 11 :][:1000] for number in range(15)]
    for name, serving in {"this host": compact, "llama-server": llama_server}.items():
        if name not in CONTENDERS:
            continue
        with serving(model) as contender:
            gap = asyncio.run(largest_gap(contender, _prompt(1), joiners, 1000))
        if name == "this host":
            _told("seconds, the largest gap in a running answer while 15 join", gap, 0.6, most=True)
        else:
            print(f"\n{name}: {gap:.2f} s, the largest gap in a running answer while 15 join")


@dataclass
class Staged:
    """Members that answer at set times, beside a real judge; says when the last was in and the judge's first word."""

    judge: Asker
    at: dict[str, float] = field(default_factory=dict)
    first_words: list[float] = field(default_factory=list)

    async def ask(self, ask: Ask) -> AsyncGenerator[AskEvent, None]:
        """Stream a member's answer when its time has come, or the judge's."""
        if ask.model.connection == "judge":
            async with aclosing(self.judge.ask(ask)) as events:
                async for event in events:
                    if isinstance(event, AskText):
                        self.first_words.append(perf_counter())
                    yield event
            return
        number = int(ask.model.model)
        yield AskStarted()
        await asyncio.sleep(ARRIVALS_S[number])
        yield AskText(PROSE[number * 900 :][:ANSWER])
        self.at["last"] = perf_counter()
        yield AskFinished(Outcome.COMPLETE)

    async def read_ahead(self, ask: Ask) -> None:
        """Have the judge's server read."""
        await self.judge.read_ahead(ask)


def _pool(model: str, *, reads_ahead: bool) -> FusionSettings:
    """Four members and this judge, which compares all four in both orders and is asked nothing before that."""
    return FusionSettings(
        Mode.DEBATE,
        tuple(Member(n, f"Member {n}", ModelRef("members", str(n))) for n in range(len(ARRIVALS_S))),
        Judge("Judge", ModelRef("judge", model), reads_ahead=reads_ahead),
        (Message("user", "How does this site make one answer of many?"),),
        quorum=len(ARRIVALS_S),
        debate_rounds=0,
        seed=7,
    )


async def _first_word_after(host: Served, *, reads_ahead: bool) -> float:
    """Give the seconds from the last answer to the judge's first word; the run is dropped then."""
    providers = Providers(frozenset({urlsplit(host.base_url).netloc}), tls=TRUSTED)
    staged = Staged(asker_for(providers, Endpoint(host.base_url, host.key, "compact")))

    async def run() -> None:
        async with aclosing(fuse(_pool(host.model, reads_ahead=reads_ahead), staged)) as events:
            async for _ in events:
                pass

    async with asyncio.timeout(PATIENCE_S):
        running = asyncio.create_task(run())
        while not staged.first_words:
            assert not running.done(), "the run ended without a word of the judge"
            await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.wait([running])
    await providers.aclose()
    return staged.first_words[0] - staged.at["last"]


def test_the_judges_first_word(quick_model: Path) -> None:
    """Each in a host of its own, so that the second finds nothing in memory."""
    seconds = []
    for reads_ahead in (False, True):
        with compact(quick_model) as host:
            seconds.append(asyncio.run(_first_word_after(host, reads_ahead=reads_ahead)))
    print(
        f"\nthe judge's first word, 4 candidates: {seconds[0]:.2f} s, read ahead {seconds[1]:.2f} s", end=""
    )
    _told("with reading ahead to without", seconds[1] / seconds[0], 1 / 3, most=True)
