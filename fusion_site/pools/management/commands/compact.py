"""`manage.py compact`: model files fetched, listed and measured, and a host of its own on this machine."""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from fusion_site.compact.arguments import add_arguments, add_options, options_of
from fusion_site.compact.cores import wait_considerately
from fusion_site.compact.failures import HostFailure
from fusion_site.compact.files.examining import examine
from fusion_site.compact.files.facts import FileFacts
from fusion_site.compact.files.fitting import fit
from fusion_site.compact.files.header import BadFile
from fusion_site.compact.files.offer import Offer, PullFailed
from fusion_site.compact.files.progress import Progress
from fusion_site.compact.files.proving import warning_of
from fusion_site.compact.files.shelf import Kept
from fusion_site.compact.files.source import WrongSource, source_of
from fusion_site.compact.large_pages import begin_with_large_pages
from fusion_site.compact.machine import free_bytes
from fusion_site.compact.options import HostOptions
from fusion_site.ops.secrets import kept_secret
from fusion_site.pages.figures import count, duration, parameters, size
from fusion_site.pools import compact_files


class Command(BaseCommand):
    """Model files and their host, without the site."""

    help = (
        "Fetch model files (pull), list those that are here (list), host one on this machine (serve), "
        "or measure how fast one is here (bench)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """One word says what to do."""
        words = parser.add_subparsers(dest="do", required=True, metavar="pull|list|serve|bench")
        pull = words.add_parser("pull", help="Fetch a GGUF file, or go on where that was cut.")
        pull.add_argument("source", help="hf:owner/repository/file.gguf or file:/path/to/file.gguf")
        pull.add_argument("--accept", metavar="NAME", default="", help="Who accepts the licence.")
        words.add_parser("list", help="Show the files that are here.")
        serve = words.add_parser("serve", help="Host a file here; a site reaches it as a connection.")
        serve.add_argument("file", help="A name from the list, or a path.")
        add_arguments(serve, HostOptions.from_environment(), port=8090)
        bench = words.add_parser("bench", help="Measure how fast a file is here, with many answers at once.")
        bench.add_argument("file", help="A name from the list, or a path.")
        add_options(bench, HostOptions.from_environment())

    def run_from_argv(self, argv: list[str]) -> None:
        """Run as a command of its own, where this process may be begun anew."""
        if argv[2:3] in (["serve"], ["bench"]):
            begin_with_large_pages()
        super().run_from_argv(argv)

    def handle(self, *args: Any, do: str, **options: Any) -> None:
        """Do it."""
        work: dict[str, Callable[..., None]] = {
            "pull": self._pull,
            "list": self._list,
            "serve": self._serve,
            "bench": self._bench,
        }
        work[do](**options)

    def _pull(self, *, source: str, accept: str, **options: Any) -> None:
        from fusion_site.compact.files.hub import Hub
        from fusion_site.compact.files.pulling import offer_of, pull

        place = compact_files.place()
        hub = Hub(place.url, place.token)
        try:
            offer = offer_of(source_of(source), hub)
            self._show(offer)
            if not accept:
                raise CommandError(f"Read the licence; then accept it: compact pull {source} --accept NAME")
            kept = pull(offer, hub, compact_files.shelf(), accept, self._tell)
        except (PullFailed, WrongSource) as error:
            raise CommandError(str(error)) from None
        self.stderr.write("")
        self.stdout.write(str(kept.path))

    def _show(self, offer: Offer) -> None:
        gated = ", gated by its authors" if offer.gated else ""
        self.stderr.write(f"{offer.name}, {size(offer.size)}{gated}")
        self.stderr.write(f"Licence: {offer.licence.title} {offer.licence.link}".rstrip())

    def _tell(self, progress: Progress) -> None:
        """One line that is written over on a terminal; in a log, a line now and then would be thousands."""
        if sys.stderr.isatty():
            rate = f"{size(round(progress.rate))}/s" if progress.rate else "…"
            left = f"{duration(progress.left_s * 1000)} left" if progress.left_s is not None else ""
            told = f"{progress.share:6.1%} of {size(progress.size)}, {rate} {left}"
            self.stderr.write(f"\r{told:<60}", ending="")

    def _list(self, **options: Any) -> None:
        kept = compact_files.shelf().kept()
        if not kept:
            self.stderr.write("No files yet: compact pull hf:owner/repository/file.gguf")
        for each in kept:
            self.stdout.write(_line(each))

    def _serve(self, *, file: str, **options: Any) -> None:
        from fusion_site.compact.__main__ import run

        given = argparse.Namespace(**options)
        path = compact_files.found(file)
        try:
            self._warn(path, given)
            code = run(given, path.absolute(), _key(given))
        except (ValueError, OSError, BadFile) as error:
            raise CommandError(str(error)) from None
        if code:
            raise CommandError("The model could not be hosted.", returncode=code)

    def _bench(self, *, file: str, **options: Any) -> None:
        given = argparse.Namespace(**options)
        path = compact_files.found(file)
        try:
            self._warn(path, given)
            wait_considerately(os.environ)
            asyncio.run(self._measure(path.absolute(), options_of(given)))
        except (ValueError, OSError, BadFile, HostFailure) as error:
            raise CommandError(str(error)) from None

    async def _measure(self, path: Path, options: HostOptions) -> None:
        """Print one line for each number of answers as soon as it is measured."""
        from fusion_site.compact.trial import ANSWER_TOKENS, speeds  # only now: it loads llama.cpp

        self.stdout.write(
            f"answers of {ANSWER_TOKENS} tokens at once, tokens a second over all, and to the first"
        )
        async for speed in speeds(path, options):
            own = f"{speed.own_share:.1%} of the time is this host's own"
            self.stdout.write(f"{speed.answers:>7}  {speed.rate:>7.1f}/s  {speed.first_s:>6.2f} s  {own}")

    def _warn(self, path: Path, given: argparse.Namespace) -> None:
        """Look at the file before it is loaded, and say what it is, whether it fits, and whether its template works."""
        facts = asyncio.run(examine(path))
        self.stderr.write(f"{path.name}: {words_of(facts)}")
        options = options_of(given)
        for warning in (
            fit(facts, options, free_bytes()).warning,
            asyncio.run(warning_of(facts, options.template)),
        ):
            if warning:
                self.stderr.write(warning)


def _key(given: argparse.Namespace) -> str | None:
    """Give the bearer key, made where the file that should hold it is not there."""
    if given.key_file:
        return kept_secret(given.key_file, lambda: secrets.token_urlsafe(32))
    return os.environ.get("FUSION_COMPACT_KEY") or None


def _line(kept: Kept) -> str:
    """Give one file as a line: what it is, and what is known of where it came from."""
    try:
        told = words_of(asyncio.run(examine(kept.path)))
    except BadFile as error:
        told = str(error)
    record = kept.record
    if record is None:
        return f"{kept.name}  {size(kept.size)}  {told}  (put here by hand)"
    checked = "checked" if kept.is_checked else "not checked"
    accepted = f"{record.licence.title} accepted by {record.accepted_by} on {record.accepted:%d %b %Y}"
    return f"{kept.name}  {size(kept.size)}  {told}  {checked}  {accepted}  {record.source}"


def words_of(facts: FileFacts) -> str:
    """Give what people compare model files by: `llama, 12.0 B parameters, Q4_K_M, trained for 131,072 tokens`."""
    window = f", trained for {count(facts.trained_context)} tokens" if facts.trained_context else ""
    return f"{facts.architecture}, {parameters(facts.parameters)} parameters, {facts.quantisation}{window}"
