"""A visitor opens a link that has a password."""

from __future__ import annotations

from time import time

from django.contrib.auth.hashers import check_password
from django.db.models import F, Value
from django.db.models.functions import Greatest

from fusion_site.runs.sharing.models import Share

# So many passwords may be tried at once, and one more each time so many seconds have gone by. All who try share them: an
# address is had by the thousand, and who guesses must not win by having many.
TRIES = 10
AGAIN_S = 6.0
_ROUNDING_S = 0.001  # a double holds seconds since 1970 to about 2e-7


class TooManyTries(Exception):
    """No password is looked at now; `wait_s` says in how many seconds one will be."""

    def __init__(self, wait_s: float) -> None:
        super().__init__("too many tries")
        self.wait_s = wait_s


def unlock(share: Share, password: str, *, now: float | None = None) -> bool:
    """Whether this is the link's password; raises TooManyTries. `now` is in seconds since 1970.

    A token bucket in one number, as for API calls: the try is paid for before the costly hash is computed.
    """
    moment = time() if now is None else now
    limit = moment + (TRIES - 1) * AGAIN_S
    row = Share.objects.filter(pk=share.pk)
    ahead = Greatest(F("tried_until"), Value(moment)) + Value(AGAIN_S)
    if not row.filter(tried_until__lte=limit + _ROUNDING_S).update(tried_until=ahead):
        until = row.values_list("tried_until", flat=True).first() or limit
        raise TooManyTries(max(1.0, until - limit))
    return check_password(password[:1000], share.password)
