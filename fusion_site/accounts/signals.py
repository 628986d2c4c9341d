"""What the room tells rooms above it, which it may not import."""

from __future__ import annotations

from django.dispatch import Signal

# Sent with `team=` inside the transaction that stores the team: a listener that fails undoes the team.
team_created = Signal()
