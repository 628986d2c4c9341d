"""Everything that is known of one run, from all who know it: its rows, its view, its stream, and who was asked for it."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fusion_site.engine.asking import Message
from fusion_site.engine.calling import digest_of
from fusion_site.engine.thread import messages_for
from fusion_site.runs.frozen import settings_from_json
from fusion_site.runs.state import RunState
from tests.upstream import Asked

Row = dict[str, Any]
# Runs one SQL query and gives its rows; JSON may come parsed or as text.
Rows = Callable[[str], list[Row]]

_JSON = {
    "settings",
    "thread",
    "verdict",
    "data",
    "answers",
    "late",
    "missing",
    "provenance",
    "usage",
    "error",
    "result",
    "versions",
}
# What cannot be billed however it ends.
_FREE = ("compact", "rehearsal")
# Which request it was: the model, and what exactly it was asked; None stands for a later round of a debate.
Call = tuple[str, str | None]


def sqlite_rows(path: Path) -> Rows:
    """Give a reader of a site's database, which may be read while the site runs, and after it was killed."""

    def read(sql: str) -> list[Row]:
        with closing(sqlite3.connect(path, timeout=20)) as database:
            database.execute("PRAGMA query_only = 1")
            database.row_factory = sqlite3.Row
            return [_parsed(dict(row)) for row in database.execute(sql)]

    return read


def _parsed(row: Row) -> Row:
    return {k: json.loads(v) if k in _JSON and isinstance(v, str) else v for k, v in row.items()}


@dataclass(frozen=True)
class Seen:
    """The open runs' answers and judge steps, as they stood in rows when a request came."""

    answers: list[Row]
    steps: list[Row]


def witness(rows: Rows) -> Callable[[], Seen]:
    """Give a witness for `Upstream.witness`: what is in rows when a request comes was stored before it left."""

    def look() -> Seen:
        live = "JOIN runs_run r ON r.id = x.run_id WHERE r.is_open"
        columns = "x.id, x.run_id, x.model, x.attempt, x.outcome"
        return Seen(
            rows(f"SELECT {columns} FROM runs_answer x {live}"),
            rows(f"SELECT {columns} FROM runs_step x {live}"),
        )

    return look


# What was in rows when so many requests had come.
Sighting = tuple[int, Seen]


@dataclass
class History:
    """One run as everybody knows it. `view` and `stream` are missing where no server was asked.

    `asked` is its part of the ledger in order; `sightings` say what was in rows between these requests. `thread` is what
    the settings of a follow-up hold besides.
    """

    run: Row
    events: list[Row]
    answers: list[Row]
    steps: list[Row]
    fusions: list[Row]
    free: set[str]
    asked: list[Asked] = field(default_factory=list)
    sightings: list[Sighting] = field(default_factory=list)
    thread: dict[str, Any] = field(default_factory=dict)
    view: dict[str, Any] | None = None
    stream: list[dict[str, Any]] | None = None

    def connection_of(self, answer: Row) -> str:
        """Give the id of the connection that the answer's member is reached through."""
        members = {member["index"]: member for member in self.run["settings"]["members"]}
        connection: str = members[answer["member"]]["model"]["connection"]
        return connection

    def calls(self) -> Mapping[Call, list[Row]]:
        """Give the answers and steps by what was asked for them; the very same may be asked for more than one."""
        settings = settings_from_json({**self.run["settings"], **self.thread})
        firsts = {m.index: digest_of(messages_for(settings, m)) for m in settings.members}
        found: dict[Call, list[Row]] = defaultdict(list)
        for answer in self.answers:
            found[answer["model"], firsts[answer["member"]] if not answer["round"] else None].append(answer)
        for step in self.steps:
            found[step["model"], step["name"].rpartition("#")[2]].append(step)
        return found

    def requests(self) -> Mapping[Call, list[Asked]]:
        """Give this run's part of the ledger by what was asked, in the order in which it came."""
        known = self.calls()
        found: dict[Call, list[Asked]] = defaultdict(list)
        for asked in self.asked:
            call = (asked.model, _digest(asked))
            found[call if call in known else (asked.model, None)].append(asked)
        return found

    def finished_before(self, asked: Asked) -> set[Any]:
        """Give the answers and steps of which a witness had seen, by the time of a request, that they were done.

        They stand as what `asking_of` gives.
        """
        number = next(n for n, each in enumerate(self.asked) if each is asked)
        seen = [each.seen for each in self.asked[: number + 1] if each.seen is not None]
        seen += [sighting for count, sighting in self.sightings if count <= number]
        rows = [row for each in seen for row in (*each.answers, *each.steps)]
        return {self.asking_of(row) for row in rows if self._is_done(row)}

    def asking_of(self, row: Row) -> Any:
        """Give what stands for all asking for an answer or a step: of an answer that was reopened, for that attempt."""
        return (row["id"], row["attempt"]) if row["id"] in self.reopened() else row["id"]

    def reopened(self) -> set[Any]:
        """Give the ids of the answers that somebody wanted to be asked for again."""
        return {event["data"]["answer"] for event in self.events if event["kind"] == "answer.reopened"}

    def _is_done(self, row: Row) -> bool:
        return bool(row["outcome"]) and row["run_id"] == self.run["id"]


def history_of(
    rows: Rows,
    run_id: str,
    ledger: Sequence[Asked],
    *,
    sightings: Iterable[Sighting] = (),
    view: dict[str, Any] | None = None,
    stream: list[dict[str, Any]] | None = None,
) -> History:
    """Read all that is known of a run. In a ledger of many runs it is known by its prompt, which no other may contain.

    `sightings` count the requests of the whole ledger.
    """
    assert run_id.isalnum(), run_id
    (run,) = rows(f"SELECT * FROM runs_run WHERE id = '{run_id}'")

    def of(table: str, order: str) -> list[Row]:
        return rows(f"SELECT * FROM {table} WHERE run_id = '{run_id}' ORDER BY {order}")

    asked = [asked for asked in ledger if _is_about(asked, run["prompt"])]
    said_before = of("runs_conversation", "run_id")
    return History(
        run=run,
        events=of("runs_event", "seq"),
        answers=of("runs_answer", "round, member"),
        steps=of("runs_step", "id"),
        fusions=of("runs_fusion", "version"),
        free={row["id"] for row in rows(f"SELECT id FROM pools_connection WHERE kind IN {_FREE}")},
        asked=asked,
        thread={"thread": said_before[0]["thread"]} if said_before else {},
        sightings=[(sum(a in asked for a in ledger[:count]), seen) for count, seen in sightings],
        view=view,
        stream=stream,
    )


def _is_about(asked: Asked, prompt: str) -> bool:
    told = json.dumps(prompt)[1:-1]
    return any(prompt in m["content"] or told in m["content"] for m in asked.body["messages"])


def _digest(asked: Asked) -> str:
    return digest_of(tuple(Message(m["role"], m["content"]) for m in asked.body["messages"]))


def rebuilt(events: list[Row]) -> RunState:
    """Give the state that a reader builds from the events alone."""
    first, *rest = events
    told = first["data"]
    names = (
        "mode",
        "prompt",
        "preset",
        "preset_name",
        "pinned",
        "rehearsal",
        "guided",
        "after",
        "left_out",
        "stand_ins",
    )
    state = RunState(
        id=told["run"], seq=1, state="queued", created_at=told["at"], **{n: told[n] for n in names}
    )
    state.history, state.earlier = told["history"] or "", told["thread"][:-1]
    for answer in told["answers"]:
        state.apply(1, "answer.added", answer)
    for event in rest:
        state.apply(event["seq"], event["kind"], event["data"])
    return state
