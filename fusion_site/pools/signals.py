"""What this room tells the rooms above it."""

from __future__ import annotations

from django.dispatch import Signal

# Something that was deleted is back, under its own id: `row`. Sent in the transaction that brings it back.
came_back = Signal()
