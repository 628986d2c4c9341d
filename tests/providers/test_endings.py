"""The seven outcomes, told apart by how a stream ends."""

from __future__ import annotations

import asyncio

import pytest

from fusion_site.engine.asking import ErrorKind, Outcome
from tests.providers.server import (
    DONE,
    RESET,
    RawServer,
    Result,
    Script,
    asker_for,
    body,
    event,
    frame,
    head,
    play,
    providers_for,
    question,
    says,
    stream,
)

CUT = b"ff\r\ndata: "


@pytest.mark.parametrize("reason", ["stop", "eos", "end_turn", "STOP", "whatever"])
async def test_a_finish_reason_proves_the_end(reason: str) -> None:
    result = await play(stream(says("a"), says(finish=reason), DONE))
    assert (result.outcome, result.finished.unconfirmed) == (Outcome.COMPLETE, False)


async def test_a_finish_reason_proves_the_end_even_where_the_connection_breaks_after_it() -> None:
    result = await play(stream(says("a", "stop"), end=CUT, then=RESET))
    assert (result.text, result.outcome) == ("a", Outcome.COMPLETE)


async def test_a_finish_reason_on_the_last_piece_of_text_as_vllm_sends_it() -> None:
    result = await play(stream(says("a"), says("b", "stop"), DONE))
    assert (result.text, result.outcome) == ("ab", Outcome.COMPLETE)


async def test_an_empty_finish_reason_on_every_chunk_is_none_as_in_old_ollama() -> None:
    result = await play(stream(says("a", ""), says("b", ""), says("", "stop"), DONE))
    assert (result.text, result.outcome) == ("ab", Outcome.COMPLETE)


async def test_done_and_a_clean_end_without_a_finish_reason_is_complete_but_unconfirmed() -> None:
    result = await play(stream(says("a"), DONE))
    assert (result.text, result.outcome) == ("a", Outcome.COMPLETE)
    assert result.finished.unconfirmed


async def test_done_before_a_broken_end_is_interrupted_as_llama_cpp_server_cuts_its_streams() -> None:
    result = await play(stream(says("a"), DONE, end=b""))
    assert (result.text, result.outcome) == ("a", Outcome.INTERRUPTED)


async def test_a_clean_end_with_neither_finish_reason_nor_done_is_interrupted() -> None:
    result = await play(stream(says("a")))
    assert (result.text, result.outcome) == ("a", Outcome.INTERRUPTED)
    assert result.error.kind is ErrorKind.NETWORK


async def test_a_close_delimited_body_that_just_ends_is_interrupted() -> None:
    result = await play(Script([head(chunked=False), event(says("a"))]))
    assert (result.text, result.outcome) == ("a", Outcome.INTERRUPTED)


async def test_a_body_that_breaks_off_keeps_the_text_so_far() -> None:
    result = await play(stream(says("a"), says("b"), end=CUT))
    assert (result.text, result.outcome) == ("ab", Outcome.INTERRUPTED)


async def test_a_reset_connection_keeps_the_text_so_far() -> None:
    seen = asyncio.Event()
    script = Script([head(), frame(event(says("a"))), frame(event(says("b"))), seen], RESET)
    async with RawServer([script]) as server:
        providers = providers_for(server)
        events = []
        async for happened in asker_for(providers, server.endpoint()).ask(question()):
            events.append(happened)
            if Result(events).text == "ab":
                seen.set()
        await providers.aclose()
    assert (Result(events).text, Result(events).outcome) == ("ab", Outcome.INTERRUPTED)


async def test_ollama_turning_an_error_into_an_empty_chunk_is_interrupted() -> None:
    result = await play(stream(says("")))
    assert (result.text, result.outcome) == ("", Outcome.INTERRUPTED)


@pytest.mark.parametrize("reason", ["length", "max_tokens", "MAX_TOKENS", "model_length"])
async def test_running_out_of_tokens_is_truncated(reason: str) -> None:
    result = await play(stream(says("a"), says(finish=reason), DONE))
    assert (result.text, result.outcome) == ("a", Outcome.TRUNCATED)


async def test_a_budget_spent_on_reasoning_is_empty_and_says_so() -> None:
    result = await play(stream(says(reasoning="long thoughts"), says("", "length"), DONE))
    assert (result.outcome, result.reasoning) == (Outcome.EMPTY, "long thoughts")
    assert "on reasoning" in result.error.message


async def test_a_content_filter_keeps_the_text_before_it() -> None:
    result = await play(stream(says("a"), says(finish="content_filter"), DONE))
    assert (result.text, result.outcome) == ("a", Outcome.FILTERED)
    assert result.error.kind is ErrorKind.MODERATION


async def test_a_refusal_is_filtered_and_its_words_are_the_reason_not_the_text() -> None:
    result = await play(stream(says(refusal="I can't "), says(refusal="help."), says(finish="stop"), DONE))
    assert (result.text, result.outcome) == ("", Outcome.FILTERED)
    assert "I can't help." in result.error.message


async def test_white_space_alone_is_kept_and_empty() -> None:
    result = await play(stream(says("  \n"), says("\t", "stop"), DONE))
    assert (result.text, result.outcome) == ("  \n\t", Outcome.EMPTY)


async def test_no_text_but_a_finish_reason_is_empty() -> None:
    result = await play(stream(says(""), says(finish="stop"), DONE))
    assert (result.outcome, result.finished.error) == (Outcome.EMPTY, None)


async def test_done_alone_is_empty_as_lm_studio_answers_a_prompt_too_long() -> None:
    assert (await play(stream(DONE))).outcome is Outcome.EMPTY


@pytest.mark.parametrize("script", [stream(), stream(b": ping\n\n"), body("")])
async def test_ok_without_any_event_is_a_protocol_error_as_llama_cpp_server_answers_an_overflow(
    script: Script,
) -> None:
    result = await play(script)
    assert (result.outcome, result.error.kind) == (Outcome.ERROR, ErrorKind.PROTOCOL)
    assert "longer than the model's context" in result.error.message


async def test_only_unreadable_events_is_a_protocol_error() -> None:
    result = await play(stream(b"data: {nonsense\n\n", b"data: more\n\n"))
    assert (result.outcome, result.error.kind) == (Outcome.ERROR, ErrorKind.PROTOCOL)


async def test_a_drop_after_the_headers_is_an_error_and_not_sent_again() -> None:
    result = await play(Script([head()]), stream(says("ghost", "stop"), DONE))
    assert (result.text, result.outcome, result.error.kind) == ("", Outcome.ERROR, ErrorKind.NETWORK)


async def test_text_after_the_finish_reason_still_counts() -> None:
    assert (await play(stream(says("a", "stop"), says("b"), DONE))).text == "ab"
