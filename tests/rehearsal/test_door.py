"""The OpenAI wire: what programs that know that API send and get."""

from __future__ import annotations

import httpx
import openai
import pytest

from fusion_site.rehearsal.door import LARGEST_BODY
from fusion_site.rehearsal.host import RehearsalHost
from tests.rehearsal.asking import body, said, script, stream

PLANNER = "rehearsal/planner"


def test_the_cast_is_listed_as_free_and_scripted(client: httpx.Client) -> None:
    found = client.get("/models").json()
    assert found["object"] == "list"
    names = [model["id"].removeprefix("rehearsal/") for model in found["data"]]
    assert names == ["planner", "storyteller", "scholar", "judge", "moody"]
    for model in found["data"]:
        assert "rehearsal: scripted, no AI" in model["name"]
        assert model["pricing"] == {"prompt": "0", "completion": "0"}
        assert model["context_length"] > 8_000


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer wrong", "Basic {key}", "{key}", "bearer é"])
def test_without_the_key_nothing_is_said(host: RehearsalHost, header: str | None) -> None:
    headers = [] if header is None else [(b"Authorization", header.format(key=host.key).encode())]
    base = f"http://127.0.0.1:{host.port}/v1"
    for response in (
        httpx.get(f"{base}/models", headers=headers, trust_env=False),
        httpx.post(f"{base}/chat/completions", headers=headers, json=body(PLANNER, "hi"), trust_env=False),
    ):
        assert response.status_code == 401
        error = response.json()["error"]
        assert (error["type"], error["code"]) == ("authentication_error", "invalid_api_key")


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"[]", "body"),
        (b"{}", "model"),
        (b'{"model": "rehearsal/planner", "messages": []}', "messages"),
        (
            b'{"model": "rehearsal/planner", "messages": [{"role": "robot", "content": "x"}]}',
            "messages.0.role",
        ),
        (
            b'{"model": "rehearsal/planner", "messages": [{"role": "user", "content": 5}]}',
            "messages.0.content",
        ),
        (
            b'{"model": "rehearsal/planner", "messages": [{"role": "user", "content": "x"}], "max_tokens": 0}',
            "max_tokens",
        ),
    ],
)
def test_a_wrong_body_is_named(client: httpx.Client, content: bytes, names: str) -> None:
    response = client.post("/chat/completions", content=content)
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"
    assert names in response.json()["error"]["message"].lower()


def test_other_models_paths_and_methods_are_refused_in_the_same_shape(client: httpx.Client) -> None:
    unknown = client.post("/chat/completions", json=body("gpt-9", "hi"))
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "model_not_found")
    for response, status in ((client.get("/nothing"), 404), (client.get("/chat/completions"), 405)):
        assert response.status_code == status
        assert response.json()["error"]["message"]


def test_a_body_that_is_too_large_is_refused(client: httpx.Client) -> None:
    response = client.post("/chat/completions", json=body(PLANNER, "x" * LARGEST_BODY))
    assert response.status_code == 413


def test_a_stream_in_order(client: httpx.Client) -> None:
    events = stream(client, body(PLANNER, "Explain tides", stream_options={"include_usage": True}))
    *pieces, last, usage, done = events
    assert done == "[DONE]"
    assert pieces[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert all(piece["object"] == "chat.completion.chunk" for piece in pieces)
    assert len({event["id"] for event in events[:-1]}) == 1
    assert all(piece["choices"][0]["finish_reason"] is None for piece in pieces)
    assert last["choices"][0] == {"index": 0, "delta": {}, "finish_reason": "stop"}
    assert usage["choices"] == []
    assert (
        usage["usage"]["total_tokens"]
        == usage["usage"]["prompt_tokens"] + usage["usage"]["completion_tokens"]
    )
    assert said(events) == script(PLANNER, "Explain tides").text


def test_usage_comes_only_where_asked_for(client: httpx.Client) -> None:
    assert not any("usage" in event for event in stream(client, body(PLANNER, "hi")) if event != "[DONE]")


def test_a_whole_answer_is_the_streamed_one(client: httpx.Client) -> None:
    asked = body("rehearsal/scholar", "Explain tides")
    whole = client.post("/chat/completions", json=asked).json()
    streamed = stream(client, asked)
    message = whole["choices"][0]["message"]
    assert whole["object"] == "chat.completion"
    assert whole["choices"][0]["finish_reason"] == "stop"
    assert message["content"] == said(streamed)
    assert message["reasoning_content"] == said(streamed, "reasoning_content") != ""
    assert whole["usage"]["completion_tokens_details"]["reasoning_tokens"] > 10


def test_the_scholar_thinks_before_it_writes(client: httpx.Client) -> None:
    deltas = [
        event["choices"][0]["delta"]
        for event in stream(client, body("rehearsal/scholar", "Explain tides"))[1:-2]
    ]
    fields = [next(iter(delta)) for delta in deltas]
    thought = fields.index("content")
    assert thought > 3
    assert set(fields[:thought]) == {"reasoning_content"}
    assert set(fields[thought:]) == {"content"}


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_the_limit_of_tokens_cuts_the_answer(client: httpx.Client, field: str) -> None:
    whole = client.post("/chat/completions", json=body(PLANNER, "hi", **{field: 20})).json()
    assert whole["choices"][0]["finish_reason"] == "length"
    assert whole["usage"]["completion_tokens"] == 20
    assert script(PLANNER, "hi").text.startswith(whole["choices"][0]["message"]["content"])


def test_a_limit_within_the_reasoning_leaves_no_answer() -> None:
    short = script("rehearsal/scholar", "hi", max_tokens=5)
    assert (short.text, str(short.ending)) == ("", "length")
    assert script("rehearsal/scholar", "hi").reasoning.startswith(short.reasoning)


def test_content_may_come_in_parts(client: httpx.Client) -> None:
    parts = [{"type": "text", "text": "Explain "}, {"type": "text", "text": "tides"}]
    asked = {"model": PLANNER, "messages": [{"role": "user", "content": parts}]}
    answer = client.post("/chat/completions", json=asked).json()
    assert answer["choices"][0]["message"]["content"] == script(PLANNER, "Explain tides").text


def test_the_official_client_understands_every_word(host: RehearsalHost) -> None:
    official = openai.OpenAI(api_key=host.key, base_url=f"http://127.0.0.1:{host.port}/v1", max_retries=0)
    with official:
        assert PLANNER in {model.id for model in official.models.list()}
        whole = official.chat.completions.create(
            model=PLANNER, messages=[{"role": "user", "content": "Explain tides"}]
        )
        chunks = official.chat.completions.create(
            model=PLANNER,
            messages=[{"role": "user", "content": "Explain tides"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        pieces = list(chunks)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in pieces if chunk.choices)
        assert text == whole.choices[0].message.content
        assert pieces[-1].usage == whole.usage
        with pytest.raises(openai.RateLimitError) as limited:
            official.chat.completions.create(
                model="rehearsal/moody", messages=[{"role": "user", "content": "fail:rate_limit"}]
            )
        assert limited.value.code == "rate_limit_exceeded"
