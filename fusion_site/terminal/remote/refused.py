"""What the command `fusion` says when it cannot go on."""

from __future__ import annotations

from collections.abc import Collection


class Refused(Exception):
    """The site, or what was given, does not allow it; the message is for a person, and never holds a token.

    `fields` are the names of those that the site does not take as they are.
    """

    def __init__(self, message: str, fields: Collection[str] = ()) -> None:
        super().__init__(message)
        self.fields = frozenset(fields)


class Cut(Exception):
    """The site cannot be reached, or broke off; asking again may help. The message says what happened.

    `after_s` is how long the site wants one to wait, where it says so.
    """

    def __init__(self, message: str, after_s: float | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s
