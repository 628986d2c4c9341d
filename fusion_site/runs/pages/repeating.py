"""What a run used, how that differs from what is there now, and asking the same again."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from fusion_site.accounts.access import signed_in
from fusion_site.accounts.models import User
from fusion_site.ops.draining import Draining
from fusion_site.pools.invalid import Invalid
from fusion_site.pools.leaving import refused_in
from fusion_site.pools.models import Preset, Version
from fusion_site.runs.access import found_run
from fusion_site.runs.flows.repeat import repeat_run
from fusion_site.runs.flows.start import ChangedSince
from fusion_site.runs.limits import LimitReached
from fusion_site.runs.models import Run
from fusion_site.runs.titles import titled
from fusion_site.runs.today import today_of


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def again(request: HttpRequest, run_id: str) -> HttpResponse:
    """Show what has changed since the run; or ask the same again of what was shown, and lead to that run."""
    run = found_run(request.user, run_id)
    if request.method != "POST":
        return _page(request, run)
    assert isinstance(request.user, User)
    try:
        made = repeat_run(request.user, run, seen=request.POST.get("seen", ""))
    except Invalid as invalid:
        return _page(request, run, [text for texts in invalid.fields.values() for text in texts], 422)
    except ChangedSince as changed:
        return _page(request, run, [str(changed)], 409)
    except LimitReached as limit:
        return _page(request, run, [str(limit)], 429)
    except Draining as draining:
        return _page(request, run, [str(draining)], 503)
    return redirect("run", made.pk)


def _page(request: HttpRequest, run: Run, wrong: list[str] | None = None, status: int = 200) -> HttpResponse:
    context: dict[str, Any] = {"run": run, "title": titled(run), "wrong": wrong or []}
    try:
        today = today_of(run)
    except Invalid as invalid:
        context["gone"] = [text for texts in invalid.fields.values() for text in texts]
        context["pins"] = _pins(run, None)
        return render(request, "runs/again.html", context, status=status)
    members = today.preset.pool.members.select_related("connection")
    context |= {
        "today": today,
        "pins": _pins(run, today.preset),
        "members": len(members),
        "refused": refused_in(run.team, members, today.preset.judge),
    }
    return render(request, "runs/again.html", context, status=status)


def _pins(run: Run, preset: Preset | None) -> list[dict[str, Any]]:
    """Give the versions that the run was made from, each beside what is in its place now, if the preset is there.

    Those of what was deleted long ago are not kept, and so cannot be led to.
    """
    now = {"preset": preset, "pool": preset.pool, "judge": preset.judge} if preset else {}
    things = [pin["id"] for pin in run.pinned.values()]
    kept = set(Version.objects.filter(thing__in=things).values_list("thing", "number"))
    return [
        {
            "noun": noun,
            "address": f"version_{noun}",
            **pin,
            "now": now.get(noun),
            "is_same": noun in now and (now[noun].pk, now[noun].version) == (pin["id"], pin["version"]),
            "is_kept": (pin["id"], pin["version"]) in kept,
        }
        for noun, pin in run.pinned.items()
    ]
