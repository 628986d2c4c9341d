"""The page of what others see of a person."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from fusion_site.accounts.access import known, person_of
from fusion_site.accounts.flows.rename_person import rename_person
from fusion_site.accounts.forms import PersonForm
from fusion_site.accounts.team_forms import put_errors


@known
@require_http_methods(["GET", "HEAD", "POST"])
def person(request: HttpRequest) -> HttpResponseBase:
    """Show the person's name and address, and store another name."""
    if request.method != "POST":
        return _page(request, PersonForm(initial={"name": person_of(request).name}))
    form = PersonForm(request.POST)
    try:
        rename_person(person_of(request), form["name"].value() or "")
    except ValidationError as error:
        put_errors(form, error)
        return _page(request, form, status=422)
    messages.success(request, "Your name was saved.")
    return redirect("person")


def _page(request: HttpRequest, form: PersonForm, *, status: int = 200) -> HttpResponseBase:
    return render(request, "accounts/person.html", {"form": form}, status=status)
