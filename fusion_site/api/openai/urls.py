"""Addresses of the OpenAI-compatible doors, under /v1/."""

from __future__ import annotations

from django.urls import path

from fusion_site.api.openai import chat, listing, responses
from fusion_site.api.openai.doors import nowhere

urlpatterns = [
    path("chat/completions", chat.complete, name="chat_completions"),
    path("responses", responses.respond, name="responses"),
    path("models", listing.list_models, name="models"),
    path("models/<path:model>", listing.read_model, name="model"),
    path("", nowhere),
    path("<path:unknown>", nowhere),
]
