"""What the votes on one run add up to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from fusion_site.runs.loading import load_state
from fusion_site.runs.models import Run
from fusion_site.runs.voting.ballot import TIE, Ballot, Candidate, ballot_for
from fusion_site.runs.voting.models import Vote
from fusion_site.runs.voting.voter import Voter


@dataclass(frozen=True, slots=True)
class Counted:
    """How many voted for one candidate, or for a tie."""

    key: str
    label: str
    votes: int
    share: float


@dataclass(frozen=True, slots=True)
class Tally:
    """All counts, the candidates in pool order. `outdated` votes are for texts that have given way to others."""

    counts: list[Counted]
    total: int
    outdated: int
    notes: list[tuple[str, str]]


def vote_of(run: Run, voter: Voter) -> Vote | None:
    """Give how this voter has voted."""
    return Vote.objects.filter(run=run, voter=voter.key).first()


def tally_for(run: Run, voter: Voter) -> Tally | None:
    """Give the tally to who has voted; None to anybody else, who is to vote before they know, and without a ballot."""
    if vote_of(run, voter) is None:
        return None
    ballot = ballot_for(run, load_state(run.pk), voter.key)
    return tally_of(run, ballot) if ballot else None


def tally_of(run: Run, ballot: Ballot) -> Tally:
    """Count the votes on a run for what stands on its ballots now."""
    votes = list(Vote.objects.filter(run=run).select_related("person"))
    counted = [vote for vote in votes if _is_current(vote, ballot)]
    counts = Counter(vote.choice or TIE for vote in counted)
    labels = {each.key: each.label for each in _in_pool_order(run, ballot)} | {TIE: "Tie"}
    total = len(counted)
    return Tally(
        [
            Counted(key, label, counts[key], counts[key] / total if total else 0.0)
            for key, label in labels.items()
        ],
        total,
        len(votes) - total,
        [(labels[vote.choice or TIE], vote.note) for vote in counted if vote.note],
    )


def _is_current(vote: Vote, ballot: Ballot) -> bool:
    """A tie stands for as long as there is a ballot; another choice, while its text is the one that was read."""
    chosen = next((each for each in vote.ballot if each["key"] == vote.choice), None)
    if not vote.choice or chosen is None:
        return not vote.choice
    now = ballot.keyed(vote.choice)
    return now is not None and now.edition == chosen["edition"]


def _in_pool_order(run: Run, ballot: Ballot) -> Sequence[Candidate]:
    places = dict(run.answers.values_list("pk", "member"))
    return sorted(ballot.candidates, key=lambda each: places.get(each.key, len(places)))
