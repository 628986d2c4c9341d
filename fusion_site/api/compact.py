"""`/api/v1/compact`: the model that this site hosts itself. Everybody sees how it is; its owner says what it does."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest
from ninja import Field, Router

from fusion_site.accounts.models import User
from fusion_site.api.compact_shapes import (
    CompactOut,
    FetchOut,
    FileList,
    KnownList,
    OfferOut,
    PartList,
    fetch_json,
    file_json,
    host_json,
    offer_json,
    part_json,
)
from fusion_site.api.doors import Given, caller
from fusion_site.pools import compact_files
from fusion_site.pools.compact_page import files, host_view, may_operate
from fusion_site.pools.flows import fetch_file, host_compact, run_compact
from fusion_site.pools.flows.change_compact import Wanted

router = Router(tags=["compact"])


class CompactGiven(Given):
    """What is chosen for the host. A field that is not sent, or null, stays as it is; one that cannot be leaves all as it is."""

    running: bool | None = Field(None, description="Start it, or stop it until it is started again.")
    file: str | None = Field(
        None,
        description="A file of `compact/files` that is to take over, without a dropped answer. It is run, so not with `running: false`.",
    )
    idle_min: int | None = Field(
        None, description="Unload it after so many minutes without an ask; 0 is never."
    )
    everyone: bool | None = Field(None, description="Let every team use it, or `teams` alone.")
    teams: list[str] | None = Field(
        None, description="The slugs of the teams that may use it; not with `everyone: true`."
    )


class TemplateGiven(Given):
    """The chat template for the hosted file, in Jinja; null takes the file's own."""

    template: str | None


class SourceGiven(Given):
    """Where a file is: `hf:owner/repo/file.gguf`, or `file:` and a path of the machine."""

    source: str = Field(max_length=fetch_file.LONGEST)


class FetchGiven(SourceGiven):
    """An offer that is taken: `accept` says that its licence was read, and is accepted in the name of the token's person."""

    commit: str = Field("", description="As the offer had it.")
    accept: bool


@router.get("", response=CompactOut)
def read_host(request: HttpRequest) -> dict[str, Any]:
    """Give how the host is."""
    return host_json(host_view(), tells_all=may_operate(_person(request)))


@router.patch("", response=CompactOut)
async def change_host(request: HttpRequest, payload: CompactGiven) -> dict[str, Any]:
    """Run it or not, host another file, and say who may use it; for the site's owner. What loads goes on behind the answer."""
    await host_compact.change(_person(request), Wanted(**payload.given()))
    return await sync_to_async(host_json)(await sync_to_async(host_view)(), tells_all=True)


@router.put("/template", response={204: None})
async def set_template(request: HttpRequest, payload: TemplateGiven) -> None:
    """Try a chat template, keep it for the hosted file, and load that again with it; for the site's owner."""
    await host_compact.use_template(_person(request), payload.template or "")


@router.get("/known", response=KnownList)
def list_known(request: HttpRequest) -> dict[str, Any]:
    """Give the models that can be fetched by name."""
    known = [asdict(model) for model in compact_files.by_name()]
    return {"items": [{**model, "source": model["source"] or None} for model in known], "next": None}


@router.get("/files", response=FileList)
def list_files(request: HttpRequest) -> dict[str, Any]:
    """Give the model files that are kept here."""
    kept, tells_all = files(host_view().status).kept, may_operate(_person(request))
    told = [file_json(each, hosted=hosted, tells_all=tells_all) for each, hosted in kept]
    return {"items": told, "next": None}


@router.delete("/files/{name}", response={204: None})
def remove_file(request: HttpRequest, name: str) -> None:
    """Delete a file that is not hosted, if it is there; for the site's owner."""
    run_compact.remove_file(_person(request), name)


@router.get("/parts", response=PartList)
def list_parts(request: HttpRequest) -> dict[str, Any]:
    """Give what came of files whose fetch was cut or stopped; the same file fetched again goes on after that."""
    parts, tells_all = files(host_view().status).parts, may_operate(_person(request))
    return {"items": [part_json(part, tells_all=tells_all) for part in parts], "next": None}


@router.delete("/parts/{name}", response={204: None})
def remove_part(request: HttpRequest, name: str) -> None:
    """Delete what came of a file, if anything did, unless it is being fetched; for the site's owner."""
    run_compact.remove_part(_person(request), name)


@router.post("/offers", response=OfferOut)
async def look_up(request: HttpRequest, payload: SourceGiven) -> dict[str, Any]:
    """Look up a file, with its size and its licence, before anything is fetched; for the site's owner."""
    return offer_json(await fetch_file.look_up(_person(request), payload.source.strip()))


@router.post("/fetch", response={202: FetchOut})
async def fetch(request: HttpRequest, payload: FetchGiven) -> tuple[int, dict[str, Any]]:
    """Begin to fetch what was offered, one file at a time; for the site's owner. `GET` tells how far it is."""
    begun = await fetch_file.fetch(
        _person(request), payload.source.strip(), payload.commit, accepts=payload.accept
    )
    return 202, fetch_json(begun)


@router.get("/fetch", response=FetchOut | None)
def read_fetch(request: HttpRequest) -> dict[str, Any] | None:
    """Give the newest fetch since the site started, or null; for the site's owner."""
    newest = fetch_file.newest_fetch(_person(request))
    return fetch_json(newest) if newest is not None else None


@router.delete("/fetch", response={204: None})
async def stop_fetching(request: HttpRequest) -> None:
    """Stop the fetch that goes on; for the site's owner. What came is kept, and it can be gone on with."""
    await fetch_file.stop_fetching(_person(request))


def _person(request: HttpRequest) -> User:
    return caller(request).token.user
