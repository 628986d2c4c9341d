"""How this room says that something cannot be done as things are; bad input is Django's ValidationError."""

from __future__ import annotations


class Conflict(Exception):
    """What was asked does not go together with how things are, in one sentence that a person can act on."""
