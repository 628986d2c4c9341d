"""A ballot and a tally as pages show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fusion_site.pools.invalid import Errors
from fusion_site.runs.live.showing import ShownText
from fusion_site.runs.voting.ballot import TIE, Ballot


def ballot_view(ballot: Ballot, typed: Mapping[str, Any], errors: Errors | None = None) -> dict[str, Any]:
    """Give the texts under their letters, what was filled in, and what is wrong with that. No name is in it."""
    return {
        "seal": ballot.seal,
        "candidates": [
            {"letter": letter, "blocks": _blocks(each.text)} for letter, each in ballot.lettered()
        ],
        "tie": TIE,
        "choice": typed.get("choice", ""),
        "note": typed.get("note", ""),
        "errors": {name: texts for name, texts in (errors or {}).items() if name in {"choice", "note"}},
        "general": [
            text for name, texts in (errors or {}).items() if name not in {"choice", "note"} for text in texts
        ],
    }


def _blocks(text: str) -> list[str]:
    shown = ShownText()
    shown.show(text, version=1, is_closed=True)
    return list(shown.blocks)
