"""The page on which people of the team vote on a run without names, and see afterwards what the votes add up to."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from fusion_site.accounts.access import signed_in
from fusion_site.accounts.models import User
from fusion_site.pools.invalid import Errors, Invalid
from fusion_site.runs.access import found_run
from fusion_site.runs.loading import load_state
from fusion_site.runs.models import Run
from fusion_site.runs.titles import titled
from fusion_site.runs.voting.ballot import ballot_for
from fusion_site.runs.voting.flows.vote import (
    BallotChanged,
    NothingToVote,
    vote_by_key,
    vote_by_letter,
    withdraw,
)
from fusion_site.runs.voting.showing import ballot_view
from fusion_site.runs.voting.tally import tally_of, vote_of
from fusion_site.runs.voting.voter import Voter, voter_of


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def vote(request: HttpRequest, run_id: str) -> HttpResponseBase:
    """Show the ballot to who has not voted, and the tally to who has; a POST casts, changes or withdraws a vote."""
    run = found_run(request.user, run_id)
    assert isinstance(request.user, User)
    voter = voter_of(request.user)
    if request.method != "POST":
        return _page(request, run, voter)
    try:
        _take(request, run, voter)
    except Invalid as invalid:
        return _page(request, run, voter, invalid.fields, 422)
    except (BallotChanged, NothingToVote) as changed:
        return _page(request, run, voter, {"form": [str(changed)]}, 409)
    return redirect("vote", run.pk)


def _take(request: HttpRequest, run: Run, voter: Voter) -> None:
    """Who has voted knows the names, and changes the vote by them."""
    if request.POST.get("do") == "withdraw":
        withdraw(run, voter)
    elif vote_of(run, voter) is None:
        vote_by_letter(run, voter, _given(request, "choice", "seal", "note"))
    else:
        vote_by_key(run, voter, _given(request, "choice", "note"))


def _given(request: HttpRequest, *names: str) -> dict[str, object]:
    return {name: request.POST.get(name, "") for name in names}


def _page(
    request: HttpRequest, run: Run, voter: Voter, errors: Errors | None = None, status: int = 200
) -> HttpResponse:
    ballot, mine = ballot_for(run, load_state(run.pk), voter.key), vote_of(run, voter)
    context = {
        "run": run,
        "title": titled(run),
        "ballot": ballot_view(ballot, request.POST, errors) if ballot else None,
        "mine": mine,
        "tally": tally_of(run, ballot) if ballot and mine else None,
    }
    return render(request, "voting/vote.html", context, status=status)
