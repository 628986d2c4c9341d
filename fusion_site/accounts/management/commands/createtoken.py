"""`manage.py createtoken`: an API token for a person, and that person and a team where the operator asks for them."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email, validate_slug
from django.db import transaction

from fusion_site.accounts.access import membership_in
from fusion_site.accounts.audit import record
from fusion_site.accounts.flows.join_team import join_team
from fusion_site.accounts.flows.make_token import DAYS, make_token
from fusion_site.accounts.flows.new_team import new_team
from fusion_site.accounts.flows.open_account import open_account
from fusion_site.accounts.models import Membership, Role, Scope, Team, User

MOST_DAYS = 3650


class Command(BaseCommand):
    """Prints the new token on standard output and nothing else, so that a script can keep it."""

    help = "Make an API token for a person and print it (only the token)."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare EMAIL and what may be made on the way."""
        parser.add_argument("email", metavar="EMAIL")
        parser.add_argument(
            "--create", action="store_true", help="make the person and the team if they are missing"
        )
        parser.add_argument(
            "--team", metavar="SLUG", help="add the person to this team; the token belongs to it"
        )
        parser.add_argument("--role", choices=Role.values, help="role in that team (a new member: editor)")
        parser.add_argument("--name", default="command line", help="what the token is for")
        parser.add_argument(
            "--scopes", default=",".join(Scope.values), help="what it may do: run,read,manage (default: all)"
        )
        parser.add_argument(
            "--days", type=int, default=DAYS, help=f"how long it is good for (default: {DAYS})"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Do all of it or nothing; raises CommandError with what is missing."""
        if options["role"] and not options["team"]:
            raise CommandError("--role needs --team")
        if not options["name"].strip():
            raise CommandError("--name must not be empty")
        if not 1 <= options["days"] <= MOST_DAYS:
            raise CommandError(f"--days must be from 1 to {MOST_DAYS}")
        scopes = _scopes(options["scopes"])
        with transaction.atomic():
            user = _person(options["email"], create=options["create"])
            team = _team(user, options)
            if membership_in(user, team.pk) is None:
                raise CommandError(
                    f"the team {team.slug} is closed, or lets {user} in with a second factor only"
                )
            _, text = make_token(user, team, options["name"].strip(), scopes=scopes, days=options["days"])
        self.stdout.write(text)


def _scopes(typed: str) -> list[str]:
    scopes = [word.strip() for word in typed.split(",") if word.strip()]
    if not scopes or not set(scopes) <= set(Scope.values):
        raise CommandError(f"--scopes takes one or more of {','.join(Scope.values)}")
    return scopes


def _person(email: str, *, create: bool) -> User:
    address = email.strip().lower()
    user = User.objects.filter(email=address).first()
    if user is not None:
        if not user.is_active:
            raise CommandError(f"{address} is locked, a token would not work")
        return user
    if not create:
        raise CommandError(f"there is no person {address}; --create makes one")
    try:
        validate_email(address)
    except ValidationError:
        raise CommandError(f"{email!r} is not an e-mail address") from None
    user = User(email=address)
    user.set_unusable_password()
    open_account(user, may_own_site=False)
    return user


def _team(user: User, options: dict[str, Any]) -> Team:
    """Give the team that the token belongs to: the named one, joined first, else the personal one."""
    slug = options["team"]
    role = Role(options["role"]) if options["role"] else None
    if slug is None:
        return _personal_team(user)
    team = Team.objects.filter(slug=slug).first()
    if team is not None:
        _join(user, team, role)
        return team
    if not options["create"]:
        raise CommandError(f"there is no team {slug}; --create makes one")
    try:
        validate_slug(slug)
    except ValidationError:
        raise CommandError(f"{slug!r} is not a slug: letters, digits, - and _ only") from None
    return new_team(slug, user, role=role or Role.OWNER, slug=slug)


def _join(user: User, team: Team, role: Role | None) -> None:
    before = Membership.objects.filter(user=user, team=team).first()
    place = join_team(user, team, role)
    if before is None:
        record(team, "member.joined", user, by=user, role=place.role)
    elif before.role != place.role:
        record(team, "member.role_changed", user, by=user, role=[before.role, place.role])


def _personal_team(user: User) -> Team:
    team = Team.objects.filter(personal_of=user).first()
    if team is None:
        raise CommandError(f"{user} has no personal team; name one with --team")
    return team
