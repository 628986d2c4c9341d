"""Who votes: a person of the team, or a visitor of a link, of whom only a random id is known."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from fusion_site.accounts.models import User


@dataclass(frozen=True, slots=True)
class Voter:
    """One who may vote once in a run. `key` names them among its voters."""

    key: str
    person: User | None = None


def voter_of(person: User) -> Voter:
    """Give a person as a voter."""
    return Voter(f"person {person.pk}", person)


def visitor_of(share_id: str, random_id: str) -> Voter:
    """Give a visitor of a link as a voter; what their browser keeps is stored as a hash."""
    return Voter(f"link {share_id} {hashlib.sha256(random_id.encode()).hexdigest()[:32]}")
