"""A connection is made, or changed. Its key is sealed here for one address, and lost when that address changes."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from fusion_site.accounts.audit import record
from fusion_site.accounts.models import Membership, Team
from fusion_site.accounts.sealing import SealContext, origin_of, seal
from fusion_site.accounts.team_settings import may_add_connections
from fusion_site.pools.addresses import fault_of
from fusion_site.pools.flows.keep_version import begun, keep_version
from fusion_site.pools.invalid import Invalid
from fusion_site.pools.leaving import fault_of_target
from fusion_site.pools.models import Connection, Kind
from fusion_site.pools.naming import LONGEST_NAME
from fusion_site.pools.plain import plain_connection
from fusion_site.pools.reading import Given, Reading
from fusion_site.pools.rights import OWNERS_ONLY, require_adder, require_editor

_FIELDS = ["name", "kind", "base_url", "api_key", "parallel"]
_BY_HAND = [Kind.OPENROUTER.value, Kind.OPENAI.value, Kind.COMPACT.value]
_LONGEST_KEY = 4096
_ONE_HOST = "This team already has a connection to the Compact host on this machine."


@transaction.atomic
def save_connection(
    by: Membership, given: Given, row: Connection | None = None, *, note: str = ""
) -> Connection:
    """Store a new connection, or the given fields of `row`, and give it; raises Invalid and then changes nothing.

    Fields are those of `plain_connection`, and `api_key`: a text is sealed, a blank or null one takes the key away,
    none leaves it as it is. An address of another origin loses the key unless it is given anew. Raises PermissionDenied
    for viewers, and for editors who would add one where that is left to owners.
    """
    require_editor(by)
    connection = begun(by, Connection, row)
    is_new = connection._state.adding
    if is_new:
        require_adder(by)
    wanted = _read(connection, given if is_new else {**plain_connection(connection), **given}, row)
    _check_adder(by, connection, wanted, given)
    changes = _key_changes(connection, wanted, given)
    if changes or wanted["base_url"] != connection.base_url:
        changes |= {"checked_at": None, "check_error": None, "key_facts": None, "catalogue_at": None}
    for field, value in {**wanted, **changes}.items():
        setattr(connection, field, value)
    _store(connection)
    if connection.catalogue_at is None:
        connection.catalogue.all().delete()
    keep_version(by.user, connection, note)
    if "sealed_key" in changes:
        record(connection.team_id, f"connection.{_key_words(connection)}", connection, by=by)
    return connection


def _key_words(connection: Connection) -> str:
    if connection.sealed_key:
        return "key_set"
    return "key_lost" if connection.key_lost else "key_removed"


def _check_adder(by: Membership, connection: Connection, wanted: dict[str, Any], given: Given) -> None:
    """Keep editors from changing where text goes, and under which key, in a team that leaves that to its owners."""
    if may_add_connections(by):
        return
    moved = {"base_url": wanted["base_url"] != connection.base_url, "api_key": "api_key" in given}
    if wrong := {field: [OWNERS_ONLY] for field, is_wrong in moved.items() if is_wrong}:
        raise Invalid(wrong)


def _store(connection: Connection) -> None:
    try:
        with transaction.atomic():
            connection.save()
    except IntegrityError:
        if not connection.is_local_host:
            raise
        raise Invalid({"kind": [_ONE_HOST]}) from None


def _read(connection: Connection, given: Given, row: Connection | None) -> dict[str, Any]:
    reading = Reading(given)
    reading.only(_FIELDS)
    kind = _kind(reading, row)
    base_url = _base_url(reading, kind)
    if base_url and base_url != connection.base_url and "base_url" not in reading.errors:
        _check_rules(reading, connection.team, base_url)
    wanted = {
        "name": reading.line("name", longest=LONGEST_NAME, required=True),
        "kind": kind,
        "base_url": base_url,
        "parallel": reading.whole("parallel", low=1, high=256, default=8),
        "api_key": _api_key(reading),
    }
    if kind and not wanted["base_url"] and "base_url" not in reading.errors:
        _check_local(reading, connection, kind)
    reading.finish()
    return wanted


def _kind(reading: Reading, row: Connection | None) -> str:
    if row is None:
        return reading.choice("kind", _BY_HAND, required=True)
    if reading.choice("kind", list(Kind.values), default=row.kind) != row.kind:
        reading.wrong("kind", "The kind of a connection stays as it is; make another connection instead.")
    return row.kind


def _base_url(reading: Reading, kind: str) -> str:
    """Read the address; OpenRouter has one by default, this machine's own hosts have none."""
    base_url = reading.line("base_url", longest=500).rstrip("/")
    if not base_url:
        if kind == Kind.OPENAI:
            reading.wrong("base_url", "Give the address of the API, such as https://api.example.com/v1.")
        return settings.FUSION_OPENROUTER_URL if kind == Kind.OPENROUTER else ""
    if kind == Kind.REHEARSAL:
        reading.wrong("base_url", "The rehearsal models have no address of their own.")
    elif fault := fault_of(base_url):
        reading.wrong("base_url", fault)
    return base_url


def _check_rules(reading: Reading, team: Team, base_url: str) -> None:
    """Take no address that the team's rules let nothing be sent to; one from before the rules stays, and is not asked."""
    if fault := fault_of_target(team, base_url):
        reading.wrong("base_url", fault)


def _api_key(reading: Reading) -> str:
    """Read the key, which has to fit into an HTTP header. What is wrong with it is said without it."""
    key = reading.line("api_key", longest=_LONGEST_KEY)
    if key and not (key.isascii() and key.isprintable() and " " not in key):
        reading.wrong("api_key", "A key has no blanks and only ASCII characters; copy it again.")
    return key


def _check_local(reading: Reading, connection: Connection, kind: str) -> None:
    """Keep to one connection per team to each host of this machine; the site itself holds the key to it."""
    if not reading.blank("api_key"):
        reading.wrong("api_key", "The site's own models need no key; leave this empty.")
    others = Connection.objects.filter(team=connection.team, kind=kind, base_url="").exclude(pk=connection.pk)
    if kind == Kind.COMPACT and others.exists():
        reading.wrong("kind", _ONE_HOST)


def _key_changes(connection: Connection, wanted: dict[str, Any], given: Given) -> dict[str, Any]:
    """Give the fields about the key that change; the typed key itself leaves `wanted` here."""
    key, origin = wanted.pop("api_key"), _origin(wanted["base_url"])
    if key:
        context = SealContext(connection=connection.pk, team=connection.team_id, origin=origin)
        return {"sealed_key": seal(key, context=context), "key_hint": _hint(key), "key_lost": False}
    if "api_key" in given:
        return {"sealed_key": "", "key_hint": "", "key_lost": False}
    if connection.sealed_key and origin != _origin(connection.base_url):
        return {"sealed_key": "", "key_hint": "", "key_lost": True}
    return {}


def _origin(base_url: str) -> str:
    return origin_of(base_url) if base_url else ""


def _hint(key: str) -> str:
    """Give the key's last four characters, or of one so short that they would be most of it, dots."""
    return key[-4:] if len(key) >= 8 else "····"
