"""What people type about a team. Programs' fields go through the same forms, so that one rule holds for both."""

from __future__ import annotations

import ipaddress
import re
from decimal import Decimal

from django import forms
from django.core.exceptions import ValidationError

from fusion_site.accounts.flows.invite import DAYS, MOST_DAYS, ROLES
from fusion_site.accounts.lines import ONE_LINE
from fusion_site.accounts.models import Adders, Reach, Role

MOST_HOSTS = 50
_MOST_LINK_DAYS = 3650
_BOUNDS = {"min_value": "Must be at least %(limit_value)s.", "max_value": "Must be at most %(limit_value)s."}
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")


class NameForm(forms.Form):
    """The name of a team."""

    name = forms.CharField(
        label="Name",
        max_length=120,
        validators=[ONE_LINE],
        error_messages={"required": "Give the team a name."},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class InviteForm(forms.Form):
    """Whom an invitation is for, and how long it is good."""

    email = forms.EmailField(
        label="E-mail address",
        required=False,
        help_text="Whom it is for. Empty makes a link that you hand over yourself.",
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    role = forms.ChoiceField(
        label="Role", choices=[(role.value, role.label) for role in ROLES], initial=Role.EDITOR.value
    )
    days = forms.IntegerField(
        label="Good for",
        min_value=1,
        max_value=MOST_DAYS,
        initial=DAYS,
        help_text=f"Days, at most {MOST_DAYS}.",
        error_messages={"invalid": "Enter a whole number.", **_BOUNDS},
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )
    many = forms.BooleanField(
        label="More than one person may join by this link",
        required=False,
        help_text="Until it expires or is revoked.",
    )


class HostsField(forms.CharField):
    """Host names, one a line, each at most once and in lower case."""

    def clean(self, value: object) -> list[str]:
        """Give the names; raises ValidationError with the first that is none."""
        names = [name.strip().lower().rstrip(".") for name in super().clean(value).split()]
        if wrong := next((name for name in names if not is_host(name)), None):
            raise ValidationError(
                f"“{wrong[:80]}” is not a host name. Give names alone, without https:// or a port."
            )
        if len(names) > MOST_HOSTS:
            raise ValidationError(f"At most {MOST_HOSTS} hosts (these are {len(names)}).")
        return list(dict.fromkeys(names))


class TeamSettingsForm(forms.Form):
    """What owners decide about a team, apart from its people and its monthly budget."""

    local_only = forms.BooleanField(
        label="Local only",
        required=False,
        help_text="Nothing that is asked here leaves for anything but models which the operator of this site runs in-house.",
    )
    connections_by = forms.ChoiceField(label="Who may add connections", choices=Adders.choices)
    allowed_hosts = HostsField(
        label="Hosts that connections may lead to",
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "autocomplete": "off"}),
        help_text="One host name a line, such as openrouter.ai. Empty means any. Models that this site runs itself are always allowed.",
    )
    run_cap_usd = forms.DecimalField(
        label="Most that one run may cost",
        required=False,
        min_value=Decimal(0),
        max_value=Decimal("999999"),
        decimal_places=6,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
        help_text="US dollars. A run that might pass it is not started. Empty means no bound.",
        error_messages={"invalid": "Enter an amount in US dollars, such as 0.50.", **_BOUNDS},
    )
    mfa_required = forms.BooleanField(
        label="Second factor required",
        required=False,
        help_text="People without a second factor of sign-in are sent to set one up before they enter, and their API tokens are refused.",
    )
    links = forms.ChoiceField(label="Share links may be for", choices=Reach.choices)
    links_max_days = forms.IntegerField(
        label="Longest life of a share link",
        required=False,
        min_value=1,
        max_value=_MOST_LINK_DAYS,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        help_text="Days. Empty means as long as its maker chooses.",
        error_messages={"invalid": "Enter a whole number.", **_BOUNDS},
    )
    links_need_password = forms.BooleanField(label="Share links need a password", required=False)


def is_host(name: str) -> bool:
    """Whether this is a host name in ASCII, or an address; no scheme, no port, no path."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        labels = name.split(".")
        return len(name) <= 253 and all(_LABEL.fullmatch(label) for label in labels)
    return True


class SignOnForm(forms.Form):
    """A team's own sign-in service. The secret is never shown again: an empty field keeps it."""

    issuer = forms.CharField(
        label="Issuer",
        max_length=500,
        help_text="The address of the service, as it names itself.",
        error_messages={"required": "Give the address of the service."},
        widget=forms.URLInput(attrs={"autocomplete": "off", "placeholder": "https://login.example.com"}),
    )
    client_id = forms.CharField(
        label="Client id",
        max_length=300,
        error_messages={"required": "Give the id that the service knows this site by."},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    secret = forms.CharField(
        label="Client secret",
        max_length=1000,
        required=False,
        help_text="Kept sealed, and sent to this service alone. Empty keeps the one that is stored.",
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )
    role = forms.ChoiceField(
        label="Who comes through it joins as",
        choices=[(Role.VIEWER.value, "Viewer: reads and runs"), (Role.EDITOR.value, "Editor: also changes")],
    )


def put_errors(form: forms.Form, error: ValidationError) -> None:
    """Show beside the fields of a form what a flow has found wrong; its findings take the place of the form's own."""
    form.full_clean()
    form.errors.clear()
    form.add_error(None, error)
