"""What an authenticator app shows, by RFC 6238 and without the site's own code."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
import time

# A code is good in its half minute alone.
STEP_S = 30.0
# What a busy machine may need to hand one in, in seconds: with less than that left, the next one is waited for.
ENOUGH_S = 5.0


def code_of(secret: str, *, at: float | None = None) -> str:
    """Give the six digits for a secret in base32 at a moment in seconds since 1970, by default one that stays good a while."""
    step = int((_good_moment() if at is None else at) // STEP_S)
    digest = hmac.new(base64.b32decode(secret), struct.pack(">Q", step), hashlib.sha1).digest()
    offset = digest[-1] & 15
    value = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF
    return f"{value % 10**6:06}"


def _good_moment() -> float:
    """Give the time now, having waited for the next half minute where this one is nearly over."""
    while (left := STEP_S - time.time() % STEP_S) < ENOUGH_S:
        time.sleep(left)
    return time.time()
