"""A starter set becomes a pool, a judge and a preset of a team, with the models that were chosen for it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fusion_site.accounts.models import Membership, Team
from fusion_site.pools.file_format import Document
from fusion_site.pools.flows.import_file import Made, Needed, import_document
from fusion_site.pools.invalid import Errors, Invalid
from fusion_site.pools.models import Connection
from fusion_site.pools.plain import Plain
from fusion_site.pools.reading import Given, Reading
from fusion_site.pools.rights import require_editor
from fusion_site.pools.starter_sets import StarterSet

# Where the messages about a part of the document belong in what was given.
_PLACES = {
    "pools.0.members.": "members.",
    "judges.0.": "",
    "presets.0.": "",
    "pools.0.": "",
}


def fill_set(by: Membership, wanted: StarterSet, given: Given) -> list[Made]:
    """Make the set's pool, judge and preset, in this order, and give them.

    `given` is `{name, members: [{connection, model}], connection, model}`, where the last two are the judge's; there are
    as many members as the set has roles. Raises Invalid by these fields, and then makes nothing.
    """
    require_editor(by)
    data, used = _read(by.team, wanted, given)
    needed = [Needed(at, row.pk, row.kind, row.base_url, row) for at, row in enumerate(used.values())]
    try:
        return import_document(
            by, _document(wanted, data), needed, note=f"From the starter set “{wanted.name}”"
        )
    except Invalid as invalid:
        raise Invalid(_placed(invalid.fields)) from None


def _placed(errors: Errors) -> Errors:
    """Give the messages by the fields that were given."""
    found: Errors = {}
    for path, said in errors.items():
        lead = next(lead for lead in _PLACES if path.startswith(lead))
        found.setdefault(f"{_PLACES[lead]}{path.removeprefix(lead)}", said)
    return found


def _read(team: Team, wanted: StarterSet, given: Given) -> tuple[Plain, dict[str, Connection]]:
    reading = Reading(given)
    reading.only(["name", "members", "connection", "model"])
    rows = Connection.objects.filter(team=team)
    used: dict[str, Connection] = {}

    def model_in(each: Reading) -> dict[str, Any]:
        connection = each.row("connection", rows, "connection", required=True)
        if connection is not None:
            used[connection.pk] = connection
        return {
            "connection": connection.pk if connection else None,
            "model": each.line("model", longest=300, required=True),
        }

    members = [model_in(each) for each in reading.each("members", most=len(wanted.roles))]
    if "members" not in reading.errors and len(members) != len(wanted.roles):
        reading.wrong("members", f"Give {len(wanted.roles)} models, one for each role.")
    data = {"name": reading.line("name", longest=120) or wanted.name, "members": members, **model_in(reading)}
    reading.finish()
    return data, used


def _document(wanted: StarterSet, data: Plain) -> Document:
    """Give the set as a file would tell it, with connections named by their ids."""
    name = data["name"]
    roles = zip(wanted.roles, data["members"], strict=True)
    judge = {
        "name": name,
        "connection": data["connection"],
        "model": data["model"],
        "criteria": [asdict(criterion) for criterion in wanted.criteria],
        "instructions": wanted.instructions,
    }
    preset = {
        "name": name,
        "slug": wanted.slug if name == wanted.name else None,
        "pool": name,
        "judge": name,
        "mode": wanted.mode.value,
        "do_no_harm": wanted.do_no_harm,
        "guided": wanted.guided,
        "template": wanted.template,
    }
    pool = {"name": name, "members": [{**asdict(role), **model} for role, model in roles]}
    return {"connections": [], "pools": [pool], "judges": [judge], "presets": [preset]}
