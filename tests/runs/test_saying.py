"""What a card says of who serves an answer, why it is tried again, and who bills a stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import Client

from fusion_site.accounts.models import User
from fusion_site.runs.live import watching
from fusion_site.runs.parts import AnswerState
from fusion_site.runs.saying import billed_after_cancel, billing_line, retry_line, served_line
from tests.api.conftest import program_of
from tests.runs.conftest import Desk, working
from tests.runs.test_costs import named, stop_at
from tests.runs.test_executing import all_answer, work
from tests.runs.test_rest import Programs
from tests.upstream import Script, Upstream

__all__ = ["program_of"]


def answer(**more: Any) -> AnswerState:
    """Give an answer of acme/best that was asked once."""
    return AnswerState(
        **{"id": "a", "round": 0, "member": 0, "label": "A", "model": "acme/best", "attempt": 1, **more}
    )


@pytest.mark.parametrize(
    ("kind", "provider", "after_s", "line"),
    [
        ("rate_limit", "BaseTen", 4.2, "Rate-limited by BaseTen, trying again in 4 s"),
        ("rate_limit", None, 4.2, "Rate-limited, trying again in 4 s"),
        ("overloaded", "Groq", 1.0, "Overloaded at Groq, trying again in 1 s"),
        ("upstream", "Groq", 1.0, "Failed at Groq, trying again in 1 s"),
        ("upstream", None, 1.0, "The provider failed, trying again in 1 s"),
        ("network", None, 0.3, "Connection failed, trying again"),
        ("bad_request", None, 0, "Request refused, trying again"),
    ],
)
def test_a_retry_says_why_and_for_how_long(
    kind: str, provider: str | None, after_s: float, line: str
) -> None:
    error = {"kind": kind, "message": "No.", "retryable": True, "provider": provider}
    assert retry_line({"after_s": after_s, "error": error}) == line


@pytest.mark.parametrize(
    ("model", "provider", "line"),
    [
        ("", "", ""),
        ("acme/best", "", ""),
        ("acme/best", "Acme", ""),
        ("acme/best-2026", "Acme", "served as acme/best-2026"),
        ("acme/best", "BaseTen", "served by BaseTen"),
        ("acme/best-2026", "BaseTen", "served as acme/best-2026 by BaseTen"),
    ],
)
def test_only_what_differs_from_the_request_is_said(model: str, provider: str, line: str) -> None:
    assert served_line(answer(served_model=model, provider=provider)) == line


@pytest.mark.parametrize(
    ("fields", "bills", "line"),
    [
        ({"provider": "Groq"}, True, "this provider bills stopped calls in full"),
        ({"provider": "Groq", "cost_usd": "0.2"}, True, "this provider bills stopped calls in full"),
        ({"provider": "BaseTen"}, None, "the provider may bill it in full"),
        ({"provider": "BaseTen", "cost_usd": "0.2"}, None, ""),
        ({}, None, "the provider may bill it in full"),
        ({"provider": "OpenAI"}, False, ""),
        ({"provider": "Groq", "cost_usd": "0"}, False, ""),
        ({"provider": "Groq", "attempt": 0}, None, ""),
        ({"provider": "Groq", "outcome": "complete"}, None, ""),
        ({"provider": "Groq", "outcome": ""}, None, ""),
    ],
)
def test_who_bills_a_stopped_answer(fields: dict[str, Any], *, bills: bool | None, line: str) -> None:
    stopped = answer(**{"outcome": "cancelled", **fields})
    assert (billed_after_cancel(stopped), billing_line(stopped)) == (bills, line)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("provider", "bills", "line"),
    [("Groq", True, "bills stopped calls in full"), ("BaseTen", None, "may bill"), ("OpenAI", False, None)],
)
def test_a_stopped_answer_says_it_to_people_and_programs(
    desk: Desk,
    upstream: Upstream,
    program_of: Programs,
    client_for: Callable[[User | None], Client],
    provider: str,
    *,
    bills: bool | None,
    line: str | None,
) -> None:
    all_answer(upstream)
    upstream.scripts["ada"] = named("ada", "begun ", provider=provider, hangs=True)
    run = stop_at(desk.start(), "answer.delta", "begun ", member=0)
    told = program_of(desk.person)("GET", f"runs/{run.pk}").json()["answers"]
    assert [each["billed_after_cancel"] for each in told] == [bills, None, None]
    page = client_for(desk.person).get(f"/runs/{run.pk}/").content.decode()
    assert f"served as served/ada by {provider}" in page
    assert page.count("answer-billing") == (0 if line is None else 1)
    assert line is None or line in page


@pytest.mark.django_db(transaction=True)
def test_an_open_card_says_by_whom_it_is_held_up(desk: Desk, upstream: Upstream) -> None:
    all_answer(upstream)
    limited = {"code": 429, "message": "Provider returned error", "metadata": {"provider_name": "BaseTen"}}
    turns = iter([Script(status=429, body={"error": limited}), Script(["At last."])])
    upstream.scripts["ada"] = lambda _: next(turns)
    run = desk.start()

    async def watch() -> str:
        async with working() as supervisor, asyncio.timeout(20):
            listener = await watching.watch(run.pk, may_act=True)
            supervisor.submit(run.pk)
            frames = ""
            while 'data-state="done"' not in frames:
                frames += await listener.frame()
            watching.leave(run.pk, listener)
        return frames

    assert "Rate-limited by BaseTen, trying again" in async_to_sync(watch)()
    assert work(run).answers.get(member=0).text == "At last."
