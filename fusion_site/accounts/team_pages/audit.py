"""The page of a team's audit trail, for its owners."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils.http import urlencode
from django.views.decorators.http import require_GET

from fusion_site.accounts.access import asigned_in, current_membership, signed_in
from fusion_site.accounts.audit import KINDS
from fusion_site.accounts.audit_reading import FORMS, Wanted, exported
from fusion_site.accounts.models import Membership

PAGE = 50
_KIND_CHOICES = [("", "Everything"), *((kind, kind) for kind in KINDS)]


class WantedForm(forms.Form):
    """Which entries are shown."""

    kind = forms.ChoiceField(label="About", choices=_KIND_CHOICES, required=False)
    person = forms.CharField(label="By", required=False, max_length=254)
    since = forms.DateField(label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label="To", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    before = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1, widget=forms.HiddenInput)

    def wanted(self) -> Wanted:
        """Give what is asked for; a value that cannot be read asks for nothing."""
        read = self.cleaned_data
        return Wanted(read.get("kind") or "", read.get("person") or "", read.get("since"), read.get("until"))


@signed_in
@require_GET
def audit(request: HttpRequest) -> HttpResponseBase:
    """Show a page of the current team's trail, the newest first."""
    place = _owner(current_membership(request))
    form = WantedForm(request.GET)
    form.is_valid()
    entries = form.wanted().of(place.team)
    if before := form.cleaned_data.get("before"):
        entries = entries.filter(pk__lt=before)
    shown = list(entries[: PAGE + 1])
    context: dict[str, Any] = {
        "place": place,
        "form": form,
        "entries": shown[:PAGE],
        "older": _query(form, before=shown[PAGE - 1].pk) if len(shown) > PAGE else "",
        "query": _query(form),
    }
    return render(request, "accounts/audit.html", context, status=200 if form.is_valid() else 422)


@asigned_in
@require_GET
async def audit_file(request: HttpRequest, form: str) -> HttpResponseBase:
    """Give what the page shows, all of it, as a file."""
    place = _owner(current_membership(request))
    wanted = WantedForm(request.GET)
    if form not in FORMS or not wanted.is_valid():
        raise Http404
    entries = wanted.wanted().of(place.team)
    response = StreamingHttpResponse(exported(entries, FORMS[form]), content_type=FORMS[form].content_type)
    response["Content-Disposition"] = f'attachment; filename="audit-{place.team.slug}.{form}"'
    return response


def _owner(place: Membership) -> Membership:
    if not place.may_manage():
        raise PermissionDenied("Only owners of the team may read its audit trail.")
    return place


def _query(form: WantedForm, **more: int) -> str:
    """Give the filter as the query of an address."""
    told = {name: form[name].value() for name in ("kind", "person", "since", "until")}
    return urlencode({name: value for name, value in {**told, **more}.items() if value})
