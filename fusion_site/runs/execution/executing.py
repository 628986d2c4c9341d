"""Working on one run: claim it, go on from what its rows hold, write down what happens, let it go."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial

from django.db.models import prefetch_related_objects
from django.utils import timezone

from fusion_site.engine.again import fuse_again
from fusion_site.engine.asking import Asker
from fusion_site.engine.control import Control
from fusion_site.engine.events import FusedFinished, FusionEvent, FusionFinished, Resume
from fusion_site.engine.fuse import fuse
from fusion_site.engine.guidance import Guidance
from fusion_site.engine.results import AnswerKey
from fusion_site.engine.settings import FusionSettings
from fusion_site.ops.log_facts import about, carrying
from fusion_site.ops.metrics import EXECUTIONS, TAKEOVERS
from fusion_site.ops.querying import query, query_patiently
from fusion_site.runs.attached.keeping import with_bytes
from fusion_site.runs.claiming import claim
from fusion_site.runs.execution.journal import Journal, RunLog
from fusion_site.runs.execution.keeping import Keeper
from fusion_site.runs.execution.recording import Recorder
from fusion_site.runs.execution.storing import Fenced
from fusion_site.runs.execution.tracing import Tracing
from fusion_site.runs.frozen import settings_of
from fusion_site.runs.guidance import guidance_of
from fusion_site.runs.measuring import note_end
from fusion_site.runs.models import Run
from fusion_site.runs.resuming import does_fuse, resume_of

log = logging.getLogger(__name__)

# A run that ends the process that works on it would be asked, and paid for, again and again.
MOST_CLAIMS = 20
GIVEN_UP = f"The site gave up after starting this run {MOST_CLAIMS} times. What was finished is kept."


class Execution:
    """One run being worked on by this process. `stop` and `stop_answer` may be called from its event loop."""

    def __init__(self, run_id: str, owner: str, journal: Journal, keeper: Keeper, asker: Asker) -> None:
        self._id, self._owner, self._asker = run_id, owner, asker
        self._journal, self._keeper = journal, keeper
        self.epoch = 0
        self.is_parked = False
        self._control = Control()
        self._keys: dict[str, AnswerKey] = {}
        self._fusing: asyncio.Task[None] | None = None
        self._is_stopped = False
        self._guiding: asyncio.Task[None] | None = None

    def stop(self) -> None:
        """Stop the run for a person: every upstream connection is dropped, what was written stays."""
        self._is_stopped = True
        if self._fusing is not None:
            self._fusing.cancel()

    def stop_answer(self, key: AnswerKey) -> None:
        """Stop one answer for a person."""
        self._control.stop(key)

    def guide(self) -> None:
        """Go on with what a person chose, where this waits for it."""
        if self._guiding is None:
            self._guiding = asyncio.create_task(self._guide())

    async def _guide(self) -> None:
        self._control.guide(await query_patiently(_chosen, self._id))

    def fence(self) -> None:
        """Drop everything: somebody else has taken the run over."""
        if self._fusing is not None:
            self._fusing.cancel()

    async def run(self) -> None:
        """Work on the run until its pass is over. Being cancelled parks it: it is stored so far, and has to be given back.

        Returns at once when nothing of the run is to be done, or it is somebody else's.
        """
        with about(run=self._id):
            run = await query(claim, self._id, self._owner)
            if run is not None:
                self.epoch = run.epoch
                with EXECUTIONS.track_inprogress(), self._keeper.keeping(run.pk, self):
                    await self._claimed(run)

    async def _claimed(self, run: Run) -> None:
        if run.claims > 1:
            log.info("a run goes on from its rows", extra=carrying(state=run.state, claim=run.epoch))
        try:
            await self._work(run)
        except Fenced:
            TAKEOVERS.inc()
            log.warning("a run was taken over by another process", extra=carrying(claim=run.epoch))
        except asyncio.CancelledError:
            self.is_parked = True
            log.info("a run is parked", extra=carrying(claim=run.epoch))
            raise
        else:
            await note_end(run.pk, run.reopened)

    async def _work(self, run: Run) -> None:
        run_log = self._journal.open(run.pk, run.epoch, run.seq)
        settings, recorder, resume = await query(_from_rows, run, run_log)
        if run.claims > MOST_CLAIMS:
            recorder.fail(GIVEN_UP)
            await run_log.flushed()
            return
        self._heed_stops(run)
        tracing = Tracing(recorder.untraced, recorder.traced)
        self._fusing = asyncio.create_task(self._fuse(run, settings, resume, recorder, tracing))
        if self._is_stopped:
            self._fusing.cancel()
        try:
            await self._ended(recorder, tracing)
        finally:
            self._fusing.cancel()
            await asyncio.wait([self._fusing, *([self._guiding] if self._guiding else [])])
            await tracing.close()
            if run_log.failure is None:
                await run_log.flushed()
        # A write may have failed after the last thing was recorded: nobody has been told of it yet.
        await run_log.flushed()

    async def _ended(self, recorder: Recorder, tracing: Tracing) -> None:
        assert self._fusing is not None
        await asyncio.wait([self._fusing])
        if self._fusing.cancelled():
            if not self._is_stopped:
                raise Fenced(self._id)
            await tracing.done()
            recorder.cancel()
        elif (error := self._fusing.exception()) is not None:
            if isinstance(error, Fenced):
                raise error
            log.error("a run failed inside the site", exc_info=error)
            await tracing.done()
            recorder.fail("The site failed while it worked on this run. What was finished is kept.")

    async def _fuse(
        self, run: Run, settings: FusionSettings, resume: Resume, recorder: Recorder, tracing: Tracing
    ) -> None:
        tracing.begin()  # An earlier attempt may have come no further than its fused answer.
        async with aclosing(await self._begun(run, settings, resume, recorder)) as events:
            async for event in events:
                if isinstance(event, FusionFinished):
                    await tracing.done()
                recorder.record(event)
                if isinstance(event, FusedFinished):
                    tracing.begin()

    async def _begun(
        self, run: Run, settings: FusionSettings, resume: Resume, recorder: Recorder
    ) -> AsyncGenerator[FusionEvent, None]:
        """Give what the pass that is open reports."""
        # The clock of a run that was taken over starts anew: the time in which nobody worked on it is not its fault.
        elapsed = (timezone.now() - run.opened_at).total_seconds() if run.claims == 1 else 0.0
        begin: Callable[..., AsyncGenerator[FusionEvent, None]] = fuse
        if run.reopened:
            begin = partial(fuse_again, version=run.version, fuses=await query(does_fuse, run))
        return begin(
            settings,
            self._asker,
            resume=resume,
            control=self._control,
            elapsed_s=elapsed,
            settled=recorder.stored,
        )

    def _heed_stops(self, run: Run) -> None:
        """Take over what was asked to be stopped before, so that nothing of it is asked again."""
        self._is_stopped = self._is_stopped or run.cancel_requested
        for answer in run.answers.all():
            if answer.cancel_requested and not answer.outcome:
                self._control.stop(AnswerKey(answer.round, answer.member))


def _from_rows(run: Run, log: RunLog) -> tuple[FusionSettings, Recorder, Resume]:
    """Read what there is of a run that was claimed, once for all."""
    prefetch_related_objects([run], "answers", "steps", "fusions")
    settings = with_bytes(settings_of(run), run)
    return settings, Recorder(run, settings, log), resume_of(run)


def _chosen(run_id: str) -> Guidance:
    return guidance_of(Run.every.get(pk=run_id))
