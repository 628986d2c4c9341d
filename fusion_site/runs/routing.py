"""The WebSocket addresses of this room."""

from __future__ import annotations

from django.urls import path

from fusion_site.runs.live.consumers import RunConsumer

websocket_urlpatterns = [path("ws/runs/<str:run_id>/", RunConsumer.as_asgi())]
