"""Asking the scripted models in tests: over HTTP, and without it."""

from __future__ import annotations

import json
from typing import Any

import httpx

from fusion_site.engine.asking import Message
from fusion_site.rehearsal.cast import CAST
from fusion_site.rehearsal.scripts import Script, script_for
from fusion_site.rehearsal.wire import ChatRequest

MEMBERS = ("rehearsal/planner", "rehearsal/storyteller", "rehearsal/scholar")
PROMPTS = (
    "Is this migration of our Postgres orders table safe to run during business hours with 40 million rows?",
    "Explain recursion to a child",
    "Write a short poem about autumn leaves and my grandmother",
    "Should we use Kafka or RabbitMQ for our order events?",
    "Why does the bakery on the corner sell out of bread before 8?",
    "List ideas for a birthday party in a small garden",
    "How do I deploy a docker container to the server without a restart of the database?",
    "Wie funktioniert eine Wärmepumpe?",
    "为什么天空是蓝色的?",
    "hi",
    "",
    "| a | b | `code` **bold** $x$ <script>alert(1)</script> [link](javascript:x) ``` fence",
    "Plan a weekend in Lisbon for two people with 600 euros, one rainy day and a museum. " * 6,
)


def body(model: str, prompt: str, **more: Any) -> dict[str, Any]:
    """Give a request body; `system` goes before the prompt, everything else into the body as it is."""
    system = more.pop("system", "")
    turns = [{"role": "system", "content": system}] if system else []
    return {"model": model, "messages": [*turns, {"role": "user", "content": prompt}], **more}


def script(model: str, prompt: str, **more: Any) -> Script:
    """Give what a model would say, without HTTP and without waiting."""
    return script_for(CAST[model], ChatRequest.model_validate(body(model, prompt, **more)))


def reply(messages: tuple[Message, ...], model: str = "rehearsal/judge") -> str:
    """Give the text in which a model answers the engine's own messages."""
    turns = [{"role": m.role, "content": m.content} for m in messages]
    return script_for(CAST[model], ChatRequest.model_validate({"model": model, "messages": turns})).text


def stream(client: httpx.Client, asked: dict[str, Any]) -> list[Any]:
    """Give the events of a streamed answer, decoded; `[DONE]` stays a string."""
    with client.stream("POST", "/chat/completions", json={**asked, "stream": True}) as response:
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        lines = b"".join(response.iter_raw()).decode().split("\n\n")
    data = [line.removeprefix("data: ") for line in lines if line]
    return [item if item == "[DONE]" else json.loads(item) for item in data]


def said(events: list[Any], field: str = "content") -> str:
    """Give the text of one delta field of a stream."""
    deltas = [event["choices"][0]["delta"] for event in events if event != "[DONE]" and event["choices"]]
    return "".join(delta.get(field) or "" for delta in deltas)
