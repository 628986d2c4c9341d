"""The HTTP door, asked as programs ask it: httpx, the official OpenAI client, raw sockets."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.compact.conftest import SCRIPT
from tests.compact.gguf_model import LAYERS
from tests.compact.hosting import KEY, PATIENCE, RunningHost, chat, run_host


async def ask(host: RunningHost, body: dict[str, Any], **settings: Any) -> httpx.Response:
    async with host.client() as client:
        return await client.post("/v1/chat/completions", json=body, **settings)


def official_client(host: RunningHost) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(
        base_url=f"{host.base_url}/v1",
        api_key=KEY,
        max_retries=0,
        http_client=openai.DefaultAsyncHttpxClient(trust_env=False),
    )


async def stream(host: RunningHost, body: dict[str, Any]) -> list[str]:
    """The payloads of all events."""
    response = await ask(host, body | {"stream": True})
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    return [line[6:] for line in response.text.split("\n\n") if line.startswith("data: ")]


async def test_health_needs_no_key_and_all_else_does(tiny_host: RunningHost) -> None:
    async with httpx.AsyncClient(base_url=tiny_host.base_url, trust_env=False) as client:
        assert (await client.get("/health")).json() == {"status": "ready", "error": None, "progress": 1.0}
        for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": KEY}):
            for method, path in (
                ("GET", "/v1/models"),
                ("GET", "/metrics"),
                ("POST", "/v1/chat/completions"),
            ):
                refused = await client.request(method, path, headers=headers)
                assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")


async def test_the_model_says_what_it_is(tiny_host: RunningHost) -> None:
    async with tiny_host.client() as client:
        (model,) = (await client.get("/v1/models")).json()["data"]
    assert (model["id"], model["context_length"]) == ("tiny", 8192)
    assert (model["meta"]["n_ctx"], model["meta"]["n_ctx_train"], model["meta"]["slots"]) == (8192, 16384, 4)
    assert (await tiny_host.meter("layers"), await tiny_host.meter("gpu_layers")) == (LAYERS + 1, 0)


async def test_a_whole_answer(scripted_host: RunningHost) -> None:
    answer = (await ask(scripted_host, chat("Hi", model="scripted"))).json()
    assert answer["object"] == "chat.completion"
    (choice,) = answer["choices"]
    assert choice["message"] == {"role": "assistant", "content": SCRIPT, "refusal": None}
    assert choice["finish_reason"] == "stop"
    usage = answer["usage"]
    assert usage["prompt_tokens"] == 6  # begin, user, two bytes, end, assistant
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


async def test_a_streamed_answer(scripted_host: RunningHost) -> None:
    *events, done = await stream(scripted_host, chat("Hi", model="scripted"))
    chunks = [json.loads(event) for event in events]
    assert done == "[DONE]"
    assert len({chunk["id"] for chunk in chunks}) == 1
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas[0] == {"role": "assistant", "content": ""}
    assert "".join(delta.get("content", "") for delta in deltas) == SCRIPT
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert not any("usage" in chunk for chunk in chunks)


async def test_streamed_text_comes_in_whole_characters(scripted_host: RunningHost) -> None:
    """The script's tokens are cut through the middle of characters, so a careless host would show that."""
    *events, _ = await stream(scripted_host, chat("Hi", model="scripted"))
    parts = [json.loads(event)["choices"][0]["delta"].get("content", "") for event in events]
    assert "".join(parts) == SCRIPT


@pytest.mark.parametrize("limit", range(1, 16))
async def test_a_token_limit_never_leaves_half_a_character(scripted_host: RunningHost, limit: int) -> None:
    answer = (await ask(scripted_host, chat("Hi", model="scripted", max_tokens=limit))).json()
    text = answer["choices"][0]["message"]["content"]
    assert SCRIPT.startswith(text)
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == limit


async def test_usage_of_a_stream_comes_when_asked_for(scripted_host: RunningHost) -> None:
    body = chat("Hi", model="scripted", stream_options={"include_usage": True})
    last = json.loads((await stream(scripted_host, body))[-2])
    whole = (await ask(scripted_host, chat("Hi", model="scripted"))).json()["usage"]
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == whole["completion_tokens"]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("stop", ["per said", ["never", "lantern kee"], "🚀"])
async def test_stop_strings_end_the_answer_before_them(
    scripted_host: RunningHost, stop: str | list[str], streamed: bool
) -> None:
    body = chat("Hi", model="scripted", stop=stop)
    if streamed:
        chunks = [json.loads(event) for event in (await stream(scripted_host, body))[:-1]]
        text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
        reason = chunks[-1]["choices"][0]["finish_reason"]
    else:
        choice = (await ask(scripted_host, body)).json()["choices"][0]
        text, reason = choice["message"]["content"], choice["finish_reason"]
    last = stop if isinstance(stop, str) else stop[-1]
    assert (text, reason) == (SCRIPT[: SCRIPT.index(last)], "stop")


async def test_the_official_client_streams(scripted_host: RunningHost) -> None:
    async with official_client(scripted_host) as client:
        answer = await client.chat.completions.create(
            model="scripted",
            messages=[{"role": "developer", "content": "Be kind."}, {"role": "user", "content": "Hi"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in answer]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == SCRIPT
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.prompt_tokens > 10


async def test_the_official_client_asks_and_understands_failures(scripted_host: RunningHost) -> None:
    async with official_client(scripted_host) as client:
        assert [model.id async for model in client.models.list()] == ["scripted"]
        part: Any = {"role": "user", "content": [{"type": "text", "text": "Hi"}]}
        answer = await client.chat.completions.create(model="scripted", messages=[part])
        assert answer.choices[0].message.content == SCRIPT
        long: Any = {"role": "user", "content": "x" * 3000}
        with pytest.raises(openai.BadRequestError) as overflow:
            await client.chat.completions.create(model="scripted", messages=[long])
        assert overflow.value.code == "context_length_exceeded"
        with pytest.raises(openai.NotFoundError):
            await client.chat.completions.create(model="another", messages=[part])


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_prompt_longer_than_the_context_is_a_typed_failure(
    scripted_host: RunningHost, streamed: bool
) -> None:
    refused = await ask(scripted_host, chat("x" * 2048, model="scripted", stream=streamed))
    error = refused.json()["error"]
    assert refused.status_code == 400
    assert (error["code"], error["type"], error["param"]) == (
        "context_length_exceeded",
        "invalid_request_error",
        "messages",
    )
    assert "2048" in error["message"]


async def test_a_template_that_raises_is_a_typed_failure_and_the_host_goes_on(
    scripted: Path, tmp_path: Path
) -> None:
    (tmp_path / "own.jinja").write_text("{{ messages[2].content }}")
    with run_host(scripted, f"--template={tmp_path / 'own.jinja'}") as host:
        assert host.report()["state"] == "ready"
        for streamed in (False, True):
            refused = await ask(host, chat("Hi", model="scripted", stream=streamed))
            error = refused.json()["error"]
            assert (refused.status_code, error["code"], error["param"]) == (400, "template_error", "messages")
            assert "no element 2" in error["message"]
        turns = [{"role": role, "content": "Hi"} for role in ("user", "assistant", "user")]
        assert (await ask(host, {"model": "scripted", "messages": turns})).status_code == 200


async def test_a_limit_beyond_the_context_is_cut_to_it(scripted_host: RunningHost) -> None:
    answer = (await ask(scripted_host, chat("x" * 2030, model="scripted", max_tokens=100_000))).json()
    assert answer["usage"]["total_tokens"] == 2048
    assert answer["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}]},
            "messages.0",
        ),
        ({"temperature": -1}, "temperature"),
        ({"max_tokens": -5}, "max_tokens"),
        ({"top_p": 0}, "top_p"),
        ({"stop": ""}, "stop"),
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"logit_bias": {"99999": 1}}, "logit_bias"),
        ({"response_format": {"type": "json_schema"}}, "response_format"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {"$ref": "#/x"}}}},
            "response_format",
        ),
    ],
)
async def test_what_cannot_be_served_is_refused_by_name(
    tiny_host: RunningHost, change: dict[str, Any], param: str
) -> None:
    refused = await ask(tiny_host, chat("Hi", model="tiny") | change)
    assert refused.status_code == 400, refused.text
    assert refused.json()["error"]["param"].startswith(param)


async def test_bodies_that_are_no_json_and_paths_that_are_not_there(tiny_host: RunningHost) -> None:
    async with tiny_host.client() as client:
        broken = await client.post("/v1/chat/completions", content=b"{")
        assert (broken.status_code, broken.json()["error"]["type"]) == (400, "invalid_request_error")
        assert (
            (await client.get("/v1/chat/completions"))
            .json()["error"]["message"]
            .endswith("Method Not Allowed")
        )
        assert (await client.get("/v1/embeddings")).status_code == 404


async def test_a_body_over_the_limit_is_refused(tiny_host: RunningHost) -> None:
    refused = await ask(tiny_host, chat("x" * 34_000_000, model="tiny"))
    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "request_too_large")


async def test_while_loading_the_door_says_so(tmp_path: Path) -> None:
    """A pipe instead of a file keeps the host loading until something is written to it."""
    pipe = tmp_path / "slow.gguf"
    os.mkfifo(pipe)
    with run_host(pipe) as host:
        async with host.client() as client:
            health = await client.get("/health")
            assert (health.status_code, health.json()["status"]) == (503, "loading")
            refused = await client.post("/v1/chat/completions", json=chat("Hi", model="slow"))
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "model_loading")
            assert refused.headers["retry-after"] == "1"
        pipe.write_bytes(b"this is no model")
        report = host.report()
        assert report["state"] == "failed"
        assert report["error"] == "slow.gguf is not a GGUF file: it does not begin with the letters GGUF"
        assert host.process.wait(PATIENCE) == 1
