"""Which site the command `fusion` talks to, and by which token: from options, the environment, or a file of one's own."""

from __future__ import annotations

import json
import os
import stat
import tempfile
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from fusion_site.terminal.remote.refused import Refused

URL, TOKEN = "FUSION_URL", "FUSION_TOKEN"
NO_URL = f"Which site? Give its address by --url or {URL}, or keep it by fusion --login."
NO_TOKEN = f"A token of the site is needed: give it by {TOKEN}, or keep it by fusion --login."
_FOR_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True)
class Access:
    """A site's address without a slash at its end, and a token for it."""

    url: str
    token: str = field(repr=False)


def access(url: str | None, token: str | None) -> Access:
    """Give where to go; what is given comes before the environment, and that before the file. Raises Refused.

    The file's token is for the file's site alone.
    """
    url, token = url or os.environ.get(URL), token or os.environ.get(TOKEN)
    if not (url and token):
        kept = _kept()
        url = url or kept.get("url")
        if not token and url and kept.get("url") and address(url) == address(kept["url"]):
            token = kept.get("token")
    if not url:
        raise Refused(NO_URL)
    if not token:
        raise Refused(NO_TOKEN)
    return Access(address(url), one_word(token))


def address(text: str) -> str:
    """Give a site's address as it is used. Raises Refused."""
    try:
        url = httpx.URL(text.strip())
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query or url.fragment:
        raise Refused("The address has to be like https://fusion.example.")
    return str(url).rstrip("/")


def one_word(token: str) -> str:
    """Give a token as it is sent. Raises Refused, without telling it."""
    token = token.strip()
    if not token.isascii() or not token.isprintable() or " " in token:
        raise Refused("A token is one word of letters, digits and signs: this is none.")
    return token


def place() -> Path:
    """Give where the file is."""
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "fusion" / "config.toml"


def keep(found: Access) -> Path:
    """Write the file, for its owner's eyes alone from its first byte on. Raises Refused."""
    path = place()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".config")  # its mode is 600
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            # What JSON quotes of plain ASCII, TOML reads alike.
            file.write(f"url = {json.dumps(found.url)}\ntoken = {json.dumps(found.token)}\n")
        Path(name).replace(path)
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror}") from None
    return path


def _kept() -> dict[str, str]:
    """Give what the file has; nothing where there is none. Raises Refused, also where others may read it."""
    path = place()
    try:
        with path.open("rb") as file:
            if os.name == "posix" and os.fstat(file.fileno()).st_mode & _FOR_OTHERS:
                raise Refused(f"{path} holds a token, and others may read it. First: chmod 600 {path}")
            kept = tomllib.load(file)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        # The parser's own words may hold a part of the token.
        raise Refused(f'{path} has to hold two lines: url = "…" and token = "…".') from None
    return {name: kept[name] for name in ("url", "token") if isinstance(kept.get(name), str)}
