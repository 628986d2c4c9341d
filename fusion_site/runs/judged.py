"""What is to be said of how a version was judged: how often, by whom, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fusion_site.runs.parts import FusedState

Verdict = Mapping[str, Any]


def judging_sentences(fused: FusedState, labels: Mapping[str, str]) -> Iterator[str]:
    """Say how the version came through its judging; `labels` names answers by their ids."""
    verdict = fused.verdict or {}
    yield from _debated(verdict, labels)
    if not verdict.get("judge"):
        return
    if not verdict.get("close_call"):
        yield _orders(verdict)
        yield from _second(verdict)
    elif verdict["note"] not in fused.note:
        yield verdict["note"]
    if verdict["judge"]["fallback"]:
        yield f"The judge failed, and the fallback judge, {verdict['judge']['model']}, decided."
    if verdict.get("judge_in_pool"):
        yield "The judge's own model is in the pool."
    yield from _shortened(verdict, labels)
    yield from _cut(fused, verdict, labels)


def _orders(verdict: Verdict) -> str:
    return "Judges agreed in both orders." if len(verdict["passes"]) > 1 else "Judged in one order only."


def _second(verdict: Verdict) -> Iterator[str]:
    if verdict.get("second"):
        yield f"The second judge, {verdict['second'][0]['model']}, agreed."


def _debated(verdict: Verdict, labels: Mapping[str, str]) -> Iterator[str]:
    moves = verdict.get("moves", [])
    changed = dict.fromkeys(labels.get(move["answer"], "?") for move in moves if move["changed"])
    if changed:
        yield f"Changed in the debate: {', '.join(changed)}."
    elif moves:
        yield "Nobody changed their answer in the debate."


def _shortened(verdict: Verdict, labels: Mapping[str, str]) -> Iterator[str]:
    names = [labels.get(c["answer"], c["label"]) for c in verdict["candidates"] if c.get("clipped")]
    if names:
        yield f"Shortened for the judge: {', '.join(names)}."


def _cut(fused: FusedState, verdict: Verdict, labels: Mapping[str, str]) -> Iterator[str]:
    """Name the answers in it that were cut off, where it is not said that it is one of them."""
    used = [c for c in verdict["candidates"] if c.get("truncated") and c["answer"] in fused.answers]
    names = [labels.get(c["answer"], c["label"]) for c in used]
    if names and fused.source == "merge":
        yield f"Cut off by its length limit: {', '.join(names)}."
