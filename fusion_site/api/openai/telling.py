"""Telling a program of a run as it goes on: the fused answer as it is written, and never a word that is taken back.

A fused answer may start again at its first character: where *do no harm* prefers the best single answer, where a merger
breaks off and another one writes, where the worker was killed. A program cannot unread. So a text that may well be taken
back is held until it is whole. Any other is told at once; if it does start again, what was told has to be its beginning,
and where it is not, the program is told that what it has read is not the answer.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from fusion_site.accounts.models import Membership
from fusion_site.accounts.passes import Pass
from fusion_site.accounts.watch import while_good
from fusion_site.api.doors import Caller
from fusion_site.api.openai.refusals import BAD_TOKEN_MEANWHILE, SERVER_ERROR, Refused
from fusion_site.engine.settings import Mode
from fusion_site.ops.metrics import LISTENERS
from fusion_site.ops.querying import query_patiently
from fusion_site.runs.live.feed import Fact, follow
from fusion_site.runs.loading import load_state
from fusion_site.runs.models import Run
from fusion_site.runs.parts import FusedState
from fusion_site.runs.state import RunState

# A quiet run says so this often, in seconds. It is also how long a whole answer waits for its run's last figures.
BEAT_S = 2.0
STARTED_AGAIN = "The fused answer started again after some of it had been sent: what was sent is not the answer. The run goes on, and can be read at {url}."


@dataclass(frozen=True)
class News:
    """What happened, and what of the fused answer may be told now. Both may be nothing: the run goes on."""

    facts: list[Fact]
    text: str


class Telling:
    """One run that a program waits for. After `news` has ended, the run has a whole fused answer, or will get none."""

    def __init__(self, run: Run, url: str, state: RunState) -> None:
        self.run, self.url, self.state = run, url, state
        self._is_held = may_be_taken_back(run)
        self._told = ""

    @property
    def fused(self) -> FusedState | None:
        """The first whole version of the fused answer, else the first that is being written."""
        return first_fused(self.state)

    async def news(self, caller: Caller, place: Membership) -> AsyncGenerator[News, None]:
        """Yield what happens until the answer is whole or there will be none. Raises Refused."""
        yield News([], self._more())
        if self._is_over():
            return
        given = Pass(caller.token.user_id, caller.token.team_id, token=caller.token.pk)
        told = while_good(given, place, follow(self.run.pk, self.state.seq, heartbeat_s=BEAT_S))
        with LISTENERS.labels("api").track_inprogress():
            async with aclosing(told):
                async for facts in told:
                    if self._is_whole and not facts:
                        return
                    await self._take(facts)
                    yield News(facts, self._more())
                    if self._is_over():
                        return
        raise Refused(401, BAD_TOKEN_MEANWHILE.format(url=self.url), code="invalid_api_key")

    @property
    def _is_whole(self) -> bool:
        return self.fused is not None and self.fused.finished

    def _is_over(self) -> bool:
        """Whether there is no more to wait for: late answers may take minutes, and have no part in the fused one."""
        is_late = any(not answer.outcome for answer in self.state.answers.values())
        return self.state.is_final or (self._is_whole and is_late)

    async def _take(self, facts: list[Fact]) -> None:
        for fact in facts:
            if fact.kind == "snapshot":  # deltas that are gone by now
                self.state = await query_patiently(load_state, self.run.pk)
            else:
                self.state.apply(fact.seq, fact.kind, fact.data)

    def _more(self) -> str:
        """Give what was not told of the text so far. Raises Refused where what was told is not its beginning."""
        if self.fused is None or (self._is_held and not self.fused.finished):
            return ""
        text, told = self.fused.text, self._told
        is_beginning_again = not self.fused.finished and told.startswith(text)
        if not text.startswith(told) and not is_beginning_again:
            message = STARTED_AGAIN.format(url=self.url)
            raise Refused(502, message, kind=SERVER_ERROR, code="answer_started_again")
        self._told = max(told, text, key=len)
        return text[len(told) :]


def first_fused(state: RunState) -> FusedState | None:
    """Give the version of the fused answer that a program is told: the first whole one, else the first of all."""
    versions = [state.fusions[number] for number in sorted(state.fusions)]
    return next((each for each in versions if each.finished), next(iter(versions), None))


def may_be_taken_back(run: Run) -> bool:
    """Whether a text that has begun may well give way to another: a merge that is compared, or bounded in length."""
    settings = run.settings
    is_merge = settings["mode"] == Mode.MERGE
    return is_merge and bool(settings["do_no_harm"] or settings.get("reply_tokens"))
