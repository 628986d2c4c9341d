"""The pages on which owners say who is told of the ends of their team's runs, and see what came of that."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from fusion_site.accounts.access import current_membership, membership_in, signed_in
from fusion_site.accounts.models import Membership
from fusion_site.pools.invalid import Invalid
from fusion_site.runs.hooks.access import found_hook, hooks_of
from fusion_site.runs.hooks.flows.renew_secret import renew_secret
from fusion_site.runs.hooks.flows.settle import change_hook, delete_hook, make_hook, plain_hook, try_hook
from fusion_site.runs.hooks.models import Hook

MOST_LISTED = 50


class NewHookForm(forms.Form):
    """What an owner says of a hook; the flow checks it."""

    name = forms.CharField(max_length=120)
    url = forms.CharField(
        label="Address", max_length=500, help_text="Where JSON is sent by POST: https, and no redirect."
    )
    with_prompt = forms.BooleanField(
        label="Send the prompt",
        required=False,
        help_text="Without it, the link to the run says where it stands.",
    )
    with_answer = forms.BooleanField(
        label="Send the fused answer",
        required=False,
        help_text="Without it, a program reads the answer here by a token.",
    )


class HookForm(NewHookForm):
    """The same of one that is there."""

    is_on = forms.BooleanField(
        label="On",
        required=False,
        help_text="Of runs that end while it is off nothing is told, later neither.",
    )


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def webhooks(request: HttpRequest) -> HttpResponse:
    """List the current team's hooks to its owners; a POST makes one, and its answer alone shows the secret."""
    place = current_membership(request)
    rows = hooks_of(place)
    if request.method != "POST":
        return _list(request, place, NewHookForm())
    form = NewHookForm(request.POST)
    try:
        hook, secret = make_hook(place, _given(form))
    except Invalid as invalid:
        return _list(request, place, _with(form, invalid), status=422)
    return _page(request, rows.get(pk=hook.pk), HookForm(initial=plain_hook(hook)), secret=secret)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def webhook(request: HttpRequest, hook_id: str) -> HttpResponse:
    """Show one hook with its deliveries, and store what is changed."""
    place, hook = _found(request, hook_id)
    if request.method != "POST":
        return _page(request, hook, HookForm(initial=plain_hook(hook)))
    form = HookForm(request.POST)
    try:
        change_hook(place, hook, _given(form))
    except Invalid as invalid:
        return _page(request, hook, _with(form, invalid), status=422)
    messages.success(request, "The webhook is saved.")
    return redirect("webhook", hook.pk)


@signed_in
@require_POST
def test(request: HttpRequest, hook_id: str) -> HttpResponse:
    """Have a test sent, and show the deliveries, where what comes of it will stand."""
    place, hook = _found(request, hook_id)
    try:
        try_hook(place, hook)
    except Invalid as invalid:
        messages.error(request, " ".join(text for texts in invalid.fields.values() for text in texts))
    return redirect("webhook", hook.pk)


@signed_in
@require_POST
def renew(request: HttpRequest, hook_id: str) -> HttpResponse:
    """Give a hook a new secret, which this answer alone shows."""
    place, hook = _found(request, hook_id)
    try:
        hook, secret = renew_secret(place, hook)
    except Invalid as invalid:
        messages.error(request, " ".join(text for texts in invalid.fields.values() for text in texts))
        return redirect("webhook", hook.pk)
    return _page(request, hook, HookForm(initial=plain_hook(hook)), secret=secret)


@signed_in
@require_POST
def delete(request: HttpRequest, hook_id: str) -> HttpResponse:
    """Delete a hook with its deliveries."""
    place, hook = _found(request, hook_id)
    delete_hook(place, hook)
    messages.success(request, f"The webhook {hook.name} is deleted.")
    return redirect("webhooks")


def _found(request: HttpRequest, hook_id: str) -> tuple[Membership, Hook]:
    """Give a hook of any of the person's teams, and their place there."""
    row = Hook.objects.filter(pk=hook_id).first()
    place = membership_in(request.user, row.team_id) if row else None
    if place is None:
        raise Http404
    return place, found_hook(place, hook_id)


def _given(form: forms.Form) -> dict[str, Any]:
    """Give what was sent: a box that is not checked is sent as nothing."""
    return {
        name: (name in form.data) if isinstance(field, forms.BooleanField) else form.data.get(name, "")
        for name, field in form.fields.items()
    }


def _with(form: forms.Form, invalid: Invalid) -> forms.Form:
    """Give the form with the flow's messages beside its fields, and only these."""
    form.full_clean()
    form.errors.clear()
    for name, texts in invalid.fields.items():
        form.add_error(name if name in form.fields else None, texts)
    return form


def _list(request: HttpRequest, place: Membership, form: forms.Form, status: int = 200) -> HttpResponse:
    context = {"place": place, "hooks": hooks_of(place), "form": form}
    return render(request, "hooks/webhooks.html", context, status=status)


def _page(
    request: HttpRequest, hook: Hook, form: forms.Form, *, secret: str = "", status: int = 200
) -> HttpResponse:
    deliveries = list(hook.deliveries.select_related("run")[:MOST_LISTED])
    context = {
        "hook": hook,
        "form": form,
        "secret": secret,
        "deliveries": deliveries,
        "is_waiting": any(each.due_at and each.type == "test" for each in deliveries),
    }
    return render(request, "hooks/webhook.html", context, status=status)
