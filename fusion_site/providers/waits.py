"""When a server says it may be asked again, in each of the forms it is said."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

# A duration as Go prints it: Groq's "23h47m36.648s", Google's "34s", "120ms".
SPAN = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")
NUMBER = re.compile(r"\d{1,9}(?:\.\d+)?")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Give the seconds to wait that the headers of a refusal name, or None if they name none.

    `headers` are looked up in lower case. Read, in this order: `retry-after-ms` (OpenAI, Azure), `Retry-After`
    in seconds or as a date, and the reset time of whichever `x-ratelimit-*` counter stands at zero.
    """
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    value = headers.get("retry-after", "")
    if (seconds := _number(value)) is not None:
        return seconds
    if (seconds := _until(value, headers.get("date", ""))) is not None:
        return seconds
    return exhausted(headers)


def exhausted(headers: Mapping[str, str]) -> float | None:
    """Give the seconds until the rate-limit counter that stands at zero is reset."""
    for unit in ("-requests", "-tokens", ""):
        if headers.get(f"x-ratelimit-remaining{unit}", "").strip() == "0":
            return _reset(headers.get(f"x-ratelimit-reset{unit}", "").strip())
    return None


def span(text: str) -> float | None:
    """Give the seconds in a duration such as "6m0s", or None if `text` is none."""
    match = SPAN.fullmatch(text.strip())
    if match is None or not any(match.groups()):
        return None
    hours, minutes, seconds, milliseconds = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds + milliseconds / 1000


def _reset(value: str) -> float | None:
    """A reset is a duration, seconds from now, or a moment in epoch seconds or milliseconds (OpenRouter)."""
    if not re.fullmatch(r"\d{1,15}(?:\.\d+)?", value):
        return span(value)
    number = float(value)
    if number >= 1e12:
        return max(0.0, number / 1000 - time.time())
    return max(0.0, number - time.time()) if number >= 1e9 else number


def _number(value: str | None) -> float | None:
    return float(value) if value and NUMBER.fullmatch(value.strip()) else None


def _until(value: str, date: str) -> float | None:
    """Seconds from the server's own clock (`Date`) to the moment `value`, so that a wrong clock here is no harm."""
    moment = _moment(value)
    if moment is None:
        return None
    return max(0.0, moment - (_moment(date) or time.time()))


def _moment(value: str) -> float | None:
    try:
        return parsedate_to_datetime(value).timestamp() if value else None
    except (ValueError, OverflowError):
        return None  # not a date: the header says nothing
