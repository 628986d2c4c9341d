"""The page on which a prompt is written and asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from fusion_site.accounts.access import current_membership, signed_in
from fusion_site.accounts.ids import new_id
from fusion_site.accounts.models import Team, User
from fusion_site.engine.asking import ModelRef
from fusion_site.engine.settings import Mode
from fusion_site.ops.draining import Draining
from fusion_site.pools.estimating import estimate
from fusion_site.pools.invalid import Invalid, one_of
from fusion_site.pools.models import Judge, PoolMember, Preset
from fusion_site.pools.models import Mode as ModeName
from fusion_site.runs.attached.files import Refused, prompt_with
from fusion_site.runs.attached.models import Draft, DraftFile
from fusion_site.runs.estimating import settings_so_far
from fusion_site.runs.flows.draft import add_files, drafts_of, end_draft, save_draft
from fusion_site.runs.flows.other_judge import other_judge
from fusion_site.runs.flows.start import Order, start_run
from fusion_site.runs.history import usual_lengths
from fusion_site.runs.limits import LimitReached
from fusion_site.runs.models import Run
from fusion_site.runs.pages.choosing import given_variables, judge_choices, preset_choices, unchecked
from fusion_site.runs.pages.rows import listed, rows_of
from fusion_site.runs.pages.sight_words import sight_words
from fusion_site.runs.pages.writing import (
    as_posted,
    fields_of,
    file_view,
    files_in,
    page_of,
    pictures_of,
    texts_of,
    uploads_in,
)
from fusion_site.runs.titles import title_of

RECENT = 6


@signed_in
@require_http_methods(["GET", "POST"])
def compose(request: HttpRequest) -> HttpResponse:
    """Ask a prompt: shows the form, or starts the run and leads to its page. What was typed is never lost."""
    if request.method == "GET":
        return compose_page(request, {})
    try:
        run = _started(request)
    except Invalid as invalid:
        return compose_page(request, invalid.fields, status=422)
    except LimitReached as limit:
        return compose_page(request, {"form": [str(limit)]}, status=429)
    except Draining as draining:
        return compose_page(request, {"form": [str(draining)]}, status=503)
    end_draft(page_of(request))
    return redirect("run", run.pk)


def _started(request: HttpRequest) -> Run:
    assert isinstance(request.user, User)
    team = current_membership(request).team
    files = _files_of(request)
    preset = _presets(team).filter(pk=request.POST.get("preset", "")).first()
    if preset is None:
        raise Invalid({"preset": ["Choose a preset."]})
    return start_run(request.user, team, order_of(request, preset, files))


def _files_of(request: HttpRequest) -> list[DraftFile]:
    """Give the files that the form shows, with those that came with it, as browsers without scripts send them."""
    read, refused = uploads_in(request)
    if not read and not refused:
        return files_in(request)
    try:
        draft = add_files(page_of(request), read, request.POST.getlist("file"))
    except Refused as error:
        refused.append(str(error))
    if refused:
        raise Invalid({"files": refused})
    return _files(draft)


def order_of(request: HttpRequest, preset: Preset, files: Sequence[DraftFile]) -> Order:
    """Give the order that stands in the form. Raises Invalid."""
    posted = request.POST
    prompt = posted.get("prompt", "")
    return Order(
        preset,
        prompt_with(prompt, texts_of(files)) if prompt.strip() else prompt,
        variables=given_variables(posted, preset.pk),
        mode=_mode(posted),
        guided=_wants_guided(request, preset),
        pictures=pictures_of(files),
        kept_from=_kept_from(preset, posted),
        judge=_judge(preset, posted),
        without=unchecked(posted, "on", preset.pk),
    )


def _mode(posted: QueryDict) -> Mode | None:
    given = posted.get("mode", "")
    if given and given not in ModeName.values:
        raise Invalid({"mode": [one_of(list(ModeName.values))]})
    return Mode(given) if given else None


def _judge(preset: Preset, posted: QueryDict) -> Judge | None:
    given = posted.get("judge", "")
    return other_judge(preset, given) if given else None


def _kept_from(preset: Preset, posted: QueryDict) -> frozenset[ModelRef]:
    """Give the models, of which it is not known whether they read pictures, that are not to be sent any."""
    ids = [pk for pk in unchecked(posted, "send", preset.pk) if pk.isascii() and pk.isdigit()]
    rows = PoolMember.objects.filter(pool=preset.pool_id, pk__in=ids) if ids else []
    return frozenset(ModelRef(row.connection_id, row.model) for row in rows)


def _wants_guided(request: HttpRequest, preset: Preset) -> bool:
    """A preset that lets people choose does so also where the box is not ticked."""
    return preset.guided or bool(request.POST.get("guided"))


def _presets(team: Team) -> QuerySet[Preset]:
    return Preset.objects.select_related("judge__connection", "pool").filter(team=team)


def compose_page(
    request: HttpRequest,
    errors: dict[str, list[str]],
    status: int = 200,
    *,
    prompt: str = "",
    preset: str = "",
) -> HttpResponse:
    """Give the form in which a prompt is asked: with what was typed in it, else with this prompt and preset, else a draft."""
    place = current_membership(request)
    draft = None if prompt else _draft(request)
    posted = request.POST if request.method == "POST" else as_posted(draft.fields if draft else {})
    presets = preset_choices(place.team, posted, errors)
    asked_for = (posted.get("preset"), request.GET.get("preset"), preset)
    wanted = request.GET.get("preset") or next(filter(None, asked_for), "")
    known = {preset["id"] for preset in presets}
    mine = list(listed(place.team).filter(person_id=request.user.pk)[:RECENT])
    form = {
        "presets": presets,
        "preset": wanted if wanted in known else next((preset["id"] for preset in presets), ""),
        "prompt": posted.get("prompt", prompt),
        "guided": posted.get("guided", ""),
        "mode": posted.get("mode", ""),
        "modes": ModeName.choices,
        "judge": posted.get("judge", ""),
        "judges": judge_choices(place.team),
        "errors": errors,
        "recent": rows_of(mine),
        "first_visit": not mine,
        "page": _page(request, draft),
        "files": [file_view(file) for file in _files(draft)],
        "drafts": _others(request, place.team, draft),
    }
    return render(request, "runs/compose.html", {"compose": form}, status=status)


def _draft(request: HttpRequest) -> Draft | None:
    """Give the draft that the page goes on with: kept now where a form came back, else one by its id, else the newest."""
    assert isinstance(request.user, User)
    if request.method == "POST":
        return save_draft(page_of(request), fields_of(request), request.POST.getlist("file")).draft
    mine = drafts_of(request.user, current_membership(request).team)
    if "new" in request.GET:
        return None
    wanted = request.GET.get("draft", "")
    return mine.filter(pk=wanted).first() if wanted.isascii() and wanted.isalnum() else mine.first()


def _page(request: HttpRequest, draft: Draft | None) -> dict[str, Any]:
    """Give what a page calls itself, and the draft that it shows."""
    tab = page_of(request).tab if request.method == "POST" else new_id()
    return {
        "tab": tab,
        "draft": draft.pk if draft else "",
        "seen": draft.version if draft else 0,
        "saved_at": draft.saved_at if draft else None,
    }


def _files(draft: Draft | None) -> list[DraftFile]:
    return list(draft.files.select_related("picture").defer("picture__data")) if draft else []


def _others(request: HttpRequest, team: Team, shown: Draft | None) -> list[dict[str, Any]]:
    """Give the drafts that the page does not show."""
    assert isinstance(request.user, User)
    rows = drafts_of(request.user, team).exclude(pk=shown.pk if shown else "")
    return [
        {
            "id": row.pk,
            "title": title_of("".join(row.fields.get("prompt", []))) or "Without words",
            "saved_at": row.saved_at,
        }
        for row in rows
    ]


@signed_in
@require_POST
def estimate_run(request: HttpRequest) -> HttpResponse:
    """Say what the run that stands in the compose form may cost and who can see its pictures, as fragments of the form."""
    team = current_membership(request).team
    preset = _presets(team).filter(pk=request.POST.get("preset", "")).first()
    try:
        order = order_of(request, preset, files_in(request)) if preset else None
        settings = settings_so_far(preset, order) if preset and order else None
    except Invalid as invalid:
        said = [message for messages in invalid.fields.values() for message in messages]
        return render(request, "runs/_before.html", {"faults": said})
    if order is None or settings is None:
        return HttpResponse(status=204)
    context = {
        "estimate": estimate(settings, usual_lengths(team, settings)),
        "sight": sight_words(settings),
        "is_blind": all(m.model in settings.blind for m in settings.members),
    }
    return render(request, "runs/_before.html", context)
