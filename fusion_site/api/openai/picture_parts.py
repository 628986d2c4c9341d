"""Pictures as parts of a turn: data URLs, at both doors. The site fetches nothing for a caller."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from fusion_site.api.openai.refusals import Refused
from fusion_site.engine.asking import Picture
from fusion_site.runs.attached import files

KINDS = {"image_url", "input_image"}
NO_FETCHING = "This site fetches nothing for a caller: send the picture itself, as a data URL in base64."
_DATA = re.compile(r"data:image/(png|jpeg|jpg|webp|gif);base64,", re.IGNORECASE)
_DETAILS = (None, "auto", "low", "high")


def picture_in(part: Mapping[str, Any], at: str, number: int) -> Picture:
    """Give the picture in a part of either door, called by its number. Raises Refused."""
    told = part.get("image_url")
    url, where = (
        (told.get("url"), f"{at}.image_url.url") if isinstance(told, dict) else (told, f"{at}.image_url")
    )
    detail = told.get("detail") if isinstance(told, dict) else part.get("detail")
    if detail not in _DETAILS:
        raise _refused(f"{at}.detail", "It has to be auto, low or high.")
    if not isinstance(url, str) or not url:
        raise _refused(where, "It has to be a data URL in base64.")
    if url.lower().startswith(("http:", "https:")):
        raise Refused(400, NO_FETCHING, param=where, code="invalid_image_url")
    found = _DATA.match(url)
    if found is None:
        raise _refused(where, "It has to be a data URL of a PNG, JPEG, WebP or GIF picture, in base64.")
    try:
        data = base64.b64decode(url[found.end() :], validate=True)
        return files.picture_of(f"picture {number}", data)
    except binascii.Error:
        raise _refused(where, "What stands behind the comma is no base64.") from None
    except files.Refused as error:
        raise Refused(400, str(error), param=where, code="invalid_image") from None


def _refused(at: str, message: str) -> Refused:
    return Refused(400, f"Invalid value for '{at}'. {message}", param=at, code="invalid_image_url")
