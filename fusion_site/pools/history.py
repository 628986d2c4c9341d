"""The versions of a thing as pages and programs read them: who saved what, when, and what it changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from fusion_site.accounts.models import User
from fusion_site.pools.differences import Difference, differences
from fusion_site.pools.flows.keep_version import as_version
from fusion_site.pools.models import Named, Version

# What every version shows of who saved it where no person did.
THE_SITE = "this site"


@dataclass(frozen=True)
class Entry:
    """One version: `changes` are what it changed of the one before, of the first all that was set."""

    version: Version
    changes: list[Difference]

    @property
    def number(self) -> int:
        """Its number, from 1."""
        return self.version.number

    @property
    def saved_at(self) -> datetime:
        """When it was saved."""
        return self.version.saved_at

    @property
    def note(self) -> str:
        """How it came about, where somebody did not simply save it."""
        return self.version.note

    @property
    def who(self) -> str:
        """Who saved it, as a person reads it."""
        return who(self.version.person)


def who(person: User | None) -> str:
    """Give a person's name, else their address; without one it was the site."""
    return (person.name or person.email) if person else THE_SITE


def entries(
    versions: QuerySet[Version], row: Named | None, *, most: int, before: int | None = None
) -> list[Entry]:
    """Give the newest `most` of a thing's versions, of those below the number `before`, newest first.

    Of a row from before versions were kept it is the one that it is at.
    """
    older = versions.select_related("person") if before is None else versions.filter(number__lt=before)
    found = list(older[: most + 1])
    if not found and before is None and row is not None:
        only = as_version(row)
        only.saved_at = row.updated_at
        found = [only]
    pairs = zip(found, [*found[1:], None], strict=False)
    return [Entry(version, changes_of(version, earlier)) for version, earlier in pairs][:most]


def changes_of(version: Version, earlier: Version | None) -> list[Difference]:
    """Give what a version changed of an earlier one; without one, all that is set in it."""
    before = earlier.data if earlier else {}
    found = differences(before, version.data, names_in(filter(None, [earlier, version])))
    return found if earlier else [each for each in found if each.now != "no"]


def names_in(versions: Iterable[Version]) -> Mapping[str, str]:
    """Give the names of all that versions refer to, by id."""
    return {key: name for version in versions for key, name in version.names.items()}
