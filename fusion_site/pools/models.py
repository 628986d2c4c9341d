"""What a team keeps by name: connections, the models they offer, pools, judges and presets; and how the site hosts one."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from fusion_site.accounts.ids import ID_LENGTH, new_id
from fusion_site.accounts.models import Team
from fusion_site.providers import IMAGE, Prices, read_overrides

MAX_MEMBERS = 8


class Named(models.Model):
    """What everything kept by name has in common: an unguessable id, an owning team, a name, two dates.

    It never goes over to another team: whoever refers to it, a run that asks again too, would follow it there. `version`
    is the number of the version that it is at; 0 is from before versions were kept.
    """

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE)
    name = models.CharField(max_length=120)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    version = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        """Shown in alphabetical order."""

        abstract = True
        ordering: ClassVar[list[str]] = ["name", "id"]

    def __str__(self) -> str:
        """Read as the name."""
        return self.name


class Kind(models.TextChoices):
    """Where a connection leads. `rehearsal` is the site's own scripted models and cannot be created by hand."""

    OPENROUTER = "openrouter", "OpenRouter"
    OPENAI = "openai", "OpenAI-compatible API"
    COMPACT = "compact", "Compact model on this site's hardware"
    REHEARSAL = "rehearsal", "Rehearsal (scripted, no AI)"


class Connection(Named):
    """Where models are reached. `base_url` is empty for this machine's own hosts, whose address changes with each start.

    `key_facts` is what OpenRouter told of the key at the last check, as `keys.plain_key` gives it. `asked_at` is when a run last
    began that asks over it; None where that is not known.
    """

    kind = models.CharField(max_length=12, choices=Kind.choices)
    base_url = models.CharField(max_length=500, blank=True)
    sealed_key = models.TextField(blank=True, editable=False)
    key_hint = models.CharField(max_length=12, blank=True, editable=False)
    key_lost = models.BooleanField(default=False, editable=False)
    parallel = models.PositiveSmallIntegerField(
        default=8, validators=[MinValueValidator(1), MaxValueValidator(256)]
    )
    checked_at = models.DateTimeField(null=True, blank=True, editable=False)
    asked_at = models.DateTimeField(null=True, blank=True, editable=False)
    check_error = models.JSONField(null=True, blank=True, editable=False)
    key_facts = models.JSONField(null=True, blank=True, editable=False)
    catalogue_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta(Named.Meta):
        """At most one connection to each of this machine's own hosts per team."""

        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["team", "kind"],
                condition=models.Q(base_url="", kind__in=["rehearsal", "compact"]),
                name="one_local_connection_per_team_and_kind",
            )
        ]

    @property
    def is_rehearsal(self) -> bool:
        """Whether its models are scripts; everything of theirs must be marked so."""
        return self.kind == Kind.REHEARSAL

    @property
    def is_local_host(self) -> bool:
        """Whether it leads to a host that the site itself runs on this machine."""
        return self.kind in {Kind.REHEARSAL, Kind.COMPACT} and not self.base_url

    @property
    def state(self) -> str:
        """`ready`, `needs_key` (none was given, or the address changed under it) or `failing` (its last check)."""
        if self.key_lost or (self.kind == Kind.OPENROUTER and not self.sealed_key):
            return "needs_key"
        return "failing" if self.check_error else "ready"


class CatalogueModel(models.Model):
    """One model that a connection offers. Prices are USD per token; null is unknown. `overrides` change them for some calls.

    `family` is that of `engine.family`, kept so that it can be searched by; blank on rows from before it was kept.
    `input_modalities` are what the model takes (text, image, …); null is unknown.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="catalogue")
    model = models.CharField(max_length=300)
    name = models.CharField(max_length=300, blank=True)
    context_length = models.PositiveIntegerField(null=True)
    prompt_price = models.DecimalField(max_digits=20, decimal_places=15, null=True)
    completion_price = models.DecimalField(max_digits=20, decimal_places=15, null=True)
    overrides = models.JSONField(default=list)
    family = models.CharField(max_length=300, blank=True)
    input_modalities = models.JSONField(null=True)

    class Meta:
        """A connection offers a model once."""

        ordering: ClassVar[list[str]] = ["model"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["connection", "model"], name="one_row_per_offered_model")
        ]

    @property
    def prices(self) -> Prices:
        """Give its prices with all that changes them."""
        return Prices(self.prompt_price, self.completion_price, read_overrides(self.overrides))

    @property
    def sees(self) -> bool | None:
        """Whether it reads pictures; None where nobody has told."""
        return None if self.input_modalities is None else IMAGE in self.input_modalities


class Pool(Named):
    """A named, ordered set of 1 to 8 members; the same model may stand in it more than once.

    With `zero_retention`, OpenRouter sends the runs of this pool only to providers that keep nothing of them.
    """

    zero_retention = models.BooleanField(default=False)


class PoolMember(models.Model):
    """One place in a pool: a model and how it is asked. `params` holds the sampling settings that were given."""

    pool = models.ForeignKey(Pool, on_delete=models.CASCADE, related_name="members")
    position = models.PositiveSmallIntegerField()
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="members")
    model = models.CharField(max_length=300)
    label = models.CharField(max_length=80, blank=True)
    system = models.TextField(blank=True, max_length=20_000)
    aspect = models.CharField(max_length=80, blank=True)
    required = models.BooleanField(default=False)
    deadline_s = models.FloatField(null=True, blank=True)
    params = models.JSONField(default=dict, blank=True)

    class Meta:
        """Members stand in the order in which the pool shows them."""

        ordering: ClassVar[list[str]] = ["position"]


class Judge(Named):
    """A named way of comparing answers. `criteria` is a list of `{name, description, weight}`."""

    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="judges")
    model = models.CharField(max_length=300)
    fallback_connection = models.ForeignKey(
        Connection, null=True, blank=True, on_delete=models.PROTECT, related_name="fallback_judges"
    )
    fallback_model = models.CharField(max_length=300, blank=True)
    second_connection = models.ForeignKey(
        Connection, null=True, blank=True, on_delete=models.PROTECT, related_name="second_judges"
    )
    second_model = models.CharField(max_length=300, blank=True)
    criteria = models.JSONField(default=list, blank=True)
    instructions = models.TextField(blank=True, max_length=20_000)
    swap_check = models.BooleanField(default=True)


class Mode(models.TextChoices):
    """How one answer is made of many."""

    BEST_OF = "best_of", "Best of"
    MERGE = "merge", "Merge"
    DEBATE = "debate", "Debate"


class Preset(Named):
    """A pool, a judge and a mode with their limits. Durations are seconds, money is USD, null means the default."""

    slug = models.SlugField(max_length=60)
    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="presets")
    judge = models.ForeignKey(Judge, on_delete=models.PROTECT, related_name="presets")
    mode = models.CharField(max_length=8, choices=Mode.choices, default=Mode.MERGE)
    quorum = models.PositiveSmallIntegerField(null=True, blank=True)
    grace = models.FloatField(default=2.0)
    deadline_s = models.FloatField(default=300.0)
    debate_rounds = models.PositiveSmallIntegerField(default=1)
    budget_usd = models.DecimalField(max_digits=12, decimal_places=6, null=True, blank=True)
    do_no_harm = models.BooleanField(default=False)
    guided = models.BooleanField(default=False)
    template = models.TextField(blank=True, max_length=20_000)
    # A choice of the team's rather than of the preset's: no version holds it, and no copy has it.
    is_default = models.BooleanField(default=False, editable=False)

    class Meta(Named.Meta):
        """A slug names one preset of a team: programs call it as the model `fusion/<slug>`."""

        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["team", "slug"], name="one_preset_per_team_and_slug"),
            models.UniqueConstraint(
                fields=["team"], condition=models.Q(is_default=True), name="one_default_preset_per_team"
            ),
        ]


class Version(models.Model):
    """A connection, pool, judge or preset as it was saved once. It stays when the thing, of that `kind` and id, is deleted.

    `data` is plain as `plain.plain` gives it, with a key's hint in place of the key; `names` are those of what it refers to,
    by id, as they were. `note` says how it came about where somebody did not simply save it. One that `is_end` is of
    the moment at which the thing was deleted; it keeps a connection's key for a while, sealed as it was. Nobody is the `person` where the site itself made it.
    """

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=10)
    thing = models.CharField(max_length=ID_LENGTH)
    number = models.PositiveIntegerField()
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    saved_at = models.DateTimeField(default=timezone.now)
    note = models.CharField(max_length=300, blank=True)
    data = models.JSONField()
    names = models.JSONField(default=dict)
    is_end = models.BooleanField(default=False)
    sealed_key = models.TextField(blank=True, editable=False)

    class Meta:
        """Newest first; a thing's versions are numbered from 1."""

        ordering: ClassVar[list[str]] = ["-number"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["thing", "number"], name="one_version_per_thing_and_number")
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["team", "-saved_at"], condition=models.Q(is_end=True), name="pools_deleted_lately"
            )
        ]

    @property
    def name(self) -> str:
        """What the thing was called."""
        return str(self.data["name"])


class CompactHost(models.Model):
    """How this site runs its Compact model: one row, or none as long as all is as the settings say.

    `file` is what was chosen on the page, in place of the setting `instead_of`; a changed setting counts again. It may be
    used by every team, or by `teams` alone. `idle_s` seconds without an ask unload it; 0 keeps it in memory.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    file = models.CharField(max_length=1000, blank=True)
    instead_of = models.CharField(max_length=1000, blank=True)
    is_on = models.BooleanField(default=True)
    idle_s = models.PositiveIntegerField(default=0)
    open_to_all = models.BooleanField(default=True)
    teams = models.ManyToManyField(Team, blank=True, related_name="+")

    class Meta:
        """There is one host per site."""

        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=models.Q(id=1), name="one_compact_host")
        ]
