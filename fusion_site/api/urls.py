"""Addresses of the REST doors, under /api/v1/."""

from __future__ import annotations

from django.urls import URLPattern, path

from fusion_site.api import (
    audit,
    compact,
    connections,
    deleted,
    files,
    insights,
    judges,
    marks,
    me,
    models,
    people,
    pools,
    presets,
    records,
    run_events,
    run_passes,
    runs,
    sessions,
    sets,
    shares,
    sign_on,
    team,
    tokens,
    votes,
)
from fusion_site.api.docs import docs
from fusion_site.api.doors import api, in_json, nowhere

api.add_router("me", me.router)
api.add_router("tokens", tokens.router)
api.add_router("sessions", sessions.router)
api.add_router("team", team.router)
api.add_router("team", people.router)
api.add_router("team", sign_on.router)
api.add_router("team/audit", audit.router)
api.add_router("connections", connections.router)
api.add_router("pools", pools.router)
api.add_router("pools", records.router)
api.add_router("judges", judges.router)
api.add_router("presets", presets.router)
api.add_router("models", models.router)
api.add_router("compact", compact.router)
api.add_router("sets", sets.router)
api.add_router("", files.router)
api.add_router("deleted", deleted.router)
api.add_router("runs", runs.router)
api.add_router("runs", marks.of_runs)
api.add_router("tags", marks.router)
api.add_router("runs", run_passes.router)
api.add_router("runs", run_events.router)
api.add_router("runs", shares.of_runs)
api.add_router("runs", votes.router)
api.add_router("runs", votes.comments)
api.add_router("shares", shares.router)
api.add_router("insights", insights.router)

_patterns, _app, _namespace = api.urls

urlpatterns = [
    path("docs", docs, name="api_docs"),
    path(
        "",
        ([in_json(each) for each in _patterns if isinstance(each, URLPattern)], _app, _namespace),
    ),
    path("<path:unknown>", nowhere),
]
