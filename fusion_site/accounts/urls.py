"""Addresses of the token and team pages; allauth's own are under accounts/."""

from __future__ import annotations

from django.urls import path

from fusion_site.accounts import session_pages, views

urlpatterns = [
    path("tokens/", views.tokens, name="tokens"),
    path("tokens/<str:token_id>/revoke/", views.revoke, name="revoke_token"),
    path("sessions/", session_pages.sessions, name="sessions"),
    path("sessions/others/end/", session_pages.end_all_others, name="end_other_sessions"),
    path("sessions/<int:session_id>/end/", session_pages.end, name="end_session"),
    path("team/", views.team, name="team"),
    path("team/switch/", views.switch, name="switch_team"),
]
