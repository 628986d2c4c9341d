"""`/v1/models`: the presets of the token's team, as models."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from fusion_site.api.doors import Caller
from fusion_site.api.openai.doors import door, said
from fusion_site.api.openai.naming import model_json, models_of, preset_named
from fusion_site.ops.querying import query


@door("GET")
async def list_models(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Give every preset of the team, by name."""
    return said({"object": "list", "data": await query(models_of, caller.token.team_id)})


@door("GET")
async def read_model(request: HttpRequest, caller: Caller, model: str) -> HttpResponse:
    """Give one preset; an id may name a mode as well."""
    return said(model_json(*await query(preset_named, model, caller.token.team_id)))
