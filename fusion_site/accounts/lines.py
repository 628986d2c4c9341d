"""Names that people type stand on one line."""

from __future__ import annotations

from django.core.validators import RegexValidator

ONE_LINE = RegexValidator(r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$", "Write this on one line.")
