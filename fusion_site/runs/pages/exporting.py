"""A run as a file."""

from __future__ import annotations

import orjson
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from fusion_site.accounts.access import signed_in
from fusion_site.runs.access import found_run
from fusion_site.runs.exporting import as_json, as_markdown
from fusion_site.runs.live.lens import Lens
from fusion_site.runs.loading import load_state
from fusion_site.runs.state import RunState

# The endings of the files that there are.
FORMS = {"md", "json"}


@signed_in
@require_safe
def export(request: HttpRequest, run_id: str, form: str) -> HttpResponse:
    """Give a run with everything in it as a file."""
    if form not in FORMS:
        raise Http404
    return exported(load_state(found_run(request.user, run_id).pk), form)


def exported(state: RunState, form: str, lens: Lens | None = None) -> HttpResponse:
    """Give a run as a file: `form` is `md` or `json`; `state` is what the lens shows, where there is one."""
    if form == "json":
        body, kind = orjson.dumps(as_json(state, lens), option=orjson.OPT_INDENT_2), "application/json"
    else:
        body, kind = as_markdown(state, lens).encode(), "text/markdown; charset=utf-8"
    response = HttpResponse(body, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="fusion-run.{form}"'
    return response
