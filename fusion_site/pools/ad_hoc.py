"""A pool that is kept under no name: models that a program names for one run, over the team's connection to OpenRouter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from fusion_site.accounts.models import Membership, Team
from fusion_site.pools.invalid import NOT_A_LIST, REQUIRED, Invalid, no_such
from fusion_site.pools.leaving import refusal_of
from fusion_site.pools.models import MAX_MEMBERS, Connection, Judge, Kind, PoolMember
from fusion_site.pools.naming import read_model
from fusion_site.pools.reading import Given, Reading
from fusion_site.pools.rights import require_editor
from fusion_site.pools.sampling import read_params

NO_CONNECTION = "This team has no OpenRouter connection with a key: add one on the page “Connections”."
TOO_MANY = f"At most {MAX_MEMBERS} models."


@dataclass(frozen=True)
class AdHoc:
    """What stands in a preset's place. `models` are asked with the sampling settings `params`, `judge` compares and merges.

    Made by `read_ad_hoc` alone, which looks at who asks. None of its rows is stored.
    """

    connection: Connection
    models: tuple[str, ...]
    judge: str
    params: Mapping[str, Any]

    # The first turn is asked as it is written.
    template: ClassVar[str] = ""

    @property
    def team(self) -> Team:
        """Whose connection is used."""
        return self.connection.team

    @property
    def identity(self) -> list[object]:
        """What makes it another one, as plain data."""
        return [self.connection.pk, list(self.models), self.judge, dict(self.params)]

    @property
    def member_rows(self) -> list[PoolMember]:
        """The members as a pool would have them."""
        return [
            PoolMember(position=n, connection=self.connection, model=model, params=dict(self.params))
            for n, model in enumerate(self.models)
        ]

    @property
    def judge_row(self) -> Judge:
        """The judge as a team would keep it, with the criteria of a judge that names none."""
        return Judge(name="Judge", connection=self.connection, model=self.judge)


def read_ad_hoc(by: Membership, given: Given) -> AdHoc:
    """Give the pool of `{models, judge, params, connection}`. Raises Invalid, and PermissionDenied for viewers.

    `connection` is an id; without it the team's oldest connection to OpenRouter that has a key is used. A viewer may not
    choose models elsewhere either.
    """
    require_editor(by)
    reading = Reading(given)
    models = _models(reading, given.get("models"))
    judge = read_model(reading, "judge", required=True)
    params = read_params(reading.inside("params"))
    reading.finish()
    connection = _connection(by.team, given.get("connection"))
    if fault := refusal_of(by.team, connection):
        raise Invalid({"connection": [fault]})
    return AdHoc(connection, models, judge, params)


def _models(reading: Reading, given: object) -> tuple[str, ...]:
    if given is None or given == []:
        reading.wrong("models", REQUIRED)
    elif not isinstance(given, list):
        reading.wrong("models", NOT_A_LIST)
    elif len(given) > MAX_MEMBERS:
        reading.wrong("models", TOO_MANY)
    else:
        each = Reading({str(n): model for n, model in enumerate(given)}, at="models.", errors=reading.errors)
        return tuple(read_model(each, str(n), required=True) for n in range(len(given)))
    return ()


def _connection(team: Team, wanted: object) -> Connection:
    rows = Connection.objects.select_related("team").filter(team=team, kind=Kind.OPENROUTER)
    rows = rows.order_by("created_at", "pk")
    if wanted is not None:
        found = next((row for row in rows if row.pk == wanted), None)
        if found is None:
            raise Invalid({"connection": [no_such("connection to OpenRouter")]})
        return found
    found = next((row for row in rows if row.state != "needs_key"), None)
    if found is None:
        raise Invalid({"connection": [NO_CONNECTION]})
    return found
