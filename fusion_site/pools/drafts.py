"""What was typed into a form, as the plain data that flows take, and back: nothing typed is lost when something is wrong.

Inputs are named by the path that messages use (`members.0.params.temperature`), so that a message finds its field.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.http import QueryDict

from fusion_site.pools.invalid import Errors
from fusion_site.pools.plain import Plain

# Inputs that belong to the form and not to the thing.
_FORM_ONLY = {"csrfmiddlewaretoken", "do", "seen"}
_DEEPEST = 4
# What is not a single input: lists of objects, and objects.
_LISTS = {"members", "criteria"}
_OBJECTS = {"params"}


def draft_of(post: QueryDict) -> Plain:
    """Give what a form sent as nested plain data; where parts of a path are numbers, there is a list in their order."""
    tree: Plain = {}
    for path in post:
        parts, value = path.split("."), post[path]
        if path not in _FORM_ONLY and len(parts) <= _DEEPEST and all(parts) and isinstance(value, str):
            _plant(tree, parts, value)
    return {name: _listed(value) for name, value in tree.items()}


def _plant(tree: Plain, parts: list[str], value: str) -> None:
    """Put a value at its place; one whose place is taken by another kind of thing has none."""
    for part in parts[:-1]:
        below = tree.setdefault(part, {})
        if not isinstance(below, dict):
            return
        tree = below
    if not isinstance(tree.get(parts[-1]), dict):
        tree[parts[-1]] = value


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if all(name.isdecimal() and len(name) < 5 for name in value):
        return [_listed(value[name]) for name in sorted(value, key=int)]
    return {name: _listed(below) for name, below in value.items()}


def rearranged(rows: list[Plain], do: str, fresh: Plain, *, most: int) -> tuple[list[Plain], int]:
    """Give the rows after `add`, `remove.N`, `up.N`, `down.N` or `move.N.TO`, and the index of the row to go on with.

    What cannot be done (moving the first row up, a row that is not there) leaves the rows as they are.
    """
    word, *numbers = do.split(".")
    at, to = (_number(each, len(rows)) for each in [*numbers, "", ""][:2])
    rows = list(rows)
    if word == "add" and len(rows) < most:
        return [*rows, fresh], len(rows)
    if at >= len(rows):
        return rows, max(0, len(rows) - 1)
    if word == "remove":
        del rows[at]
        return rows, max(0, min(at, len(rows) - 1))
    other = {"up": at - 1, "down": at + 1, "move": to}.get(word, at)
    if not 0 <= other < len(rows):
        return rows, at
    rows.insert(other, rows.pop(at))
    return rows, other


def _number(text: str, other: int) -> int:
    """Give the place that is meant, or `other` where none is."""
    return int(text) if text.isdecimal() and len(text) < 5 else other


class Field:
    """One input as a template shows it: its name and id, the text in it, and what is wrong with that."""

    def __init__(self, path: str, value: object, errors: list[str]) -> None:
        self.name = path
        self.id = f"id_{path.replace('.', '_')}"
        self.value = as_typed(value)
        self.errors = errors

    @property
    def is_on(self) -> bool:
        """Whether a box with this value is ticked."""
        return self.value in {"1", "true", "on"}


class Fields(Mapping[str, Any]):
    """A draft and its messages as templates walk through them: `form.name.value`, `{% for member in form.members %}`."""

    def __init__(self, draft: Plain, errors: Errors, *, at: str = "") -> None:
        self._draft, self._errors, self._at = draft, errors, at

    def __getitem__(self, name: str) -> Any:
        """Give the input called `name`, the inputs of an object in it, or those of each object in a list."""
        value, path = self._draft.get(name), f"{self._at}{name}"
        if name in _LISTS:
            return [Fields(each, self._errors, at=f"{path}.{n}.") for n, each in enumerate(value or [])]
        if name in _OBJECTS:
            return Fields(value if isinstance(value, dict) else {}, self._errors, at=f"{path}.")
        return Field(path, value, self._errors.get(path, []))

    def __iter__(self) -> Iterator[str]:
        """Go through the names of what is in the draft."""
        return iter(self._draft)

    def __len__(self) -> int:
        """Count what is in the draft."""
        return len(self._draft)


def as_typed(value: object) -> str:
    """Give a value as a person would type it."""
    if value is None or isinstance(value, dict):
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, list):
        return "\n".join(str(each) for each in value)
    return str(value)
