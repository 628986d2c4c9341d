"""Pictures as files of the site: bytes from outside, which no browser may take for anything but a picture."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from fusion_site.accounts.access import signed_in
from fusion_site.runs.access import found_run
from fusion_site.runs.attached.models import Picture
from fusion_site.runs.models import Run


@signed_in
@require_safe
def picture(request: HttpRequest, run_id: str, sha256: str) -> HttpResponse:
    """Give a picture that a run was asked with, to who may read the run."""
    return picture_of_run(found_run(request.user, run_id), sha256)


def picture_of_run(run: Run, sha256: str) -> HttpResponse:
    """Give a picture of a run by the name of its bytes; raises Http404."""
    row = Picture.objects.filter(run_pictures__run=run, sha256=sha256.replace("\x00", "")).first()
    if row is None:
        raise Http404
    return picture_response(row)


def picture_response(row: Picture) -> HttpResponse:
    """Give the bytes so that they are shown as a picture, and opened by themselves can run nothing."""
    response = HttpResponse(bytes(row.data), content_type=row.kind)
    ending = row.kind.removeprefix("image/")
    response["Content-Disposition"] = f'inline; filename="{row.sha256[:12]}.{ending}"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response
