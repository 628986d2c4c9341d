"""By which name a call can be asked for afterwards, and who served it: known from its first sign of life, however it ends."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from fusion_site.engine.asking import AskAccepted, AskFinished, AskStarted, AskText, Outcome
from fusion_site.engine.events import AnswerAccepted, StepAccepted, StepFinished, StepStarted
from fusion_site.engine.results import AnswerKey
from tests.engine.judges import holding, judge_by
from tests.engine.recording import cast, record, settings
from tests.engine.scripted import Hang, Script, fails, writes

GENERATION = AskAccepted("gen-1", "BaseTen", "vendor/served")
ONE, TWO = "One answer.", "Two answers."


def test_a_stopped_answer_says_which_call_it_was_and_who_served_it() -> None:
    hanging: Script = [AskStarted(), GENERATION, AskText("begun"), Hang()]
    told = record(
        settings(),
        cast(writes(ONE), writes(TWO), hanging, judge=judge_by(holding("One"))),
        at={0.5: lambda control: control.stop(AnswerKey(0, 2))},
    )
    result = told.result(2)
    assert (result.outcome, result.text) == (Outcome.CANCELLED, "begun")
    assert (result.generation_id, result.provider, result.served_model) == (
        "gen-1",
        "BaseTen",
        "vendor/served",
    )
    assert told.all(AnswerAccepted) == [AnswerAccepted(AnswerKey(0, 2), GENERATION)]


def test_an_answer_that_ends_keeps_its_name_and_takes_the_last_word_on_who_served_it() -> None:
    end = AskFinished(Outcome.COMPLETE, cost_usd=Decimal(1), served_model="vendor/fallback", provider="Groq")
    script: Script = [AskStarted(), GENERATION, AskText(ONE), end]
    told = record(settings(), cast(script, writes(TWO), fails(), judge=judge_by(holding("One"))))
    result = told.result(0)
    assert (result.generation_id, result.served_model, result.provider) == (
        "gen-1",
        "vendor/fallback",
        "Groq",
    )


def test_of_two_requests_of_one_ask_the_last_one_counts() -> None:
    second = replace(GENERATION, generation_id="gen-2")
    script: Script = [AskStarted(), GENERATION, second, AskText(ONE), AskFinished(Outcome.INTERRUPTED)]
    told = record(settings(), cast(script, writes(TWO), writes(ONE), judge=judge_by(holding("One"))))
    assert told.result(0).generation_id == "gen-2"


def test_a_call_by_the_judge_that_ran_out_of_time_says_which_call_it_was() -> None:
    judge: Script = [AskStarted(), GENERATION, AskText("I begin"), Hang()]
    told = record(settings(deadline_s=40.0), cast(writes(ONE), writes(TWO), fails(), judge=judge))
    started, finished = told.all(StepStarted)[0], told.all(StepFinished)[0]
    assert StepAccepted(started.name, GENERATION) in told.all(StepAccepted)
    assert started.connection
    assert (finished.result.outcome, finished.result.generation_id) == (Outcome.ERROR, "gen-1")
    assert finished.result.provider == "BaseTen"


def test_a_server_that_says_nothing_of_itself_leaves_it_unknown() -> None:
    told = record(settings(), cast(writes(ONE), writes(TWO), writes(ONE), judge=judge_by(holding("One"))))
    assert [told.result(n).generation_id for n in range(3)] == [None, None, None]
    assert told.all(AnswerAccepted) == []
