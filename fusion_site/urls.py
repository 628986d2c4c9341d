"""The HTTP door: each room's addresses."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("accounts/", include("allauth.account.urls")),
    path("accounts/factors/", include("allauth.mfa.urls")),
    path("", include("fusion_site.accounts.urls")),
    path("", include("fusion_site.pools.urls")),
    path("", include("fusion_site.runs.urls")),
    path("", include("fusion_site.ops.urls")),
    path("api/v1/", include("fusion_site.api.urls")),
    path("v1/", include("fusion_site.api.openai.urls")),
]

# What allauth answers to who tries too often.
handler429 = "fusion_site.accounts.limits.too_many"
