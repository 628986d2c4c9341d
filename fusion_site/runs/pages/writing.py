"""What the compose form sends, read once for the pages that take it: who writes, in which page, and what goes along."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, QueryDict

from fusion_site.accounts.access import current_membership
from fusion_site.accounts.ids import ID_LENGTH, new_id
from fusion_site.accounts.models import User
from fusion_site.engine.sight import tokens_of
from fusion_site.pools.estimating import CHARS_PER_TOKEN
from fusion_site.pools.invalid import Invalid
from fusion_site.pools.reading import is_storable
from fusion_site.runs.attached.files import Refused, TextFile, file_of
from fusion_site.runs.attached.keeping import shown_of
from fusion_site.runs.attached.models import DraftFile
from fusion_site.runs.flows.draft import Fields, Writing

GONE = "A file of this draft is no longer there. Add it again."
# What a draft keeps of the form. Longer values than any prompt may have are not kept twenty times a minute.
_KEPT = ("prompt", "preset", "mode", "judge", "guided")
_KEPT_BY_PRESET = ("variable-", "on-", "send-")
_LONGEST_FIELD = 400_000


def page_of(request: HttpRequest) -> Writing:
    """Give the page that sent the form; one that does not say which it is has just been opened."""
    assert isinstance(request.user, User)
    tab, draft, seen = (request.POST.get(name, "") for name in ("tab", "draft", "seen"))
    return Writing(
        request.user,
        current_membership(request).team,
        tab if _is_id(tab) else new_id(),
        draft if _is_id(draft) else "",
        int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 10 else 0,
    )


def fields_of(request: HttpRequest) -> Fields:
    """Give what of the form a draft keeps."""
    return {
        name: values
        for name, values in request.POST.lists()
        if (name in _KEPT or name.startswith(_KEPT_BY_PRESET)) and _is_keepable(name, values)
    }


def is_beyond_keeping(request: HttpRequest) -> bool:
    """Whether the prompt is longer than a draft keeps: no run could be asked with it."""
    return not _is_keepable("prompt", request.POST.getlist("prompt"))


def _is_keepable(name: str, values: Sequence[str]) -> bool:
    return all(len(value) <= _LONGEST_FIELD and is_storable(value) for value in (name, *values))


def as_posted(fields: Fields) -> QueryDict:
    """Give what a draft keeps as the form would send it."""
    posted = QueryDict(mutable=True)
    for name, values in fields.items():
        posted.setlist(name, list(values))
    return posted


def files_in(request: HttpRequest) -> list[DraftFile]:
    """Give the files that the form shows, in their order. Raises Invalid where one of them is gone."""
    page, wanted = page_of(request), request.POST.getlist("file")
    mine = DraftFile.objects.filter(draft__person=page.person, draft__team=page.team, pk__in=wanted)
    found = list(mine.select_related("picture").defer("picture__data"))
    if len(found) < len(set(wanted)):
        raise Invalid({"files": [GONE]})
    return found


def uploads_in(request: HttpRequest) -> tuple[list[TextFile | Any], list[str]]:
    """Give the files that came with the request, read, and why others of them cannot be taken."""
    read, refused = [], []
    for upload in request.FILES.getlist("files"):
        try:
            read.append(file_of(upload.name or "", upload.read()))
        except Refused as error:
            refused.append(str(error))
    return read, refused


def texts_of(files: Sequence[DraftFile]) -> list[TextFile]:
    """Give the text files among these."""
    return [TextFile(each.name, each.text) for each in files if each.picture is None]


def pictures_of(files: Sequence[DraftFile]) -> list[Any]:
    """Give the pictures among these, as a message has them."""
    return [shown_of(each.picture, each.name) for each in files if each.picture is not None]


def file_view(file: DraftFile) -> dict[str, Any]:
    """Give what the list of files says of one: its size, and about how many tokens it takes."""
    row = file.picture
    if row is None:
        size, tokens = len(file.text.encode()), round(len(file.text) / CHARS_PER_TOKEN)
        return {"id": file.pk, "name": file.name, "size": size, "tokens": tokens, "is_picture": False}
    shape = {"width": row.width, "height": row.height}
    tokens = tokens_of(shown_of(row, file.name))
    return {"id": file.pk, "name": file.name, "size": row.size, "tokens": tokens, "is_picture": True, **shape}


def _is_id(text: str) -> bool:
    return len(text) == ID_LENGTH and text.isascii() and text.isalnum()
