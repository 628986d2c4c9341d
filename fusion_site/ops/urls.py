"""Addresses for whoever watches over the site."""

from __future__ import annotations

from django.urls import path

from fusion_site.ops import health, scraping

urlpatterns = [
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", scraping.metrics, name="metrics"),
]
