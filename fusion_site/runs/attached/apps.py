"""What goes with a prompt, pictures and files, and the drafts that hold it, as a room of their own within runs."""

from __future__ import annotations

from django.apps import AppConfig


class AttachedConfig(AppConfig):
    """Named apart from the rooms' apps, so that its tables and migrations are its own."""

    name = "fusion_site.runs.attached"
    label = "attached"
