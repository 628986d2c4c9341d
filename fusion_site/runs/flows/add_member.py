"""Asking one more model in a run that is over: it becomes a further member, and the run's settings have it from then on."""

from __future__ import annotations

from dataclasses import replace

from django.db import transaction

from fusion_site.accounts.models import Membership, Team
from fusion_site.engine.asking import ModelRef
from fusion_site.engine.settings import FusionSettings, Member
from fusion_site.ops.draining import refuse_while_draining
from fusion_site.pools.freezing import freeze_member, windows_of
from fusion_site.pools.leaving import refusal_of
from fusion_site.pools.models import MAX_MEMBERS, Connection, PoolMember
from fusion_site.pools.naming import free_name, read_model
from fusion_site.pools.reading import Given, Reading
from fusion_site.pools.rights import require_editor
from fusion_site.pools.sight import asked_in, sights_of
from fusion_site.runs.attached.keeping import unseen_by
from fusion_site.runs.flows.reopening import NotNow, held, opened
from fusion_site.runs.frozen import settings_of, settings_to_json
from fusion_site.runs.models import Again, Answer, Run
from fusion_site.runs.shapes import answer_json
from fusion_site.runs.threads import reach_of

FULL = f"A run has at most {MAX_MEMBERS} members."


@transaction.atomic
def add_member(by: Membership, run: Run, given: Given) -> Run:
    """Have one more model asked for a first answer; where the run has no fused answer yet, it gets one.

    `given` has `connection` and `model`, and may have a `label`. Raises Invalid, NotNow, LimitReached, Draining, and
    PermissionDenied for viewers, who may not choose models elsewhere either.
    """
    require_editor(by)
    refuse_while_draining()
    run = held(run)
    settings = settings_of(run)
    if len(settings.members) >= MAX_MEMBERS:
        raise NotNow(FULL)
    row = _read(run.team, given)
    member = _frozen(row, settings)
    settings = replace(settings, members=(*settings.members, member), blind=_blind(settings, member))
    answer = Answer.objects.create(
        run=run,
        member=member.index,
        label=member.label,
        model=row.model,
        rehearsal=row.connection.is_rehearsal,
    )
    run.settings, run.rehearsal = settings_to_json(settings), run.rehearsal or answer.rehearsal
    added = answer_json(answer)
    if settings.blind:
        added["unseen_by"] = unseen_by(run.settings)
    if run.history:
        run.thread |= (reach := reach_of(settings))
        added |= reach
    return opened(run, settings, Again.ADD, [answer], ("answer.added", added))


def _read(team: Team, given: Given) -> PoolMember:
    reading = Reading(given)
    reading.only(["connection", "model", "label"])
    connections = Connection.objects.filter(team=team)
    connection = reading.row("connection", connections, "connection", required=True)
    if connection is not None and (fault := refusal_of(team, connection)):
        reading.wrong("connection", fault)
    model = read_model(reading, "model", required=True)
    label = reading.line("label", longest=80)
    reading.finish()
    return PoolMember(connection=connection, model=model, label=label)


def _blind(settings: FusionSettings, member: Member) -> tuple[ModelRef, ...]:
    """Give who of the run is sent none of its pictures, the new member among them where it is known to read none."""
    is_told = member.model in asked_in(settings) or not settings.pictures
    if is_told or sights_of([member.model])[member.model] is not False:
        return settings.blind
    return (*settings.blind, member.model)


def _frozen(row: PoolMember, settings: FusionSettings) -> Member:
    """Give the member as this run knows it: under the next index, and by a label that no other has."""
    windows = windows_of([(row.connection, row.model)])
    member = freeze_member(row, max(each.index for each in settings.members) + 1, windows)
    taken = {each.label for each in settings.members}
    return replace(member, label=free_name(member.label[:77], taken))
