"""`fusion --login`: keep a site and a token, once the site has taken it."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from getpass import getpass

from fusion_site.terminal.columns import harmless
from fusion_site.terminal.remote.access import TOKEN, URL, Access, address, keep, one_word
from fusion_site.terminal.remote.following import patiently
from fusion_site.terminal.remote.site import Site


def login(options: Namespace) -> int:
    """Ask for what is not given, try it, and keep it. Raises Refused or Cut."""
    url = options.url or os.environ.get(URL) or _line("Address of the site: ")
    url = address(url)
    token = options.token or os.environ.get(TOKEN) or _hidden("Token: ")
    found = Access(url, one_word(token))
    with Site(found) as site:
        me = patiently(lambda: site.call("GET", "me", has="email"))
    path = keep(found)
    who = harmless(f"{me['email']}, in the team {me['team']['name']}")
    sys.stderr.write(f"You are {who}. Kept in {path}, which nobody else may read.\n")
    return 0


def _line(question: str) -> str:
    sys.stderr.write(question if sys.stdin.isatty() else "")
    sys.stderr.flush()
    return sys.stdin.readline()


def _hidden(question: str) -> str:
    return getpass(question, sys.stderr) if sys.stdin.isatty() else sys.stdin.readline()
