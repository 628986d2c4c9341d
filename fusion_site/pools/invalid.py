"""How this room says no: one kind of exception for bad input, one for things that are still needed."""

from __future__ import annotations

Errors = dict[str, list[str]]

REQUIRED = "This field is required."
NOT_TEXT = "Enter text."
NOT_A_NUMBER = "Enter a number."
NOT_WHOLE = "Enter a whole number."
NOT_MONEY = "Enter an amount in US dollars, such as 0.50."
NOT_A_FLAG = "Say true or false."
NOT_A_LIST = "Give a list."
NOT_AN_OBJECT = "Give an object with named fields."
UNKNOWN_FIELD = "There is no such field."
UNSTORABLE = "This text holds a character that cannot be stored."


def one_of(words: list[str]) -> str:
    """Give the message for a value that is not one of `words`."""
    return f"Choose one of: {', '.join(words)}."


def no_such(noun: str) -> str:
    """Give the message for a reference to nothing, which a foreign thing must be indistinguishable from."""
    return f"There is no such {noun}."


class Invalid(Exception):
    """Some of what was given cannot be kept; nothing was written.

    `fields` holds messages by the path of the field: `name`, `members.0.model`, `members.0.params.temperature`.
    """

    def __init__(self, fields: Errors) -> None:
        super().__init__("; ".join(f"{path}: {' '.join(said)}" for path, said in fields.items()))
        self.fields = fields


class InUse(Exception):
    """The thing cannot be deleted because others need it; `by` names them as a person would: `pool “Quick”`."""

    def __init__(self, by: list[str]) -> None:
        self.by = by
        super().__init__(f"Still used by {', '.join(by)}. Change or delete that first.")
