"""Values from the environment of this process; one that cannot be read stops the site at its start, with its name."""

from __future__ import annotations

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def env(name: str, default: str = "") -> str:
    """Give the environment's value of `name`, where an empty value counts as unset."""
    return os.environ.get(name, "").strip() or default


def env_flag(name: str, *, default: bool) -> bool:
    """Give a yes/no setting; raises ImproperlyConfigured on a word that is neither."""
    word = env(name, "1" if default else "0").lower()
    if word not in {"0", "1", "true", "false", "yes", "no"}:
        raise ImproperlyConfigured(f"{name} must be 0 or 1, not {word!r}")
    return word in {"1", "true", "yes"}


def env_word(name: str, word: str, words: set[str]) -> str:
    """Give `word` in lower case; raises ImproperlyConfigured where `name` may not be that."""
    if word.lower() not in words:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(sorted(words))}, not {word!r}")
    return word.lower()


def env_list(name: str, default: str = "") -> list[str]:
    """Give a comma-separated setting as a list without blanks."""
    return [item.strip() for item in env(name, default).split(",") if item.strip()]


def env_pairs(name: str) -> dict[str, str]:
    """Give a setting of the form `a=b,c=d` as a dictionary, its keys in lower case; raises ImproperlyConfigured."""
    pairs = [item.partition("=") for item in env_list(name)]
    if not all(key.strip() and value.strip() for key, _, value in pairs):
        raise ImproperlyConfigured(f"{name} must be like example.com=team,other.example=another-team")
    return {key.strip().lower(): value.strip() for key, _, value in pairs}


def env_secret(name: str) -> str:
    """Give a secret from the environment, or from the file that the same name with `_FILE` tells; empty without either."""
    path = env(f"{name}_FILE")
    try:
        return env(name) or (Path(path).read_text().strip() if path else "")
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"{name}_FILE cannot be read: {error}") from None
