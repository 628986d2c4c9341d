"""Secrets that the site makes for itself on its first start, each in a file that only its owner reads."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def kept_secret(path: Path, make: Callable[[], str]) -> str:
    """Give the secret in `path`, made and stored with mode 0600 on first use.

    Two processes that start together agree: the file is linked into place whole, and the first one wins.
    """
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        _place(path, make())
        return path.read_text().strip()


def _place(path: Path, secret: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    with os.fdopen(descriptor, "w") as file:
        file.write(secret + "\n")
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(draft)
