"""Votes and what they add up to, as a room of their own within runs."""

from __future__ import annotations

from django.apps import AppConfig


class VotingConfig(AppConfig):
    """Named apart from the rooms' apps, so that its tables and migrations are its own."""

    name = "fusion_site.runs.voting"
    label = "voting"
