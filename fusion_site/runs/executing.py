"""Working on one run: claim it, go on from what its rows hold, write down what happens, let it go."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from typing import Any

from django.utils import timezone

from fusion_site.engine.asking import Asker, AskError, ErrorKind, Outcome, Usage
from fusion_site.engine.control import Control
from fusion_site.engine.events import AnswerKey, AnswerResult, FusedText, Resume, Source
from fusion_site.engine.fuse import fuse
from fusion_site.engine.settings import FusionSettings
from fusion_site.ops.log_facts import about, carrying
from fusion_site.ops.metrics import EXECUTIONS, TAKEOVERS
from fusion_site.ops.querying import query
from fusion_site.runs.claiming import claim
from fusion_site.runs.frozen import result_from_json, settings_from_json
from fusion_site.runs.journal import Journal
from fusion_site.runs.keeping import Keeper, look
from fusion_site.runs.measuring import note_end
from fusion_site.runs.models import Answer, Run
from fusion_site.runs.recording import Recorder
from fusion_site.runs.storing import Fenced

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

    def stop(self) -> None:
        """Stop the run for a person: every upstream connection is dropped, what was written stays."""
        self._is_stopped = True
        if self._fusing is not None:
            self._fusing.cancel()

    def stop_answer(self, key: AnswerKey) -> None:
        """Stop one answer for a person."""
        self._control.stop(key)

    def fence(self) -> None:
        """Drop everything: somebody else has taken the run over."""
        if self._fusing is not None:
            self._fusing.cancel()

    async def run(self) -> None:
        """Work on the run until it is final. Being cancelled parks it: it is stored so far, and has to be given back.

        Returns at once when the run is final already, or somebody else's.
        """
        with about(run=self._id):
            run = await query(claim, self._id, self._owner)
            if run is not None:
                self.epoch = run.epoch
                with EXECUTIONS.track_inprogress(), self._keeper.keeping(run.pk, self):
                    await self._claimed(run)

    async def _claimed(self, run: Run) -> None:
        if run.epoch > 1:
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
            await note_end(run.pk)

    async def _work(self, run: Run) -> None:
        settings = settings_from_json(run.settings)
        run_log = self._journal.open(run.pk, run.epoch, run.seq)
        recorder = await query(Recorder, run, settings, run_log)
        resume = await query(resume_of, run)
        if run.epoch > MOST_CLAIMS:
            recorder.fail(GIVEN_UP)
            await run_log.flushed()
            return
        await self._heed_stops()
        self._fusing = asyncio.create_task(self._fuse(run, settings, resume, recorder))
        if self._is_stopped:
            self._fusing.cancel()
        try:
            await self._ended(recorder)
        finally:
            self._fusing.cancel()
            await asyncio.wait([self._fusing])
            if run_log.failure is None:
                await run_log.flushed()

    async def _ended(self, recorder: Recorder) -> None:
        assert self._fusing is not None
        await asyncio.wait([self._fusing])
        if self._fusing.cancelled():
            if not self._is_stopped:
                raise Fenced(self._id)
            recorder.cancel()
        elif (error := self._fusing.exception()) is not None:
            if isinstance(error, Fenced):
                raise error
            log.error("a run failed inside the site", exc_info=error)
            recorder.fail("The site failed while it worked on this run. What was finished is kept.")

    async def _fuse(self, run: Run, settings: FusionSettings, resume: Resume, recorder: Recorder) -> None:
        # The clock of a run that was taken over starts anew: the time in which nobody worked on it is not its fault.
        elapsed = (timezone.now() - run.created_at).total_seconds() if run.epoch == 1 else 0.0
        events = fuse(
            settings,
            self._asker,
            resume=resume,
            control=self._control,
            elapsed_s=elapsed,
            settled=recorder.stored,
        )
        async with aclosing(events):
            async for event in events:
                recorder.record(event)

    async def _heed_stops(self) -> None:
        """Take over what was asked to be stopped before, so that nothing of it is asked again."""
        wish = (await query(look, [self._id], None))[self._id]
        self._is_stopped = self._is_stopped or wish.stop
        for key in wish.answers:
            self._control.stop(key)


def resume_of(run: Run) -> Resume:
    """Give what is finished of a run, from its rows."""
    fusion = run.fusions.filter(finished=True).order_by("version").last()
    return Resume(
        answers={AnswerKey(a.round, a.member): _result(a) for a in run.answers.exclude(outcome="")},
        steps={s.name: result_from_json(s.result) for s in run.steps.exclude(outcome="") if s.result},
        verdict=run.verdict,
        fused=FusedText(fusion.version, Source(fusion.source), fusion.text) if fusion else None,
        **_compared(run),
    )


def _compared(run: Run) -> dict[str, Any]:
    """Give what was being compared, and what was known of it by then, as the event said that began it."""
    begun = run.events.filter(kind="verdict.started").last()
    if begun is None:
        return {}
    keys = {a.pk: AnswerKey(a.round, a.member) for a in run.answers.all()}
    return {
        "compared": tuple(keys[answer] for answer in begun.data["answers"]),
        "scored": tuple(keys[answer] for answer in begun.data.get("scored", ())),
        "with_needs": begun.data.get("with_needs", False),
    }


def _result(row: Answer) -> AnswerResult:
    return AnswerResult(
        outcome=Outcome(row.outcome),
        text=row.text,
        reasoning=row.reasoning,
        error=AskError(ErrorKind(row.error["kind"]), row.error["message"]) if row.error else None,
        usage=Usage(**row.usage),
        cost_usd=row.cost_usd,
        served_model=row.served_model or None,
        provider=row.provider or None,
        unconfirmed=row.unconfirmed,
        first_token_ms=row.first_token_ms,
        total_ms=row.total_ms,
        generation_id=row.generation_id or None,
    )
