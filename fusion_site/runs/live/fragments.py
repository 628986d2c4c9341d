"""What changed on a run's page, as pieces of HTML that htmx puts in their places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.template.loader import render_to_string
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from fusion_site.runs.live.appending import Change, changes
from fusion_site.runs.live.feed import Fact
from fusion_site.runs.live.lens import Lens
from fusion_site.runs.live.showing import ShownText

_GUIDE = ("guide_head", "guide_actions")
_TEXTS = {"answer.started", "answer.delta", "answer.finished"}
DELTAS = {"answer.delta", "answer.reasoning", "verdict.delta", "fused.delta"}
_FUSED_TEXTS = {"fused.started", "fused.delta", "fused.finished"}
# The run goes on, or what it went on for is over: other buttons, another version, an answer that begins anew.
_PASSES = {"run.reopened", "answer.reopened", "run.updated"}
_HEADS = {"answer.queued", "answer.started", "answer.retrying", "answer.accepted", "answer.finished"}
# What the judge writes is shown as it is found; with another fused answer stands its own verdict.
_VERDICT = {"verdict.started", "verdict.reading", "verdict.finished", "fused.started"}
# After these the run's own header says something else.
_HEADER = {
    "answer.started",
    "answer.finished",
    "verdict.started",
    "verdict.finished",
    "fused.started",
    "fused.finished",
    "guidance.wanted",
    "guidance.given",
    "run.finished",
    "run.updated",
}
# After these a choice may be made, or may not be made any more.
_GUIDES = {"guidance.wanted", "guidance.given", "run.finished"}


@dataclass
class Touched:
    """What a few events have changed.

    `grown` says of each text how many blocks stood before, None if it began anew; `judged` is what the judge went on to
    write, and `found` whether that says anything new.
    """

    texts: set[str] = field(default_factory=set)
    heads: set[str] = field(default_factory=set)
    reasoning: dict[str, list[str]] = field(default_factory=dict)
    grown: dict[str, int | None] = field(default_factory=dict)
    judged: list[str] = field(default_factory=list)
    found: bool = False
    header: bool = False
    verdict: bool = False
    fused_head: bool = False
    provenance: bool = False
    all_heads: bool = False
    guide: bool = False
    whole: bool = False
    only_text: bool = True

    def add(self, fact: Fact) -> None:
        """Note what one event changes."""
        kind, answer = fact.kind, fact.data.get("answer")
        self.only_text &= kind in DELTAS
        if kind in _TEXTS and answer:
            self.texts.add(answer)
        if kind in _PASSES:
            self.texts |= {"fused", *([answer] if answer else [])}
        if kind in _HEADS and answer:
            self.heads.add(answer)
        if kind in _FUSED_TEXTS:
            self.texts.add("fused")
            self.fused_head |= kind != "fused.delta"
        if kind == "answer.reasoning" and answer:
            self.reasoning.setdefault(answer, []).append(fact.data["text"])
        if kind == "verdict.delta":
            self.judged.append(fact.data["text"])
        if kind == "answer.started" and fact.data["attempt"] > 1:
            self.whole = True
        self.whole |= kind == "answer.added" or (kind in _PASSES and fact.data.get("reason") != "cost")
        # These say of every answer whether it was picked, came too late, or can still be stopped.
        self.all_heads |= kind in {"verdict.finished", "fused.started", "run.finished", "run.updated"}
        self.header |= kind in _HEADER
        self.provenance |= kind in {"fused.started", "fused.provenance"}
        # Where a choice may be made, the verdict's points can be ticked.
        self.verdict |= kind in _VERDICT | _GUIDES
        self.guide |= kind in _GUIDES
        # The fused answer's head says who won and what it waits for.
        self.fused_head |= kind in {"answer.started", "verdict.started", "verdict.finished"} | _GUIDES

    @property
    def is_growth(self) -> bool:
        """Whether nothing but texts has changed, none of them began anew, and the judge's says nothing new."""
        return self.only_text and not self.found and not any(self.is_restarted(key) for key in self.texts)

    def narrow(self, lens: Lens) -> None:
        """Leave out what somebody with this lens does not see; nothing shows more of a model than its answer."""
        self.reasoning.clear()
        if not lens.members:
            self.texts &= {"fused"}
            self.heads.clear()
            self.all_heads = False
        if not lens.fused:
            self.texts.discard("fused")
        if not (lens.verdict and lens.members):
            self.judged.clear()
        self.fused_head &= lens.fused
        self.provenance &= lens.sources
        self.verdict &= lens.verdict
        self.guide = False

    def is_restarted(self, key: str) -> bool:
        """Whether this text began anew, so that all of it must be replaced."""
        return key in self.grown and self.grown[key] is None


def snapshot(state: dict[str, Any]) -> str:
    """Give the whole run, which replaces whatever the page shows of it."""
    guide = () if state.get("lens") else _GUIDE
    return "".join(_partial(f"_{name}.html", state) for name in ("run", "status", *guide))


def fragments(state: dict[str, Any], shown: Mapping[str, ShownText], touched: Touched) -> str:
    """Give what changed, each piece with the id of its place; `shown` holds the texts as `growth` has them."""
    if touched.whole:
        return snapshot(state)
    parts: list[str] = []
    for answer in state["answers"]:
        parts += _answer_parts(answer, state, shown, touched)
    parts += _fused_parts(state, shown, touched)
    if touched.provenance:
        parts.append(_partial("_provenance.html", state))
    parts += _verdict_parts(state, touched)
    if touched.header:
        parts += [_partial(f"_{name}.html", state) for name in ("run_header", "status")]
        parts += [] if state.get("lens") else [_partial("_ask_another.html", state)]
    if touched.guide:
        parts += [_partial(f"_{name}.html", state) for name in _GUIDE]
    return "".join(parts)


def growth(shown: Mapping[str, ShownText], touched: Touched) -> str:
    """Give what has been added to texts, where nothing else has changed: nearly all that is ever sent of a run."""
    parts: list[str] = [
        _added(f"answer-{key}-reasoning", "".join(pieces)) for key, pieces in touched.reasoning.items()
    ]
    if touched.judged:
        parts.append(_added("judge-text", "".join(touched.judged)))
    for key in touched.texts:
        parts += _grown(shown[key], touched.grown.get(key))
    return "".join(parts)


def _grown(text: ShownText, before: int | None) -> list[str]:
    """Give what was written since the page was last told.

    The block that was open goes on, and is complete without being sent again; what follows it is added. So bytes and work
    grow with the text, and what is selected in it stays selected.
    """
    new = text.blocks[before or 0 :] + ([text.open_html] if text.open_html else [])
    if not text.was_open:
        return _added_blocks(text.place, new)
    last = f"#{text.place}>:last-child"
    if not new:
        return [_change(Change("delete", "", SafeString()), last)]
    steps = changes(text.was_open, new[0])
    if steps is None:
        steps = [Change("innerHTML", "", new[0])]
    return [*(_change(step, last) for step in steps), *_added_blocks(text.place, new[1:])]


def _change(step: Change, place: str) -> SafeString:
    tag, where = SafeString(step.tag), SafeString(f"{step.how}:{place}{step.path}")
    return format_html('<{} hx-swap-oob="{}">{}</{}>', tag, where, step.html, tag)


def _added_blocks(place: str, blocks: Sequence[SafeString]) -> list[str]:
    if not blocks:
        return []
    new = format_html_join("", '<div class="block">{}</div>', ((block,) for block in blocks))
    return [format_html('<div hx-swap-oob="beforeend:#{}">{}</div>', place, new)]


def _answer_parts(
    answer: dict[str, Any], state: dict[str, Any], shown: Mapping[str, ShownText], touched: Touched
) -> list[str]:
    key = answer["id"]
    parts = []
    if touched.all_heads or key in touched.heads:
        parts.append(_partial("_answer_head.html", state, a=answer))
        parts += [] if state.get("lens") else [_partial("_answer_foot.html", state, a=answer)]
    if key in touched.reasoning:
        parts.append(_added(f"answer-{key}-reasoning", "".join(touched.reasoning[key])))
    if key in touched.texts:
        parts += _grown(shown[key], touched.grown.get(key))
    return parts


def _fused_parts(state: dict[str, Any], shown: Mapping[str, ShownText], touched: Touched) -> list[str]:
    if touched.is_restarted("fused"):
        return [_partial("_fused.html", state)]
    parts = [_partial("_fused_head.html", state)] if touched.fused_head else []
    if state["fused"] is None or "fused" not in touched.texts:
        return parts
    return [*parts, *_grown(shown["fused"], touched.grown.get("fused"))]


def _verdict_parts(state: dict[str, Any], touched: Touched) -> list[str]:
    if touched.verdict:
        return [_partial("_verdict.html", state)]
    if not touched.judged or not state["judging"]:
        return []
    found = [_partial("_judge_found.html", state)] if touched.found else []
    return [*found, _added("judge-text", "".join(touched.judged))]


def _added(place: str, text: str) -> SafeString:
    return format_html('<div hx-swap-oob="beforeend:#{}"><span>{}</span></div>', place, text)


def _partial(name: str, state: dict[str, Any], **more: Any) -> str:
    context = {"state": state, "status_line": state["status"], "oob": True, **more}
    return render_to_string(f"runs/{name}", context)
