"""`manage.py fuse`: one run in the terminal, live.

Exit status: 0 there is a fused answer, 1 the run failed, 2 it could not be started, 3 it was stopped.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path
from typing import Any

import orjson
from asgiref.sync import sync_to_async
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Q

from fusion_site.accounts.models import User
from fusion_site.engine.turns import History
from fusion_site.pools.invalid import Invalid
from fusion_site.pools.models import Preset
from fusion_site.pools.reaching import asker, close_providers
from fusion_site.runs.access import visible_runs
from fusion_site.runs.columns import Picture, harmless, how_it_ended
from fusion_site.runs.execution.supervisor import Supervisor
from fusion_site.runs.flows.cancel import cancel_run
from fusion_site.runs.flows.following import preset_after
from fusion_site.runs.flows.start import Order, start_run
from fusion_site.runs.header import header
from fusion_site.runs.limits import LimitReached
from fusion_site.runs.live.feed import Fact, follow
from fusion_site.runs.loading import load_state
from fusion_site.runs.models import Run, State
from fusion_site.runs.queue import use_queue
from fusion_site.runs.reading import run_json
from fusion_site.runs.state import RunState
from fusion_site.runs.thread_words import thread_lines

FAILED, NOT_STARTED, STOPPED = 1, 2, 3


class Command(BaseCommand):
    """Ask a preset; progress goes to standard error, the fused answer to standard output."""

    help = "Ask a preset from the terminal. The fused answer goes to standard output, all else to standard error."

    def add_arguments(self, parser: CommandParser) -> None:
        """What to ask."""
        parser.add_argument(
            "prompt",
            nargs="*",
            help="The prompt; several make one, with blank lines between. - is standard input, as is none at all.",
        )
        parser.add_argument(
            "--file",
            dest="files",
            action="append",
            type=Path,
            default=[],
            help="A text file to put after the prompt; may be given again.",
        )
        parser.add_argument(
            "--json",
            dest="as_json",
            action="store_true",
            help="Print the run as GET runs/ID gives it, once it is over, in place of the fused answer.",
        )
        parser.add_argument(
            "--preset", help="The slug or the id of a preset; a follow-up's is its run's by default."
        )
        parser.add_argument("--after", metavar="ID", help="The run that this one follows up.")
        parser.add_argument(
            "--history",
            choices=[history.value for history in History],
            help="What members are shown as earlier answers: the fused ones (default), each its own, or all.",
        )
        parser.add_argument("--as", dest="email", help="Whose run it is; the site's owner by default.")

    def handle(self, *args: Any, email: str | None, **options: Any) -> None:
        """Run it to its end. Raises CommandError with the exit status where there is no fused answer."""
        # The terminal is for the answer; what goes wrong is told in a person's words.
        logging.getLogger("fusion_site").setLevel(logging.ERROR)
        self.stderr.style_func = None  # progress is no error: it is not to be red
        self._is_plain = options["as_json"]
        self._picture = Picture(sys.stderr) if sys.stderr.isatty() else None
        person = person_of(email)
        try:
            text = prompt_of(options["prompt"], options["files"])
            order = order_of(person, text, **{name: options[name] for name in ("preset", "after", "history")})
            state = asyncio.run(self._run(person, order))
        except Invalid as invalid:
            raise CommandError(str(invalid), returncode=NOT_STARTED) from None
        except LimitReached as limit:
            raise CommandError(str(limit), returncode=NOT_STARTED) from None
        for line in (header(state), *thread_lines(state)):
            self.stderr.write(harmless(line))
        if options["as_json"]:
            self.stdout.write(orjson.dumps(run_json(state)).decode())
        if state.state != State.DONE:
            status = STOPPED if state.state == State.CANCELLED else FAILED
            raise CommandError(f"The run is {state.state}. {harmless(state.message)}", returncode=status)

    async def _run(self, person: User, order: Order) -> RunState:
        supervisor = Supervisor(asker())
        use_queue(supervisor)
        try:
            run = await sync_to_async(start_run)(person, order.preset.team, order)
            await self._watch(run)
            return await sync_to_async(load_state)(run.pk)
        finally:
            use_queue(None)
            await supervisor.stop()
            await close_providers()

    async def _watch(self, run: Run) -> None:
        state = await sync_to_async(load_state)(run.pk)
        try:
            async for facts in follow(run.pk, run.seq):
                for fact in facts:
                    state.apply(fact.seq, fact.kind, fact.data)
                    self._tell(state, fact)
                self._draw(state)
        except asyncio.CancelledError:
            await sync_to_async(cancel_run)(run)
            raise
        if not self._is_plain:
            self.stdout.write("")

    def _draw(self, state: RunState) -> None:
        """Show the members side by side while there is no fused answer; where they have no room, in plain lines."""
        if self._picture is None or state.fused is not None or not state.answers:
            return
        newest = max(answer.round for answer in state.answers.values())
        shown = [answer for answer in state.answers.values() if answer.round == newest]
        if not self._picture.draw(sorted(shown, key=lambda answer: answer.member)):
            self._picture = None

    def _tell(self, state: RunState, fact: Fact) -> None:
        if fact.kind == "fused.delta":
            self._write(fact.data["text"])
        elif fact.kind == "answer.finished" and (self._picture is None or state.fused is not None):
            answer = state.answers[fact.data["answer"]]
            told = answer.error["message"] if answer.error else f"{len(answer.text)} characters"
            self.stderr.write(harmless(f"{answer.label}: {how_it_ended(answer)}, {told}"))
        elif fact.kind == "verdict.started" and self._picture is None:
            self.stderr.write("The judge compares the answers.")
        elif fact.kind == "fused.started":
            self.stderr.write(f"Fused answer ({fact.data['source']}):\n")

    def _write(self, text: str) -> None:
        """Write some of the fused answer; what goes on to another program is left as it is."""
        if not self._is_plain:
            self.stdout.write(harmless(text) if self.stdout.isatty() else text, ending="")
            self.stdout.flush()


def prompt_of(given: list[str], files: list[Path]) -> str:
    """Give the prompt from arguments, standard input and files; raises CommandError for a file that is no text."""
    parts = [sys.stdin.read() if part == "-" else part for part in given or ([] if files else ["-"])]
    for path in files:
        try:
            parts.append(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{path} cannot be read as text: {error}", returncode=NOT_STARTED) from None
    return "\n\n".join(parts)


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
