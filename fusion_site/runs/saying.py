"""What a run's cards say: who serves an answer, why it is tried again, who bills a stop, and what fusing again would add."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from fusion_site.engine.asking import Outcome
from fusion_site.providers import bills_after_cancel
from fusion_site.runs.parts import AnswerState
from fusion_site.runs.state import RunState

# Why it is tried again: where the provider is known, and where it is not.
_WHY = {
    "rate_limit": ("rate-limited by {}", "rate-limited"),
    "overloaded": ("overloaded at {}", "overloaded"),
    "upstream": ("failed at {}", "the provider failed"),
    "timeout": ("out of time at {}", "out of time"),
    "network": ("connection to {} failed", "connection failed"),
    "server": ("server of {} failed", "the server failed"),
}
_USABLE = {"complete", "truncated"}
_OTHERWISE = ("request refused by {}", "request refused")

# What a later pass of a run does, by what it is for.
AGAIN = {
    "fuse": "Fusing again",
    "retry": "Asking again",
    "add": "Asking one more",
    "chosen": "Choosing an answer",
    "taken_back": "Taking a choice back",
}


def fuse_label(state: RunState) -> str:
    """Name the button that fuses once more, with what is new by then; empty where no answer can be used."""
    fused = state.fused
    usable = {a.member: a for a in usable_firsts(state)}
    if fused is None or not usable:
        return "Fuse what there is" if usable else ""
    compared = [c["answer"] for c in (fused.verdict or {}).get("candidates", [])]
    known = {state.answers[key].member for key in (*fused.answers, *compared) if key in state.answers}
    fresh = [answer for member, answer in usable.items() if member not in known]
    if not fresh:
        return "Fuse again"
    word = "late" if all(answer.id in fused.late for answer in fresh) else "new"
    return f"Fuse again with {len(fresh)} {word} answer{'' if len(fresh) == 1 else 's'}"


def usable_firsts(state: RunState) -> list[AnswerState]:
    """Give the first answers that would be fused now; ones that were cut short only in a merge, or beside no whole one."""
    firsts = [a for a in state.answers.values() if not a.round and a.outcome in _USABLE and a.text.strip()]
    whole = [a for a in firsts if a.outcome == Outcome.COMPLETE]
    return firsts if state.mode == "merge" else whole or firsts


def retry_line(retry: dict[str, Any] | None) -> str:
    """Say why an answer waits and for how long, e.g. "Rate-limited by BaseTen, trying again in 4 s"."""
    if retry is None:
        return ""
    error = retry["error"] or {}
    named, unnamed = _WHY.get(error.get("kind", ""), _OTHERWISE)
    why = named.format(error["provider"]) if error.get("provider") else unnamed
    seconds = round(retry["after_s"])
    return f"{why[0].upper()}{why[1:]}, trying again{f' in {seconds} s' if seconds else ''}"


def served_line(answer: AnswerState) -> str:
    """Say who serves an answer where that is not what was asked for, e.g. "served as vendor/model-2 by BaseTen"."""
    vendor = answer.model.partition("/")[0] if "/" in answer.model else ""
    model = answer.served_model if answer.served_model != answer.model else ""
    provider = answer.provider if _plain(answer.provider) != _plain(vendor) else ""
    parts = ["served", model and f"as {model}", provider and f"by {provider}"]
    return " ".join(filter(None, parts)) if model or provider else ""


def billed_after_cancel(answer: AnswerState) -> bool | None:
    """Say whether a stopped answer is billed in full all the same; None is unknown, or that it was not stopped."""
    if answer.outcome != Outcome.CANCELLED or not answer.attempt:
        return None
    if answer.cost_usd is not None and Decimal(answer.cost_usd) == 0:
        return False
    return bills_after_cancel(answer.provider)


def billing_line(answer: AnswerState) -> str:
    """Say what a stop did not save, where that is so or may be so."""
    if answer.outcome != Outcome.CANCELLED or not answer.attempt:
        return ""
    bills = billed_after_cancel(answer)
    if bills:
        return "this provider bills stopped calls in full"
    return "the provider may bill it in full" if bills is None and answer.cost_usd is None else ""


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())
