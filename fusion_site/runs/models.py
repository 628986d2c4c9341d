"""What is kept of a run. These rows are the truth: everything a page or a program sees is rebuilt from them."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from fusion_site.accounts.ids import ID_LENGTH, new_id
from fusion_site.accounts.models import Team
from fusion_site.pools.models import Mode, Preset

# What rows say of a run is read here with the rows.
from fusion_site.runs.stages import FINAL_STATES as FINAL_STATES
from fusion_site.runs.stages import Again as Again
from fusion_site.runs.stages import State as State
from fusion_site.runs.titles import TITLE_LENGTH

# Calls whose cost is unknown, but which can be asked for by name.
UNPRICED = models.Q(cost_usd=None) & ~models.Q(generation_id="")


class KeptRuns(models.Manager["Run"]):
    """All runs but those that somebody deleted: these are looked up like ones that there never were."""

    def get_queryset(self) -> models.QuerySet[Run]:
        """Give them."""
        return super().get_queryset().filter(deleted_at=None)


class Run(models.Model):
    """One prompt through one preset. `settings` is the frozen copy of everything that the run uses.

    `epoch` is the fencing number: it rises with each claim, and a write with an older one changes nothing.
    `written` counts the journal's writes since the claim. `seq` is the number of the last event. Money is USD.

    A pass `is_open` until nothing of it is to be done any more. The first one ends with a final state; `reopened` says
    what a later one is for, while it is open. `version` numbers the fused answer that the newest pass makes, `opened_at`
    is when that was wanted, and `claims` counts how often somebody began to work on it.

    `guided_until` is set while a person may choose what the fused answer keeps; `guidance` is what they chose. The run
    `is_paused` where nothing else is left to do before: then nobody holds it.

    `pinned` names what its settings were frozen from: `{preset, pool, judge: {id, name, version}}`; empty where it was made before
    versions were kept. One whose models a program named itself never had a preset: its `preset_name` is empty, too.

    One that was `deleted_at` some time can be had back for a while; then only what it cost is left of it: it `is_emptied`.
    `objects` are those that are not deleted; what works on runs and what counts money asks `every`.

    A follow-up comes `after` an earlier run; `history` says how its members see the thread, and `thread` what of it
    reached them: `{earlier: [ids, oldest first], left_out, stand_ins}`. The texts are in its Conversation.
    """

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="runs")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="runs")
    deleted_at = models.DateTimeField(null=True)
    deleted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    is_emptied = models.BooleanField(default=False)
    preset = models.ForeignKey(Preset, null=True, on_delete=models.SET_NULL, related_name="runs")
    preset_name = models.CharField(max_length=120)
    pinned = models.JSONField(default=dict)
    # The id of the pool in `pinned`, where it can be looked for.
    pinned_pool = models.CharField(max_length=ID_LENGTH, blank=True)
    mode = models.CharField(max_length=8, choices=Mode.choices)
    prompt = models.TextField()
    # The first line of what its person wrote, without the preset's template; empty where it was made before this was kept.
    title = models.CharField(max_length=TITLE_LENGTH, blank=True)
    settings = models.JSONField()
    rehearsal = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    message = models.TextField(blank=True)
    verdict = models.JSONField(null=True)
    cost_usd = models.DecimalField(max_digits=16, decimal_places=10, null=True)
    cost_complete = models.BooleanField(default=False)
    # What it might cost at most, as it looked when it was started: held back from the team's budget. None is unknown.
    reserved_usd = models.DecimalField(max_digits=16, decimal_places=10, null=True)
    seq = models.PositiveIntegerField(default=0)
    epoch = models.PositiveIntegerField(default=0)
    written = models.PositiveIntegerField(default=0)
    lease_owner = models.CharField(max_length=64, blank=True)
    lease_until = models.DateTimeField(null=True)
    cancel_requested = models.BooleanField(default=False)
    idempotency_key = models.CharField(max_length=255, null=True)
    idempotency_digest = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    is_open = models.BooleanField(default=True)
    reopened = models.CharField(max_length=8, choices=Again.choices, blank=True)
    opened_at = models.DateTimeField(default=timezone.now)
    claims = models.PositiveIntegerField(default=0)
    version = models.PositiveSmallIntegerField(default=1)
    is_thinned = models.BooleanField(default=False)
    guidance = models.JSONField(null=True)
    guided_until = models.DateTimeField(null=True)
    is_paused = models.BooleanField(default=False)
    after = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="follow_ups")
    history = models.CharField(max_length=5, blank=True)
    thread = models.JSONField(default=dict)

    objects = KeptRuns()
    every: ClassVar[models.Manager[Run]] = models.Manager()

    class Meta:
        """Newest first; the runs that still need work are found without a scan, and so are those of one kind."""

        ordering: ClassVar[list[str]] = ["-created_at", "-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["team", "-created_at", "-id"]),
            models.Index(fields=["preset", "-created_at", "-id"], name="runs_of_preset"),
            models.Index(fields=["team", "pinned_pool", "-created_at", "-id"], name="runs_of_pool"),
            models.Index(fields=["person", "team", "-created_at", "-id"], name="runs_of_person"),
            models.Index(fields=["team", "mode", "-created_at", "-id"], name="runs_of_mode"),
            # Of runs that go on the state changes often, so that they stand in an index of their own without it.
            models.Index(
                fields=["team", "state", "-created_at", "-id"],
                condition=models.Q(is_open=False),
                name="runs_ended",
            ),
            models.Index(
                fields=["team", "-created_at", "-id"], condition=models.Q(is_open=True), name="runs_live"
            ),
            models.Index(
                fields=["team", "-deleted_at", "-id"],
                condition=models.Q(deleted_at__isnull=False, is_emptied=False),
                name="runs_deleted",
            ),
            models.Index(fields=["lease_until"], condition=models.Q(is_open=True), name="runs_open"),
            models.Index(fields=["finished_at"], condition=models.Q(is_thinned=False), name="runs_unthinned"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["person", "idempotency_key"], name="one_run_per_key_and_person")
        ]

    @property
    def is_final(self) -> bool:
        """Whether the first pass is over."""
        return self.state in FINAL_STATES


class Conversation(models.Model):
    """What was said before a follow-up, frozen with its settings. In a row of its own, since a run's row is written often."""

    run = models.OneToOneField(Run, primary_key=True, on_delete=models.CASCADE, related_name="conversation")
    thread = models.JSONField()


class Request(models.Model):
    """What a program sent of which its run makes no use, such as `metadata`: it is told again with the response."""

    run = models.OneToOneField(Run, primary_key=True, on_delete=models.CASCADE, related_name="request")
    given = models.JSONField()


class Answer(models.Model):
    """What one member wrote in one round. `outcome` is empty while it is being written.

    The first `paid_attempts` attempts are settled: they ended, the answer was asked for again, and what they cost is
    `paid_usd`. The other figures are those of the attempts since.
    """

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="answers")
    round = models.PositiveSmallIntegerField(default=0)
    member = models.PositiveSmallIntegerField()
    label = models.CharField(max_length=80)
    model = models.CharField(max_length=300)
    rehearsal = models.BooleanField(default=False)
    attempt = models.PositiveSmallIntegerField(default=0)
    outcome = models.CharField(max_length=12, blank=True)
    text = models.TextField(blank=True)
    reasoning = models.TextField(blank=True)
    error = models.JSONField(null=True)
    usage = models.JSONField(default=dict)
    cost_usd = models.DecimalField(max_digits=16, decimal_places=10, null=True)
    generation_id = models.CharField(max_length=120, blank=True)
    served_model = models.CharField(max_length=300, blank=True)
    provider = models.CharField(max_length=120, blank=True)
    unconfirmed = models.BooleanField(default=False)
    first_token_ms = models.PositiveIntegerField(null=True)
    total_ms = models.PositiveIntegerField(null=True)
    cancel_requested = models.BooleanField(default=False)
    paid_attempts = models.PositiveSmallIntegerField(default=0)
    paid_usd = models.DecimalField(max_digits=16, decimal_places=10, null=True)

    class Meta:
        """By round, then in pool order; a member answers once a round."""

        ordering: ClassVar[list[str]] = ["round", "member"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["run"], condition=UNPRICED, name="answers_unpriced")
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["run", "round", "member"], name="one_answer_per_member_and_round")
        ]


class Step(models.Model):
    """One call by the judge, raw: what was asked and what came back. `outcome` is empty until it is over.

    It stays empty where the run was stopped meanwhile. `attempt` counts how often the call was made; the times are those
    of the last one. `shown` are the candidates in the messages, in their order, and `versions` those of the fused answer
    that the call had a part in. One that `is_replaced` has none in later ones: what it asked is asked anew.
    """

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="steps")
    name = models.CharField(max_length=60)
    model = models.CharField(max_length=300)
    connection = models.CharField(max_length=ID_LENGTH, blank=True)
    messages = models.JSONField(default=list)
    shown = models.JSONField(default=list)
    versions = models.JSONField(default=list)
    is_replaced = models.BooleanField(default=False)
    attempt = models.PositiveSmallIntegerField(default=1)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    result = models.JSONField(null=True)
    outcome = models.CharField(max_length=12, blank=True)
    cost_usd = models.DecimalField(max_digits=16, decimal_places=10, null=True)
    generation_id = models.CharField(max_length=120, blank=True)

    class Meta:
        """In the order in which they were made."""

        ordering: ClassVar[list[str]] = ["id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["run"], condition=UNPRICED, name="steps_unpriced")
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["run", "name"],
                condition=models.Q(is_replaced=False),
                name="one_row_per_judge_step",
            )
        ]


class Fusion(models.Model):
    """One version of a run's fused answer, and what it rests on.

    `answers` and `late` are ids of the answers that it was made of and without; `missing` says of each member without
    a part in it why that is so, as it was then. `guidance` is what a person chose before it, with what came of each tick.
    `provenance` says which answers carry each sentence, and what nobody said or is left out; None until that is known.
    """

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="fusions")
    version = models.PositiveSmallIntegerField()
    source = models.CharField(max_length=10)
    text = models.TextField(blank=True)
    answers = models.JSONField(default=list)
    late = models.JSONField(default=list)
    missing = models.JSONField(default=list)
    verdict = models.JSONField(null=True)
    note = models.TextField(blank=True)
    provenance = models.JSONField(null=True)
    finished = models.BooleanField(default=False)
    guidance = models.JSONField(null=True)

    class Meta:
        """Oldest version first."""

        ordering: ClassVar[list[str]] = ["version"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["run", "version"], name="one_row_per_fusion_version")
        ]


class Event(models.Model):
    """One fact about a run, numbered from 1 without gaps."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="events")
    seq = models.PositiveIntegerField()
    kind = models.CharField(max_length=24)
    data = models.JSONField()

    class Meta:
        """In the order in which they happened."""

        ordering: ClassVar[list[str]] = ["seq"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["run", "seq"], name="one_event_per_run_and_seq")
        ]


class Duty(models.Model):
    """Whose turn it is to do a chore that one process of all does, and until when."""

    chore = models.CharField(primary_key=True, max_length=20)
    owner = models.CharField(max_length=64)
    until = models.DateTimeField()
