"""`/api/v1/runs/{id}/votes`: vote on a run, and see what the votes add up to. `/api/v1/runs/{id}/comments`: talk about it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from ninja import Field, Router, Schema

from fusion_site.api.doors import Given, caller
from fusion_site.api.refusals import refusal
from fusion_site.pools.naming import is_id
from fusion_site.runs.loading import load_state
from fusion_site.runs.models import Run
from fusion_site.runs.sharing.flows.comment import add_comment, delete_comment, edit_comment
from fusion_site.runs.sharing.models import Comment
from fusion_site.runs.voting.ballot import TIE, ballot_for
from fusion_site.runs.voting.flows.vote import NothingToVote, vote_by_key, withdraw
from fusion_site.runs.voting.models import Vote
from fusion_site.runs.voting.tally import tally_of, vote_of
from fusion_site.runs.voting.voter import voter_of

router = Router(tags=["votes"])
comments = Router(tags=["comments"])


class NewVote(Given):
    """A vote for an answer by its id, for what was merged (`fused`), or for none of them (`tie`)."""

    choice: str | None = None
    note: str | None = None


class VoteOut(Schema):
    """One's own vote."""

    choice: str
    note: str
    created_at: datetime
    changed_at: datetime | None


class CountOut(Schema):
    """How many votes one choice has."""

    choice: str
    label: str
    votes: int


class TallyOut(Schema):
    """The votes on a run. Nobody sees what others chose before they have voted themselves."""

    mine: VoteOut | None
    choices: list[str] = Field(description="What may be chosen; empty while there is nothing to vote on.")
    tally: list[CountOut] | None = Field(description="Null until one has voted.")
    outdated: int | None = Field(description="Votes for texts that have been written anew since.")


class CommentGiven(Given):
    """What is to be said."""

    text: str | None = None


class CommentOut(Schema):
    """What somebody has said, as plain text."""

    id: str
    person: str
    is_mine: bool
    text: str
    created_at: datetime
    edited_at: datetime | None


class CommentList(Schema):
    """All that has been said, oldest first."""

    items: list[CommentOut]
    next: str | None


@router.get("/{run_id}/votes", response=TallyOut)
def read_votes(request: HttpRequest, run_id: str) -> dict[str, Any]:
    """Give one's own vote, and the tally once there is one."""
    return _tally(request, _run(request, run_id))


@router.post("/{run_id}/votes", response=TallyOut)
def cast_vote(request: HttpRequest, run_id: str, payload: NewVote) -> dict[str, Any] | HttpResponse:
    """Vote, or change one's vote. 409 while there is nothing to vote on."""
    run = _run(request, run_id)
    try:
        vote_by_key(run, voter_of(caller(request).token.user), payload.given())
    except NothingToVote as nothing:
        return refusal(409, str(nothing))
    return _tally(request, run)


@router.delete("/{run_id}/votes", response={204: None})
def delete_vote(request: HttpRequest, run_id: str) -> None:
    """Take one's vote back."""
    if not withdraw(_run(request, run_id), voter_of(caller(request).token.user)):
        raise Http404


def _tally(request: HttpRequest, run: Run) -> dict[str, Any]:
    voter = voter_of(caller(request).token.user)
    ballot, mine = ballot_for(run, load_state(run.pk), voter.key), vote_of(run, voter)
    found = tally_of(run, ballot) if ballot and mine else None
    return {
        "mine": _vote(mine) if mine else None,
        "choices": [*(each.key for each in ballot.candidates), TIE] if ballot else [],
        "tally": [{"choice": c.key, "label": c.label, "votes": c.votes} for c in found.counts]
        if found
        else None,
        "outdated": found.outdated if found else None,
    }


def _vote(vote: Vote) -> dict[str, Any]:
    return {
        "choice": vote.choice or TIE,
        "note": vote.note,
        "created_at": vote.created_at,
        "changed_at": vote.changed_at,
    }


@comments.get("/{run_id}/comments", response=CommentList)
def list_comments(request: HttpRequest, run_id: str) -> dict[str, Any]:
    """Give what people of the team have said about a run."""
    rows = _run(request, run_id).comments.select_related("person")
    return {"items": [_comment(request, each) for each in rows], "next": None}


@comments.post("/{run_id}/comments", response={201: CommentOut})
def create_comment(request: HttpRequest, run_id: str, payload: CommentGiven) -> dict[str, Any]:
    """Say something about a run."""
    return _comment(request, add_comment(caller(request).membership, _run(request, run_id), payload.given()))


@comments.patch("/{run_id}/comments/{comment_id}", response=CommentOut)
def change_comment(
    request: HttpRequest, run_id: str, comment_id: str, payload: CommentGiven
) -> dict[str, Any]:
    """Say one's own comment otherwise."""
    comment = _own(request, run_id, comment_id)
    return _comment(request, edit_comment(caller(request).membership, comment, payload.given()))


@comments.delete("/{run_id}/comments/{comment_id}", response={204: None})
def remove_comment(request: HttpRequest, run_id: str, comment_id: str) -> None:
    """Take one's own comment back."""
    delete_comment(caller(request).membership, _own(request, run_id, comment_id))


def _comment(request: HttpRequest, comment: Comment) -> dict[str, Any]:
    return {
        "id": comment.pk,
        "person": comment.person.name or comment.person.email,
        "is_mine": comment.person_id == caller(request).token.user_id,
        "text": comment.text,
        "created_at": comment.created_at,
        "edited_at": comment.edited_at,
    }


def _own(request: HttpRequest, run_id: str, comment_id: str) -> Comment:
    rows = Comment.objects.select_related("run__team", "person").filter(run=_run(request, run_id))
    mine = rows.filter(person=caller(request).token.user, pk=comment_id) if is_id(comment_id) else rows.none()
    comment = mine.first()
    if comment is None:
        raise Http404
    return comment


def _run(request: HttpRequest, run_id: str) -> Run:
    rows = Run.objects.select_related("team").filter(team=caller(request).token.team_id)
    run = rows.filter(pk=run_id).first() if is_id(run_id) else None
    if run is None:
        raise Http404
    return run
