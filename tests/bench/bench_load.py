"""What the first load of every page takes: server time, also as a ratio to an empty page of the same run, and bytes.

Bytes are counted raw and as they are sent to a browser that takes gzip: the page, and the styles and scripts that it names,
without htmx, which is not of the site's own. The limit of what comes before the content is a test, tests/browser/test_every_page.py.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from statistics import median

import httpx

from tests.showcase.scene import Scene, showcase
from tests.showcase.walk import pages_for

TRIES = 9
# A page of the frame alone.
EMPTY = "/accounts/inactive/"
QUICK_MS = 100.0
# A machine that does something else besides is no reason to fail: only a bench that misses its goal by this factor fails.
MARGIN = 1.5
_NAMED = re.compile(r'<(?:link rel="stylesheet"|script)[^>]*(?:href|src)="([^"]+)"')


def test_first_loads(tmp_path: Path) -> None:
    with showcase(tmp_path) as scene:
        http = scene.people["alice"].http
        found = pages_for(http, [f"/runs/{scene.runs['merge']}/"])
        empty = _milliseconds(http, EMPTY)
        slow = {}
        print(f"\nan empty page: {empty:.1f} ms\n{'ms':>7} {'ratio':>6} {'raw':>8} {'sent':>8}  page")
        for door, path in sorted(found.items()):
            took, (raw, sent) = _milliseconds(http, path), _bytes(scene, path)
            print(f"{took:7.1f} {took / empty:6.2f} {raw:8,} {sent:8,}  {door}")
            if took > QUICK_MS * MARGIN:
                slow[door] = took
    assert slow == {}


def _milliseconds(http: httpx.Client, path: str) -> float:
    """Give how long a page takes from request to last byte, at the median of some tries."""
    took = []
    for _ in range(TRIES):
        began = time.perf_counter()
        http.get(path)
        took.append(1000 * (time.perf_counter() - began))
    return median(took)


def _bytes(scene: Scene, path: str) -> tuple[int, int]:
    """Give what the first load of a page weighs, raw and as it is sent."""
    http = scene.people["alice"].http
    page = http.get(path)
    named = [address for address in _NAMED.findall(page.text) if "/django_htmx/" not in address]
    all_of_it = [page, *(http.get(address) for address in named)]
    return sum(len(each.content) for each in all_of_it), sum(each.num_bytes_downloaded for each in all_of_it)
