"""A judge that picks an answer of its own family is confirmed by a second judge, where there is one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fusion_site.engine.asking import ModelRef
from fusion_site.engine.family import family_of
from fusion_site.engine.results import Source
from fusion_site.engine.settings import Mode
from tests.engine.judges import candidates_in, first_shown, holding, judge_by
from tests.engine.recording import JUDGE, SECOND, Recording, cast, member, record, settings
from tests.engine.scripted import InTurn, Part, fails, hangs, writes

ONE, TWO = "One way to see it.", "Two ways to see it."
OWN = replace(member(0), model=ModelRef("c", "jury/model-0"))


def judged(
    judge: Part,
    second: Part,
    own: bool = True,
    is_set: bool = True,
    mode: Mode = Mode.BEST_OF,
    deadline_s: float = 300,
    **setting: Any,
) -> Recording:
    """Run two members, the first of which is of the judge's family if `own`."""
    first = OWN if own else member(0)
    asker = cast(writes(ONE), writes(TWO), judge=judge, second=second)
    asker = replace(asker, scripts={**asker.scripts, OWN.model.model: writes(ONE)})
    chosen = {"second": ModelRef("c", SECOND) if is_set else None, **setting}
    return record(settings(mode, members=(first, member(1)), judge=chosen, deadline_s=deadline_s), asker)


def test_a_pick_of_another_family_needs_no_second_judge() -> None:
    told = judged(judge_by(holding("Two")), fails())
    assert told.asker.calls_to(SECOND) == []
    assert told.verdict["second"] == []
    assert told.text == TWO


def test_a_judge_of_no_members_family_needs_no_second_judge() -> None:
    told = judged(judge_by(holding("One")), fails(), own=False)
    assert told.asker.calls_to(SECOND) == []


def test_without_a_second_judge_an_own_pick_stands() -> None:
    told = judged(judge_by(holding("One")), fails(), is_set=False)
    assert (told.text, told.verdict["close_call"]) == (ONE, False)


@pytest.mark.parametrize("swap", [True, False])
def test_an_own_pick_that_is_shared_in_both_orders_stands(swap: bool) -> None:
    told = judged(judge_by(holding("One")), judge_by(holding("One")), swap_check=swap)
    first, second = told.asker.calls_to(SECOND)
    assert list(candidates_in(first.ask)) == list(candidates_in(second.ask))[::-1]
    assert first.at == second.at
    assert [p["model"] for p in told.verdict["second"]] == [SECOND, SECOND]
    assert (told.text, told.verdict["close_call"], told.verdict["note"]) == (ONE, False, "")


@pytest.mark.parametrize("pick", [holding("Two"), first_shown, lambda shown: None])
def test_an_own_pick_that_is_not_shared_is_a_close_call_and_the_score_over_both_decides(pick: Any) -> None:
    marks = {"One": [True, False, False, False], "Two": [True] * 4}
    told = judged(judge_by(holding("One")), judge_by(pick, marks=marks))
    assert told.verdict["close_call"] is True
    assert "own model family" in told.verdict["note"]
    assert told.fused.note == told.verdict["note"]
    assert told.text == TWO


@pytest.mark.parametrize("second", [fails(), InTurn(judge_by(holding("One")), fails())])
def test_a_second_judge_that_fails_leaves_the_pick_and_says_so(second: Part) -> None:
    told = judged(judge_by(holding("One")), second)
    assert told.text == ONE
    assert told.verdict["close_call"] is True
    assert "could not be asked" in told.verdict["note"]
    assert told.fused.source is Source.BEST_OF


def test_a_second_judge_that_hangs_leaves_half_of_the_time_to_the_merge() -> None:
    told = judged(judge_by(holding("One")), hangs(), mode=Mode.MERGE, deadline_s=102)
    assert [call.closed_at for call in told.asker.calls_to(SECOND)] == [52.0, 52.0]
    assert told.text == "The merged answer."
    assert "could not be asked" in told.verdict["note"]


def test_a_close_call_needs_no_second_judge() -> None:
    told = judged(judge_by(first_shown), fails())
    assert told.asker.calls_to(SECOND) == []


def test_the_verdict_says_whether_the_judges_own_model_is_in_the_pool() -> None:
    assert judged(judge_by(holding("Two")), fails()).verdict["judge_in_pool"] is False
    same = replace(member(0), model=ModelRef("other", JUDGE))
    asker = cast(writes(ONE), writes(TWO), judge=InTurn(writes(ONE), judge_by(holding("Two"))))
    told = record(settings(members=(same, member(1))), asker)
    assert told.verdict["judge_in_pool"] is True


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("openai/gpt-5.5", "openai"),
        ("o3-mini", "openai"),
        ("openai/gpt-oss-20b", "openai"),
        ("unsloth/gpt-oss-20b-GGUF", "openai"),
        ("anthropic/claude-opus-4.8", "anthropic"),
        ("claude-sonnet-5", "anthropic"),
        ("google/gemini-3-flash", "google"),
        ("gemma-3-12b-it", "google"),
        ("meta-llama/llama-4-maverick", "meta"),
        ("Meta-Llama-3.1-8B-Instruct", "meta"),
        ("bartowski/Qwen2.5-7B-Instruct-GGUF", "qwen"),
        ("qwen3:8b", "qwen"),
        ("mistralai/mixtral-8x7b", "mistral"),
        ("magistral-small", "mistral"),
        ("deepseek/deepseek-r1-distill-llama-70b", "deepseek"),
        ("hf.co/deepseek-ai/DeepSeek-V3", "deepseek"),
        ("x-ai/grok-4", "xai"),
        ("moonshotai/kimi-k2", "moonshot"),
        ("microsoft/phi-4", "microsoft"),
        ("phi4-mini", "microsoft"),
        ("z-ai/glm-4.6", "zai"),
        ("rehearsal/planner", "rehearsal"),
        ("our-own-model", "our-own-model"),
        ("acme/one", "acme"),
        ("graphical-model", "graphical-model"),
    ],
)
def test_families_are_told_by_ids(model: str, family: str) -> None:
    assert family_of(model) == family
