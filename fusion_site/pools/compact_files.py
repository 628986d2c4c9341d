"""The model files of this site, and where they are fetched from, as its settings say."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from fusion_site.compact.files.errands import Place
from fusion_site.compact.files.known import KnownModel, known_models
from fusion_site.compact.files.shelf import Shelf
from fusion_site.compact.files.templates import Templates


def shelf() -> Shelf:
    """Give the folder in which model files are kept."""
    return Shelf(settings.FUSION_COMPACT_FILES)


def templates() -> Templates:
    """Give the chat templates that were set on the page."""
    return Templates(settings.FUSION_COMPACT_TEMPLATES)


def place() -> Place:
    """Give the hub that files are fetched from, this site's token for it, and where they go to."""
    return Place(settings.FUSION_HF_URL, settings.FUSION_COMPACT_FILES, settings.FUSION_HF_TOKEN or None)


def by_name() -> tuple[KnownModel, ...]:
    """Give the models that can be fetched by name."""
    return known_models(settings.FUSION_LLAMA_COMPACT_SOURCE)


def found(named: str) -> Path:
    """Give the file that a name on the shelf or a path names, whether or not it is there."""
    kept = shelf().find(named)
    return kept.path if kept is not None else Path(named)
