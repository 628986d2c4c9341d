"""A run's events over the network: each once and in order, also where the connection breaks in between."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from fusion_site.terminal.remote.refused import Cut
from fusion_site.terminal.remote.site import Site
from fusion_site.terminal.remote.sse import Event

T = TypeVar("T")

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 10.0
ENDED_EARLY = "The site ended the stream before the run was over."
# How often one call is made before it is given up. A server that is being restarted is back within that.
TRIES = 3


def follow(
    site: Site, run: str, after: int, patience_s: float, on_cut: Callable[[str], object]
) -> Iterator[Event]:
    """Yield the events behind `after`, up to the run's end; `on_cut` is told each time that they break off.

    Raises Refused, or Cut when nothing more could be had for `patience_s` seconds.
    """
    wait, broken_at = FIRST_WAIT_S, None
    while True:
        try:
            for event in site.events(run, after):
                wait, broken_at = FIRST_WAIT_S, None
                if event is not None:
                    after = event.seq
                    yield event
                    if _is_last(event):
                        return
            raise Cut(ENDED_EARLY)
        except Cut as cut:
            if broken_at is None:
                broken_at = time.monotonic()
                on_cut(str(cut))
            if time.monotonic() - broken_at >= patience_s:
                raise
            time.sleep(cut.after_s or wait)
            wait = min(2 * wait, LONGEST_WAIT_S)


def patiently(call: Callable[[], T]) -> T:
    """Give what a call that may be made again gives. Raises Refused, or Cut when it did not work, or not soon."""
    wait = FIRST_WAIT_S
    for _ in range(TRIES - 1):
        try:
            return call()
        except Cut as cut:
            if (cut.after_s or 0) > LONGEST_WAIT_S:
                raise
            time.sleep(cut.after_s or wait)
            wait *= 2
    return call()


def _is_last(event: Event) -> bool:
    """Whether no event of the run's first pass comes behind this one."""
    if event.kind == "snapshot":
        return event.data["run"]["finished_at"] is not None
    return event.kind == "run.finished"
