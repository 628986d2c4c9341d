"""Addresses of the OpenAI-compatible doors, under /v1/."""

from __future__ import annotations

from django.urls import path

from fusion_site.api.openai import chat, listing, responses, stored
from fusion_site.api.openai.doors import by_method, nowhere

urlpatterns = [
    path("chat/completions", chat.complete, name="chat_completions"),
    path("responses", responses.respond, name="responses"),
    path(
        "responses/<str:response_id>",
        by_method(GET=stored.read_response, DELETE=stored.delete_response),
        name="response",
    ),
    path("responses/<str:response_id>/cancel", stored.cancel_response, name="response_cancel"),
    path("responses/<str:response_id>/input_items", stored.list_inputs, name="response_inputs"),
    path("models", listing.list_models, name="models"),
    path("models/<path:model>", listing.read_model, name="model"),
    path("", nowhere),
    path("<path:unknown>", nowhere),
]
