"""How mail leaves the site, from one address in the environment."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

CONSOLE = "django.core.mail.backends.console.EmailBackend"
SMTP = "django.core.mail.backends.smtp.EmailBackend"
_PORTS = {"smtp": 587, "smtps": 465, "smtp+plain": 25}
# A server that does not answer must not hold a page up for longer.
_TIMEOUT_S = 10


def mail_at(url: str) -> dict[str, Any]:
    """Give Django's settings of mail for `smtp://user:password@host:587`, by name without `EMAIL_`.

    `smtp` begins in plain text and must change to TLS, `smtps` is TLS from the start, `smtp+plain` is without (for a
    server on this machine). Without an address, mails are printed where the site was started. Raises ImproperlyConfigured.
    """
    if not url:
        return {"BACKEND": CONSOLE}
    parts = urlsplit(url)
    try:
        port = parts.port or _PORTS[parts.scheme]
    except (KeyError, ValueError):
        raise ImproperlyConfigured(
            "FUSION_EMAIL_URL must look like smtp://user:password@host:587 (or smtps, or smtp+plain)"
        ) from None
    if not parts.hostname:
        raise ImproperlyConfigured("FUSION_EMAIL_URL names no host")
    return {
        "BACKEND": SMTP,
        "HOST": parts.hostname,
        "PORT": port,
        "HOST_USER": unquote(parts.username or ""),
        "HOST_PASSWORD": unquote(parts.password or ""),
        "USE_TLS": parts.scheme == "smtp",
        "USE_SSL": parts.scheme == "smtps",
        "TIMEOUT": _TIMEOUT_S,
    }
