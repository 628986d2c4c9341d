"""What people type about tokens."""

from __future__ import annotations

from django import forms


class TokenForm(forms.Form):
    """The name of a new API token."""

    name = forms.CharField(
        label="Name",
        max_length=120,
        help_text="What it is for, so that you know later which one to revoke.",
        error_messages={"required": "Give the token a name."},
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "build server"}),
    )
