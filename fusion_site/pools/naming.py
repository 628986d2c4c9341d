"""Names: of models, which must not be fusions themselves, and the slugs by which programs call presets."""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from itertools import count

from django.utils.text import slugify

from fusion_site.pools.reading import Reading

LONGEST_MODEL = 300
LONGEST_SLUG = 60
LONGEST_NAME = 120
TAKEN = "Another preset of this team has this slug."

_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
# OpenRouter's own fusion asks a panel of its own for each call: a pool with it in multiplies every cost.
_NESTED = "openrouter/fusion"


def is_id(text: str) -> bool:
    """Whether text from an address could be an id at all; databases refuse some of what could not."""
    return re.fullmatch(r"[a-z0-9]{1,24}", text) is not None


def read_model(reading: Reading, name: str, *, required: bool = False) -> str:
    """Give a model's id as its connection knows it; a fusion inside a fusion is refused."""
    model = reading.line(name, longest=LONGEST_MODEL, required=required)
    if model.lower().lstrip("~").startswith(_NESTED):
        reading.wrong(name, "This model is a fusion itself; choose the models that it would ask.")
    return model


def read_slug(reading: Reading, name: str, taken: Container[str]) -> str:
    """Give the slug as given, which must be free; blank when none was given."""
    slug = reading.line(name, longest=LONGEST_SLUG)
    if slug and not _SLUG.fullmatch(slug):
        reading.wrong(name, "Use small letters, digits and single hyphens between them.")
    elif slug in taken:
        reading.wrong(name, TAKEN)
    return slug


def slug_for(name: str, taken: Container[str]) -> str:
    """Give a free slug made from a name."""
    base = re.sub("[-_]+", "-", slugify(name))[:LONGEST_SLUG].strip("-") or "preset"
    return _first_free(base, taken, lambda n: f"{base[: LONGEST_SLUG - len(str(n)) - 1].rstrip('-')}-{n}")


def copy_name(name: str, taken: Container[str]) -> str:
    """Give a free name for a copy: `Quick (copy)`, `Quick (copy 2)`."""
    stem = re.sub(r" \(copy(?: \d+)?\)$", "", name)[: LONGEST_NAME - 12].rstrip()
    return _first_free(f"{stem} (copy)", taken, lambda n: f"{stem} (copy {n})")


def free_name(name: str, taken: Container[str]) -> str:
    """Give the name itself, or with the first number that makes it free: `OpenRouter`, `OpenRouter 2`."""
    return _first_free(name, taken, lambda n: f"{name} {n}")


def _first_free(first: str, taken: Container[str], numbered: Callable[[int], str]) -> str:
    if first not in taken:
        return first
    return next(name for name in map(numbered, count(2)) if name not in taken)
