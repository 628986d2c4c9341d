"""The prompt of a run as a command line gives it: words, standard input and files together."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path


class Unreadable(Exception):
    """A part of the prompt cannot be read as text; the message says which, and why."""


def prompt_of(words: Sequence[str], files: Sequence[Path]) -> str:
    """Give the parts with blank lines between. The word - is standard input, as is none at all. Raises Unreadable."""
    parts = [_piped() if word == "-" else word for word in words or ([] if files else ["-"])]
    text = "\n\n".join([*parts, *map(_text_of, files)])
    if not text.isprintable() and any("\ud800" <= sign <= "\udfff" for sign in text):
        raise Unreadable("The prompt is no text in UTF-8.")
    return text


def bytes_of(path: Path) -> bytes:
    """Give what is in a file. Raises Unreadable."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror}") from None


def _piped() -> str:
    if sys.stdin.isatty():
        sys.stderr.write("Type the prompt, and end it by Ctrl-D.\n")
    try:
        return sys.stdin.read()
    except UnicodeDecodeError as error:
        raise Unreadable(f"Standard input cannot be read as text: {error}") from None


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable(f"{path} cannot be read as text: {error}") from None
