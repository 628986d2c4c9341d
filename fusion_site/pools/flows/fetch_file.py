"""A model file is looked up, its licence accepted by a named person, and the file fetched: by the site's owner alone."""

from __future__ import annotations

from fusion_site.accounts.models import User
from fusion_site.compact.files.errands import Errand, Errands
from fusion_site.compact.files.offer import Offer, PullFailed
from fusion_site.compact.files.source import WrongSource, source_of
from fusion_site.pools import compact_host
from fusion_site.pools.flows.run_compact import require_operator
from fusion_site.pools.invalid import Invalid

LONGEST = 1000
_ELSEWHERE = "No process of this site hosts a model, so none fetches files. On a machine of its own: manage.py compact pull."


class NotAccepted(Invalid):
    """Its licence was not accepted, or not as it is now; `offer` is what there is to accept."""

    def __init__(self, why: str, offer: Offer) -> None:
        super().__init__({"accept": [why]})
        self.offer = offer


async def look_up(by: User, source: str) -> Offer:
    """Give what can be had under that source, with its licence; raises Invalid where nothing can."""
    require_operator(by)
    try:
        source_of(source)
        return await _errands().look(source)
    except (WrongSource, PullFailed) as error:
        raise Invalid({"source": [str(error)]}) from error


async def fetch(by: User, source: str, commit: str, *, accepts: bool) -> Errand:
    """Begin to fetch what was shown as of `commit`, for whom accepts its licence; raises Invalid."""
    offer = await look_up(by, source)
    if offer.commit != commit:
        raise NotAccepted("Its authors changed it since it was shown. Look at it again.", offer)
    if not accepts:
        raise NotAccepted("Accept the licence first.", offer)
    try:
        return _errands().fetch(offer, by.email)
    except PullFailed as error:
        raise Invalid({"source": [str(error)]}) from error


async def stop_fetching(by: User) -> None:
    """Stop the fetch that goes on; what came is kept. Where nothing fetches there is nothing to stop."""
    require_operator(by)
    if (errands := compact_host.errands()) is not None:
        await errands.stop()


def newest_fetch(by: User) -> Errand | None:
    """Give the newest fetch of this process, going on or over."""
    require_operator(by)
    errands = compact_host.errands()
    return errands.newest if errands is not None else None


def _errands() -> Errands:
    errands = compact_host.errands()
    if errands is None:
        raise PullFailed(_ELSEWHERE)
    return errands
