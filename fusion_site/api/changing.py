"""Changes by PATCH, which may say on which version they build."""

from __future__ import annotations

from django.http import HttpRequest

from fusion_site.api.doors import Given, N, caller
from fusion_site.pools.flows.save_seen import Save, save_seen


def changed(request: HttpRequest, payload: Given, row: N, save: Save) -> N:
    """Save the fields that were sent, unless `version` is among them and somebody has saved since; raises Clash."""
    given = payload.given()
    seen, place = given.pop("version", None), caller(request).membership
    saved = save(place, given, row) if seen is None else save_seen(place, given, row, seen, save)
    assert isinstance(saved, type(row))
    return saved
