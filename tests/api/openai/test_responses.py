"""`/v1/responses` as the official Python client meets it, over real HTTP."""

from __future__ import annotations

import base64
import threading
from typing import Any

import openai
import pytest
from openai.types.responses import Response

from tests.api.openai.conftest import ASKED, Shop, frames
from tests.pictures import png
from tests.upstream import Script

FUSION: Any = [{"type": "openrouter:fusion"}]
DOWN = Script(status=401, body={"error": {"message": "bad key"}})


def told(shop: Shop, **request: Any) -> list[Any]:
    """Give all events of a streamed response, which are numbered without a gap."""
    wanted = {"model": "fusion/best", "input": ASKED, "stream": True, **request}
    events = list(shop.client.responses.create(**wanted))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    return events


def test_a_preset_answers(shop: Shop) -> None:
    reply = shop.client.responses.create(
        model="fusion/best", instructions="Be brief.", input=ASKED, temperature=0.25, max_output_tokens=99
    )
    assert (reply.status, reply.output_text, reply.model) == (
        "completed",
        "bea says this much.",
        "fusion/best",
    )
    assert [item.type for item in reply.output] == ["message"]
    assert (reply.usage and reply.usage.total_tokens) == 42
    fusion: Any = (reply.model_extra or {})["fusion"]
    assert reply.id == f"resp_{fusion['run']}"
    assert shop.run(fusion["run"])["fused"]["text"] == reply.output_text
    asked = shop.upstream.asked("ada")[0].body
    assert asked["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": ASKED},
    ]
    assert (asked["temperature"], asked["max_tokens"]) == (0.25, 99)


def test_the_stream_is_what_the_client_puts_together(shop: Shop) -> None:
    events = told(shop)
    assert [event.type for event in events if event.type != "response.output_text.delta"] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == events[-1].response.output_text == "bea says this much."
    with shop.client.responses.stream(model="fusion/best", input=ASKED) as stream:
        assert stream.until_done().get_final_response().output_text == "bea says this much."


def test_a_fusion_is_told_to_who_asks_for_it(shop: Shop) -> None:
    shop.say(cyd=DOWN)
    events = told(shop, tools=FUSION, tool_choice="required")
    kinds = [event.type.removeprefix("response.fusion_call.") for event in events]
    assert kinds.count("panel.added") == 3
    of_ada = [e for e in events if getattr(e, "label", "") == "Ada"]
    pieces = [e.delta for e in of_ada if e.type.endswith("panel.delta")]
    completed = next(e for e in of_ada if e.type.endswith("panel.completed"))
    assert "".join(pieces) == completed.content == "ada says this much."
    failed = next(e for e in events if e.type.endswith("panel.failed"))
    assert (failed.model, bool(failed.message)) == ("cyd", True)
    in_order = ["in_progress", "analysis.in_progress", "analysis.completed", "completed"]
    assert [kind for kind in kinds if kind in in_order] == in_order
    assert kinds.index("completed") < kinds.index("response.output_text.delta")
    call = events[-1].response.to_dict(warnings=False)["output"][0]
    assert (call["type"], call["status"]) == ("openrouter:fusion", "completed")
    assert [each["model"] for each in call["responses"]] == ["ada", "bea"]
    assert [each["model"] for each in call["failed_models"]] == ["cyd"]
    assert set(call["analysis"]) == {
        "consensus",
        "contradictions",
        "partial_coverage",
        "unique_insights",
        "blind_spots",
    }
    again = [{"role": "user", "content": ASKED}, *events[-1].response.to_dict(warnings=False)["output"]]
    reply = shop.client.responses.create(
        model="fusion/best", input=[*again, {"role": "user", "content": "So?"}]
    )
    assert reply.status == "completed"
    assert [m["role"] for m in shop.upstream.asked("ada")[-1].body["messages"]] == [
        "user",
        "assistant",
        "user",
    ]


def test_all_members_failed_ends_the_stream_with_that(shop: Shop) -> None:
    shop.say(ada=DOWN, bea=DOWN, cyd=DOWN)
    last = told(shop, tools=FUSION)[-1]
    assert (last.type, last.response.status, last.response.error.code) == (
        "response.failed",
        "failed",
        "server_error",
    )
    assert all(name in last.response.error.message for name in ("Ada", "Bea", "Cyd"))
    assert last.response.to_dict(warnings=False)["output"][0]["failure_reason"] == "all_panels_failed"
    with pytest.raises(openai.APIStatusError) as refused:
        shop.client.responses.create(model="fusion/best", input=ASKED)
    assert (refused.value.status_code, refused.value.code) == (502, "all_members_failed")


def test_a_response_goes_on_from_the_one_before(shop: Shop) -> None:
    first = shop.client.responses.create(model="fusion/best", input=ASKED)
    second = shop.client.responses.create(model="fusion/best", input="So?", previous_response_id=first.id)
    assert second.previous_response_id == first.id
    assert shop.upstream.asked("ada")[-1].body["messages"] == [
        {"role": "user", "content": ASKED},
        {"role": "assistant", "content": first.output_text},
        {"role": "user", "content": "So?"},
    ]
    assert shop.run(second.id.removeprefix("resp_"))["after"] == first.id.removeprefix("resp_")


def test_an_answer_that_was_cut_off_is_incomplete(shop: Shop) -> None:
    shop.say(**{name: Script([f"{name} was cut"], finish="length") for name in ("ada", "bea", "cyd")})
    last = told(shop)[-1]
    assert last.type == "response.incomplete"
    assert last.response.incomplete_details.reason == "max_output_tokens"


def test_members_are_told_while_they_write(shop: Shop, gate: threading.Event) -> None:
    shop.say(bea=Script(["bea ", "says"], gate=gate, gate_at=1))
    stream = shop.client.responses.create(model="fusion/best", input=ASKED, tools=FUSION, stream=True)
    heard = ""
    for event in stream:
        told_of: Any = event
        if told_of.type == "response.fusion_call.panel.delta" and told_of.label == "Bea":
            heard += told_of.delta
            if heard == "bea ":
                gate.set()  # the rest is written only once this was read here
    assert heard == "bea says"


def test_the_openai_shapes_hold(shop: Shop) -> None:
    """Every field of the official types is there with its type: the client itself does not check that."""
    body = {"model": "fusion/best", "input": ASKED}
    # Tokens from a cache are an integer there; no server here tells of any, and unknown is not 0.
    whole = shop.post("responses", body).json()
    assert whole["usage"].pop("input_tokens_details") == {"cached_tokens": None}
    whole["usage"] |= {"input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0}}
    whole["usage"] |= {"output_tokens_details": {"reasoning_tokens": 0}}
    Response.model_validate(whole)
    kinds = [
        frame["type"]
        for frame in frames(shop.post("responses", {**body, "stream": True}))
        if ":" not in frame
    ]
    assert kinds[-1] == "response.completed"


def test_pictures_go_to_the_members_also_in_a_later_turn(shop: Shop) -> None:
    shop.say()
    first = shop.client.responses.create(model="fusion/best", input=[seen(8)])  # type: ignore[list-item]
    later = shop.client.responses.create(
        model="fusion/best",
        input=[seen(9)],  # type: ignore[list-item]
        previous_response_id=first.id,
    )
    fusion: Any = (later.model_extra or {})["fusion"]
    assert [each["width"] for each in shop.run(fusion["run"])["pictures"]] == [9]
    turns = shop.upstream.asked("ada")[-1].body["messages"]
    shapes = [[part["type"] for part in turn["content"]] for turn in turns if turn["role"] == "user"]
    assert shapes == [["text", "image_url"], ["text", "image_url"]]


def seen(width: int) -> dict[str, Any]:
    """Give a turn with a picture of this width."""
    url = f"data:image/png;base64,{base64.b64encode(png(width)).decode()}"
    picture = {"type": "input_image", "image_url": url, "detail": "auto"}
    return {"role": "user", "content": [{"type": "input_text", "text": ASKED}, picture]}
