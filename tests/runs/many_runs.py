"""A team with any number of runs, written by the database itself: what lists and searches are measured and planned on."""

from __future__ import annotations

from django.db import connection

from fusion_site.accounts.models import Team, User
from fusion_site.runs.finding.models import Document
from fusion_site.runs.models import Run
from tests.runs.test_insights import made_run

# Of each so many runs: one has the rare word, one failed.
RARE, FAILED = 5_000, 1_000
_SERIES = {
    "sqlite": "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < %s)",
    "postgresql": "WITH s(n) AS (SELECT generate_series(1, %s))",
}
_CHANGED = {
    "sqlite": {
        "id": "'r' || printf('%%023d', s.n)",
        "created_at": "strftime('%%Y-%%m-%%d %%H:%%M:%%f', r.created_at, '-' || (%(all)s - s.n) || ' seconds')",
    },
    "postgresql": {
        "id": "'r' || lpad(s.n::text, 23, '0')",
        "created_at": "r.created_at - (%(all)s - s.n) * interval '1 second'",
    },
}


def many_runs(team: Team, person: User, count: int) -> None:
    """Store `count` runs of the team, a second apart, and index a dozen words of each."""
    first = made_run(team, person)
    first.save()
    changed = _CHANGED[connection.vendor] | {
        "state": f"CASE WHEN s.n %% {FAILED} = 7 THEN 'failed' ELSE 'done' END",
        "cost_usd": "(s.n %% 1000) / 1000.0",
    }
    columns = [str(field.column) for field in Run._meta.concrete_fields]
    values = ", ".join(
        changed.get(name, f"r.{name}") % {"all": count}
        if name == "created_at"
        else changed.get(name, f"r.{name}")
        for name in columns
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"{_SERIES[connection.vendor]} INSERT INTO runs_run ({', '.join(columns)})"
            f" SELECT {values} FROM s CROSS JOIN runs_run r WHERE r.id = %s ORDER BY s.n",
            [count, first.pk],
        )
        first.delete()
        cursor.execute(_INDEX[connection.vendor], [team.pk])
        Document.objects.update(indexed=2)
        if connection.vendor == "postgresql":
            cursor.execute(
                "ANALYZE"
            )  # as its own housekeeping does; nobody tells SQLite, so it plans without


_WORDS = f"'why does the service answer late on node ' || d.id || ' of common' || CASE WHEN d.id % {RARE} = 0 THEN ' rare' ELSE '' END"
_INDEX = {
    "sqlite": "INSERT INTO finding_words (rowid, team, words)"
    f" SELECT d.id, r.team_id, {_WORDS.replace('%', '%%')}"
    " FROM finding_document d JOIN runs_run r ON r.id = d.run_id WHERE r.team_id = %s ORDER BY d.id",
    "postgresql": "INSERT INTO finding_words (rowid, finding_words)"
    f" SELECT d.id, to_tsvector('simple', {_WORDS.replace('%', '%%')}) || array_to_tsvector(ARRAY['team=' || r.team_id])"
    " FROM finding_document d JOIN runs_run r ON r.id = d.run_id WHERE r.team_id = %s ORDER BY d.id",
}
