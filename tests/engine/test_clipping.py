"""Long candidates are shortened to the judge's window: fairly, at both ends of nothing, and marked."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest

from fusion_site.engine.candidates import Candidate, clipped, size_of
from fusion_site.engine.results import AnswerKey, Source
from fusion_site.engine.settings import Mode
from fusion_site.engine.window import Window
from tests.engine.judges import candidates_in, fences_in, holding, judge_by, task_of
from tests.engine.recording import JUDGE, Recording, cast, record, settings
from tests.engine.scripted import InTurn, writes


def candidates(*texts: str) -> list[Candidate]:
    """Give candidates with these texts."""
    return [Candidate(AnswerKey(0, n), text) for n, text in enumerate(texts)]


def sizes(budget: int, *lengths: int) -> list[int]:
    """Give the bytes that texts of these lengths keep."""
    return [size_of(c.text) for c in clipped(candidates(*("x" * n for n in lengths)), budget)]


@pytest.mark.parametrize(
    ("budget", "lengths", "kept"),
    [
        (900, [100, 200, 300], [100, 200, 300]),
        (600, [100, 200, 300], [100, 200, 300]),
        (500, [100, 200, 300], [100, 200, 200]),
        (400, [100, 200, 300], [100, 150, 150]),
        (300, [100, 200, 300], [100, 100, 100]),
        (1000, [5000, 100, 5000, 200], [350, 100, 350, 200]),
        (1000, [10, 10, 10, 5000], [10, 10, 10, 970]),
        (1000, [400, 400, 400], [333, 333, 333]),
        (1000, [5000], [1000]),
    ],
)
def test_short_ones_keep_all_and_the_long_ones_share_the_rest(
    budget: int, lengths: list[int], kept: list[int]
) -> None:
    found = sizes(budget, *lengths)
    # The share is used up to what rounding two thirds and one third leaves.
    assert all(want - 3 <= got <= want for want, got in zip(kept, found, strict=True)), found


def test_head_and_tail_stay_and_what_is_missing_is_counted() -> None:
    text = "".join(f"{n:04}" for n in range(1000))
    (cut,) = clipped(candidates(text), 1000)
    head, omitted, tail = re.fullmatch(
        r"(\d+)\n\[\.\.\. (\d+) characters omitted \.\.\.\]\n(\d+)", cut.text
    ).groups()  # type: ignore[union-attr]
    assert text.startswith(head)
    assert text.endswith(tail)
    assert len(head) + int(omitted) + len(tail) == len(text)
    assert 1.8 < len(head) / len(tail) < 2.2
    assert cut.clipped is True


def test_any_texts_fit_any_budget() -> None:
    rng = random.Random(5)
    for _ in range(600):
        texts = [
            "".join(rng.choice("aé漢😀\n") for _ in range(rng.randrange(400)))
            for _ in range(rng.randrange(1, 9))
        ]
        budget = rng.randrange(1, 3000)
        found = clipped(candidates(*texts), budget)
        if budget >= 50 * len(texts):
            assert sum(size_of(c.text) for c in found) <= budget
        for before, after in zip(texts, found, strict=True):
            assert after.clipped == (after.text != before)
            after.text.encode()
        whole = [size_of(t) for t, c in zip(texts, found, strict=True) if not c.clipped]
        cut = [size_of(t) for t, c in zip(texts, found, strict=True) if c.clipped]
        assert not whole or not cut or max(whole) <= min(cut)


def judged(mode: Mode, window: int | None, *texts: str, **more: Any) -> Recording:
    """Run members that write these texts, with a judge of this window."""
    judge = more.pop("jury", judge_by(holding("alpha")))
    return record(
        settings(mode, members=len(texts), quorum=len(texts), judge={"window": window}, **more),
        cast(*(writes(text) for text in texts), judge=judge),
    )


LONG = "alpha " + " ".join(f"words-{n}" for n in range(3000)) + " omega."
SHORT = "A short one."


@pytest.mark.parametrize("window", [4096, 8192, 16384])
def test_the_prompt_and_its_reply_fit_the_window(window: int) -> None:
    told = judged(Mode.MERGE, window, LONG, LONG.replace("alpha", "beta"), SHORT, do_no_harm=True)
    assert len(told.asker.calls_to(JUDGE)) == 5
    for call in told.asker.calls_to(JUDGE):
        prompt = sum(size_of(m.content) for m in call.ask.messages) / 3
        assert call.ask.sampling.max_tokens is not None
        assert call.ask.sampling.max_tokens >= window // 5
        assert prompt + call.ask.sampling.max_tokens <= window
        assert "(clipped)" in call.prompt
    assert SHORT in candidates_in(told.asker.calls_to(JUDGE)[0].ask).values()


def test_a_clipped_winner_is_returned_whole_and_the_verdict_says_it_was_clipped() -> None:
    told = judged(Mode.BEST_OF, 4096, LONG, SHORT)
    assert told.text == LONG
    rows = {tuple(c["answer"]): c["clipped"] for c in told.verdict["candidates"]}
    assert rows == {(0, 0): True, (0, 1): False}


def test_the_merger_gets_more_of_three_than_the_judge_got_of_eight() -> None:
    told = judged(Mode.MERGE, 16384, *(f"{n} {LONG}" for n in range(8)))
    judge, merge = told.asker.calls_to(JUDGE)[0], told.asker.calls_to(JUDGE)[-1]
    assert task_of(merge.ask) == "merge"
    of_eight, of_three = (
        max(size_of(t) for t in candidates_in(call.ask).values()) for call in (judge, merge)
    )
    assert of_three > of_eight * 1.5


def test_without_a_known_window_nothing_is_clipped() -> None:
    told = judged(Mode.BEST_OF, None, LONG, SHORT)
    assert LONG in candidates_in(told.asker.calls_to(JUDGE)[0].ask).values()


def test_a_repair_that_would_not_fit_is_asked_as_the_first_time() -> None:
    bad = writes("What? " * 1500)
    told = judged(Mode.BEST_OF, 4096, LONG, SHORT, jury=InTurn(bad, bad, judge_by(holding("alpha"))))
    calls = told.asker.calls_to(JUDGE)
    assert calls[2].ask.messages == calls[0].ask.messages
    assert told.fused.source is Source.BEST_OF


def test_quotes_are_looked_for_in_what_the_judge_was_shown() -> None:
    def jury(ask: Any) -> Any:
        rows = [
            {"label": letter, "criteria": [{"name": "Correct", "met": True, "quote": quote}]}
            for letter, text in candidates_in(ask).items()
            for quote in ([LONG[9000:9050]] if "alpha" in text else [SHORT])
        ]
        return judge_by(holding("alpha"), candidates=rows)(ask)

    told = judged(Mode.BEST_OF, 4096, LONG, SHORT, jury=jury)
    quotes = {tuple(c["answer"]): c["criteria"][0]["quote"] for c in told.verdict["candidates"]}
    assert quotes == {(0, 0): "", (0, 1): SHORT}


def test_a_question_longer_than_the_window_leaves_the_candidates_a_little() -> None:
    told = judged(Mode.BEST_OF, 4096, LONG, SHORT, question="Why? " * 5000)
    call = told.asker.calls_to(JUDGE)[0]
    assert fences_in(call.ask, "question")[""] == "Why? " * 5000
    assert sum(size_of(t) for t in candidates_in(call.ask).values()) <= 600


def test_a_window_shares_what_it_has() -> None:
    assert Window(None).reply_tokens((), 4096) == 4096
    assert Window(10_000).room((), 4096) == (9000 - 2000) * 3
    assert Window(100_000).room((), 4096) == (90_000 - 4096) * 3
    assert Window(10_000).reply_tokens((), 4096) == 4096
