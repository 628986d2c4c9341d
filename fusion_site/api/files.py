"""`/api/v1/export` and `/api/v1/import`: pools, judges and presets as the value of a file (docs/files.md)."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status
from pydantic import ConfigDict

from fusion_site.api.doors import Given, caller, found
from fusion_site.pools.exporting import exported, exported_team
from fusion_site.pools.file_format import read_document
from fusion_site.pools.flows.import_file import Made, Needed, import_document, needed, rehearsed_import
from fusion_site.pools.flows.restore import MODELS
from fusion_site.pools.models import Preset
from fusion_site.pools.rights import require_editor

router = Router(tags=["files"])


class FileOut(Schema):
    """What a file holds. Things refer to each other by name; there are no ids and no keys."""

    format: str
    version: int
    connections: list[dict[str, Any]]
    pools: list[dict[str, Any]]
    judges: list[dict[str, Any]]
    presets: list[dict[str, Any]]


class ImportGiven(Given):
    """What is to be made of what."""

    model_config = ConfigDict(json_schema_extra={"required": ["file"]})

    file: dict[str, Any] | None = Field(None, description="The value of a file as an export gives it.")
    connections: dict[str, str] | None = Field(
        None,
        description="By a connection's name in the file: the id of the team's one to use. By default one that leads to the same place.",
    )
    dry_run: bool | None = Field(None, description="Only say what would be made.")


class NeededOut(Schema):
    """A connection that the file names, and the team's that stands in; null has to be chosen."""

    name: str
    kind: str
    base_url: str | None
    connection: str | None


class MadeOut(Schema):
    """A thing that was made; of a dry run `id` is null. `was` is its name in the file."""

    kind: str
    id: str | None
    name: str
    was: str
    slug: str | None


class ImportOut(Schema):
    """What came of it, or would."""

    connections: list[NeededOut]
    made: list[MadeOut]


@router.get("export", response=FileOut)
def export_all(request: HttpRequest) -> dict[str, Any]:
    """Give all pools, judges and presets of the team, with the connections that they use."""
    return exported_team(caller(request).membership.team)


@router.post("import", response={200: ImportOut, 201: ImportOut})
def import_things(request: HttpRequest, payload: ImportGiven) -> Status[dict[str, Any]]:
    """Make all that a file tells, or nothing. Names and slugs that are taken get a number; a dry run answers 200."""
    place = caller(request).membership
    require_editor(place)
    document = read_document(payload.file)
    connections = needed(place.team, document, payload.connections or {})
    if payload.dry_run:
        return Status(200, _shown(connections, rehearsed_import(place, document, connections), is_made=False))
    return Status(201, _shown(connections, import_document(place, document, connections), is_made=True))


def add_export(things: Router, kind: str) -> None:
    """Give a kind's router the address that exports one of them."""

    def export(request: HttpRequest, thing_id: str) -> dict[str, Any]:
        return exported([found(request, MODELS[kind], thing_id)])

    things.add_api_operation(
        "/{thing_id}/export",
        ["GET"],
        export,
        response=FileOut,
        summary=f"Give a {kind} and what it refers to as the value of a file.",
        operation_id=f"export_{kind}",
    )


def _shown(connections: list[Needed], made: list[Made], *, is_made: bool) -> dict[str, Any]:
    return {
        "connections": [
            {
                "name": each.name,
                "kind": each.kind,
                "base_url": each.base_url or None,
                "connection": each.use.pk if each.use else None,
            }
            for each in connections
        ],
        "made": [made_shown(each, is_made=is_made) for each in made],
    }


def made_shown(made: Made, *, is_made: bool = True) -> dict[str, Any]:
    """Give a thing that was made as programs read it; its id is told only if it `is_made`."""
    return {
        "kind": made.kind[:-1],
        "id": made.row.pk if is_made else None,
        "name": made.row.name,
        "was": made.was,
        "slug": made.row.slug if isinstance(made.row, Preset) else None,
    }
