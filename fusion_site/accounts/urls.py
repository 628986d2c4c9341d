"""Addresses of the token and team pages; allauth's own are under accounts/."""

from __future__ import annotations

from django.urls import path

from fusion_site.accounts import views
from fusion_site.accounts.team_pages import settings

urlpatterns = [
    path("tokens/", views.tokens, name="tokens"),
    path("tokens/<str:token_id>/revoke/", views.revoke, name="revoke_token"),
    path("team/", views.team, name="team"),
    path("team/switch/", views.switch, name="switch_team"),
    path("team/settings/", settings.team_settings, name="team_settings"),
]
