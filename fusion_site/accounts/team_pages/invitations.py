"""Owners invite people and take invitations back; whoever has a link joins by it."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from fusion_site.accounts.access import current_membership, signed_in
from fusion_site.accounts.conflict import Conflict
from fusion_site.accounts.flows import invite as inviting
from fusion_site.accounts.flows.accept_invitation import (
    SESSION_INVITATION,
    accept_invitation,
    invitation_known,
    invitation_of,
    is_for,
)
from fusion_site.accounts.flows.mail_invitation import mail_invitation
from fusion_site.accounts.flows.owning import require_owner
from fusion_site.accounts.flows.switch_team import work_in
from fusion_site.accounts.models import Invitation, User
from fusion_site.accounts.team_forms import InviteForm, put_errors
from fusion_site.accounts.team_pages.people import team_page
from fusion_site.accounts.team_pages.saying import says_why_not


@signed_in
@require_POST
@says_why_not
def invite(request: HttpRequest) -> HttpResponseBase:
    """Make an invitation; its link is in the answer to this POST, and in the mail if one was sent, and nowhere else."""
    form = InviteForm(request.POST)
    place = current_membership(request)
    require_owner(place, "invite people")
    if not form.is_valid():
        return team_page(request, status=422, invite_form=form)
    try:
        invitation, token = inviting.invite(place, **form.cleaned_data)
    except ValidationError as error:
        put_errors(form, error)
        return team_page(request, status=422, invite_form=form)
    link = link_to(token)
    return team_page(request, made=invitation, link=link, was_mailed=mail_invitation(invitation, link))


def link_to(token: str) -> str:
    """Give the address by which the holder of this token joins."""
    return settings.FUSION_URL + reverse("invited", args=[token])


@signed_in
@require_POST
@says_why_not
def revoke_invitation(request: HttpRequest, invitation_id: str) -> HttpResponseBase:
    """Take an invitation back."""
    inviting.revoke_invitation(current_membership(request), invitation_id)
    messages.success(request, "The invitation was revoked.")
    return redirect("team")


@require_GET
def invited(request: HttpRequest, token: str) -> HttpResponseBase:
    """Keep in the session that this browser has shown the token, and go on where it is in no address any more."""
    invitation = invitation_of(token)
    if invitation is None:
        return _over(request)
    request.session[SESSION_INVITATION] = invitation.pk
    return redirect("join")


@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest) -> HttpResponseBase:
    """Show what a person is invited to, to sign in or up for if they have not; and take them in when they say so."""
    invitation = invitation_known(request.session.get(SESSION_INVITATION))
    if invitation is None:
        return _over(request)
    if request.method == "POST" and isinstance(request.user, User):
        return _join(request, request.user, invitation)
    return _page(request, invitation)


def _join(request: HttpRequest, user: User, invitation: Invitation) -> HttpResponseBase:
    try:
        place = accept_invitation(user, invitation)
    except Conflict:
        return _page(request, invitation, status=409)
    if place is None:
        return _over(request)
    del request.session[SESSION_INVITATION]
    work_in(request, place)
    messages.success(request, f"You are in {place.team} now, as {place.get_role_display().lower()}.")
    return redirect(settings.LOGIN_REDIRECT_URL)


def _page(request: HttpRequest, invitation: Invitation, *, status: int = 200) -> HttpResponseBase:
    person = request.user if isinstance(request.user, User) else None
    shown = {
        "invitation": invitation,
        "is_for_them": person is None or is_for(person, invitation),
        "is_in": person is not None and invitation.team.memberships.filter(user=person).exists(),
    }
    return render(request, "accounts/join.html", shown, status=status)


def _over(request: HttpRequest) -> HttpResponseBase:
    """Say that there is no such invitation (any more): the same words whatever became of it, and for a guess."""
    request.session.pop(SESSION_INVITATION, None)
    return render(request, "accounts/join_over.html", status=404)
