"""The search for canaries can find: without this, finding none would prove nothing."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

from tests.site.searching import Search
from tests.site.test_canaries import CLIENT_SECRET, KEY


def test_the_search_finds_what_is_there() -> None:
    search = Search()
    forms = [
        KEY,
        quote(KEY, safe=""),
        KEY.encode().hex(),
        *(base64.b64encode(f"{before}:{KEY}".encode()).decode() for before in ("", "u", "us", "use")),
        json.dumps({"key": CLIENT_SECRET}),
    ]
    for number, form in enumerate(forms):
        search.take(f"place {number}", f"… {form} …")
    found_in = search.finds({"key": KEY, "secret": CLIENT_SECRET})
    assert len(found_in) == len(forms), found_in
