"""Whole runs: the engine asks the scripted models over HTTP, through the same providers that ask real ones."""

from __future__ import annotations

from typing import Any

import pytest

from fusion_site.engine.asking import Asker, ErrorKind, Outcome
from fusion_site.engine.events import (
    AnswerFinished,
    AnswerReasoning,
    FusedDelta,
    FusedStarted,
    FusionFinished,
    VerdictFinished,
)
from fusion_site.engine.fuse import fuse
from fusion_site.engine.results import AnswerResult, Source
from fusion_site.engine.settings import FusionSettings, Mode
from fusion_site.providers import Endpoint, Providers
from fusion_site.rehearsal.host import RehearsalHost
from tests.rehearsal.asking import MEMBERS, script
from tests.rehearsal.cases import QUESTION, settings

DISPUTED = "what is 17*23? Please disagree."


class Seen:
    """What a run reported, sorted."""

    def __init__(self, events: list[Any]) -> None:
        self.finished: dict[tuple[int, ...], AnswerResult] = {
            tuple(e.key): e.result for e in events if isinstance(e, AnswerFinished)
        }
        self.verdict = next((e.verdict for e in events if isinstance(e, VerdictFinished)), {})
        self.source = next((e.source for e in reversed(events) if isinstance(e, FusedStarted)), None)
        self.fused = "".join(e.text for e in events if isinstance(e, FusedDelta))
        self.reasoning = [e for e in events if isinstance(e, AnswerReasoning)]
        assert isinstance(events[-1], FusionFinished)
        self.state = events[-1].state


async def run(host: RehearsalHost, wanted: FusionSettings) -> Seen:
    """Drive one run to its end."""
    address = f"127.0.0.1:{host.port}"
    providers = Providers(frozenset({address}))

    async def endpoint(_: str) -> Endpoint:
        return Endpoint(f"http://{address}/v1", host.key, "rehearsal")

    asker: Asker = providers.asker(endpoint)
    try:
        return Seen([event async for event in fuse(wanted, asker)])
    finally:
        await providers.aclose()


async def test_best_of_returns_the_winner_word_for_word(host: RehearsalHost) -> None:
    seen = await run(host, settings(mode=Mode.BEST_OF))
    assert (seen.state, seen.source) == ("done", Source.BEST_OF)
    assert len(seen.finished) == 3
    assert {result.outcome for result in seen.finished.values()} == {Outcome.COMPLETE}
    assert {result.cost_usd for result in seen.finished.values()} == {0}
    assert seen.fused == seen.finished[tuple(seen.verdict["winner"])].text
    assert seen.verdict["close_call"] is False
    assert len(seen.verdict["passes"]) == 2
    assert seen.verdict["consensus"]
    assert seen.verdict["contradictions"]
    assert seen.verdict["unique_insights"]
    assert seen.reasoning


async def test_merge_writes_a_text_of_its_own(host: RehearsalHost) -> None:
    seen = await run(host, settings(mode=Mode.MERGE))
    assert (seen.state, seen.source) == ("done", Source.MERGE)
    assert seen.fused not in {result.text for result in seen.finished.values()}
    assert "One answer adds" in seen.fused


async def test_do_no_harm_compares_the_merge_with_the_best(host: RehearsalHost) -> None:
    seen = await run(host, settings(mode=Mode.MERGE, do_no_harm=True))
    assert seen.state == "done"
    assert seen.source is Source.MERGE
    assert seen.fused


async def test_debate_ends_in_agreement_after_a_change(host: RehearsalHost) -> None:
    seen = await run(host, settings(DISPUTED, mode=Mode.DEBATE))
    assert (seen.state, seen.source) == ("done", Source.DEBATE)
    assert len(seen.finished) == 6
    assert seen.finished[(1, 1)].text.startswith("CHANGE\n")
    assert "Answer: 391" in seen.fused


async def test_answers_that_agree_need_no_judge(host: RehearsalHost) -> None:
    seen = await run(host, settings("what is 17*23?"))
    assert (seen.state, seen.source) == ("done", Source.VOTE)
    assert "3 answers agreed on 391" in seen.verdict["note"]


@pytest.mark.parametrize(
    ("word", "outcome", "kind"),
    [
        ("rate_limit", Outcome.ERROR, ErrorKind.RATE_LIMIT),
        ("overloaded", Outcome.ERROR, ErrorKind.OVERLOADED),
        ("auth", Outcome.ERROR, ErrorKind.AUTH),
        ("cut", Outcome.INTERRUPTED, ErrorKind.NETWORK),
        ("empty", Outcome.EMPTY, None),
        ("length", Outcome.TRUNCATED, None),
        ("filter", Outcome.FILTERED, ErrorKind.MODERATION),
    ],
)
async def test_the_moody_member_fails_in_its_own_way_and_stops_nobody(
    host: RehearsalHost, word: str, outcome: Outcome, kind: ErrorKind | None
) -> None:
    models = [*MEMBERS[:2], "rehearsal/moody"]
    seen = await run(host, settings(f"{QUESTION} fail:{word}", models=models))
    assert (seen.state, seen.source) == ("done", Source.BEST_OF)
    moody = seen.finished[(0, 2)]
    assert moody.outcome is outcome
    assert (moody.error.kind if moody.error else None) is kind
    assert seen.fused == script(models[seen.verdict["winner"][1]], f"{QUESTION} fail:{word}").text
