"""The WebSocket addresses of this room."""

from __future__ import annotations

from django.urls import path

from fusion_site.runs.live.consumers import RunConsumer
from fusion_site.runs.sharing.consumers import ShareConsumer

websocket_urlpatterns = [
    path("ws/runs/<str:run_id>/", RunConsumer.as_asgi()),
    # Below the address of the page, so that the cookies of the link go there too.
    path("s/<str:token>/live/", ShareConsumer.as_asgi()),
]
