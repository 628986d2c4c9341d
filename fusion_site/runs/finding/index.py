"""The index of words in either database: its table, the triggers that keep it from drifting, writing and asking it.

Only here it matters which database it is. The team's id is among the words that are indexed, so that a search reads
nothing of other teams, however much they have.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from django.db import connection, connections

from fusion_site.runs.finding.words import Term

# A tsvector holds at most 1 MB, and numbers places up to 16383.
_LONGEST_VECTOR = 900_000

_AGAIN = "SET indexed = CASE WHEN indexed = 2 THEN 1 ELSE indexed END WHERE run_id ="
_TRIGGERS = {
    "finding_run_made": "runs_run",
    "finding_run_opened": "runs_run",
    "finding_gone": "finding_document",
    "finding_comment_insert": "sharing_comment",
    "finding_comment_update": "sharing_comment",
    "finding_comment_delete": "sharing_comment",
}
# When each of them acts, and what it does, in words of both databases.
_ACTS = {
    "finding_run_made": ("INSERT", "", "INSERT INTO finding_document (run_id, indexed) VALUES (NEW.id, 0)"),
    "finding_run_opened": (
        "UPDATE OF is_open",
        "WHEN (NEW.is_open AND NOT OLD.is_open)",
        f"UPDATE finding_document {_AGAIN} NEW.id",
    ),
    "finding_gone": ("DELETE", "", "DELETE FROM finding_words WHERE rowid = OLD.id"),
    "finding_comment_insert": ("INSERT", "", f"UPDATE finding_document {_AGAIN} NEW.run_id"),
    "finding_comment_update": ("UPDATE", "", f"UPDATE finding_document {_AGAIN} NEW.run_id"),
    "finding_comment_delete": ("DELETE", "", f"UPDATE finding_document {_AGAIN} OLD.run_id"),
}
_TABLES = {
    "sqlite": (
        "CREATE VIRTUAL TABLE IF NOT EXISTS finding_words USING fts5(team, words, tokenize='unicode61')",
    ),
    "postgresql": (
        "CREATE TABLE IF NOT EXISTS finding_words (rowid bigint PRIMARY KEY, finding_words tsvector NOT NULL)",
        "CREATE INDEX IF NOT EXISTS finding_words_gin ON finding_words USING gin (finding_words)",
    ),
}
# What was started while no trigger stood, and what is from before there was an index.
_ADD_MISSING = (
    "INSERT INTO finding_document (run_id, indexed) SELECT r.id, 0 FROM runs_run r"
    " LEFT JOIN finding_document d ON d.run_id = r.id WHERE d.id IS NULL ORDER BY r.created_at, r.id"
)


def lay(using: str) -> None:
    """Make the tables and the triggers where they are missing, and a document for each run that has none."""
    database = connections[using]
    missing = {"runs_run", "sharing_comment", "finding_document"} - set(database.introspection.table_names())
    if missing:
        return  # migrations have not come that far
    with database.cursor() as cursor:
        for statement in (*_TABLES[database.vendor], *_triggers(database.vendor), _ADD_MISSING):
            cursor.execute(statement)


def lift(using: str) -> None:
    """Take the triggers away, for as long as tables are changed."""
    database = connections[using]
    tables = set(database.introspection.table_names())
    with database.cursor() as cursor:
        for name, table in _TRIGGERS.items():
            on = f" ON {table}" if database.vendor == "postgresql" else ""
            if table in tables:
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on}")


def _triggers(vendor: str) -> Iterator[str]:
    """Give the statements that make them; PostgreSQL's each call a function of the same name."""
    for name, (at, when, act) in _ACTS.items():
        if vendor == "sqlite":
            yield f"CREATE TRIGGER IF NOT EXISTS {name} AFTER {at} ON {_TRIGGERS[name]} {when} BEGIN {act}; END"
            continue
        yield (
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql"
            f" AS $$ BEGIN {act}; RETURN NULL; END $$"
        )
        yield (
            f"CREATE OR REPLACE TRIGGER {name} AFTER {at} ON {_TRIGGERS[name]}"
            f" FOR EACH ROW {when} EXECUTE FUNCTION {name}()"
        )


def put(document: int, team: str, words: Sequence[str]) -> None:
    """Index these words of a run, in place of those that were indexed before."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM finding_words WHERE rowid = %s", [document])
        if connection.vendor == "postgresql":
            cursor.execute(
                "INSERT INTO finding_words (rowid, finding_words) VALUES (%s, %s::tsvector)",
                [document, _vector(team, words)],
            )
        else:
            cursor.execute(
                "INSERT INTO finding_words (rowid, team, words) VALUES (%s, %s, %s)",
                [document, team, " ".join(words)],
            )


def query_text(team: str, terms: Iterable[Term]) -> str:
    """Give the query for runs of the team in which all the terms stand, as the lookup `match` takes it."""
    if connection.vendor == "postgresql":
        return " & ".join([f"'{_of_team(team)}'", *map(_in_postgresql, terms)])
    return f'team : "{team}" AND words : ({" AND ".join(map(_in_sqlite, terms))})'


def _in_sqlite(term: Term) -> str:
    return f'"{" ".join(term.words)}"{" *" if term.is_open else ""}'


def _in_postgresql(term: Term) -> str:
    *firsts, last = [f"'{word}'" for word in term.words]
    return f"({' <-> '.join([*firsts, last + (':*' if term.is_open else '')])})"


def _of_team(team: str) -> str:
    """Give the word that stands for the team; no text has one with a sign in it."""
    return f"team={team}"


def _vector(team: str, words: Sequence[str]) -> str:
    places: dict[str, list[int]] = defaultdict(list)
    size = 0
    for place, word in enumerate(words, start=1):
        size += 4 if word in places else 4 * len(word) + 12
        if size > _LONGEST_VECTOR:
            break
        places[word].append(min(place, 16383))
    told = [f"'{word}':{','.join(map(str, found[:255]))}" for word, found in places.items()]
    return " ".join([f"'{_of_team(team)}'", *told])
