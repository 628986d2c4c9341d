"""`manage.py audit verify`: says of each team's audit trail whether it is whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from fusion_site.accounts.audit_chain import lost, verify
from fusion_site.accounts.models import Team


class Command(BaseCommand):
    """Look through the trails; fails where one is broken."""

    help = "Check that no entry of the teams' audit trails was changed, inserted or removed since it was written."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take which trail to look at, and an earlier export of it."""
        parser.add_argument("what", choices=["verify"])
        parser.add_argument("--team", help="the slug of a team; without it, all teams are looked at")
        parser.add_argument(
            "--export",
            type=Path,
            help="a JSON lines export of that team: all of it must still be in the trail",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Tell of each team, and fail at the end if anything was broken."""
        slug, export = options["team"], options["export"]
        teams = Team.objects.filter(slug=slug) if slug else Team.objects.order_by("slug")
        if slug and not teams:
            raise CommandError(f"there is no team {slug!r}")
        if export and not slug:
            raise CommandError("--export needs --team: an export is of one team")
        broken = [team.slug for team in teams if not self._is_whole(team)]
        if export and self._lost(teams[0], export):
            broken.append(slug)
        if broken:
            raise CommandError(
                f"not as it was written: the audit trail of {', '.join(dict.fromkeys(broken))}"
            )

    def _is_whole(self, team: Team) -> bool:
        found = verify(team.pk)
        if found.broken is None:
            end = f", ends in {found.ends_in}" if found.whole else ""
            self.stdout.write(f"{team.slug}: {found.whole} entries, whole{end}")
            return True
        entry = found.broken
        self.stdout.write(
            f"{team.slug}: broken at entry {entry.pk} ({entry.at:%Y-%m-%d %H:%M:%S}, {entry.action}), after {found.whole} "
            "whole ones: it was changed or put in later, or the one before it was changed or removed"
        )
        return False

    def _lost(self, team: Team, export: Path) -> list[str]:
        try:
            lines = export.read_text().splitlines()
            digests = [json.loads(line)["digest"] for line in lines]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CommandError(
                f"{export} cannot be read as an export in JSON lines with digests: {error}"
            ) from None
        gone = lost(team.pk, digests)
        self.stdout.write(
            f"{team.slug}: {len(digests) - len(gone)} of {len(digests)} exported entries are in the trail"
        )
        return gone
