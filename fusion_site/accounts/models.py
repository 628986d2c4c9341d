"""People, the teams that own everything, who belongs to which, and the tokens by which programs act for a person."""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.utils import timezone

from fusion_site.accounts.ids import ID_LENGTH, new_id

# Django finds the rows of a room here.
from fusion_site.accounts.trail import AuditEntry as AuditEntry
from fusion_site.accounts.trail import Door as Door


class UserManager(BaseUserManager["User"]):
    """Makes people; an e-mail address is kept in lower case, so that it names one person only."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Store a new person; raises ValueError without an address. No password means none can sign in."""
        if not email:
            raise ValueError("a person needs an e-mail address")
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> User:
        """Find a person by address, whatever its case."""
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A person. The first one to sign up owns the site."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120, blank=True)
    is_active = models.BooleanField(default=True)
    is_site_owner = models.BooleanField(default=False)
    date_joined = models.DateTimeField(default=timezone.now)
    # Where they go on working at the next sign-in, while that lets them in.
    last_team = models.ForeignKey(
        "Team", null=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = UserManager()

    class Meta:
        """At most one person owns the site: of two who sign up first at once, one does."""

        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["is_site_owner"], condition=models.Q(is_site_owner=True), name="one_site_owner"
            )
        ]

    def __str__(self) -> str:
        """Read as the address."""
        return self.email


class Role(models.TextChoices):
    """What a member of a team may do: viewers read and run, editors change, owners also manage people."""

    OWNER = "owner"
    EDITOR = "editor"
    VIEWER = "viewer"


class Adders(models.TextChoices):
    """Who in a team may add connections, and so decide where its text may go."""

    OWNERS = "owners", "Owners only"
    EDITORS = "editors", "Owners and editors"


class Reach(models.TextChoices):
    """Who a team's share links may be for."""

    NONE = "none", "Nobody: there are no share links"
    TEAM = "team", "People of the team"
    ANYONE = "anyone", "Anyone with the link"


class Team(models.Model):
    """The owner of everything that is stored; each person has a personal one.

    `allowed_hosts` are the host names that its connections may lead to; an empty list is any. With `local_only`, text of
    this team goes to in-house connections alone. `links`, `links_max_days` and `links_need_password` bound its share
    links: read them by `settings.link_policy`. A team that was deleted has a `removal_at`: it is closed from then on, and
    goes with everything in it at that time.
    """

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    slug = models.SlugField(unique=True, max_length=60)
    name = models.CharField(max_length=120)
    personal_of = models.OneToOneField(
        User, null=True, blank=True, on_delete=models.CASCADE, related_name="personal_team"
    )
    people = models.ManyToManyField(User, through="Membership", related_name="teams")
    # What its runs may cost in a calendar month of UTC; none is no bound.
    budget_usd = models.DecimalField(max_digits=12, decimal_places=6, null=True)
    # What one run may cost at most; none is no bound.
    run_cap_usd = models.DecimalField(max_digits=12, decimal_places=6, null=True)
    connections_by = models.CharField(max_length=8, choices=Adders.choices, default=Adders.EDITORS)
    allowed_hosts = models.JSONField(default=list, blank=True)
    local_only = models.BooleanField(default=False)
    mfa_required = models.BooleanField(default=False)
    links = models.CharField(max_length=8, choices=Reach.choices, default=Reach.ANYONE)
    links_max_days = models.PositiveSmallIntegerField(null=True, blank=True)
    links_need_password = models.BooleanField(default=False)
    removal_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        """Read as the name."""
        return self.name


class Invitations(models.QuerySet["Invitation"]):
    """Invitations, and those among them that let people in."""

    def good(self) -> Invitations:
        """Give those by which somebody can join now: not expired, revoked or used up, of a team that is open."""
        left = models.Q(most_uses=None) | models.Q(uses__lt=models.F("most_uses"))
        return self.filter(left, revoked_at=None, expires_at__gt=timezone.now(), team__removal_at=None)


class Invitation(models.Model):
    """A link by which people join a team; only the hash of its token is stored.

    `most_uses` is how many may join by it, None any number. One with an `email` is for the person with that address.
    """

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="invitations")
    made_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    role = models.CharField(max_length=10, choices=Role.choices)
    email = models.EmailField(blank=True)
    digest = models.CharField(max_length=64, unique=True)
    most_uses = models.PositiveSmallIntegerField(null=True)
    uses = models.PositiveIntegerField(default=0)
    made_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    mailed_at = models.DateTimeField(null=True)

    objects = Invitations.as_manager()

    class Meta:
        """Newest first."""

        ordering: ClassVar[list[str]] = ["-made_at", "-id"]

    def __str__(self) -> str:
        """Read as whom it is for."""
        return self.email or f"link for {self.get_role_display().lower()}s"


class Places(models.QuerySet["Membership"]):
    """Memberships, and those among them that count now."""

    def of_open_teams(self) -> Places:
        """Give those in teams that are not closed."""
        return self.filter(team__removal_at=None)


class Membership(models.Model):
    """One person's place in one team. `ref` names it in addresses; `invitation` is what they came by, if anything."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.EDITOR)
    ref = models.CharField(max_length=ID_LENGTH, unique=True, default=new_id, editable=False)
    invitation = models.ForeignKey(Invitation, null=True, on_delete=models.SET_NULL, related_name="joined")
    # None for those who came before this was kept.
    joined_at = models.DateTimeField(null=True, default=timezone.now)

    objects = Places.as_manager()

    class Meta:
        """A person is in a team once."""

        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["team", "user"], name="one_membership_per_person_and_team")
        ]

    def may_edit(self) -> bool:
        """Whether this person may create, change and delete the team's things."""
        return self.role in {Role.OWNER, Role.EDITOR}

    def may_manage(self) -> bool:
        """Whether this person may decide about the team itself: its people and its money."""
        return self.role == Role.OWNER


class Scope(models.TextChoices):
    """What a token's program may do, at most; the role of its person in the team bounds it as well."""

    RUN = "run", "Run: start, steer and follow runs"
    READ = "read", "Read: see runs, connections, pools, judges, presets and the team"
    MANAGE = "manage", "Manage: make, change and delete everything, as far as your role goes"


def every_scope() -> list[str]:
    """Give all scopes: what tokens have that were made before there were any."""
    return list(Scope.values)


class ApiToken(models.Model):
    """A program's right to act for one person in one team; only its hash is stored."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=120)
    digest = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=12)
    scopes = models.JSONField(default=every_scope)
    created_at = models.DateTimeField(default=timezone.now)
    # None is for tokens from before there was an expiry: they go on until they are revoked.
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    # Until when its calls have used up its share of calls per minute, in seconds since 1970; see tokens.spend_call.
    paid_until = models.FloatField(default=0)

    class Meta:
        """Newest first."""

        ordering: ClassVar[list[str]] = ["-created_at", "-id"]

    @staticmethod
    def digest_of(token: str) -> str:
        """Give what is stored of a token (SHA-256 in hex; a token has 256 random bits, so no salt is needed)."""
        return hashlib.sha256(token.encode()).hexdigest()


class SignOn(models.Model):
    """A team's own service for signing in, by OpenID Connect. Who comes through it joins the team with this role.

    Its key is that of the team, so that the way back is known before it is set up, and also the `provider` of the accounts
    that are linked by it. The secret is sealed for the issuer's origin.
    """

    team = models.OneToOneField(Team, primary_key=True, on_delete=models.CASCADE, related_name="sign_on")
    issuer = models.CharField(max_length=500)
    client_id = models.CharField(max_length=300)
    sealed_secret = models.TextField()
    role = models.CharField(max_length=10, choices=Role.choices)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        """Read as the issuer."""
        return self.issuer


class Kept(models.Model):
    """Something that is remembered for a while in all processes: failed sign-ins, codes that were used. The site's cache."""

    key = models.CharField(primary_key=True, max_length=250)
    value = models.TextField()
    # None is for ever.
    expires_at = models.DateTimeField(null=True, db_index=True)
