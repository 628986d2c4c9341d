"""Memory in large pages: each token passes over all weights, and with small pages the CPU also has to look up where each lies."""

from __future__ import annotations

import os
import sys

VARIABLE = "GLIBC_TUNABLES"
# What is allocated as a whole and is large may lie in pages of 2 MiB, where the system leaves that to programs.
WANTED = "glibc.malloc.hugetlb=1"


def begin_with_large_pages() -> None:
    """Begin this process anew, once, with that wish; to be called before anything else is done.

    glibc reads it only as a process begins. Where an operator has set GLIBC_TUNABLES, that stays, and nothing happens.
    """
    if sys.platform == "linux" and VARIABLE not in os.environ:
        os.environ[VARIABLE] = WANTED
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - this very program
