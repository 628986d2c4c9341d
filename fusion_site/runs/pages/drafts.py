"""What is being written is kept while it is written; files are put beside it and taken away."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from fusion_site.accounts.access import current_membership, signed_in
from fusion_site.accounts.models import User
from fusion_site.runs.attached.files import Refused
from fusion_site.runs.attached.models import Draft, DraftFile
from fusion_site.runs.flows.draft import add_files, discard_draft, remove_file, save_draft
from fusion_site.runs.pages.pictures import picture_response
from fusion_site.runs.pages.writing import fields_of, file_view, is_beyond_keeping, page_of, uploads_in


@signed_in
@require_POST
def save(request: HttpRequest) -> HttpResponse:
    """Keep what stands in the form, and say so beside it."""
    if is_beyond_keeping(request):
        return HttpResponse("Not kept: this is longer than any prompt may be.")
    saved = save_draft(page_of(request), fields_of(request), request.POST.getlist("file"))
    context: dict[str, Any] = {"saved": saved, "at": saved.draft.saved_at if saved.draft else None}
    if saved.is_apart and saved.draft:
        context["files"] = _files(saved.draft)
    return render(request, "runs/_draft.html", context)


@signed_in
@require_POST
def add(request: HttpRequest) -> HttpResponse:
    """Put files beside the prompt; those that cannot be taken are named, each with its reason."""
    page, shown = page_of(request), request.POST.getlist("file")
    read, refused = uploads_in(request)
    draft = save_draft(page, fields_of(request), shown).draft
    try:
        draft = add_files(page, read, shown) if read else draft
    except Refused as error:
        refused.append(str(error))
    return _list(request, draft, refused)


@signed_in
@require_POST
def remove(request: HttpRequest) -> HttpResponse:
    """Take a file away from beside the prompt."""
    page, shown = page_of(request), request.POST.getlist("file")
    save_draft(page, fields_of(request), shown)
    return _list(request, remove_file(page, request.POST.get("remove", ""), shown), [])


def _list(request: HttpRequest, draft: Draft | None, refused: list[str]) -> HttpResponse:
    """Give the list of files; without htmx lead back to the form, which has kept what was typed."""
    if not getattr(request, "htmx", False):
        return redirect("compose")
    files = _files(draft) if draft else []
    response = render(request, "runs/_files.html", {"files": files, "refused": refused})
    response["HX-Trigger-After-Swap"] = "files-changed"
    return response


def _files(draft: Draft) -> list[dict[str, Any]]:
    return [file_view(file) for file in draft.files.select_related("picture").defer("picture__data")]


@signed_in
@require_POST
def discard(request: HttpRequest) -> HttpResponse:
    """Forget a draft, and lead to the form."""
    assert isinstance(request.user, User)
    wanted = request.POST.get("discard", "")
    if wanted.isascii() and wanted.isalnum():
        discard_draft(request.user, current_membership(request).team, wanted)
    return redirect("compose")


@signed_in
@require_safe
def picture(request: HttpRequest, file_id: str) -> HttpResponse:
    """Give a picture of a draft to who is writing it."""
    team = current_membership(request).team
    mine = DraftFile.objects.filter(draft__person=request.user.pk, draft__team=team)
    file = mine.filter(pk=file_id, picture__isnull=False).select_related("picture").first()
    if file is None or file.picture is None:
        raise Http404
    return picture_response(file.picture)
