"""Ids that stand in addresses: unguessable, lower case, safe in URLs, HTML ids and CSS selectors."""

from __future__ import annotations

import base64
import secrets

ID_LENGTH = 24


def new_id() -> str:
    """Give a fresh id of 24 letters and digits (120 random bits) that starts with a letter."""
    while True:
        text = base64.b32encode(secrets.token_bytes(15)).decode().lower()
        if text[0].isalpha():
            return text
