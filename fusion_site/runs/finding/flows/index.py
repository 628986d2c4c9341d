"""Runs are indexed behind the pages' back: the prompt soon after the start, all of it after the end of a pass.

So nothing is indexed twice while answers come in, and the journal's writes carry none of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.db import transaction
from django.db.models import Q

from fusion_site.runs.finding.index import put
from fusion_site.runs.finding.models import Document, Indexed
from fusion_site.runs.finding.words import BORDER, as_words
from fusion_site.runs.models import Run

# Runs indexed in one transaction, so that other writers get their turn in between.
MOST = 10


def index_due() -> int:
    """Index the newest runs of which not all is indexed that could be; gives how many, at most 10."""
    due = Document.objects.filter(
        Q(indexed=Indexed.NOTHING) | Q(indexed=Indexed.PROMPT, run__is_open=False), indexed__lt=Indexed.WHOLE
    )
    found = list(due.order_by("-id").values_list("pk", flat=True)[:MOST])
    if found:
        _index(found)
    return len(found)


@transaction.atomic
def _index(documents: list[int]) -> None:
    """Index what stands in the rows now; whoever changes them meanwhile waits, or has the run indexed again."""
    for row in Document.objects.select_for_update().filter(pk__in=documents):
        run = Run.every.only("team_id", "prompt", "is_open").get(pk=row.run_id)
        texts = [run.prompt] if run.is_open else texts_of(run)
        put(row.pk, run.team_id, [word for text in texts for word in (*as_words(text), BORDER)])
        row.indexed = Indexed.PROMPT if run.is_open else Indexed.WHOLE
        row.save(update_fields=["indexed"])


def texts_of(run: Run) -> Iterator[str]:
    """Give all of a run that is searched: the fused answers, the prompt, every answer, and what the team said of it."""
    fusions = run.fusions.order_by("-version").values_list("text", flat=True)
    yield from fusions
    yield run.prompt
    yield from run.answers.exclude(text="").values_list("text", flat=True)
    yield from run.comments.values_list("text", flat=True)
