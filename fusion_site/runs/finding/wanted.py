"""Which of a team's runs are wanted: words and filters, read from an address or a program, and the rows that match."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from fusion_site.accounts.models import Membership
from fusion_site.pools.invalid import no_such
from fusion_site.pools.models import Mode, Pool, Preset
from fusion_site.pools.paging import page_after
from fusion_site.pools.reading import Reading
from fusion_site.runs.finding.index import query_text
from fusion_site.runs.finding.models import Star, Tag, Tagged
from fusion_site.runs.finding.words import Term, as_words, terms_of
from fusion_site.runs.models import Run, State

LONGEST_QUERY = 400
MOST_TAGS = 10
FEW_MARKS = 500
# `live` stands for all runs that are worked on, also those that go on after their end.
LIVE = "live"
STATES = (LIVE, State.DONE, State.FAILED, State.CANCELLED)
ME = "me"

NEWEST_FIRST = ("-created_at", "-id")
# By the document's number: the index gives them so by itself, which is the order in which they were started.
AS_INDEXED = ("-document__words__document_id",)


@dataclass(frozen=True)
class Wanted:
    """What was asked for; what is empty or None asks for nothing."""

    q: str = ""
    preset: Preset | None = None
    pool: Pool | None = None
    mode: str = ""
    state: str = ""
    person: Membership | None = None
    since: datetime | None = None
    until: datetime | None = None
    starred: bool = False
    tags: tuple[Tag, ...] = ()
    cost_over: Decimal | None = None

    @property
    def terms(self) -> tuple[Term, ...]:
        """The query as it is searched."""
        return terms_of(self.q)

    @property
    def is_anything(self) -> bool:
        """Whether not simply all runs are wanted."""
        return any(getattr(self, field.name) for field in fields(self))


def read_wanted(place: Membership, given: Mapping[str, Any], *, errors: dict[str, list[str]]) -> Wanted:
    """Read words and filters; what cannot be is left out, and said in `errors` by field.

    `given` holds texts, and of `tag` a list. A preset is named by its id or slug, a pool by its id, a person by the `ref`
    of their place or `me`, a tag by its word.
    """
    reading = Reading(given, errors=errors)
    return Wanted(
        q=" ".join(str(given.get("q") or "").replace("\x00", "").split())[:LONGEST_QUERY],
        preset=_named(reading, place, "preset", _preset),
        pool=_named(reading, place, "pool", _pool),
        mode=reading.choice("mode", list(Mode.values)),
        state=reading.choice("state", [str(state) for state in STATES]),
        person=_named(reading, place, "person", _person),
        since=_day(reading, "since", ends=False),
        until=_day(reading, "until", ends=True),
        starred=reading.flag("starred", default=False),
        tags=_tags(reading, place, given.get("tag") or []),
        cost_over=reading.money("cost_over"),
    )


def _named(reading: Reading, place: Membership, name: str, find: Callable[[Membership, str], Any]) -> Any:
    text = reading.line(name, longest=100)
    found = find(place, text) if text else None
    if text and found is None:
        reading.wrong(name, no_such(name))
    return found


def _preset(place: Membership, name: str) -> Preset | None:
    return Preset.objects.filter(Q(pk=name) | Q(slug=name), team=place.team_id).first()


def _pool(place: Membership, name: str) -> Pool | None:
    return Pool.objects.filter(pk=name, team=place.team_id).first()


def _person(place: Membership, name: str) -> Membership | None:
    if name == ME:
        return place
    return Membership.objects.select_related("user").filter(ref=name, team=place.team_id).first()


def _day(reading: Reading, name: str, *, ends: bool) -> datetime | None:
    """Read a day, of which the end counts with `ends`, or a moment."""
    text = reading.line(name, longest=40)
    try:
        moment = parse_datetime(text) if "T" in text or " " in text else None
        day = parse_date(text) if moment is None else None
        return _as_moment(moment, day, ends=ends) if text else None
    except (ValueError, OverflowError):
        reading.wrong(name, "Give a day as 2026-01-31.")
        return None


def _as_moment(moment: datetime | None, day: date | None, *, ends: bool) -> datetime:
    if moment is None:
        if day is None:
            raise ValueError
        moment = datetime.combine(day + timedelta(days=1) if ends else day, time.min)
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)


def _tags(reading: Reading, place: Membership, names: list[str]) -> tuple[Tag, ...]:
    found = []
    for name in names[:MOST_TAGS]:
        tag = (
            Tag.objects.filter(team=place.team_id, folded=" ".join(as_words(name))).first() if name else None
        )
        if tag is not None:
            found.append(tag)
        elif name:
            reading.wrong("tag", no_such("tag"))
    return tuple(found)


def matching(place: Membership, wanted: Wanted) -> QuerySet[Run]:
    """Give the team's runs that are wanted. A query without a letter or digit in it matches none."""
    rows = Run.objects.filter(_plain(wanted), _of_team(place, wanted))
    if wanted.q:
        terms = wanted.terms
        rows = (
            rows.filter(document__words__words__match=query_text(place.team_id, terms))
            if terms
            else rows.none()
        )
    return rows


def _of_team(place: Membership, wanted: Wanted) -> Q:
    """Match the team's runs, of which the marked ones alone where those are wanted.

    Of few their ids are told, and no more: a database that is told the team walks all its runs for them.
    """
    marks: list[QuerySet[Any]] = [Tagged.objects.filter(tag=tag) for tag in wanted.tags]
    marks += [Star.objects.filter(person=place.user_id)] if wanted.starred else []
    few: set[str] | None = None
    many = Q(team=place.team_id)
    for each in marks:
        own = each.filter(run__team=place.team_id).values_list("run", flat=True)
        ids = set(own[: FEW_MARKS + 1])
        if len(ids) > FEW_MARKS:
            many &= Q(pk__in=own)
        else:
            few = ids if few is None else few & ids
    if few is None:
        return many
    return Q(pk__in=few) if len(many) == 1 else Q(pk__in=few) & many


def _plain(wanted: Wanted) -> Q:
    filters = {
        "preset": wanted.preset,
        "pinned_pool": wanted.pool.pk if wanted.pool else None,
        "mode": wanted.mode,
        "person": wanted.person.user_id if wanted.person else None,
        "created_at__gte": wanted.since,
        "created_at__lt": wanted.until,
        "cost_usd__gt": wanted.cost_over,
    }
    found = Q(**{name: value for name, value in filters.items() if value not in (None, "")})
    if wanted.state:
        found &= Q(is_open=True) if wanted.state == LIVE else Q(state=wanted.state, is_open=False)
    return found


def page_of(
    rows: QuerySet[Run], wanted: Wanted, cursor: str | None, limit: int
) -> tuple[list[Run], str | None]:
    """Give one page of matching runs, the newest first, and the next page's cursor; raises Invalid for a foreign one."""
    if not wanted.q:
        return page_after(rows, cursor, limit, NEWEST_FIRST)
    return page_after(
        rows.select_related("document__words").defer("document__words__words"), cursor, limit, AS_INDEXED
    )
