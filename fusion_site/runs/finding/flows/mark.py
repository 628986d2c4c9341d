"""Runs are marked: everybody stars for themselves, and whoever may act on a run puts the team's tags on it."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction
from django.http import Http404

from fusion_site.accounts.audit import record
from fusion_site.accounts.models import Membership, User
from fusion_site.pools.invalid import UNSTORABLE, Invalid
from fusion_site.pools.reading import is_storable
from fusion_site.pools.rights import require_editor
from fusion_site.runs.finding.models import Star, Tag, Tagged
from fusion_site.runs.finding.words import as_words
from fusion_site.runs.models import Run

LONGEST_TAG = 40
MOST_PER_RUN = 10


def star(by: User, run: Run) -> None:
    """Mark the run for oneself; it may be marked already."""
    Star.objects.get_or_create(person=by, run=run)


def unstar(by: User, run: Run) -> None:
    """Take one's own mark away."""
    Star.objects.filter(person=by, run=run).delete()


@transaction.atomic
def set_tags(by: Membership, run: Run, names: Iterable[str]) -> list[Tag]:
    """Have exactly these tags on the run, new ones made; raises Invalid. Who may is the caller's to know.

    A tag that stands on no run any more goes, so that nobody is offered it.
    """
    assert run.team_id == by.team_id
    words = {_folded(name): _checked(name) for name in names if name.strip()}
    if len(words) > MOST_PER_RUN:
        raise Invalid({"tags": [f"Use at most {MOST_PER_RUN} tags on a run."]})
    tags = [
        Tag.objects.get_or_create(team_id=run.team_id, folded=folded, defaults={"name": name})[0]
        for folded, name in words.items()
    ]
    before = set(run.tagged.values_list("tag__name", flat=True))
    run.tagged.exclude(tag__in=tags).delete()
    Tagged.objects.bulk_create([Tagged(run=run, tag=tag) for tag in tags], ignore_conflicts=True)
    Tag.objects.filter(team_id=run.team_id, tagged=None).delete()
    after = {tag.name for tag in tags}
    if before != after:
        record(run.team_id, "run.tagged", run, by=by, name="", tags=sorted(after))
    return sorted(tags, key=lambda tag: tag.folded)


@transaction.atomic
def rename_tag(by: Membership, tag: Tag, name: str) -> Tag:
    """Give a tag another name on all its runs; raises Invalid, also where another tag has that name."""
    require_editor(by)
    held = Tag.objects.select_for_update().filter(pk=tag.pk, team=by.team_id).first()
    if held is None:
        raise Http404
    folded = _folded(name)
    if Tag.objects.filter(team=by.team_id, folded=folded).exclude(pk=held.pk).exists():
        raise Invalid({"name": ["There is a tag of this name already."]})
    was, held.name, held.folded = held.name, _checked(name, "name"), folded
    held.save(update_fields=["name", "folded"])
    record(by.team_id, "team.tag_renamed", held, by=by, was=was)
    return held


def _folded(name: str) -> str:
    return " ".join(as_words(name))


def _checked(name: str, field: str = "tags") -> str:
    text = " ".join(name.split())
    if not is_storable(text):
        raise Invalid({field: [UNSTORABLE]})
    if len(text) > LONGEST_TAG:
        raise Invalid({field: [f"Use at most {LONGEST_TAG} characters for a tag."]})
    if not _folded(text) or "," in text:
        raise Invalid({field: ["A tag needs a letter or a digit, and has no comma in it."]})
    return text
