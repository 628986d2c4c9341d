"""Addresses of the pages of this room."""

from __future__ import annotations

from django.urls import path

from fusion_site.runs.finding.pages import deleting, listing, marking
from fusion_site.runs.hooks.pages import hooks as hook_pages
from fusion_site.runs.pages import again as again_pages
from fusion_site.runs.pages import budget as budget_page
from fusion_site.runs.pages import compare as compare_page
from fusion_site.runs.pages import compose as compose_page
from fusion_site.runs.pages import drafts as draft_pages
from fusion_site.runs.pages import exporting as export_page
from fusion_site.runs.pages import following as following_pages
from fusion_site.runs.pages import guide as guide_page
from fusion_site.runs.pages import judging as judging_page
from fusion_site.runs.pages import pictures as picture_page
from fusion_site.runs.pages import repeating as repeating_page
from fusion_site.runs.pages import timeline as timeline_page
from fusion_site.runs.pages import versions as version_pages
from fusion_site.runs.pages import views
from fusion_site.runs.sharing.pages import comments as comment_pages
from fusion_site.runs.sharing.pages import links as link_pages
from fusion_site.runs.sharing.pages import visitors
from fusion_site.runs.voting.pages import insights as insight_page
from fusion_site.runs.voting.pages import record as record_page
from fusion_site.runs.voting.pages import votes as vote_pages

urlpatterns = [
    path("", compose_page.compose, name="compose"),
    path("pools/<str:row_id>/record/", record_page.pool_record, name="pool_record"),
    path("estimate/", compose_page.estimate_run, name="estimate_run"),
    path("draft/", draft_pages.save, name="save_draft"),
    path("draft/files/", draft_pages.add, name="add_files"),
    path("draft/files/remove/", draft_pages.remove, name="remove_file"),
    path("draft/files/<str:file_id>/picture/", draft_pages.picture, name="draft_picture"),
    path("draft/discard/", draft_pages.discard, name="discard_draft"),
    path("team/webhooks/", hook_pages.webhooks, name="webhooks"),
    path("team/webhooks/<str:hook_id>/", hook_pages.webhook, name="webhook"),
    path("team/webhooks/<str:hook_id>/test/", hook_pages.test, name="test_webhook"),
    path("team/webhooks/<str:hook_id>/secret/", hook_pages.renew, name="renew_webhook_secret"),
    path("team/webhooks/<str:hook_id>/delete/", hook_pages.delete, name="delete_webhook"),
    path("team/budget/", budget_page.set_team_budget, name="set_team_budget"),
    path("runs/", listing.runs, name="runs"),
    path("runs/delete/", deleting.delete, name="delete_runs"),
    path("runs/<str:run_id>/row/", listing.row, name="run_row"),
    path("runs/<str:run_id>/star/", marking.star_run, name="star_run"),
    path("runs/<str:run_id>/tags/", marking.tags, name="tag_run"),
    path("tags/", marking.all_tags, name="tags"),
    path("tags/<str:tag_id>/", marking.rename, name="rename_tag"),
    path("deleted/", deleting.deleted, name="deleted"),
    path("deleted/restore/", deleting.undo, name="undo_delete"),
    path("runs/<str:run_id>/", views.run, name="run"),
    path("runs/<str:run_id>/cancel/", views.stop_run, name="cancel_run"),
    path("runs/<str:run_id>/fused.md", views.fused_markdown, name="fused_markdown"),
    path("runs/<str:run_id>/follow-up/", following_pages.follow_up, name="follow_up"),
    path(
        "runs/<str:run_id>/follow-up/estimate/", following_pages.estimate_follow_up, name="estimate_follow_up"
    ),
    path("runs/<str:run_id>/thread/<int:place>/", following_pages.earlier_turn, name="earlier_turn"),
    path("runs/<str:run_id>/timeline/", timeline_page.timeline, name="timeline"),
    path("runs/<str:run_id>/again/", repeating_page.again, name="ask_again"),
    path("runs/<str:run_id>/fuse/", again_pages.fuse_again, name="fuse_again"),
    path("runs/<str:run_id>/fuse/estimate/", again_pages.fuse_estimate, name="fuse_estimate"),
    path("runs/<str:run_id>/pictures/<str:sha256>", picture_page.picture, name="run_picture"),
    path("runs/<str:run_id>/guidance/", guide_page.guide, name="guide_run"),
    path("runs/<str:run_id>/ask/", again_pages.ask_another, name="ask_another"),
    path("runs/<str:run_id>/compare/", compare_page.compare, name="compare"),
    path("runs/<str:run_id>/versions/<int:number>/", version_pages.version, name="version"),
    path("runs/<str:run_id>/versions/<int:number>.md", views.version_markdown, name="version_markdown"),
    path("runs/<str:run_id>/versions/<int:number>/judged/", judging_page.judged, name="judged"),
    path("runs/<str:run_id>/export.<str:form>", export_page.export, name="export_run"),
    path("runs/<str:run_id>/share/", link_pages.share, name="share_run"),
    path("runs/<str:run_id>/vote/", vote_pages.vote, name="vote"),
    path("runs/<str:run_id>/comments/", comment_pages.comments, name="comments"),
    path("runs/<str:run_id>/comments/<str:comment_id>/", comment_pages.change, name="change_comment"),
    path("runs/<str:run_id>/versions/<int:number>/undo/", again_pages.undo, name="take_back"),
    path("runs/<str:run_id>/answers/<str:answer_id>/use/", again_pages.use, name="use_answer"),
    path("runs/<str:run_id>/answers/<str:answer_id>/retry/", again_pages.retry, name="retry_answer"),
    path("runs/<str:run_id>/answers/<str:answer_id>.md", views.answer_markdown, name="answer_markdown"),
    path("runs/<str:run_id>/answers/<str:answer_id>/cancel/", views.stop_answer, name="cancel_answer"),
    path("insights/", insight_page.insights, name="insights"),
    path("links/", link_pages.links, name="links"),
    path("links/<str:share_id>/revoke/", link_pages.revoke, name="revoke_share"),
    # What a link leads to. All of it lies below the link's own address, where its cookies go.
    path("s/<str:token>/", visitors.shared, name="shared"),
    path("s/<str:token>/vote/", visitors.cast, name="shared_vote"),
    path("s/<str:token>/compose/", visitors.run_it, name="shared_compose"),
    path("s/<str:token>/fused.md", visitors.fused_text, name="shared_fused"),
    path("s/<str:token>/answers/<str:answer_id>.md", visitors.answer_text, name="shared_answer"),
    path("s/<str:token>/pictures/<str:sha256>", visitors.picture, name="shared_picture"),
    path("s/<str:token>/export.<str:form>", visitors.export, name="shared_export"),
]
