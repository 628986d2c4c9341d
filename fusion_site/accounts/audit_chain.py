"""The chain of a team's audit trail: each entry's digest is over what it says and over the digest of the entry before it.

So whoever changes, inserts or removes an entry has to make all later digests anew, and then the trail no longer ends as
it did in any export that somebody has kept. How it is computed is told in docs/security.md, for those who check exports.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from fusion_site.accounts.trail import AuditEntry

# Rows that are read at a time.
BATCH = 500


def plain_entry(entry: AuditEntry) -> dict[str, Any]:
    """Give an entry as programs read it; what is empty is null."""
    return {**_said(entry), "digest": entry.digest}


def _said(entry: AuditEntry) -> dict[str, Any]:
    return {
        "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": entry.actor or None,
        "action": entry.action,
        "object_kind": entry.kind,
        "object_id": entry.object_id or None,
        "object_name": entry.object_name or None,
        "details": entry.details,
        "door": entry.door,
        "token": entry.token or None,
        "address": entry.address or None,
    }


def digest_of(entry: AuditEntry, before: str) -> str:
    """Give the digest of an entry that follows the one with the digest `before` ("" for the first): SHA-256, in hex."""
    said = json.dumps(_said(entry), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{before}\n{said}".encode()).hexdigest()


def last_digest(team_id: str) -> str:
    """Give the digest in which a team's trail ends; "" where it is empty."""
    newest = AuditEntry.objects.filter(team=team_id).order_by("-id")
    return newest.values_list("digest", flat=True).first() or ""


@dataclass(frozen=True, slots=True)
class Verified:
    """What came of looking through a trail: how many entries were whole, in what they end, and which one is not, if any."""

    whole: int
    ends_in: str
    broken: AuditEntry | None = None


def verify(team_id: str) -> Verified:
    """Look through a team's trail from its first entry to the last, or to the first that does not fit."""
    count, before = 0, ""
    for entry in _oldest_first(team_id):
        if entry.digest != digest_of(entry, before):
            return Verified(count, before, entry)
        count, before = count + 1, entry.digest
    return Verified(count, before)


def lost(team_id: str, digests: Iterable[str]) -> list[str]:
    """Give those of these digests, taken from an export, that the team's trail has no longer."""
    known = set(AuditEntry.objects.filter(team=team_id).values_list("digest", flat=True).iterator(BATCH))
    return [digest for digest in digests if digest not in known]


def _oldest_first(team_id: str) -> Iterator[AuditEntry]:
    """By its id: the order in which they were chained. Not one long query, which would hold up whoever writes."""
    last = 0
    entries = AuditEntry.objects.filter(team=team_id).order_by("id")
    while batch := list(entries.filter(pk__gt=last)[:BATCH]):
        yield from batch
        last = batch[-1].pk
