"""Which scope of a token each door asks for: decided here for all of them, so that none is forgotten."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied

from fusion_site.accounts.models import ApiToken, Scope

ROOT = "/api/v1/"
# The OpenAI API's doors: its models are read, all else there is asking.
OPENAI = "/v1/"
_READS = {"GET", "HEAD", "OPTIONS"}
# What shows a run to others than its team is not a matter of running it.
_BEYOND_RUNNING = {"shares"}


def require_scope(token: ApiToken, method: str, path: str) -> None:
    """Let a call through whose token may make it; raises PermissionDenied that names the scope which is missing."""
    wanted = scopes_for(method, path)
    if not {str(scope) for scope in wanted} & set(token.scopes):
        raise PermissionDenied(f"This token lacks the scope `{wanted[0]}`.")


def scopes_for(method: str, path: str) -> list[Scope]:
    """Give the scopes of which one is enough for this call: runs can be followed by whoever may start them."""
    if path.startswith(OPENAI):
        return [Scope.READ] if method in _READS else [Scope.RUN]
    room, *below = path.removeprefix(ROOT).strip("/").split("/")
    is_reading = method in _READS
    if room == "me" and is_reading:
        return list(Scope)
    if room == "runs" and not _BEYOND_RUNNING & set(below):
        return [Scope.READ, Scope.RUN] if is_reading else [Scope.RUN]
    return [Scope.READ] if is_reading else [Scope.MANAGE]
