"""How far a run has come, and why one that has ended goes on: the words for it in rows, events and pages."""

from __future__ import annotations

from django.db import models


class State(models.TextChoices):
    """How far a run has come; the last three are final."""

    QUEUED = "queued"
    ANSWERING = "answering"
    JUDGING = "judging"
    FUSING = "fusing"
    SETTLING = "settling"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINAL_STATES = frozenset({State.DONE, State.FAILED, State.CANCELLED})


class Again(models.TextChoices):
    """Why a run that has ended goes on: what a later pass is for."""

    FUSE = "fuse"
    RETRY = "retry"
    ADD = "add"
