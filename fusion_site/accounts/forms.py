"""What people type about themselves and their tokens."""

from __future__ import annotations

from django import forms

from fusion_site.accounts.flows.make_token import DAYS
from fusion_site.accounts.lines import ONE_LINE
from fusion_site.accounts.models import Scope


class PersonForm(forms.Form):
    """By which name others see a person."""

    name = forms.CharField(
        label="Name",
        max_length=120,
        required=False,
        help_text="Stands at your comments and links. Without one, people of your teams see your address.",
        validators=[ONE_LINE],
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )


class TokenForm(forms.Form):
    """The name of a new API token, what it may do, and for how long. There is none that lasts for ever."""

    name = forms.CharField(
        label="Name",
        max_length=120,
        help_text="What it is for, so that you know later which one to revoke.",
        error_messages={"required": "Give the token a name."},
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "build server"}),
    )
    scopes = forms.MultipleChoiceField(
        label="What it may do",
        choices=Scope.choices,
        initial=[Scope.RUN, Scope.READ],
        error_messages={"required": "Choose one at least."},
        widget=forms.CheckboxSelectMultiple,
    )
    days = forms.TypedChoiceField(
        label="Good for",
        choices=[(30, "30 days"), (90, "90 days"), (DAYS, "1 year")],
        coerce=int,
        initial=DAYS,
    )
