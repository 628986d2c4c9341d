"""A person says by which name others see them."""

from __future__ import annotations

from django.core.exceptions import ValidationError

from fusion_site.accounts.forms import PersonForm
from fusion_site.accounts.models import User


def rename_person(user: User, name: str) -> User:
    """Store the name, or none, and give the person; raises ValidationError by field."""
    form = PersonForm({"name": name})
    if not form.is_valid():
        raise ValidationError(form.errors.as_data())
    user.name = form.cleaned_data["name"]
    user.save(update_fields=["name"])
    return user
