"""A run as a file."""

from __future__ import annotations

from typing import Any

import orjson
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from fusion_site.accounts.access import signed_in
from fusion_site.runs.access import found_run
from fusion_site.runs.exporting import as_json, as_markdown, complete_json
from fusion_site.runs.live.lens import Lens
from fusion_site.runs.loading import load_state
from fusion_site.runs.models import Run
from fusion_site.runs.state import RunState

# The endings of the files that there are.
FORMS = {"md", "json"}


@signed_in
@require_safe
def export(request: HttpRequest, run_id: str, form: str) -> HttpResponse:
    """Give a run with everything in it as a file."""
    if form not in FORMS:
        raise Http404
    return exported_run(found_run(request.user, run_id), form)


def exported_run(run: Run, form: str) -> HttpResponse:
    """Give a whole run as a file: `form` is `md` or `json`."""
    if form == "json":
        return _file(_dumped(complete_json(run)), form)
    return _file(as_markdown(load_state(run.pk)).encode(), form)


def exported(state: RunState, form: str, lens: Lens) -> HttpResponse:
    """Give what a lens shows of a run, which is `state`, as a file."""
    body = _dumped(as_json(state, lens)) if form == "json" else as_markdown(state, lens).encode()
    return _file(body, form)


def _dumped(told: dict[str, Any]) -> bytes:
    return orjson.dumps(told, option=orjson.OPT_INDENT_2)


def _file(body: bytes, form: str) -> HttpResponse:
    kind = "application/json" if form == "json" else "text/markdown; charset=utf-8"
    response = HttpResponse(body, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="fusion-run.{form}"'
    return response
