"""`/v1/chat/completions` as the official Python client meets it, over real HTTP."""

from __future__ import annotations

import base64
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import pairwise
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionChunk

from tests.api.openai.conftest import ASKED, WITHIN_S, Shop, counted, frames
from tests.pictures import SECRET, png
from tests.site_process import DATABASE
from tests.upstream import Script, judge_for, task_of

USER: Any = [{"role": "user", "content": ASKED}]
STREAM = {"model": "fusion/best", "messages": USER, "stream": True}


def refusal(shop: Shop, **request: Any) -> openai.APIStatusError:
    """Give how a request is refused."""
    with pytest.raises(openai.APIStatusError) as refused:
        shop.client.chat.completions.create(**{"model": "fusion/best", "messages": USER, **request})
    return refused.value


def chunks_of(shop: Shop, **request: Any) -> list[ChatCompletionChunk]:
    """Give all chunks of a streamed completion."""
    wanted = {"model": "fusion/best", "messages": USER, "stream": True, **request}
    return list(shop.client.chat.completions.create(**wanted))


def text_of(chunks: list[ChatCompletionChunk]) -> str:
    """Give what a client has read."""
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def fusion_of(found: Any) -> Any:
    """Give the field that is ours."""
    return found.model_extra["fusion"]


def test_a_preset_answers_like_a_model(shop: Shop) -> None:
    reply = shop.client.chat.completions.create(model="fusion/best", messages=USER, user="u1", store=True)
    choice = reply.choices[0]
    assert (reply.object, reply.model, choice.finish_reason) == ("chat.completion", "fusion/best", "stop")
    assert (choice.message.role, choice.message.content) == ("assistant", "bea says this much.")
    fusion = fusion_of(reply)
    run = shop.run(fusion["run"])
    assert (run["state"], run["fused"]["text"], run["guided"]) == ("done", "bea says this much.", False)
    assert fusion["url"] == f"{shop.site.url}/runs/{run['id']}/"
    assert (fusion["source"], fusion["verdict"]["winner"]) == ("best_of", run["answers"][1]["id"])
    assert [(a["label"], a["outcome"]) for a in fusion["answers"]] == [
        (name, "complete") for name in ("Ada", "Bea", "Cyd")
    ]
    assert fusion["cost_usd"] is None
    assert fusion["cost_complete"] is False
    # Three members told what they used, the judge did not.
    assert reply.usage is not None
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.usage.total_tokens) == (
        30,
        12,
        42,
    )
    assert fusion["usage_complete"] is False


def test_usage_that_nobody_told_is_none(shop: Shop) -> None:
    shop.say(**{name: Script([f"{name} here"]) for name in ("ada", "bea", "cyd")})
    reply = shop.client.chat.completions.create(model="fusion/best", messages=USER)
    assert reply.usage is None


def test_the_whole_conversation_reaches_every_member(shop: Shop) -> None:
    before: Any = shop.client.chat.completions.create(model="fusion/best", messages=USER).choices[0].message
    shop.upstream.ledger.clear()
    shop.client.chat.completions.create(
        model="fusion/best",
        messages=[
            {"role": "developer", "content": "Be brief."},
            USER[0],
            before,
            {"role": "user", "content": [{"type": "text", "text": "And"}, {"type": "text", "text": "now?"}]},
        ],
    )
    for name in ("ada", "bea", "cyd"):
        assert shop.upstream.asked(name)[0].body["messages"] == [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": ASKED},
            {"role": "assistant", "content": "bea says this much."},
            {"role": "user", "content": "And\nnow?"},
        ]


def test_settings_take_the_place_of_every_members_own(shop: Shop) -> None:
    wanted: Any = {"temperature": 0.25, "top_p": 0.5, "seed": 7, "stop": "\n", "max_completion_tokens": 99}
    extra = {"top_k": 5, "min_p": 0.1}
    shop.client.chat.completions.create(model="fusion/best", messages=USER, extra_body=extra, **wanted)
    for name in ("ada", "bea", "cyd"):
        asked = shop.upstream.asked(name)[0].body
        assert {key: asked[key] for key in ("temperature", "top_p", "seed", "top_k", "min_p")} == {
            "temperature": 0.25,
            "top_p": 0.5,
            "seed": 7,
            **extra,
        }
        assert (asked["max_tokens"], asked["stop"]) == (99, ["\n"])


def test_a_model_id_may_name_the_mode(shop: Shop) -> None:
    reply = shop.client.chat.completions.create(model="fusion/best:merge", messages=USER)
    assert fusion_of(reply)["source"] == "merge"
    assert reply.choices[0].message.content == "# Merged\n\nAll of it in one."
    assert shop.run(fusion_of(reply)["run"])["mode"] == "merge"


def test_an_answer_that_was_cut_off_ends_with_length(shop: Shop) -> None:
    shop.say(
        ada=Script(["ada was cut"], finish="length"),
        bea=Script(status=500, body={"error": {"message": "down"}}),
        cyd=Script(status=500, body={"error": {"message": "down"}}),
    )
    reply = shop.client.chat.completions.create(model="fusion/best", messages=USER)
    assert (reply.choices[0].finish_reason, reply.choices[0].message.content) == ("length", "ada was cut")


def test_a_stream_is_the_same_answer_in_chunks(shop: Shop) -> None:
    chunks = chunks_of(shop, stream_options={"include_usage": True})
    *texts, last, usage = chunks
    assert text_of(chunks) == "bea says this much."
    assert texts[0].choices[0].delta.role == "assistant"
    assert {chunk.choices[0].finish_reason for chunk in texts} == {None}
    assert last.choices[0].finish_reason == "stop"
    assert shop.run(fusion_of(last)["run"])["fused"]["text"] == "bea says this much."
    assert (usage.choices, usage.usage and usage.usage.total_tokens) == ([], 42)
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks_of(shop)[-1].choices[0].finish_reason == "stop"


def test_a_merge_is_told_as_it_is_written(shop: Shop, gate: threading.Event) -> None:
    shop.say(judge=merging(Script(["Merged ", "in two."], gate=gate, gate_at=1)))
    stream = shop.client.chat.completions.create(model="fusion/best:merge", messages=USER, stream=True)
    read = ""
    for chunk in stream:
        read += chunk.choices[0].delta.content or ""
        if read == "Merged ":
            gate.set()  # the second half is written only once the first has been read here
    assert read == "Merged in two."


def merging(*scripts: Script) -> Any:
    """Give a judge that picks bea, and merges as the scripts say, one after the other."""
    left = list(scripts)

    def answer(body: dict[str, Any]) -> Script:
        if task_of(body) == "merge":
            return left.pop(0)
        return judge_for("bea")(body)

    return answer


def test_what_a_client_has_read_is_the_answer_or_an_error(shop: Shop, gate: threading.Event) -> None:
    """A merger that breaks off gives way to the best single answer, after its own text was sent."""
    shop.say(judge=merging(Script(["Merged so", " far"], finish=None, gate=gate, gate_at=1)))
    read: list[ChatCompletionChunk] = []
    stream = shop.client.chat.completions.create(model="fusion/best:merge", messages=USER, stream=True)

    def read_on() -> None:
        for chunk in stream:
            read.append(chunk)
            if text_of(read):
                gate.set()  # it breaks off only once some of it has been read here

    with pytest.raises(openai.APIError) as failed:
        read_on()
    assert text_of(read).startswith("Merged so")
    assert failed.value.code == "answer_started_again"
    assert "/runs/" in failed.value.message


def test_a_merge_that_may_be_taken_back_is_held(shop: Shop) -> None:
    """*Do no harm* prefers the best single answer here: nothing of the merged one may have been sent."""
    shop.preset("careful", mode="merge", do_no_harm=True)
    for wanted in ({"model": "fusion/careful"}, {"model": "fusion/best:merge", "max_tokens": 5}):
        cut = Script(["Merged in ", "vain"], finish="stop" if len(wanted) == 1 else "length")
        shop.say(judge=merging(cut, cut))
        chunks = chunks_of(shop, **wanted)
        run = shop.run(fusion_of(chunks[-1])["run"])
        assert run["fused"]["source"] in {"best_of", "fallback"}
        assert text_of(chunks) == run["fused"]["text"]
        assert "vain" not in text_of(chunks)


def test_a_bound_on_tokens_bounds_the_merged_answer_too(shop: Shop) -> None:
    shop.client.chat.completions.create(model="fusion/best:merge", messages=USER, max_tokens=77)
    merges = [a.body for a in shop.upstream.asked("judge") if task_of(a.body) == "merge"]
    assert [body["max_tokens"] for body in merges] == [77]


def test_a_stream_speaks_at_once_and_goes_on_doing_so(shop: Shop, gate: threading.Event) -> None:
    shop.say(bea=Script(["bea says this much."], gate=gate))
    # Where the machine stands still for a moment, one of these is late, and not the next.
    assert any(first_word_s(shop) < 1 for _ in range(3))
    spoke = []
    with shop.hear(STREAM) as response:
        assert response.headers["content-type"] == "text/event-stream"
        for line in response.iter_lines():
            if line.startswith(":"):
                spoke.append(time.monotonic())
            if len(spoke) == 2:
                gate.set()
        assert line == ""
    assert max(later - sooner for sooner, later in pairwise(spoke)) < 10


def first_word_s(shop: Shop) -> float:
    """Give how long a stream says nothing, in seconds."""
    began = time.monotonic()
    with shop.hear(STREAM) as response:
        next(response.iter_lines())
    return time.monotonic() - began


def test_who_hangs_up_leaves_a_run_that_ends(shop: Shop, gate: threading.Event) -> None:
    shop.say(bea=Script(["bea says this much."], gate=gate))
    with shop.hear(STREAM) as response:
        said = next(response.iter_lines())
    gate.set()
    run_id = said.split()[3]
    until = time.monotonic() + WITHIN_S
    while (run := shop.run(run_id))["state"] != "done":
        assert time.monotonic() < until, run["state"]
        time.sleep(0.05)
    assert run["fused"]["text"] == "bea says this much."


def test_late_members_are_not_waited_for(shop: Shop, gate: threading.Event) -> None:
    shop.preset("quick", mode="best_of", quorum=2, grace=1)
    shop.say(cyd=Script(["cyd is late"], gate=gate))
    reply = shop.client.chat.completions.create(model="fusion/quick", messages=USER)
    fusion = fusion_of(reply)
    assert [answer["outcome"] for answer in fusion["answers"]] == ["complete", "complete", None]
    assert (fusion["cost_complete"], fusion["usage_complete"]) == (False, False)
    assert shop.run(fusion["run"])["state"] == "settling"


DOWN = Script(status=401, body={"error": {"message": "bad key"}})


def test_all_members_failed_is_502_with_each_ones_reason(shop: Shop) -> None:
    shop.say(ada=DOWN, bea=DOWN, cyd=DOWN)
    failed = refusal(shop)
    assert (failed.status_code, failed.code, failed.type) == (502, "all_members_failed", "server_error")
    assert all(name in failed.message for name in ("Ada", "Bea", "Cyd"))
    # The official clients would start, and pay for, the same run again and again.
    assert failed.response.headers["x-should-retry"] == "false"
    fusion = failed.response.json()["fusion"]
    assert [answer["error"]["kind"] for answer in fusion["answers"]] == ["auth"] * 3
    assert fusion["source"] is None


def test_in_a_stream_it_is_an_error_event_and_no_done(shop: Shop) -> None:
    shop.say(ada=DOWN, bea=DOWN, cyd=DOWN)
    with pytest.raises(openai.APIError) as failed:
        chunks_of(shop)
    assert failed.value.code == "all_members_failed"
    told = [f for f in frames(shop.post("chat/completions", STREAM)) if not str(f).startswith(":")]
    assert [set(told[0]), told[1:]] == [{"error", "fusion"}, []]


def test_a_run_that_is_stopped_says_so(shop: Shop, gate: threading.Event) -> None:
    shop.say(bea=Script(["bea"], gate=gate))
    told: list[openai.APIStatusError] = []
    asking = threading.Thread(target=lambda: told.append(refusal(shop)))
    asking.start()
    shop.upstream.wait_for("bea")
    run = shop.rest("GET", "runs?limit=1")["items"][0]
    shop.rest("POST", f"runs/{run['id']}/cancel")
    asking.join(WITHIN_S)
    assert (told[0].status_code, told[0].code) == (409, "run_cancelled")
    assert told[0].response.headers["x-should-retry"] == "false"


def test_the_same_key_gives_the_same_run(shop: Shop) -> None:
    request: Any = {"model": "fusion/best", "messages": USER, "extra_headers": {"Idempotency-Key": "k1"}}
    first = shop.client.chat.completions.create(**request)
    asked = len(shop.upstream.ledger)
    again = shop.client.chat.completions.create(**request)
    streamed = list(shop.client.chat.completions.create(**request, stream=True))
    assert first.id == again.id == streamed[-1].id
    assert text_of(streamed) == again.choices[0].message.content == first.choices[0].message.content
    assert len(shop.upstream.ledger) == asked
    other = refusal(shop, temperature=0.5, extra_headers={"Idempotency-Key": "k1"})
    assert (other.status_code, other.code) == (409, "idempotency_key_reused")


def test_templates_are_filled(shop: Shop) -> None:
    shop.preset("told", mode="best_of", template="For {{reader}}: {{prompt}}")
    missing = refusal(shop, model="fusion/told")
    assert (missing.status_code, missing.param) == (400, "fusion.variables")
    own = {"fusion": {"variables": {"reader": "a child"}}}
    reply = shop.client.chat.completions.create(model="fusion/told", messages=USER, extra_body=own)
    assert shop.run(fusion_of(reply)["run"])["prompt"] == f"For a child: {ASKED}"


def test_counted_tokens_include_the_judges(shop: Shop) -> None:
    shop.say(judge=lambda body: Script(judge_for("bea")(body).pieces, usage=counted(100, 50)))
    reply = shop.client.chat.completions.create(model="fusion/best", messages=USER)
    calls = len(shop.upstream.asked("judge"))
    assert reply.usage is not None
    assert reply.usage.prompt_tokens == 30 + 100 * calls
    assert fusion_of(reply)["usage_complete"] is True


def test_the_openai_shapes_hold(shop: Shop) -> None:
    """Every field of the official types is there with its type: the client itself does not check that."""
    body = {"model": "fusion/best", "messages": USER}
    whole = openai.types.chat.ChatCompletion.model_validate(shop.post("chat/completions", body).json())
    assert whole.choices[0].message.content
    told = frames(
        shop.post("chat/completions", {**body, "stream": True, "stream_options": {"include_usage": True}})
    )
    assert told[-1] == "[DONE]"
    for each in told:
        if isinstance(each, dict):
            ChatCompletionChunk.model_validate(each)


@pytest.mark.parametrize("stream", [True, False])
def test_a_token_that_is_taken_away_ends_the_wait(shop: Shop, gate: threading.Event, stream: bool) -> None:
    shop.say(bea=Script(["bea says this much."], gate=gate))
    name = f"lost-{stream}"
    lost = shop.site.manage("createtoken", "bob@example.com", "--name", name).strip()
    with ThreadPoolExecutor(1) as thread, Shop(shop.site, shop.upstream, lost).client as client:
        asking = thread.submit(ended_by, client, stream=stream)
        shop.upstream.wait_for("bea")
        with closing(sqlite3.connect(shop.site.data_dir / DATABASE, timeout=20)) as database, database:
            database.execute("DELETE FROM accounts_apitoken WHERE name = ?", [name])
        assert asking.result(WITHIN_S).code == "invalid_api_key"


def ended_by(client: openai.OpenAI, *, stream: bool) -> openai.APIError:
    """Ask, and give the error that it ends in."""
    asked: Any = client.chat.completions
    try:
        list(asked.create(model="fusion/best", messages=USER, stream=stream))
    except openai.APIError as ended:
        return ended
    raise AssertionError("It has to end in an error.")


def test_pictures_go_to_the_members(shop: Shop) -> None:
    shop.say()
    url = f"data:image/png;base64,{base64.b64encode(png(16, 9)).decode()}"
    content: Any = [
        {"type": "text", "text": ASKED},
        {"type": "image_url", "image_url": {"url": url, "detail": "high"}},
        {"type": "image_url", "image_url": {"url": url}},
    ]
    reply = shop.client.chat.completions.create(
        model="fusion/best",
        messages=[{"role": "user", "content": content}],
    )
    run = shop.run(fusion_of(reply)["run"])
    assert (run["prompt"], run["state"], run["unseen_by"]) == (ASKED, "done", [])
    assert [(each["name"], each["width"], each["height"]) for each in run["pictures"]] == [
        ("picture 1", 16, 9),
        ("picture 2", 16, 9),
    ]
    first, *parts = shop.upstream.asked("ada")[0].body["messages"][-1]["content"]
    assert first == {"type": "text", "text": ASKED}
    kept = base64.b64decode(parts[0]["image_url"]["url"].partition(",")[2])
    assert SECRET not in kept
    assert len(parts) == 2
