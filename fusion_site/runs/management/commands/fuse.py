"""`manage.py fuse`: one run in the terminal, live.

Exit status: 0 there is a fused answer, 1 the run failed, 2 it could not be started, 3 it was stopped.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import orjson
from asgiref.sync import sync_to_async
from django.core.management.base import BaseCommand, CommandError, CommandParser, OutputWrapper
from django.db.models import Q

from fusion_site.accounts.models import User
from fusion_site.engine.turns import History
from fusion_site.pools.invalid import Invalid
from fusion_site.pools.models import Preset
from fusion_site.pools.reaching import asker, close_providers
from fusion_site.runs.access import visible_runs
from fusion_site.runs.execution.supervisor import Supervisor
from fusion_site.runs.flows.cancel import cancel_run
from fusion_site.runs.flows.following import preset_after
from fusion_site.runs.flows.start import Order, start_run
from fusion_site.runs.header import header
from fusion_site.runs.limits import LimitReached
from fusion_site.runs.live.feed import follow
from fusion_site.runs.loading import load_state
from fusion_site.runs.models import Run, State
from fusion_site.runs.queue import use_queue
from fusion_site.runs.reading import run_json
from fusion_site.runs.state import RunState
from fusion_site.runs.thread_words import thread_lines
from fusion_site.terminal.asking import add_asking
from fusion_site.terminal.columns import harmless
from fusion_site.terminal.outcome import NOT_STARTED, STOPPED, status_of
from fusion_site.terminal.prompt import Unreadable, prompt_of
from fusion_site.terminal.showing import Showing


class Command(BaseCommand):
    """Ask a preset; progress goes to standard error, the fused answer to standard output."""

    help = "Ask a preset from the terminal. The fused answer goes to standard output, all else to standard error."

    def add_arguments(self, parser: CommandParser) -> None:
        """What to ask."""
        add_asking(parser)
        parser.add_argument("--as", dest="email", help="Whose run it is; the site's owner by default.")

    def handle(self, *args: Any, email: str | None, **options: Any) -> None:
        """Run it to its end. Raises CommandError with the exit status where there is no fused answer."""
        # The terminal is for the answer; what goes wrong is told in a person's words.
        logging.getLogger("fusion_site").setLevel(logging.ERROR)
        self.stderr.style_func = None  # progress is no error: it is not to be red
        showing = Showing(_AsIs(self.stdout), _AsIs(self.stderr), is_plain=options["as_json"])
        person = person_of(email)
        try:
            text = prompt_of(options["prompt"], options["files"])
            order = order_of(person, text, **{name: options[name] for name in ("preset", "after", "history")})
            state = asyncio.run(_run(person, order, showing))
        except (Invalid, LimitReached, Unreadable) as refused:
            raise CommandError(str(refused), returncode=NOT_STARTED) from None
        except KeyboardInterrupt:
            raise CommandError("The run was stopped.", returncode=STOPPED) from None
        showing.end(state.fused.text if state.fused and state.state == State.DONE else None)
        for line in (header(state), *thread_lines(state)):
            showing.say(line)
        if options["as_json"]:
            self.stdout.write(orjson.dumps(run_json(state)).decode())
        if state.state != State.DONE:
            message = f"The run is {state.state}. {harmless(state.message)}"
            raise CommandError(message, returncode=status_of(state.state))


class _AsIs:
    """A stream of Django's that adds no line break of its own."""

    def __init__(self, stream: OutputWrapper) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        self._stream.write(text, ending="")

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()


async def _run(person: User, order: Order, showing: Showing) -> RunState:
    supervisor = Supervisor(asker())
    use_queue(supervisor)
    try:
        run = await sync_to_async(start_run)(person, order.preset.team, order)
        await _watch(run, showing)
        return await sync_to_async(load_state)(run.pk)
    finally:
        use_queue(None)
        await supervisor.stop()
        await close_providers()


async def _watch(run: Run, showing: Showing) -> None:
    state = await sync_to_async(load_state)(run.pk)
    try:
        async for facts in follow(run.pk, run.seq):
            for fact in facts:
                state.apply(fact.seq, fact.kind, fact.data)
                showing.tell(state, fact.kind, fact.data)
            showing.draw(state)
    except asyncio.CancelledError:
        await sync_to_async(cancel_run)(run)
        raise


def order_of(person: User, prompt: str, preset: str | None, after: str | None, history: str | None) -> Order:
    """Give what is asked for; raises CommandError or Invalid where that cannot be."""
    shown = History(history) if history else None
    if after is None:
        if preset is None:
            raise CommandError(
                "Name a preset by --preset, or a run to follow up by --after.", returncode=NOT_STARTED
            )
        return Order(preset_of(person, preset), prompt, history=shown)
    run = visible_runs(person).filter(pk=after).first()
    if run is None:
        raise CommandError(f"There is no run {after}.", returncode=NOT_STARTED)
    chosen = preset_of(person, preset, run.team_id) if preset else preset_after(run)
    return Order(chosen, prompt, after=run, history=shown)


def person_of(email: str | None) -> User:
    """Give whose run it is; raises CommandError when there is nobody."""
    named = Q(email=email.strip().lower()) if email else Q(is_site_owner=True)
    person = User.objects.filter(named).first()
    if person is None:
        absent = f"There is no person {email}." if email else "Nobody has signed up yet."
        raise CommandError(absent, returncode=NOT_STARTED)
    return person


def preset_of(person: User, name: str, team: str = "") -> Preset:
    """Give a preset of one of the person's teams, or of this team alone, by slug or id, the personal team's first."""
    mine = Preset.objects.filter(team__memberships__user=person).select_related(
        "team", "pool", "judge__connection"
    )
    mine = mine.filter(team=team) if team else mine
    found = list(mine.filter(Q(slug=name) | Q(pk=name)))
    found.sort(key=lambda preset: preset.team.personal_of_id != person.pk)
    if not found:
        known = ", ".join(sorted(mine.values_list("slug", flat=True))) or "none yet"
        raise CommandError(f"There is no preset {name}. Presets: {known}.", returncode=NOT_STARTED)
    return found[0]
