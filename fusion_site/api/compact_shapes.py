"""The Compact host in JSON: how it is, what is chosen for it, its files, what can be had, and a fetch."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from ninja import Field, Schema

from fusion_site.compact.files.errands import Errand
from fusion_site.compact.files.offer import Offer
from fusion_site.compact.files.shelf import Kept, Part
from fusion_site.compact.status import CompactStatus
from fusion_site.pools.compact_page import HostView, access, set_template


class ModelFacts(Schema):
    """What the hosted file says of itself; sizes in bytes."""

    architecture: str
    parameters: int
    quantisation: str
    weights_size: int
    trained_context: int | None
    has_template: bool


class Machine(Schema):
    """What a host that is ready works with: tokens of one request, tokens in memory, answers at once."""

    window: int
    cells: int
    slots: int
    threads: int
    layers: int
    gpu_layers: int
    gpus: str


class Work(Schema):
    """How a host is right now; answers and tokens are counted from its start, `memory` in bytes."""

    progress: float = Field(description="Of the load, from 0 to 1.")
    busy: int
    waiting: int
    finished: int
    cancelled: int
    failed: int
    written: int
    read: int
    reused: int
    memory: int | None


class Minute(Schema):
    """Mean tokens a second over one minute, `ago` minutes ago."""

    ago: int
    written: float
    read: float


class MayUse(Schema):
    """A team, and whether it may use the host where not every team may."""

    slug: str
    name: str
    ticked: bool


class Chosen(Schema):
    """What the site's owner has chosen."""

    running: bool = Field(description="Whether it runs at each start of the site.")
    idle_min: int = Field(description="After so many minutes without an ask it is unloaded; 0 is never.")
    everyone: bool = Field(description="Whether every team may use it.")
    teams: list[MayUse]
    template: str | None = Field(description="The chat template that was set; null takes the file's own.")


class CompactOut(Schema):
    """The host as of now. What is not known now is null; `chosen` and `error` are told to the site's owner alone."""

    state: str = Field(
        description="off, loading, ready, failed, restarting, draining or asleep (unloaded, wakes at an ask)."
    )
    supervised: bool = Field(
        description="Whether the process that answers runs it; another one knows little of it."
    )
    model: str | None
    file: str | None
    incoming: str | None = Field(description="The file that is about to take over.")
    restarts: int
    error: str | None
    error_at: datetime | None = Field(
        description="The last error stays when the host is back; this is its time."
    )
    warning: str | None = Field(description="Why it may not fit in memory.")
    facts: ModelFacts | None
    machine: Machine | None
    work: Work | None
    tokens_per_second: float | None = Field(description="Written over the last 15 seconds.")
    minutes: list[Minute]
    chosen: Chosen | None


class LicenceOut(Schema):
    """A licence as its page names it; empty is unknown."""

    id: str
    name: str
    link: str


class FileOut(Schema):
    """A model file that is kept here. Of one that was put here by hand nothing is known.

    Paths of the machine, and who accepted a licence, are told to the site's owner alone.
    """

    name: str
    size: int
    hosted: bool
    source: str | None
    sha256: str | None
    checked: bool = Field(
        description="Whether the hub had named the same SHA-256, and the size is still the same."
    )
    licence: LicenceOut | None
    accepted_by: str | None
    accepted_at: datetime | None


class FileList(Schema):
    """All of them, by name."""

    items: list[FileOut]
    next: str | None


class PartOut(Schema):
    """What came of a file before its fetch was cut or stopped; sizes in bytes. `source` is told to the site's owner alone."""

    name: str = Field(description="What the whole file would be called.")
    have: int = Field(description="How much of it is here.")
    size: int | None = Field(description="Of the whole file; null where nobody knows any more what it was.")
    source: str | None


class PartList(Schema):
    """All of them, by name."""

    items: list[PartOut]
    next: str | None


class KnownOut(Schema):
    """A model that can be fetched by name; without a `source` the site's operator has to set one."""

    name: str
    what: str
    licence: LicenceOut
    restrictions: list[str]
    source: str | None


class KnownList(Schema):
    """All of them."""

    items: list[KnownOut]
    next: str | None


class OfferOut(Schema):
    """A file that can be had: `commit` and the licence are what is accepted. `gated` ones need a token of the hub."""

    source: str
    commit: str
    name: str
    size: int
    sha256: str | None
    page: str | None
    gated: bool
    licence: LicenceOut


class FetchOut(Schema):
    """The newest fetch: of what, for whom, and how far; sizes in bytes. What is unknown is null."""

    state: str = Field(description="running, done, failed or stopped.")
    message: str
    accepted_by: str
    offer: OfferOut
    done: int | None
    size: int
    rate: float | None = Field(description="Bytes a second.")
    left_s: float | None


def host_json(host: HostView, *, tells_all: bool) -> dict[str, Any]:
    """Give the host as of now, with what only its owner is told if `tells_all`."""
    status, works = host.status, host.status.state in ("loading", "ready", "draining")
    return {
        "state": status.state,
        "supervised": host.runs_here,
        "model": status.model_id or (status.file.stem if status.file else None),
        "file": status.file.name if status.file else None,
        "incoming": status.incoming,
        "restarts": status.restarts,
        "error": status.error if tells_all else None,
        "error_at": status.error_at,
        "warning": status.warning or None,
        "facts": _facts(status),
        "machine": asdict(status.host) if status.host else None,
        "work": asdict(status.figures) if host.runs_here and works else None,
        "tokens_per_second": host.now if host.runs_here else None,
        "minutes": [asdict(minute) for minute in host.minutes],
        "chosen": _chosen(status) if tells_all else None,
    }


def _facts(status: CompactStatus) -> dict[str, Any] | None:
    if (facts := status.facts) is None:
        return None
    return {
        **asdict(facts),
        "trained_context": facts.trained_context or None,
        "has_template": facts.has_template,
    }


def _chosen(status: CompactStatus) -> dict[str, Any]:
    found = access()
    return {
        "running": found.row.is_on,
        "idle_min": found.idle_min,
        "everyone": found.row.open_to_all,
        "teams": [{"slug": team.slug, "name": team.name, "ticked": ticked} for team, ticked in found.teams],
        "template": set_template(status).text or None,
    }


def file_json(kept: Kept, *, hosted: bool, tells_all: bool) -> dict[str, Any]:
    """Give a file that is kept here, with what only the site's owner is told if `tells_all`."""
    record = kept.record
    tells_source = record is not None and (tells_all or not record.is_local)
    return {
        "name": kept.name,
        "size": kept.size,
        "hosted": hosted,
        "source": record.source if record and tells_source else None,
        "sha256": record.sha256 if record else None,
        "checked": kept.is_checked,
        "licence": asdict(record.licence) if record else None,
        "accepted_by": record.accepted_by if record and tells_all else None,
        "accepted_at": record.accepted if record else None,
    }


def part_json(part: Part, *, tells_all: bool) -> dict[str, Any]:
    """Give what came of a file, with where it is from if `tells_all`."""
    offer = part.offer
    return {
        "name": part.name,
        "have": part.have,
        "size": offer.size if offer else None,
        "source": offer.source if offer and tells_all else None,
    }


def offer_json(offer: Offer) -> dict[str, Any]:
    """Give what can be had."""
    return {**asdict(offer), "sha256": offer.sha256 or None, "page": offer.page or None}


def fetch_json(errand: Errand) -> dict[str, Any]:
    """Give a fetch."""
    progress = errand.progress
    return {
        "state": errand.state,
        "message": errand.message,
        "accepted_by": errand.accepted_by,
        "offer": offer_json(errand.offer),
        "done": progress.done if progress else None,
        "size": errand.offer.size,
        "rate": progress.rate if progress else None,
        "left_s": progress.left_s if progress else None,
    }
