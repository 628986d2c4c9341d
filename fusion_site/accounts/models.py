"""People, the teams that own everything, who belongs to which, and the tokens by which programs act for a person."""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.utils import timezone

from fusion_site.accounts.ids import ID_LENGTH, new_id


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


class Team(models.Model):
    """The owner of everything that is stored; each person has a personal one."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    slug = models.SlugField(unique=True, max_length=60)
    name = models.CharField(max_length=120)
    personal_of = models.OneToOneField(
        User, null=True, blank=True, on_delete=models.CASCADE, related_name="personal_team"
    )
    people = models.ManyToManyField(User, through="Membership", related_name="teams")
    # What its runs may cost in a calendar month of UTC; none is no bound.
    budget_usd = models.DecimalField(max_digits=12, decimal_places=6, null=True)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        """Read as the name."""
        return self.name


class Membership(models.Model):
    """One person's place in one team."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.EDITOR)

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


class Kept(models.Model):
    """Something that is remembered for a while in all processes: failed sign-ins, codes that were used. The site's cache."""

    key = models.CharField(primary_key=True, max_length=250)
    value = models.TextField()
    # None is for ever.
    expires_at = models.DateTimeField(null=True, db_index=True)
