"""Each way to fail on command, as a client sees it."""

from __future__ import annotations

import httpx
import pytest

from fusion_site.rehearsal.failing import Failure
from fusion_site.rehearsal.host import RehearsalHost
from tests.rehearsal.asking import MEMBERS, body, said, script, stream
from tests.rehearsal.conftest import until

MOODY = "rehearsal/moody"


@pytest.mark.parametrize(
    ("word", "status", "code"),
    [("rate_limit", 429, "rate_limit_exceeded"), ("overloaded", 503, None), ("auth", 401, "invalid_api_key")],
)
@pytest.mark.parametrize("streamed", [True, False])
def test_refused_before_the_first_word(
    client: httpx.Client, word: str, status: int, code: str, streamed: bool
) -> None:
    response = client.post(
        "/chat/completions", json=body(MOODY, f"Explain tides, fail:{word}", stream=streamed)
    )
    assert response.status_code == status
    assert response.json()["error"]["code"] == code
    assert f"fail:{word}" in response.json()["error"]["message"]


def test_a_rate_limit_says_when_to_ask_again(client: httpx.Client) -> None:
    response = client.post("/chat/completions", json=body(MOODY, "fail:rate_limit"))
    assert float(response.headers["retry-after"]) == 1
    assert float(response.headers["retry-after-ms"]) == 1000 / 50


@pytest.mark.parametrize(
    ("word", "finish"), [("length", "length"), ("filter", "content_filter"), ("empty", "stop")]
)
def test_an_ending_that_is_no_good(client: httpx.Client, word: str, finish: str) -> None:
    events = stream(client, body(MOODY, f"Explain tides, fail:{word}"))
    whole = client.post("/chat/completions", json=body(MOODY, f"Explain tides, fail:{word}")).json()[
        "choices"
    ][0]
    assert events[-1] == "[DONE]"
    assert events[-2]["choices"][0]["finish_reason"] == whole["finish_reason"] == finish
    assert said(events) == whole["message"]["content"]
    assert (said(events) == "") == (word == "empty")
    assert "scripted, no AI" not in said(events)


def test_a_stream_is_cut_in_the_middle(client: httpx.Client) -> None:
    got: list[bytes] = []
    asked = body(MOODY, "Explain tides, fail:cut", stream=True)
    with (
        client.stream("POST", "/chat/completions", json=asked) as response,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        got.extend(response.iter_raw())
    sent = b"".join(got)
    assert sent.count(b"data: ") > 10
    assert b'finish_reason": "' not in sent
    assert b"[DONE]" not in sent


def test_a_whole_answer_is_cut_too(client: httpx.Client) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        client.post("/chat/completions", json=body(MOODY, "fail:cut"))


@pytest.mark.parametrize("streamed", [True, False])
def test_a_hanging_script_sends_nothing_until_the_client_leaves(
    host: RehearsalHost, client: httpx.Client, streamed: bool
) -> None:
    with pytest.raises(httpx.ReadTimeout):
        client.post("/chat/completions", json=body(MOODY, "fail:hang", stream=streamed), timeout=0.3)
    until(lambda: host.running == 0, "the hanging script ended")


@pytest.mark.parametrize("model", [*MEMBERS, "rehearsal/judge", MOODY])
@pytest.mark.parametrize("failure", Failure)
def test_every_model_fails_when_its_system_prompt_says_so(model: str, failure: Failure) -> None:
    good = script(model, "Explain tides", system="Be brief.")
    if failure in (Failure.RATE_LIMIT, Failure.OVERLOADED, Failure.AUTH):
        with pytest.raises(Exception, match=f"fail:{failure}"):
            script(model, "Explain tides", system=f"Be brief. FAIL:{failure}")
    else:
        bad = script(model, "Explain tides", system=f"Be brief. fail:{failure}")
        assert len(bad.text) < len(good.text)


@pytest.mark.parametrize("model", MEMBERS)
def test_only_the_moody_one_listens_to_the_prompt(model: str) -> None:
    answer = script(model, "Explain tides fail:empty")
    assert answer.text.endswith("*rehearsal: scripted, no AI*")


def test_without_such_a_word_the_moody_one_answers() -> None:
    for prompt in ("Explain tides", "What does it mean to fail: an essay", "fail:unknown", "failure:cut"):
        assert script(MOODY, prompt).text.endswith("*rehearsal: scripted, no AI*")
