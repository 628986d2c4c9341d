"""The scripted judge before it compares: what a right answer needs, and what one answer meets by itself."""

from __future__ import annotations

import pytest

from fusion_site.engine.asking import Outcome
from fusion_site.engine.checks import Check, checks_in
from fusion_site.engine.ladder import find_object
from fusion_site.engine.needs import needs_in
from fusion_site.engine.prompts import judge_messages, needs_messages, score_messages
from fusion_site.engine.results import AnswerResult
from fusion_site.engine.settings import DEFAULT_CRITERIA
from fusion_site.engine.verdict import read_verdict
from tests.rehearsal.asking import MEMBERS, PROMPTS, reply, script
from tests.rehearsal.cases import QUESTION, candidates, settings


def scored(text: str, question: str = QUESTION, needs: tuple[str, ...] = ()) -> tuple[Check, ...]:
    """Give the checks of one answer as the engine reads them."""
    said = reply(score_messages(settings(question), candidates([text]), needs))
    return checks_in(find_object(said, "criteria")[1]["criteria"], text)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_every_criterion_is_checked_with_quotes_that_stand_there(prompt: str) -> None:
    for model in MEMBERS:
        text = script(model, prompt).text
        checks = scored(text, prompt)
        assert [check.name for check in checks] == [criterion.name for criterion in DEFAULT_CRITERIA]
        assert all(check.quote in text for check in checks)


def test_an_empty_answer_meets_less_than_a_good_one() -> None:
    good = scored(script(MEMBERS[0], QUESTION).text)
    assert sum(check.met for check in good) > sum(check.met for check in scored("I do not know."))


def test_what_is_needed_changes_no_score() -> None:
    text = script(MEMBERS[0], QUESTION).text
    assert scored(text, needs=("It says why.",)) == scored(text)


def test_a_wrong_value_is_not_correct() -> None:
    correct = {value: scored(f"Answer: {value}", "what is 17*23?")[0].met for value in ("391", "392")}
    assert correct == {"391": True, "392": False}


@pytest.mark.parametrize("prompt", PROMPTS)
def test_what_is_needed_is_a_list_about_the_question(prompt: str) -> None:
    needs = needs_in(AnswerResult(Outcome.COMPLETE, reply(needs_messages(settings(prompt)))))
    assert 1 <= len(needs) <= 5
    assert all(len(need) < 200 for need in needs)


def test_the_needs_of_a_sum_name_its_value() -> None:
    assert "391" in reply(needs_messages(settings("what is 17*23?")))


def test_a_comparison_that_is_shown_them_comes_to_the_same_verdict() -> None:
    shown = candidates([script(model, QUESTION).text for model in MEMBERS])
    told = [reply(judge_messages(settings(), shown, needs)) for needs in ((), ("It says why.",))]
    assert read_verdict(told[0], shown) == read_verdict(told[1], shown)
