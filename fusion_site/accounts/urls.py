"""Addresses of the token and team pages; allauth's own are under accounts/."""

from __future__ import annotations

from django.urls import path

from fusion_site.accounts import person_pages, session_pages, sign_on_pages, views
from fusion_site.accounts.team_pages import audit, ending, factor, invitations, people, settings, sign_on

urlpatterns = [
    path("you/", person_pages.person, name="person"),
    path("tokens/", views.tokens, name="tokens"),
    path("tokens/<str:token_id>/revoke/", views.revoke, name="revoke_token"),
    path("sessions/", session_pages.sessions, name="sessions"),
    path("sessions/others/end/", session_pages.end_all_others, name="end_other_sessions"),
    path("sessions/<int:session_id>/end/", session_pages.end, name="end_session"),
    path("sessions/links/<str:sign_on_id>/cut/", session_pages.cut, name="cut_link"),
    path("sign-on/", sign_on_pages.choose, name="choose_sign_on"),
    path("sign-on/<str:sign_on_id>/", sign_on_pages.sign_on, name="sign_on"),
    path("sign-on/<str:sign_on_id>/go/", sign_on_pages.leave, name="sign_on_leave"),
    path("sign-on/<str:sign_on_id>/back/", sign_on_pages.back, name="sign_on_back"),
    path("team/sign-on/", sign_on.team_sign_on, name="team_sign_on"),
    path("team/sign-on/remove/", sign_on.remove, name="remove_sign_on"),
    path("team/", people.team, name="team"),
    path("team/switch/", people.switch, name="switch_team"),
    path("team/leave/", people.leave, name="leave_team"),
    path("team/people/<str:ref>/role/", people.change_role, name="change_role"),
    path("team/people/<str:ref>/remove/", people.remove_person, name="remove_person"),
    path("team/people/<str:ref>/hand-over/", people.hand_over, name="hand_over_team"),
    path("team/invitations/", invitations.invite, name="invite"),
    path(
        "team/invitations/<str:invitation_id>/revoke/",
        invitations.revoke_invitation,
        name="revoke_invitation",
    ),
    path("team/settings/", settings.team_settings, name="team_settings"),
    path("team/name/", settings.rename, name="rename_team"),
    path("team/audit/", audit.audit, name="team_audit"),
    path("team/audit/export.<str:form>", audit.audit_file, name="team_audit_file"),
    path("team/second-factor/", factor.team_factor, name="team_factor"),
    path("team/delete/", ending.delete_team, name="delete_team"),
    path("teams/new/", ending.new_team, name="new_team"),
    path("teams/<str:team_id>/restore/", ending.restore_team, name="restore_team"),
    path("join/", invitations.join, name="join"),
    path("join/<str:token>/", invitations.invited, name="invited"),
]
