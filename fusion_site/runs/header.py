"""The honest header: what a fused answer rests on, in plain sentences that go wherever the answer goes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from fusion_site.pages.words import error_word, was_not_asked
from fusion_site.runs.judged import judging_sentences
from fusion_site.runs.models import State
from fusion_site.runs.parts import AnswerState, FusedState
from fusion_site.runs.state import RunState

# How those ended that have no part in it, where nothing more is to be said.
_ENDED = {
    "filtered": "was withheld by the provider's filter",
    "empty": "came back empty",
    "interrupted": "broke off",
    "cancelled": "was stopped by hand",
    "truncated": "was cut off by its length limit, and so does not count",
    "refused": "refused to answer",
    "late": "was too late to count",
}
# Why one was not asked, by the kind of the error that says so.
_FORBIDDEN = {
    "permission": "this team may send nothing to its connection",
    "billing": "the budget of this run was used up",
}
_CODE = re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE)


def header(state: RunState, fused: FusedState | None = None) -> str:
    """Give the sentences as one text, e.g. "Fused from 2 of 3. Qwen timed out at 60 s. Judges agreed in both orders."."""
    return " ".join(sentences(state, fused))


def short_header(state: RunState) -> str:
    """Give the first of them, for a list: how many of how many, and who is missing."""
    fused = None if state.state == State.FAILED else state.fused
    return " ".join([_made(state, fused), *_missing(state, fused)] if fused else _without(state))


def sentences(state: RunState, fused: FusedState | None = None) -> list[str]:
    """Say what a version of the fused answer rests on, the newest unless told; of a run without one, how it stands."""
    fused = fused or (None if state.state == State.FAILED else state.fused)
    if fused is None:
        return _without(state)
    told = [
        *_version(state, fused),
        _made(state, fused),
        *_picked(state, fused),
        *_missing(state, fused),
        *([] if fused.source == "chosen" else judging_sentences(fused, _labels(state))),
        *_scripted(state, fused),
        code_note(fused),
    ]
    return [sentence for sentence in told if sentence]


def code_note(fused: FusedState) -> str:
    """Say of merged code that nobody ran it; nothing where there is none."""
    if fused.source != "merge" or not fused.finished or not _CODE.search(fused.text):
        return ""
    return "The code in it has not been run."


def _without(state: RunState) -> list[str]:
    firsts = [answer for answer in state.answers.values() if not answer.round]
    failed = [_failed(a) for a in firsts if a.outcome not in {"", "complete", "truncated"}]
    if state.state == State.FAILED:
        return [state.message or "The run failed.", *failed]
    done = sum(bool(answer.outcome) for answer in firsts)
    return [f"{done} of {len(firsts)} answers are in.", *failed]


def _failed(answer: AnswerState) -> str:
    kind = answer.error["kind"] if answer.error else None
    why = "not_asked" if was_not_asked(answer.error) else answer.outcome
    return _why(answer.label, why, kind, answer.total_ms)


def _version(state: RunState, fused: FusedState) -> Iterator[str]:
    """Say what is new in a version; its number alone stands beside its title."""
    if fused.version == 1 or fused.source == "chosen":
        return
    earlier = [each for number, each in state.fusions.items() if number < fused.version and each.finished]
    known = {
        state.answers[key].member for each in earlier for key in _looked_at(each) if key in state.answers
    }
    fresh = [answer for answer in _used(state, fused) if answer.member not in known]
    late = {key for each in earlier for key in each.late}
    word = "late" if all(answer.id in late for answer in fresh) else "new"
    if fresh and earlier:
        yield f"Version {fused.version}, with {len(fresh)} {word} answer{'' if len(fresh) == 1 else 's'}."


def _looked_at(fused: FusedState) -> list[str]:
    return [*fused.answers, *(c["answer"] for c in (fused.verdict or {}).get("candidates", []))]


def _made(state: RunState, fused: FusedState) -> str:
    """Say how many of how many it is made from; what is not fused is never called so."""
    used = _used(state, fused)
    of = f"from {len(used)} of {len(used) + len(fused.missing)}"
    if fused.source == "chosen":
        whose = f"{used[0].label}'s answer" if used else "an answer"
        return f"Version {fused.version}, chosen by hand: {whose}, word for word."
    if fused.source == "single":
        whose = f"{used[0].label}'s is" if used else "it is"
        return f"Not fused: {whose} the only usable answer of {len(used) + len(fused.missing)}."
    if fused.source == "fallback" and not (fused.verdict or {}).get("judge"):
        return f"Not judged: one answer, {of}."
    if fused.source == "fallback" or (state.mode == "merge" and fused.source == "best_of"):
        return f"Not merged: the best single answer, {of}."
    return fused.note if fused.source == "vote" else f"Fused {of}."


def _picked(state: RunState, fused: FusedState) -> Iterator[str]:
    """Say whose answer it is word for word, and what else is to be said of how it came to be."""
    if fused.source == "chosen":
        return
    if fused.source == "vote":
        yield "No judge was asked."
    whose = _whose(state, fused)
    if whose is not None:
        yield f"It is {whose.label}'s answer, word for word."
    if fused.source == "merge" and _is_ticked(fused):
        yield "A reader ticked what it keeps and leaves out."
    if fused.note and fused.source != "vote":
        yield fused.note


def _whose(state: RunState, fused: FusedState) -> AnswerState | None:
    """Give whose answer it is word for word; where no verdict names one, that tells by its text."""
    if fused.source in {"merge", "single"}:
        return None
    winner = state.answers.get((fused.verdict or {}).get("winner") or "")
    said = fused.text.strip()
    if winner is not None or not said:
        return winner
    return next((answer for answer in _used(state, fused) if answer.text.rstrip().endswith(said)), None)


def _is_ticked(fused: FusedState) -> bool:
    return bool(fused.guidance and (fused.guidance["keep"] or fused.guidance["drop"]))


def _missing(state: RunState, fused: FusedState) -> Iterator[str]:
    if fused.source == "chosen":
        return
    compared = {c["answer"] for c in (fused.verdict or {}).get("candidates", [])}
    for each in fused.missing:
        answer = state.answers.get(each["answer"])
        if answer is None:
            continue
        if answer.id in compared:
            yield f"{answer.label} was compared, but is not among the best that were merged."
        elif each["why"] == "left_out":
            yield f"{answer.label} was left out: other values had more votes."
        else:
            yield _why(answer.label, each["why"], each["kind"], each["ms"])
    for key in fused.late:
        answer = state.answers.get(key)
        if answer is not None and answer.round:
            yield f"What {answer.label} said in the debate came too late to count."


def _why(label: str, why: str, kind: str | None, ms: int | None) -> str:
    """Say why a member has no part, with the figure where one is known."""
    if why == "not_asked":
        return f"{label} was not asked: {_FORBIDDEN.get(kind or '', _FORBIDDEN['permission'])}."
    if why != "error":
        return f"{label} {_ENDED.get(why, why)}."
    if kind != "timeout":
        return f"{label} failed: {error_word(kind or 'server').lower()}."
    if ms is None:
        return f"{label} was not done when the time for answering was up."
    return f"{label} timed out at {round(ms / 1000)} s." if ms >= 1000 else f"{label} timed out at {ms} ms."


def _scripted(state: RunState, fused: FusedState) -> Iterator[str]:
    """Name the rehearsal models as what they are."""
    missing = [state.answers[each["answer"]] for each in fused.missing if each["answer"] in state.answers]
    everybody = [*_used(state, fused), *missing]
    scripts = [answer.label for answer in everybody if answer.rehearsal]
    if scripts and len(scripts) == len(everybody):
        yield "All of these are rehearsal models: scripts, no AI."
    elif scripts:
        yield f"Rehearsal models, which are scripts and no AI: {', '.join(scripts)}."


def _used(state: RunState, fused: FusedState) -> Sequence[AnswerState]:
    """Give the answers that it was made of or chosen from, in pool order."""
    used = [state.answers[key] for key in fused.answers if key in state.answers]
    return sorted(used, key=lambda answer: answer.member)


def _labels(state: RunState) -> Mapping[str, str]:
    return {key: answer.label for key, answer in state.answers.items()}
