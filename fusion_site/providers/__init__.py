"""How one model is asked: the wire, the clocks, retries, parameters, prices, and where this site may reach."""

from __future__ import annotations

from fusion_site.providers.billing import bills_after_cancel
from fusion_site.providers.catalogue import IMAGE, CatalogueModel, read_catalogue
from fusion_site.providers.check import CheckResult
from fusion_site.providers.clocks import Clocks
from fusion_site.providers.door import Providers
from fusion_site.providers.endpoint import AskFailed, Endpoint, EndpointUnavailable, Kind
from fusion_site.providers.generations import Generation
from fusion_site.providers.keys import KeyFacts
from fusion_site.providers.plan import Retries
from fusion_site.providers.prices import FREE, PriceOverride, Prices, cost_of, read_overrides
from fusion_site.providers.request import Attribution

__all__ = [
    "FREE",
    "IMAGE",
    "AskFailed",
    "Attribution",
    "CatalogueModel",
    "CheckResult",
    "Clocks",
    "Endpoint",
    "EndpointUnavailable",
    "Generation",
    "KeyFacts",
    "Kind",
    "PriceOverride",
    "Prices",
    "Providers",
    "Retries",
    "bills_after_cancel",
    "cost_of",
    "read_catalogue",
    "read_overrides",
]
