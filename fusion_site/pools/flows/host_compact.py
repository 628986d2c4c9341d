"""What the site's owner chooses for the Compact host takes effect at once, in the process that supervises it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from asgiref.sync import sync_to_async

from fusion_site.accounts.models import User
from fusion_site.compact.files.examining import examine
from fusion_site.compact.files.header import BadFile
from fusion_site.ops.querying import query_patiently
from fusion_site.pools import compact_files, compact_host
from fusion_site.pools.flows import change_compact, run_compact
from fusion_site.pools.flows.change_compact import Wanted
from fusion_site.pools.flows.run_compact import Choice
from fusion_site.pools.invalid import Invalid
from fusion_site.pools.reading import Given


async def host_file(by: User, name: str) -> None:
    """Load that file of the shelf and let it take over; raises Invalid where there is none or it is no model.

    Answers that are being written end before. A file that cannot take over is not chosen any more.
    """
    await _look_at(by, name)
    _take_over(await sync_to_async(run_compact.choose_file)(by, name))


async def run(by: User, *, on: bool) -> None:
    """Start the host, or stop it until it is started again."""
    await sync_to_async(run_compact.switch)(by, on=on)
    await _turn(on=on)


async def unload_when_idle(by: User, given: Given) -> None:
    """Keep after how many minutes without an ask it is unloaded; raises Invalid."""
    _unload_after(await sync_to_async(run_compact.set_idle)(by, given))


async def open_to(by: User, *, everyone: bool, teams: Iterable[str]) -> None:
    """Let every team use it, or these alone."""
    await sync_to_async(run_compact.open_to)(by, everyone=everyone, teams=teams)


async def change(by: User, wanted: Wanted) -> None:
    """Change all that is wanted; raises Invalid, and nothing is changed then."""
    if wanted.file is not None:
        await _look_at(by, wanted.file)
    changed = await sync_to_async(change_compact.change)(by, wanted)
    if changed.idle_s is not None:
        _unload_after(changed.idle_s)
    if changed.choice is not None:
        _take_over(changed.choice)
    elif changed.running is not None:
        await _turn(on=changed.running)


async def use_template(by: User, text: str, meant: str | None = None) -> None:
    """Load the hosted file again with that chat template, or its own for an empty one; raises Invalid.

    `meant` is the name of the file that it was written for, where that is known.
    """
    await run_compact.set_template(by, text, meant)
    if (supervisor := compact_host.supervisor()) is not None:
        supervisor.begin_reload()


async def _look_at(by: User, name: str) -> None:
    """Raise Invalid where the header of that file says that it cannot be hosted; one that is not there is left to others."""
    run_compact.require_operator(by)
    kept = compact_files.shelf().find(name)
    try:
        if kept is not None:
            await examine(kept.path)
    except BadFile as error:
        raise Invalid({"file": [str(error)]}) from error


def _take_over(choice: Choice) -> None:
    if (supervisor := compact_host.supervisor()) is not None:
        taken_back = partial(query_patiently, run_compact.take_back, choice)
        supervisor.begin_swap(choice.path, refused=taken_back)


async def _turn(*, on: bool) -> None:
    if (supervisor := compact_host.supervisor()) is not None:
        await (supervisor.start() if on else supervisor.stop())


def _unload_after(idle_s: int) -> None:
    if (supervisor := compact_host.supervisor()) is not None:
        supervisor.idle_s = idle_s
