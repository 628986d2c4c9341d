"""What `/v1` refuses, in the OpenAI API's own form; who may call it, how often, and which models they see."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from fusion_site.accounts.models import Membership, Team, User
from fusion_site.accounts.tokens import make_token
from fusion_site.runs.models import Run
from tests.api.conftest import Program
from tests.pictures import png
from tests.runs.conftest import Desk, desk, upstream

pytestmark = pytest.mark.django_db
__all__ = ["desk", "upstream"]

USER = [{"role": "user", "content": "What is best?"}]
CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"
# A preset that every team has from the start.
FIRST = "fusion/rehearsal-best-of"
DATA = "data:image/png;base64,"
PICTURE = DATA + base64.b64encode(png()).decode()


@pytest.fixture
def bobs(desk: Desk, program_of: Callable[[User | None], Program]) -> Program:
    """Give the program of the person at the desk."""
    return program_of(desk.person)


def error_of(response: Any, status: int) -> Any:
    """Give the error of a response, which must have the form of the OpenAI API's."""
    assert response.status_code == status, response.content
    assert response["Content-Type"].startswith("application/json")
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    return error


def chat(program: Program, **body: Any) -> Any:
    """Ask for a completion."""
    return program("POST", CHAT, {"model": FIRST, "messages": USER, **body})


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({"n": 2}, "n", "unsupported_value"),
        ({"n": "1"}, "n", "unsupported_value"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools", "unsupported_parameter"),
        ({"functions": [{"name": "f"}]}, "functions", "unsupported_parameter"),
        ({"tool_choice": "required"}, "tool_choice", "unsupported_parameter"),
        ({"response_format": {"type": "json_object"}}, "response_format", "unsupported_value"),
        ({"logprobs": True}, "logprobs", "unsupported_parameter"),
        ({"logit_bias": {"50256": -100}}, "logit_bias", "unsupported_parameter"),
        ({"modalities": ["text", "audio"]}, "modalities", "unsupported_value"),
        ({"service_tier": "flex"}, "service_tier", "unsupported_value"),
        ({"web_search_options": {}}, "web_search_options", "unsupported_parameter"),
        ({"prediction": {"type": "content", "content": "x"}}, "prediction", "unsupported_parameter"),
        ({"surprise": 1}, "surprise", "unsupported_parameter"),
        ({"fusion": {"pool": "x"}}, "fusion.pool", "unsupported_parameter"),
        ({"fusion": {"variables": {"a": 1}}}, "fusion.variables.a", "invalid_type"),
        ({"fusion": []}, "fusion", "invalid_type"),
        ({"temperature": 2.5}, "temperature", "invalid_value"),
        ({"temperature": "0.5"}, "temperature", "invalid_type"),
        ({"temperature": [1]}, "temperature", "invalid_value"),
        ({"max_tokens": 0}, "max_tokens", "invalid_value"),
        ({"max_completion_tokens": -5}, "max_completion_tokens", "invalid_value"),
        ({"max_tokens": 5, "max_completion_tokens": 5}, "max_tokens", "invalid_value"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop", "invalid_value"),
        ({"stop": "x", "model": f"{FIRST}:merge"}, "stop", "unsupported_parameter"),
        ({"stream": "yes"}, "stream", "invalid_type"),
        ({"stream_options": {"include_usage": True}}, "stream_options", "invalid_value"),
        (
            {"stream": True, "stream_options": {"surprise": 1}},
            "stream_options.surprise",
            "unsupported_parameter",
        ),
        ({"messages": None}, "messages", "missing_required_parameter"),
        ({"messages": []}, "messages", "invalid_value"),
        ({"messages": "Hi"}, "messages", "invalid_value"),
        ({"messages": [1]}, "messages[0]", "invalid_value"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages[0].role", "invalid_value"),
        (
            {"messages": [{"role": "tool", "content": "x", "tool_call_id": "1"}, *USER]},
            "messages[0].role",
            "invalid_value",
        ),
        ({"messages": [*USER, {"role": "assistant", "content": "x"}]}, "messages", "invalid_value"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content", "invalid_value"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "invalid_value"),
        ({"messages": [{"role": "user", "content": " \n"}]}, "messages", "invalid_value"),
        ({"messages": [{"role": "user", "content": "a\u0000b"}]}, "messages", "invalid_value"),
        (
            {"messages": [{"role": "user", "content": "x", "name": "bob"}]},
            "messages[0].name",
            "unsupported_parameter",
        ),
        (
            {"messages": [{"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}, *USER]},
            "messages[0].tool_calls",
            "unsupported_parameter",
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}
                ]
            },
            "messages[0].content[0].image_url.url",
            "invalid_image_url",
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}],
                    }
                ]
            },
            "messages[0].content[0].image_url.url",
            "invalid_image_url",
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": f"{DATA}AAAA"}}]}
                ]
            },
            "messages[0].content[0].image_url.url",
            "invalid_image",
        ),
        (
            {
                "messages": [
                    {"role": "system", "content": [{"type": "image_url", "image_url": {"url": PICTURE}}]},
                    *USER,
                ]
            },
            "messages[0].content",
            "invalid_value",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]},
            "messages[0].content[0].type",
            "unsupported_content_type",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
            "messages[0].content[0].text",
            "invalid_value",
        ),
        ({"messages": [{"role": "user", "content": "x" * 200_001}]}, "messages", "invalid_value"),
        ({"model": None}, "model", "missing_required_parameter"),
        ({"model": 5}, "model", "invalid_type"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(
    call: Program, body: dict[str, Any], param: str, code: str
) -> None:
    error = error_of(chat(call, **body), 400)
    assert (error["param"], error["code"], error["type"]) == (param, code, "invalid_request_error")
    assert Run.objects.count() == 0


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({"input": None}, "input", "invalid_value"),
        ({"input": []}, "input", "invalid_value"),
        ({"input": [{"type": "reasoning", "id": "x"}]}, "input[0].type", "unsupported_value"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "data:,"}]}]},
            "input[0].content[0].image_url",
            "invalid_image_url",
        ),
        ({"tools": [{"type": "web_search"}]}, "tools", "unsupported_parameter"),
        ({"tools": [{"type": "openrouter:fusion", "parameters": {"model": "x"}}]}, "tools", None),
        ({"tool_choice": "required"}, "tool_choice", "unsupported_parameter"),
        ({"text": {"format": {"type": "json_schema"}}}, "text.format", "unsupported_value"),
        ({"reasoning": {"summary": "auto"}}, "reasoning.summary", "unsupported_parameter"),
        ({"reasoning": {"effort": "huge"}}, "reasoning.effort", "invalid_value"),
        ({"truncation": "auto"}, "truncation", "unsupported_value"),
        ({"include": ["reasoning.encrypted_content"]}, "include", "unsupported_parameter"),
        ({"instructions": ["x"]}, "instructions", "invalid_type"),
        (
            {"previous_response_id": "resp_nothing"},
            "previous_response_id",
            "previous_response_not_found",
        ),
    ],
)
def test_responses_refuse_by_name_too(
    call: Program, body: dict[str, Any], param: str, code: str | None
) -> None:
    error = error_of(call("POST", RESPONSES, {"model": FIRST, "input": "Hi", **body}), 400)
    assert error["param"] == param
    assert error["code"] == (code or "unsupported_parameter")
    assert Run.objects.count() == 0


@pytest.mark.parametrize(
    "body",
    [
        {"tools": [], "tool_choice": "auto", "parallel_tool_calls": True, "logprobs": False, "n": 1},
        {"user": "u", "metadata": {"a": "b"}, "store": False, "service_tier": "auto"},
        {"response_format": {"type": "text"}, "modalities": ["text"], "temperature": None, "stop": None},
    ],
)
def test_what_asks_for_nothing_is_let_pass(call: Program, body: dict[str, Any]) -> None:
    """What is refused here comes after all parameters were taken: the model is read first, the prompt last."""
    error = error_of(chat(call, **body, messages=[{"role": "user", "content": ""}]), 400)
    assert error["param"] == "messages"


@pytest.mark.parametrize("body", [b"{", b"", b"\xff", b"[]", b"5", b'{"model": NaN}'])
def test_a_body_that_is_none(call: Program, body: bytes) -> None:
    assert error_of(call("POST", CHAT, body), 400)["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nothing", 404, "unknown_url"),
        ("GET", "/v1/", 404, "unknown_url"),
        ("POST", "/v1/embeddings", 404, "unknown_url"),
        ("GET", CHAT, 405, "method_not_supported"),
        ("DELETE", "/v1/models/fusion/best", 405, "method_not_supported"),
    ],
)
def test_other_addresses_and_methods(call: Program, method: str, path: str, status: int, code: str) -> None:
    response = call(method, path)
    assert error_of(response, status)["code"] == code
    assert response.has_header("Allow") is (status == 405)


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer wrong", "Basic YTpi"])
@pytest.mark.parametrize(("method", "path"), [("POST", CHAT), ("POST", RESPONSES), ("GET", "/v1/models")])
def test_without_a_token_there_is_nothing(
    team: Team, client_for: Callable[[User], Client], alice: User, header: str | None, method: str, path: str
) -> None:
    headers = {} if header is None else {"HTTP_AUTHORIZATION": header}
    signed_in: Any = client_for(alice)  # a session is no token
    response = signed_in.generic(method, path, b"{}", content_type="application/json", **headers)
    error = error_of(response, 401)
    assert error["code"] == ("invalid_api_key" if header == "Bearer wrong" else "missing_api_key")
    assert response["WWW-Authenticate"] == "Bearer"
    assert "wrong" not in error["message"]


def test_a_token_needs_the_scope(alice: User, team: Team) -> None:
    reader, runner = (Program(make_token(alice, team, each, scopes=[each])[1]) for each in ("read", "run"))
    assert reader("GET", "/v1/models").status_code == 200
    for path in (CHAT, RESPONSES):
        assert error_of(reader("POST", path, {"model": FIRST}), 403)["code"] == "permission_denied"
        assert error_of(runner("POST", path, {"model": FIRST}), 400)["code"]
    assert "`read`" in error_of(runner("GET", "/v1/models"), 403)["message"]


def test_who_left_the_team_has_no_token(bobs: Program, desk: Desk) -> None:
    Membership.objects.get(user=desk.person, team=desk.team).delete()
    assert error_of(bobs("GET", "/v1/models"), 401)["code"] == "invalid_api_key"


def test_models_are_the_teams_presets(bobs: Program, desk: Desk) -> None:
    listed = bobs("GET", "/v1/models").json()
    assert listed["object"] == "list"
    assert "fusion/best" in {model["id"] for model in listed["data"]}
    model = next(model for model in listed["data"] if model["id"] == "fusion/best")
    assert (model["object"], model["owned_by"], model["name"]) == ("model", desk.team.slug, "Best")
    assert model["created"] == int(desk.preset.created_at.timestamp())
    assert bobs("GET", "/v1/models/fusion/best").json() == model
    debate = bobs("GET", "/v1/models/fusion/best:debate").json()
    assert (debate["id"], debate["fusion"]["mode"]) == ("fusion/best:debate", "debate")


@pytest.mark.parametrize(
    "model", ["fusion/none", "best", "gpt-4o", "fusion/best:vote", "fusion/best\x00", ""]
)
def test_a_foreign_model_is_answered_like_none(
    bobs: Program, charlie: User, program_of: Callable[[User | None], Program], model: str
) -> None:
    theirs = program_of(charlie)
    absent = error_of(chat(bobs, model=model), 404)
    assert (absent["code"], absent["param"]) == ("model_not_found", "model")
    assert error_of(chat(theirs, model=model), 404) == absent
    foreign = error_of(chat(theirs, model="fusion/best"), 404)
    assert error_of(chat(theirs, model="fusion/absent"), 404) == {
        **foreign,
        "message": foreign["message"].replace("best", "absent"),
    }
    assert error_of(theirs("GET", "/v1/models/fusion/best"), 404)["code"] == "model_not_found"
    assert Run.objects.count() == 0


def test_a_foreign_run_cannot_be_gone_on_with(
    bobs: Program, desk: Desk, charlie: User, program_of: Callable[[User | None], Program]
) -> None:
    run, theirs = desk.start(), program_of(charlie)
    slug = theirs("GET", "/v1/models").json()["data"][0]["id"]
    told = [
        error_of(
            theirs("POST", RESPONSES, {"model": slug, "input": "Hi", "previous_response_id": f"resp_{each}"}),
            400,
        )
        for each in (run.pk, "a" * 24)
    ]
    assert told[0] == told[1]
    own = bobs(
        "POST", RESPONSES, {"model": "fusion/best", "input": "Hi", "previous_response_id": f"resp_{run.pk}"}
    )
    assert (error_of(own, 409)["code"], own["Retry-After"]) == ("not_over", "2")


def test_too_many_calls_say_when_to_come_back(alice: User, team: Team, settings: LazySettings) -> None:
    settings.FUSION_CALLS_PER_MINUTE = 2
    call = Program(make_token(alice, team, "busy")[1])
    assert [call("GET", "/v1/models").status_code for _ in range(2)] == [200, 200]
    response = call("GET", "/v1/models")
    assert error_of(response, 429)["code"] == "rate_limit_exceeded"
    assert 1 <= int(response["Retry-After"]) <= 30


def test_too_many_runs_at_once_are_refused(bobs: Program, desk: Desk, settings: LazySettings) -> None:
    settings.FUSION_RUNS_PER_PERSON = 1
    desk.start()
    response = chat(bobs)
    assert error_of(response, 429)["code"] == "rate_limit_exceeded"
    assert response["Retry-After"] == "5"
    assert Run.objects.count() == 1


def test_a_budget_that_is_used_up_is_not_asked_again(bobs: Program, desk: Desk) -> None:
    for name in ("ada", "bea", "cyd", "judge"):
        desk.preset.judge.connection.catalogue.create(
            model=name, prompt_price="0.001", completion_price="0.001"
        )
    Team.objects.filter(pk=desk.team.pk).update(budget_usd="0.01")
    response = chat(bobs, model="fusion/best")
    assert error_of(response, 429)["code"] == "insufficient_quota"
    assert not response.has_header("Retry-After")
    assert response["x-should-retry"] == "false"


def test_a_body_that_is_too_large(call: Program, settings: LazySettings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    body = json.dumps({"model": FIRST, "messages": [{"role": "user", "content": "x" * 2000}]})
    assert error_of(call("POST", CHAT, body), 413)["code"] == "request_too_large"


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_a_key_that_is_none(call: Program, key: str) -> None:
    body = {"model": FIRST, "messages": USER}
    assert error_of(call("POST", CHAT, body, HTTP_IDEMPOTENCY_KEY=key), 400)["param"] == "Idempotency-Key"
