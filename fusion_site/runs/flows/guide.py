"""A person chooses what the fused answer keeps and leaves out: while the run waits for that, or once it is over."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from fusion_site.engine.again import stand_now
from fusion_site.ops.draining import refuse_while_draining
from fusion_site.pools.invalid import Invalid
from fusion_site.pools.reading import Given
from fusion_site.runs.flows.again import judge_anew_after_failure
from fusion_site.runs.flows.reopening import NotNow, held, opened
from fusion_site.runs.frozen import settings_from_json
from fusion_site.runs.limits import check_parallel, hold
from fusion_site.runs.models import Again, Run
from fusion_site.runs.queue import queue
from fusion_site.runs.resuming import resume_of
from fusion_site.runs.ticking import read_ticks

NOT_ASKED = "The run does not wait for a choice now, and it is not over."
CHOSEN = "The choice for this run was made already."
NOTHING_CHOSEN = "Choose at least one thing to keep or to leave out."
ALONE = "There are no two answers that can be used, so there is nothing to merge."


@transaction.atomic
def guide_run(run: Run, given: Given) -> Run:
    """Have a person's choice heeded: `given` has `keep` and `drop`, lists of ticks as docs/api.md has them.

    A run that waits goes on with it, also with none. One that is over makes a further version, a merge. Raises Invalid,
    NotNow, LimitReached or Draining.
    """
    refuse_while_draining()
    hold(run.person, run.team)
    row = Run.objects.select_for_update(of=("self",)).select_related("team", "person").get(pk=run.pk)
    if row.guided_until is not None and row.guided_until > timezone.now():
        return _go_on(row, given)
    if not row.is_final:
        raise NotNow(NOT_ASKED)
    return _fuse_with(held(row), given)


def _go_on(run: Run, given: Given) -> Run:
    if run.guidance is not None or run.cancel_requested:
        raise NotNow(CHOSEN if run.guidance is not None else NOT_ASKED)
    chosen = read_ticks(run, given)
    if run.is_paused:
        check_parallel(run.person, run.team)
    run.guidance = chosen
    run.save(update_fields=["guidance"])
    queue().submit(run.pk)
    return run


def _fuse_with(run: Run, given: Given) -> Run:
    settings = settings_from_json(run.settings)
    if len(stand_now(settings, resume_of(run))) < 2:
        raise NotNow(ALONE)
    chosen = read_ticks(run, given)
    if not (chosen["keep"] or chosen["drop"]):
        raise Invalid({"keep": [NOTHING_CHOSEN]})
    judge_anew_after_failure(run)
    return opened(run, settings, Again.FUSE, guidance=chosen)
