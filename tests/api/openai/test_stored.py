"""`/v1/responses/{id}` as the official Python client meets it: read again, what it was asked, stopped, deleted."""

from __future__ import annotations

import base64
import threading
from typing import Any

import openai
import pytest

from tests.api.openai.conftest import ASKED, Shop
from tests.pictures import png
from tests.upstream import Script


def test_what_was_answered_is_read_again_as_it_was(shop: Shop) -> None:
    given: Any = {
        "instructions": "Be brief.",
        "temperature": 0.25,
        "max_output_tokens": 99,
        "metadata": {"ticket": "42"},
        "user": "somebody",
        "tools": [{"type": "openrouter:fusion"}],
    }
    first = shop.client.responses.create(model="fusion/best:best_of", input=ASKED, **given)
    again = shop.client.responses.retrieve(first.id)
    assert again.to_dict(warnings=False) == first.to_dict(warnings=False)
    assert (again.output_text, again.metadata) == ("bea says this much.", {"ticket": "42"})
    # One that was started elsewhere is a response as well: it could be gone on with already.
    run = shop.rest("POST", "runs", {"preset": "best", "prompt": ASKED})
    assert shop.client.responses.retrieve(f"resp_{run['id']}").model == "fusion/best:best_of"


def test_the_turns_that_were_asked_are_listed(shop: Shop) -> None:
    picture = f"data:image/png;base64,{base64.b64encode(png()).decode()}"
    shown = [{"type": "input_text", "text": "Two?"}, {"type": "input_image", "image_url": picture}]
    turns: Any = [
        {"role": "user", "content": "One?"},
        {"role": "assistant", "content": "One."},
        {"role": "user", "content": shown},
    ]
    reply = shop.client.responses.create(model="fusion/best", instructions="Be brief.", input=turns)
    items: list[Any] = list(shop.client.responses.input_items.list(reply.id, limit=1, order="asc"))
    assert [(item.role, item.content[0].text) for item in items] == [
        ("user", "One?"),
        ("assistant", "One."),
        ("user", "Two?"),
    ]
    assert items[2].content[1].image_url.startswith("data:image/png;base64,")
    after = shop.client.responses.create(model="fusion/best", input="Three?", previous_response_id=reply.id)
    own: list[Any] = shop.client.responses.input_items.list(after.id).data
    assert [(item.role, item.content[0].text) for item in own] == [("user", "Three?")]
    wrong: list[dict[str, Any]] = [{"limit": 0}, {"limit": 101}, {"after": "msg_none"}]
    for options in wrong:
        with pytest.raises(openai.BadRequestError):
            shop.client.responses.input_items.list(reply.id, **options)


def test_a_run_that_goes_on_is_read_and_stopped(shop: Shop, gate: threading.Event) -> None:
    shop.say(bea=Script(["never ", "whole"], gate=gate, gate_at=1))
    begun = shop.client.responses.create(model="fusion/best", input=ASKED, background=True)
    going = shop.client.responses.retrieve(begun.id)
    for reply in (begun, going):
        assert (reply.status in {"queued", "in_progress"}, reply.background, reply.output) == (True, True, [])
    stopped = shop.client.responses.cancel(begun.id)
    assert (stopped.status, stopped.output) == ("cancelled", [])
    assert shop.run(begun.id.removeprefix("resp_"))["state"] == "cancelled"
    assert shop.client.responses.cancel(begun.id).status == "cancelled"
    both = shop.post(
        "responses", {"model": "fusion/best", "input": ASKED, "stream": True, "background": True}
    )
    assert (both.status_code, both.json()["error"]["param"]) == (400, "background")


def test_one_that_failed_says_why(shop: Shop) -> None:
    down = Script(status=401, body={"error": {"message": "bad key"}})
    shop.say(ada=down, bea=down, cyd=down)
    run = shop.post("responses", {"model": "fusion/best", "input": ASKED}).json()["fusion"]["run"]
    failed = shop.client.responses.retrieve(f"resp_{run}")
    assert failed.status == "failed"
    assert failed.error is not None
    assert all(name in failed.error.message for name in ("Ada", "Bea", "Cyd"))


def test_one_that_was_deleted_is_one_that_never_was(shop: Shop) -> None:
    reply = shop.client.responses.create(model="fusion/best", input=ASKED)
    shop.client.responses.delete(reply.id)
    told = []
    for name in (reply.id, "resp_none", "resp_\x00", "none"):
        for call in (
            shop.client.responses.retrieve,
            shop.client.responses.delete,
            shop.client.responses.cancel,
            shop.client.responses.input_items.list,
        ):
            with pytest.raises(openai.NotFoundError) as absent:
                call(name)
            told.append(str(absent.value).replace(name, "ID"))
    assert len(set(told[:4])) == 1
    with pytest.raises(openai.BadRequestError) as gone:
        shop.client.responses.create(model="fusion/best", input="So?", previous_response_id=reply.id)
    assert gone.value.code == "previous_response_not_found"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("store", False),
        ("metadata", {"a": 1}),
        ("metadata", {"a": "\x00"}),
        ("metadata", {str(n): "" for n in range(17)}),
        ("user", ["a"]),
    ],
)
def test_what_cannot_be_kept_as_it_is_is_refused_by_name(shop: Shop, field: str, value: object) -> None:
    refused = shop.post("responses", {"model": "fusion/best", "input": ASKED, field: value})
    assert refused.status_code == 400
    assert refused.json()["error"]["param"].startswith(field)
    with pytest.raises(openai.BadRequestError):
        shop.client.responses.retrieve("resp_none", stream=True)
