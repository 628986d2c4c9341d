"""Somebody votes on a run, or changes their vote."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction
from django.utils import timezone

from fusion_site.accounts.audit import record
from fusion_site.pools.invalid import REQUIRED, no_such
from fusion_site.pools.reading import Reading
from fusion_site.runs.loading import load_state
from fusion_site.runs.models import Run
from fusion_site.runs.voting.ballot import TIE, Ballot, ballot_for
from fusion_site.runs.voting.models import Vote
from fusion_site.runs.voting.voter import Voter

LONGEST_NOTE = 2_000


class NothingToVote(Exception):
    """The run goes on, or has fewer than two answers that can be used."""

    def __init__(self) -> None:
        super().__init__(
            "There is nothing to vote on: the run goes on, or has fewer than two usable answers."
        )


class BallotChanged(Exception):
    """The answers are others than those on the ballot that was filled in."""

    def __init__(self) -> None:
        super().__init__("The answers have changed since you opened this page. Look at them again.")


def vote_by_letter(run: Run, voter: Voter, given: Mapping[str, object]) -> Vote:
    """Take a ballot that was filled in: `choice` is a letter or `tie`, `seal` is the ballot's own, `note` is free.

    Raises Invalid, NothingToVote and BallotChanged.
    """
    ballot = _ballot(run, voter)
    if given.get("seal") != ballot.seal:
        raise BallotChanged
    reading = Reading(given)
    letter = reading.text("choice", longest=10, required=True)
    chosen = ballot.at(letter)
    if letter and letter != TIE and chosen is None:
        reading.wrong("choice", no_such("answer"))
    note = reading.text("note", longest=LONGEST_NOTE).strip()
    reading.finish()
    return _keep(run, voter, ballot, chosen.key if chosen else "", note)


def vote_by_key(run: Run, voter: Voter, given: Mapping[str, object]) -> Vote:
    """Take a vote that a program casts: `choice` is an answer's id, `fused` or `tie`. Raises Invalid and NothingToVote."""
    ballot = _ballot(run, voter)
    reading = Reading(given)
    key = reading.text("choice", longest=100)
    if not key:
        reading.wrong("choice", REQUIRED)
    elif key != TIE and ballot.keyed(key) is None:
        reading.wrong("choice", no_such("candidate"))
    note = reading.text("note", longest=LONGEST_NOTE).strip()
    reading.finish()
    return _keep(run, voter, ballot, "" if key == TIE else key, note)


def withdraw(run: Run, voter: Voter) -> bool:
    """Take the vote back; False where there is none."""
    with transaction.atomic():
        gone, _ = Vote.objects.filter(run=run, voter=voter.key).delete()
        if gone:
            record(run.team, "vote.withdrawn", run, by=voter.person, name="", run=run.pk)
    return gone > 0


def _ballot(run: Run, voter: Voter) -> Ballot:
    ballot = ballot_for(run, load_state(run.pk), voter.key)
    if ballot is None:
        raise NothingToVote
    return ballot


def _keep(run: Run, voter: Voter, ballot: Ballot, choice: str, note: str) -> Vote:
    kept = {"person": voter.person, "choice": choice, "note": note, "ballot": ballot.plain()}
    with transaction.atomic():
        vote, is_new = Vote.objects.update_or_create(
            run=run,
            voter=voter.key,
            defaults={**kept, "changed_at": timezone.now()},
            create_defaults=kept,
        )
        # What was voted for is no affair of the trail; nor who a visitor is, whom it does not know.
        record(run.team, "vote.cast" if is_new else "vote.changed", run, by=voter.person, name="", run=run.pk)
    return vote
