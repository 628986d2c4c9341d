"""The audit trail of each team: who did what, on what, when, from where. It grows and never changes.

Every flow that changes something a team would ask about calls `record` in the transaction of the change, so that there
is no change without its entry and no entry without its change.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import models, transaction

from fusion_site.accounts.audit_chain import digest_of, last_digest
from fusion_site.accounts.models import AuditEntry, Door, Membership, Team, User
from fusion_site.accounts.whence import whence
from fusion_site.ops.logs import without_secrets

# What something may be done on: the first word of an action.
KINDS = (
    "team",
    "member",
    "invitation",
    "connection",
    "pool",
    "judge",
    "preset",
    "run",
    "share",
    "comment",
    "vote",
    "token",
    "session",
    "factor",
    "sso",
    "webhook",
)
_LONGEST = 200

Detail = str | int | bool | None | list[str] | list[str | None]


def record(
    team: Team | str,
    action: str,
    on: models.Model | None = None,
    *,
    by: User | Membership | None,
    name: str | None = None,
    **details: Detail,
) -> None:
    """Add an entry to the team's trail: `record(team, "pool.changed", pool, by=place, changed=["members"])`.

    `action` is one of KINDS, a dot, and what was done, in the past tense. `on` is what it was done on, shown by its
    `str` or by `name`; both are kept as text, so that they outlive the row. `by` is None where the site itself did it.
    From where it was asked is known here. What looks like a key is hidden, but callers give no secrets in the first place.
    Raises ValueError for an unknown kind, and RuntimeError outside of a transaction.
    """
    kind, _, verb = action.partition(".")
    if kind not in KINDS or not verb:
        raise ValueError(f"{action!r} is not an action: KIND.DONE with one of {', '.join(KINDS)}")
    _require_transaction()
    person = by.user if isinstance(by, Membership) else by
    entry = AuditEntry(
        team_id=team.pk if isinstance(team, Team) else team,
        person=person.pk if person else None,
        actor=person.email if person else "",
        kind=kind,
        action=action,
        object_id=str(on.pk) if on is not None else "",
        object_name=_safe(str(on or "") if name is None else name),
        details={key: _safe_detail(value) for key, value in details.items()},
        **_from_where(person),
    )
    hold(entry.team_id)
    entry.digest = digest_of(entry, last_digest(entry.team_id))
    entry.save()


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Give the names of the fields that differ, in order: what an entry about a change says of it."""
    return [name for name in after if before.get(name) != after[name]]


def hold(*team_ids: str) -> None:
    """Let nobody else write into these trails until the change is whole: two entries cannot follow the same one.

    A change that is told in several trails calls this once for all of them. They are locked in one order, so that of
    two such changes in opposite directions neither waits for what the other has.
    """
    trails = Team.objects.select_for_update(no_key=True).filter(pk__in=team_ids).order_by("pk")
    list(trails.values_list("pk"))


def _from_where(person: User | None) -> dict[str, str]:
    if (known := whence()) is None:
        return {"door": Door.COMMAND if person else Door.SITE}
    return {"door": known.door, "token": known.token, "address": known.address()}


def _safe(text: str) -> str:
    return without_secrets(text)[:_LONGEST]


def _safe_detail(value: Detail) -> Detail:
    if isinstance(value, list):
        return [None if each is None else _safe(str(each)) for each in value]
    return _safe(value) if isinstance(value, str) else value


def _require_transaction() -> None:
    """Refuse to write an entry that could stay without its change. The transaction that a test runs in does not count."""
    blocks = transaction.get_connection().atomic_blocks
    if not any(not getattr(block, "_from_testcase", False) for block in blocks):
        raise RuntimeError("an audit entry belongs into the transaction of the change that it tells of")
