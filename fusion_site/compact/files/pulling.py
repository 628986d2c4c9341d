"""Fetching one GGUF file: the rest of what is here already, checked, with its licence accepted by somebody."""

from __future__ import annotations

import errno
import hashlib
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from fusion_site.compact.files.header import BadFile, read_header
from fusion_site.compact.files.hub import Broken, Hub
from fusion_site.compact.files.offer import Offer, PullFailed
from fusion_site.compact.files.progress import Progress
from fusion_site.compact.files.shelf import Kept, Record, Shelf, drop
from fusion_site.compact.files.source import HubFile, LocalFile, Source, source_of

PART = 1024 * 1024
PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)
LEFT_FREE = 256 * 1024 * 1024  # a disk that is filled to the last byte stops the site's database
RATE_OVER_S = 10.0
SAY_EVERY_S = 0.25


def offer_of(source: Source, hub: Hub, *, commit: str = "") -> Offer:
    """What can be had under `source`, as it was at `commit` if one is given; raises `PullFailed`."""
    if isinstance(source, HubFile):
        offer = hub.offer(replace(source, revision=commit) if commit else source)
        return replace(offer, source=str(source))
    try:
        facts = read_header(source.path)
    except BadFile as error:
        raise PullFailed(str(error)) from error
    return Offer(str(source), source.name, facts.file_size, licence=facts.licence)


def pull(
    offer: Offer,
    hub: Hub,
    shelf: Shelf,
    accepted_by: str,
    tell: Callable[[Progress], None],
    *,
    pauses: Sequence[float] = PAUSES,
) -> Kept:
    """Fetch the file of `offer` onto the shelf and give it; `tell` hears how far it is. Raises `PullFailed`.

    `accepted_by` names the person who accepted the licence. A fetch that was cut goes on where it was, now or next time;
    one whose checksum is wrong is removed.
    """
    if not accepted_by.strip():
        raise PullFailed(f"Somebody has to accept the licence first: {offer.licence.title}.")
    accepted_at = _now()
    with shelf.alone(offer.name), _disk_errors(shelf):
        if (kept := _already(shelf, offer)) is not None:
            return kept
        _check_space(shelf, offer, shelf.draft(offer))
        with _begun(shelf, offer) as draft:
            sha256 = _Fetch(offer, hub, draft, tell, pauses).run()
        record = Record(
            source=offer.source,
            sha256=sha256,
            size=offer.size,
            accepted_by=accepted_by.strip(),
            accepted_at=accepted_at,
            fetched_at=_now(),
            commit=offer.commit,
            matches=bool(offer.sha256),
            licence=offer.licence,
        )
        return shelf.put(draft, offer.name, record)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _already(shelf: Shelf, offer: Offer) -> Kept | None:
    kept = shelf.find(offer.name)
    if kept is None:
        return None
    if kept.is_checked and kept.record is not None and kept.record.sha256 == offer.sha256:
        return kept
    raise PullFailed(
        f"There is another file called {offer.name} in {shelf.folder}; remove or rename it first."
    )


def _check_space(shelf: Shelf, offer: Offer, draft: Path) -> None:
    have = draft.stat().st_size if draft.is_file() else 0
    need, free = offer.size - have + LEFT_FREE, shutil.disk_usage(shelf.folder).free
    if need > free:
        raise PullFailed(
            f"{offer.name} needs {need / 10**9:.1f} GB more on the disk of {shelf.folder}, and {free / 10**9:.1f} GB "
            "are free there."
        )


@contextmanager
def _begun(shelf: Shelf, offer: Offer) -> Iterator[Path]:
    """Give the draft to write to; one to which nothing came is not left behind."""
    draft = shelf.begin(offer)
    try:
        yield draft
    finally:
        if not draft.is_file() or not draft.stat().st_size:
            drop(draft)


@contextmanager
def _disk_errors(shelf: Shelf) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        why = "the disk is full" if full else (error.strerror or str(error))
        raise PullFailed(f"The file cannot be kept in {shelf.folder}: {why}.") from error


class _Fetch:
    """The bytes of one offer on their way into its draft."""

    def __init__(
        self, offer: Offer, hub: Hub, draft: Path, tell: Callable[[Progress], None], pauses: Sequence[float]
    ) -> None:
        self._offer, self._hub, self._draft = offer, hub, draft
        self._tell, self._pauses = tell, pauses
        self._hash = hashlib.sha256()
        self._done = 0
        self._marks: list[tuple[float, int]] = []

    def run(self) -> str:
        """Fetch what is missing, check all, and give the checksum."""
        with self._draft.open("r+b" if self._draft.is_file() else "w+b") as file:
            self._take_up(file)
            source = source_of(self._offer.source)
            if isinstance(source, HubFile):
                self._from_hub(source, file)
            else:
                self._from_disk(source, file)
        self._check()
        return self._hash.hexdigest()

    def _take_up(self, file: BinaryIO) -> None:
        """Go on after what is here. A local file may have changed since, so it is copied anew."""
        if not self._offer.sha256:
            file.truncate(0)
        while part := file.read(PART):
            self._hash.update(part)
            self._done += len(part)
        self._marks = [(time.monotonic(), self._done)]
        self._tell(Progress(self._done, self._offer.size))

    def _from_hub(self, source: HubFile, file: BinaryIO) -> None:
        """Ask for the rest until all is here; it is given up when several tries in a row bring nothing."""
        failures = 0
        while self._done < self._offer.size:
            before = self._done
            try:
                with self._hub.bytes_from(source, self._offer.commit, self._done) as (start, parts):
                    self._restart(file, start)
                    self._write(file, parts)
                why = "the hub ended the file too early"
            except Broken as broken:
                why = str(broken)
            failures = 0 if self._done > before else failures + 1
            if failures > len(self._pauses):
                raise PullFailed(
                    f"{self._offer.name} cannot be fetched to its end: {why}. What came is kept; try again later."
                )
            if self._done < self._offer.size:
                time.sleep(self._pauses[max(0, failures - 1)])

    def _restart(self, file: BinaryIO, start: int) -> None:
        """Follow a server that begins at 0 although it was asked for the rest."""
        if start == self._done:
            return
        file.seek(0)
        file.truncate()
        self._hash, self._done = hashlib.sha256(), 0

    def _from_disk(self, source: LocalFile, file: BinaryIO) -> None:
        with source.path.open("rb") as original:
            self._write(file, iter(lambda: original.read(PART), b""))
        if self._done < self._offer.size:
            raise PullFailed(f"{source.path} became shorter while it was copied.")

    def _write(self, file: BinaryIO, parts: Iterator[bytes]) -> None:
        for part in parts:
            if self._done + len(part) > self._offer.size:
                raise PullFailed(f"{self._offer.name} is longer than was told: {self._offer.size} bytes.")
            file.write(part)
            self._hash.update(part)
            self._done += len(part)
            self._say()

    def _say(self) -> None:
        now = time.monotonic()
        if now - self._marks[-1][0] < SAY_EVERY_S and self._done < self._offer.size:
            return
        self._marks = [mark for mark in self._marks if now - mark[0] <= RATE_OVER_S] or self._marks[-1:]
        self._marks.append((now, self._done))
        (then, before), (_, after) = self._marks[0], self._marks[-1]
        rate = (after - before) / (now - then) if now > then and after > before else None
        left = (self._offer.size - self._done) / rate if rate else None
        self._tell(Progress(self._done, self._offer.size, rate, left))

    def _check(self) -> None:
        if self._offer.sha256 and self._hash.hexdigest() != self._offer.sha256:
            drop(self._draft)
            raise PullFailed(
                f"What came is not {self._offer.name}: its SHA-256 is {self._hash.hexdigest()}, and the hub names "
                f"{self._offer.sha256}. It has been removed."
            )
