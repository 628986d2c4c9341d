"""The promise of runs that survive, as invariants which a history of a run keeps or breaks.

Whatever was killed, frozen, restarted or lost, of a run that was accepted it holds that:

- *ended*: its first pass has reached one final state, and said so by exactly one `run.finished`. After that come only
  costs that became known later, and later passes, of which each begins with `run.reopened` and ends with one
  `run.updated`. Nothing of it is left open, and nobody holds it.
- *numbered*: its events are numbered from 1 without a gap or a double, and its row says the last number.
- *streamed*: a stream of it, pieced together over any number of connections, is exactly these events.
- *tiled*: within one attempt every piece of text begins where the one before ended; the pieces together are the text that
  its row keeps.
- *rebuilt alike*: the state built from the events alone is the state that the site reads from its rows.
- *stored first*: every request that a model's server has seen was in rows before its first byte left.
- *paid once*: there are no more requests for an answer or a judge's step than attempts stored, and none came when it was
  finished already, unless somebody had it asked for again since.
- *same question*: an answer that is asked for again is asked for in the same words and with the same settings.
- *word for word*: the text of a finished answer or step is what the server sent for that attempt; what is kept of a cut one
  is the beginning of it; the fused answer is the text that it was picked from or made as.
- *traced*: of every whole version it is told once where it comes from; what is told lies inside that version, and inside
  the answers as they were asked then; one that was picked is that answer as a whole.
- *honest costs*: the cost is called complete only where every call was made once and its cost is known, or is free; it is
  the sum of what is known.

`check` looks at a run that has ended; `check_halfway` at one at any moment, also while no server runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from fusion_site.runs.models import FINAL_STATES
from fusion_site.runs.reading import run_json
from tests.history import History, Row, rebuilt
from tests.upstream import Asked

Objections = Iterator[str]


def check(history: History) -> None:
    """Fail with every objection to the history of a run that has ended."""
    _fail(history, [*HALFWAY, *AT_THE_END])


def check_halfway(history: History) -> None:
    """Fail with every objection to what is known of a run so far."""
    _fail(history, HALFWAY)


def objections(history: History, invariants: list[Callable[[History], Objections]]) -> list[str]:
    """Give what is wrong with a history, each by the name of the invariant that it breaks."""
    return [f"{invariant.__name__}: {what}" for invariant in invariants for what in invariant(history)]


def _fail(history: History, invariants: list[Callable[[History], Objections]]) -> None:
    found = objections(history, invariants)
    told = [(e["seq"], e["kind"], e["data"].get("answer")) for e in history.events]
    asked = [(a.model, a.sent, a.is_whole) for a in history.asked]
    assert not found, "\n".join(
        [*found, f"run {history.run['id']}, epoch {history.run['epoch']}", str(told), str(asked)]
    )


def ended(history: History) -> Objections:
    """One final state, said once; nothing open, nobody at work."""
    run, kinds = history.run, [event["kind"] for event in history.events]
    if run["state"] not in FINAL_STATES or run["finished_at"] is None or run["lease_until"] is not None:
        yield f"it is {run['state']}, finished at {run['finished_at']}, held until {run['lease_until']}"
    if run["is_open"] or run["reopened"]:
        yield f"a pass is open: {run['reopened']!r}"
    said = [event["data"]["state"] for event in history.events if _ends_a_pass(event)]
    if kinds.count("run.finished") != 1 or said[-1] != run["state"]:
        yield f"{run['state']} was said as {said}"
    else:
        yield from _went_on(history.events[kinds.index("run.finished") + 1 :])
    for answer in history.answers:
        if not answer["outcome"]:
            yield f"answer {answer['id']} is open"
    if run["state"] == "done" and not any(fusion["finished"] for fusion in history.fusions):
        yield "it is done without a fused answer"


def _ends_a_pass(event: Row) -> bool:
    is_updated = event["kind"] == "run.updated" and event["data"]["reason"] != "cost"
    return bool(is_updated or event["kind"] == "run.finished")


def _went_on(events: list[Row]) -> Objections:
    """What comes after the first pass: costs, and whole later passes."""
    is_open = False
    for event in events:
        kind = event["kind"]
        if is_open is (kind == "run.reopened") or (
            not is_open and kind not in {"run.reopened", "run.updated"}
        ):
            yield f"event {event['seq']} is {kind}, while a pass is {'open' if is_open else 'not open'}"
        is_open = kind == "run.reopened" or (is_open and not _ends_a_pass(event))
    if is_open:
        yield "the last pass has no end"


def numbered(history: History) -> Objections:
    """1, 2, 3, to the number that the run's row says."""
    numbers = [event["seq"] for event in history.events]
    if numbers != list(range(1, len(numbers) + 1)) or history.run["seq"] != len(numbers):
        yield f"the row says {history.run['seq']}, the events {numbers}"


def streamed(history: History) -> Objections:
    """The stream is the events, each once and in order."""
    stored = [{"seq": e["seq"], "kind": e["kind"], **e["data"]} for e in history.events]
    if history.stream is not None and history.stream != stored:
        yield f"{[e['seq'] for e in history.stream]} were streamed of 1 to {len(stored)}"


def tiled(history: History) -> Objections:
    """Every piece begins where the one before ended, and together they are what the row keeps."""
    texts: dict[Any, str] = {}
    for event in history.events:
        kind, data = event["kind"], event["data"]
        place = data.get("answer", data.get("version"))
        if kind in {"answer.started", "answer.reopened", "fused.started", "verdict.reading"}:
            texts[place] = texts["reasoning", place] = ""
        elif kind in {"answer.delta", "answer.reasoning", "fused.delta", "verdict.delta"}:
            key = ("reasoning", place) if kind == "answer.reasoning" else place
            if data["offset"] != len(texts.get(key, "")):
                yield f"event {event['seq']} begins at {data['offset']} of {len(texts.get(key, ''))}"
            texts[key] = texts.get(key, "") + data["text"]
    for key, text in _kept(history):
        if texts.get(key, "") != text:
            yield f"{key} was told as {texts.get(key, '')!r} and is kept as {text!r}"


def _kept(history: History) -> Iterator[tuple[Any, str]]:
    for answer in history.answers:
        if answer["outcome"]:
            yield answer["id"], answer["text"]
            yield ("reasoning", answer["id"]), answer["reasoning"]
    for fusion in history.fusions:
        if fusion["finished"]:
            yield fusion["version"], fusion["text"]


# What people put on a run or look for in it is no part of how it went.
OF_ITS_READERS = ("starred", "tags", "found")


def rebuilt_alike(history: History) -> Objections:
    """What the events build is what the site reads from rows."""
    if history.view is None:
        return
    told = run_json(rebuilt(history.events))
    for name, value in history.view.items():
        if name not in {"answers", *OF_ITS_READERS} and told[name] != value:
            yield f"{name} is {value!r} by the rows and {told[name]!r} by the events"
    for shown, answer in zip(history.view["answers"], told["answers"], strict=True):
        for name, value in shown.items():
            if answer[name] != value:
                yield f"{answer['id']}.{name} is {value!r} by the rows and {answer[name]!r} by the events"


def stored_first(history: History) -> Objections:
    """What was asked for was in rows when the request came."""
    calls = history.calls()
    for call, requests in history.requests().items():
        if call not in calls:
            yield f"{call} was asked and has no row"
            continue
        seen = [_seen(asked, calls[call]) for asked in requests if asked.seen is not None]
        if not all(_attempts(rows) for rows in seen):
            yield f"{call} was asked before it was stored: {seen}"


def paid_once(history: History) -> Objections:
    """No more requests than attempts, and none for what was finished."""
    calls = history.calls()
    for call, requests in history.requests().items():
        rows = calls.get(call, [])
        resent = _resent(history, rows)
        if len(requests) > _attempts(rows) + resent:
            yield f"{call} was asked {len(requests)} times in {_attempts(rows) + resent} attempts"
        for number, asked in enumerate(requests, start=1):
            seen = rows if asked.seen is None else _seen(asked, rows)
            if seen and history.finished_before(asked).issuperset(map(history.asking_of, seen)):
                yield f"{call} was asked when it was finished"
            elif number > _attempts(seen) + resent:
                yield f"{call} was asked for the {number}. time in {_attempts(seen)} attempts"
    yield from _begun_again(history)


def _begun_again(history: History) -> Objections:
    finished = set()
    for event in history.events:
        if event["kind"] == "answer.finished":
            finished.add(event["data"]["answer"])
        elif event["kind"] == "answer.reopened":
            finished.discard(event["data"]["answer"])
        elif event["kind"] == "answer.started" and event["data"]["answer"] in finished:
            yield f"event {event['seq']} begins an answer that was finished"


def _attempts(rows: list[Row]) -> int:
    attempts: int = sum(row["attempt"] for row in rows)
    return attempts


def _resent(history: History, rows: list[Row]) -> int:
    """Give how often an attempt was sent again because it was refused unread, which each time was told."""
    ids = {row["id"] for row in rows}
    return sum(e["kind"] == "answer.retrying" and e["data"]["answer"] in ids for e in history.events)


def _seen(asked: Asked, rows: list[Row]) -> list[Row]:
    """Give how these rows stood when the request came."""
    known = {(row["run_id"], row["id"]) for row in rows}
    return [row for row in (*asked.seen.answers, *asked.seen.steps) if (row["run_id"], row["id"]) in known]


def same_question(history: History) -> Objections:
    """Asked again in the same words, with the same settings."""
    for call, requests in history.requests().items():
        if call[1] is not None and any(asked.body != requests[0].body for asked in requests):
            yield f"{call} was asked otherwise the next time"


def word_for_word(history: History) -> Objections:
    """What is kept is what was sent for that attempt, or the beginning of it where it was cut."""
    requests = history.requests()
    for call, rows in history.calls().items():
        for row in rows:
            text = row["text"] if "text" in row else (row["result"] or {}).get("text", "")
            said = [asked.said for asked in _of_attempt(row, rows, requests.get(call, []))]
            if row["outcome"] == "complete" and row["model"] in _ours(history) and text not in said:
                yield f"{call} is kept as {text!r}, sent was {said}"
            elif text and row["model"] in _ours(history) and not any(s.startswith(text) for s in said):
                yield f"of {call} {text!r} is kept, sent was {said}"


def _ours(history: History) -> set[str]:
    """Give the models whose requests the ledger holds: those of this machine's own hosts are not in it."""
    members = history.run["settings"]["members"]
    judge = history.run["settings"]["judge"]
    refs = [m["model"] for m in members] + [
        judge["model"],
        *([judge["fallback"]] if judge["fallback"] else []),
    ]
    return {ref["model"] for ref in refs if ref["connection"] not in history.free}


def _of_attempt(row: Row, rows: list[Row], requests: list[Asked]) -> list[Asked]:
    """Give the requests that may have been the row's last attempt: one, where a witness saw which and nobody shares it."""
    if len(rows) > 1 or any(asked.seen is None for asked in requests):
        return requests if len(rows) > 1 else requests[-1:]
    return [asked for asked in requests if [s["attempt"] for s in _seen(asked, rows)] == [row["attempt"]]]


def fused_from_somewhere(history: History) -> Objections:
    """The fused answer is the winner's text, or what the merger wrote; a changed mind comes with its reason in front.

    An earlier version may be what a member said before it was asked again.
    """
    answers = [answer["text"].strip() for answer in history.answers]
    answers += [asked.said.strip() for asked in history.asked if asked.is_whole and history.reopened()]
    merges = [
        s["result"]["text"].strip() for s in history.steps if s["name"].startswith("merge") and s["result"]
    ]
    for fusion in history.fusions:
        text, source = fusion["text"].strip(), fusion["source"]
        whole = merges if source == "merge" else answers
        found = any(a.endswith(text) for a in answers) if source == "debate" else text in whole
        if fusion["finished"] and not found:
            yield f"{source} {text!r} comes from nowhere"


def traced(history: History) -> Objections:
    """Where each whole version comes from, once, in places that there are."""
    told = [e["data"]["version"] for e in history.events if e["kind"] == "fused.provenance"]
    whole = [fusion for fusion in history.fusions if fusion["finished"]]
    if sorted(told) != sorted(fusion["version"] for fusion in whole):
        yield f"it was told where versions {told} come from"
    answers = {answer["id"]: answer for answer in history.answers}
    for fusion in whole:
        found = fusion["provenance"] or {"sentences": [], "judge_only": []}
        for place in (*found["sentences"], *found["judge_only"]):
            if place["offset"] + place["length"] > len(fusion["text"]):
                yield f"{place} is not in {fusion['text']!r}"
        for said in (said for sentence in found["sentences"] for said in sentence["from"]):
            answer = answers[said["answer"]]
            is_as_then = answer["attempt"] == said["attempt"]
            if is_as_then and said["offset"] + said["length"] > len(answer["text"]):
                yield f"{said} is not in {answer['text']!r}"
        if fusion["source"] != "merge" and [s["length"] for s in found["sentences"]] != [len(fusion["text"])]:
            yield f"{fusion['source']} comes from {found['sentences']}"


def honest_costs(history: History) -> Objections:
    """Complete only where every call's cost is known; never less than what is known."""
    calls = [(row, history.connection_of(row)) for row in history.answers if row["attempt"]]
    calls += [(row, row["connection"]) for row in history.steps]
    if history.run["cost_complete"]:
        for row, connection in calls:
            unpaid = row["attempt"] - row.get("paid_attempts", 0)
            if connection not in history.free and (unpaid > 1 or (unpaid and row["cost_usd"] is None)):
                yield f"it is called complete, but {row['id']} has {unpaid} attempts, {row['cost_usd']}"
    costs = [row.get(name) for row, _ in calls for name in ("cost_usd", "paid_usd")]
    known = [Decimal(str(cost)) for cost in costs if cost is not None]
    total = history.run["cost_usd"]
    if (total is None) != (not known) or (known and abs(Decimal(str(total)) - sum(known)) > Decimal("1e-9")):
        yield f"it says {total}, known are {known}"


HALFWAY: list[Callable[[History], Objections]] = [
    numbered,
    tiled,
    stored_first,
    paid_once,
    same_question,
    word_for_word,
    fused_from_somewhere,
]
AT_THE_END: list[Callable[[History], Objections]] = [ended, streamed, rebuilt_alike, traced, honest_costs]
