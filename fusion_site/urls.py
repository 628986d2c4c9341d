"""The HTTP door: each room's addresses."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("accounts/", include("allauth.account.urls")),
    path("", include("fusion_site.accounts.urls")),
    path("", include("fusion_site.pools.urls")),
    path("", include("fusion_site.runs.urls")),
    path("", include("fusion_site.ops.urls")),
    path("api/v1/", include("fusion_site.api.urls")),
    path("v1/", include("fusion_site.api.openai.urls")),
]
