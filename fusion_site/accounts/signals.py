"""What the room tells rooms above it, which it may not import. A listener that fails undoes what is told of."""

from __future__ import annotations

from django.dispatch import Signal

# Sent with `team=` inside the transaction that stores the team.
team_created = Signal()
# Sent with `team=` inside the transaction that closes it: work in it has to stop.
team_closed = Signal()
# Sent with `team=` inside the transaction that removes it and before it goes: what will not go with it has to go first.
team_removing = Signal()
