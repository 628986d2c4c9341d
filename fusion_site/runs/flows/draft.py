"""What somebody writes is kept until it is asked: one draft for each page that they write it in."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from fusion_site.accounts.ids import new_id
from fusion_site.accounts.models import Team, User
from fusion_site.engine.asking import Picture
from fusion_site.runs.attached.files import MOST_FILES, MOST_PICTURES, Refused, TextFile
from fusion_site.runs.attached.models import Draft, DraftFile
from fusion_site.runs.flows.enclose import keep_picture

Fields = Mapping[str, Sequence[str]]

KEPT_FOR = timedelta(days=30)
MOST_DRAFTS = 20


@dataclass(frozen=True)
class Writing:
    """One page in which somebody writes: its own name, and the draft that it showed when it was opened, at which version."""

    person: User
    team: Team
    tab: str
    draft: str = ""
    seen: int = 0


@dataclass(frozen=True)
class Saved:
    """The draft of a page; None where nothing is left to be kept. `is_apart` says that it was parted from another page's."""

    draft: Draft | None
    is_apart: bool = False


def drafts_of(person: User, team: Team) -> QuerySet[Draft]:
    """Give what this person is writing in this team, the newest first."""
    return Draft.objects.filter(person=person, team=team)


def draft_of(page: Writing) -> Draft | None:
    """Give the draft that a page writes; None where it has none, or another page has written that one since."""
    mine = drafts_of(page.person, page.team)
    shown = Q(pk=page.draft, version=page.seen)
    found = list(mine.filter(Q(tab=page.tab) | shown))
    return next((row for row in found if row.tab == page.tab), next(iter(found), None))


@transaction.atomic
def save_draft(page: Writing, fields: Fields, files: Collection[str]) -> Saved:
    """Keep what stands in a page. `files` are the ids of those that it shows, which go along where it has to be parted."""
    row, is_apart = _opened(page, files)
    is_empty = not any("".join(values).strip() for name, values in fields.items() if _is_typed(name))
    if is_empty and not row.files.exists():
        row.delete()
        return Saved(None)
    row.fields = {**_of_others(row.fields, fields), **fields}
    _write(row)
    return Saved(row, is_apart)


@transaction.atomic
def add_files(page: Writing, added: Sequence[TextFile | Picture], shown: Collection[str]) -> Draft:
    """Put files into a page's draft, which is made if need be. Raises Refused where they are too many."""
    row, _ = _opened(page, shown)
    kept = list(row.files.all())
    pictures = sum(isinstance(each, Picture) for each in added) + sum(
        each.picture_id is not None for each in kept
    )
    if len(kept) + len(added) > MOST_FILES:
        raise Refused(f"Use at most {MOST_FILES} files.")
    if pictures > MOST_PICTURES:
        raise Refused(f"Use at most {MOST_PICTURES} pictures.")
    place = max((each.place for each in kept), default=0)
    for number, each in enumerate(added, start=place + 1):
        DraftFile.objects.create(draft=row, place=number, name=each.name, **_content(page.team, each))
    _write(row)
    return row


@transaction.atomic
def remove_file(page: Writing, file: str, shown: Collection[str]) -> Draft:
    """Take a file out of a page's draft; one that is not there is gone already."""
    left = [each for each in shown if each != file]
    row, is_apart = _opened(page, left)
    if not is_apart:
        row.files.filter(pk=file).delete()
    _write(row)
    return row


def end_draft(page: Writing) -> None:
    """Forget what a page was writing: it has been asked."""
    if (row := draft_of(page)) is not None:
        row.delete()


def discard_draft(person: User, team: Team, draft: str) -> None:
    """Forget a draft by its id; a foreign one is as one that does not exist."""
    drafts_of(person, team).filter(pk=draft).delete()


def forget_drafts(now: datetime) -> None:
    """Remove the drafts that nobody has touched for long."""
    Draft.objects.filter(saved_at__lt=now - KEPT_FOR).delete()


def _opened(page: Writing, files: Collection[str]) -> tuple[Draft, bool]:
    """Give the page's draft for writing, and whether it had to be parted from the one that it showed."""
    # Two writes of a new page at once would make two drafts: its person's row lets them in one by one.
    User.objects.select_for_update(no_key=True).get(pk=page.person.pk)
    row = draft_of(page)
    if row is not None:
        row.tab = page.tab
        return row, False
    mine = drafts_of(page.person, page.team)
    along = list(DraftFile.objects.filter(draft__in=mine, pk__in=files))
    is_apart = bool(along) or mine.filter(pk=page.draft).exists()
    row = Draft.objects.create(id=new_id(), person=page.person, team=page.team, tab=page.tab)
    for file in along:
        DraftFile.objects.create(
            draft=row, place=file.place, name=file.name, text=file.text, picture_id=file.picture_id
        )
    _forget_oldest(page)
    return row, is_apart


def _content(team: Team, file: TextFile | Picture) -> dict[str, Any]:
    return {"text": file.text} if isinstance(file, TextFile) else {"picture": keep_picture(team, file)}


def _write(row: Draft) -> None:
    row.version += 1
    row.saved_at = timezone.now()
    row.save()


def _forget_oldest(page: Writing) -> None:
    beyond = drafts_of(page.person, page.team).values_list("pk", flat=True)[MOST_DRAFTS:]
    Draft.objects.filter(pk__in=list(beyond)).delete()


def _is_typed(name: str) -> bool:
    """Whether a field is written by hand: a preset that is chosen alone is no draft."""
    return name == "prompt" or name.startswith("variable-")


def _of_others(before: Fields, now: Fields) -> dict[str, Sequence[str]]:
    """Give what was typed for presets that are not in the form any more: one may be back tomorrow."""
    return {
        name: values for name, values in before.items() if name.startswith("variable-") and name not in now
    }
