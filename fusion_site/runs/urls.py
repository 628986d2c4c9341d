"""Addresses of the pages of this room."""

from __future__ import annotations

from django.urls import path

from fusion_site.runs.pages import again as again_pages
from fusion_site.runs.pages import budget as budget_page
from fusion_site.runs.pages import following as following_pages
from fusion_site.runs.pages import guide as guide_page
from fusion_site.runs.pages import judging as judging_page
from fusion_site.runs.pages import repeating as repeating_page
from fusion_site.runs.pages import versions as version_pages
from fusion_site.runs.pages import views

urlpatterns = [
    path("", views.compose, name="compose"),
    path("estimate/", views.estimate_run, name="estimate_run"),
    path("team/budget/", budget_page.set_team_budget, name="set_team_budget"),
    path("runs/", views.runs, name="runs"),
    path("runs/<str:run_id>/", views.run, name="run"),
    path("runs/<str:run_id>/cancel/", views.stop_run, name="cancel_run"),
    path("runs/<str:run_id>/fused.md", views.fused_markdown, name="fused_markdown"),
    path("runs/<str:run_id>/follow-up/", following_pages.follow_up, name="follow_up"),
    path(
        "runs/<str:run_id>/follow-up/estimate/", following_pages.estimate_follow_up, name="estimate_follow_up"
    ),
    path("runs/<str:run_id>/thread/<int:place>/", following_pages.earlier_turn, name="earlier_turn"),
    path("runs/<str:run_id>/again/", repeating_page.again, name="ask_again"),
    path("runs/<str:run_id>/fuse/", again_pages.fuse_again, name="fuse_again"),
    path("runs/<str:run_id>/fuse/estimate/", again_pages.fuse_estimate, name="fuse_estimate"),
    path("runs/<str:run_id>/guidance/", guide_page.guide, name="guide_run"),
    path("runs/<str:run_id>/ask/", again_pages.ask_another, name="ask_another"),
    path("runs/<str:run_id>/versions/compare/", version_pages.compare, name="compare_versions"),
    path("runs/<str:run_id>/versions/<int:number>/", version_pages.version, name="version"),
    path("runs/<str:run_id>/versions/<int:number>.md", views.version_markdown, name="version_markdown"),
    path("runs/<str:run_id>/versions/<int:number>/judged/", judging_page.judged, name="judged"),
    path("runs/<str:run_id>/answers/<str:answer_id>/retry/", again_pages.retry, name="retry_answer"),
    path("runs/<str:run_id>/answers/<str:answer_id>.md", views.answer_markdown, name="answer_markdown"),
    path("runs/<str:run_id>/answers/<str:answer_id>/cancel/", views.stop_answer, name="cancel_answer"),
]
