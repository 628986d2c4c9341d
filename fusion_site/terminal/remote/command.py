"""The command `fusion`: one run of a site in the terminal, live.

Exit status: 0 there is a fused answer, 1 the run failed, 2 it could not be started, 3 it was stopped, 4 it goes on without us.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from argparse import Namespace
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from fusion_site.terminal.columns import harmless, how_it_ended
from fusion_site.terminal.outcome import LEFT, NOT_STARTED, status_of
from fusion_site.terminal.prompt import Unreadable, bytes_of, prompt_of
from fusion_site.terminal.remote.access import access
from fusion_site.terminal.remote.following import follow, patiently
from fusion_site.terminal.remote.login import login
from fusion_site.terminal.remote.options import options_in
from fusion_site.terminal.remote.refused import Cut, Refused
from fusion_site.terminal.remote.seen import Seen
from fusion_site.terminal.remote.site import Site
from fusion_site.terminal.showing import Showing

INTERRUPTED = 130  # what shells give for a command that Ctrl-C ended
NO_PRESET = "Name a preset by --preset, or a run to follow up by --after."
STOPPING = "Stopping the run. Ctrl-C again leaves it at once."


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says and give the exit status."""
    options = options_in(arguments)
    try:
        return login(options) if options.login else _ask(options)
    except (Refused, Cut, Unreadable) as refused:
        sys.stderr.write(f"fusion: {harmless(str(refused))}\n")
        return NOT_STARTED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the answer has gone; Python would say so once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return status_of("failed")


def _ask(options: Namespace) -> int:
    with Site(access(options.url, options.token)) as site:
        run = _start(site, options)
        showing = Showing(sys.stdout, sys.stderr, is_plain=options.as_json)
        try:
            _watch(site, run["id"], showing, options)
            last = patiently(lambda: site.call("GET", f"runs/{run['id']}", has="state"))
        except (Refused, Cut) as lost:
            showing.end(None)
            showing.say(str(lost))
            showing.say(f"What becomes of the run is told at {run['url']}")
            return LEFT
        except KeyboardInterrupt:
            showing.end(None)
            showing.say(
                f"{'The run goes on:' if options.leave else 'Left before it had stopped:'} {run['url']}"
            )
            return LEFT
    return _end(last, run, showing, options)


def _start(site: Site, options: Namespace) -> Any:
    if options.preset is None and options.after is None:
        raise Refused(f"{NO_PRESET} {_known(site)}".strip())
    body = _body(options)
    # A call that broke off may have started the run: the same key gives that one.
    key = {"Idempotency-Key": uuid4().hex}
    try:
        return patiently(lambda: site.call("POST", "runs", body, key, has="id"))
    except Refused as refused:
        if "preset" not in refused.fields:
            raise
        raise Refused(f"{refused} {_known(site)}".strip()) from None


def _body(options: Namespace) -> dict[str, Any]:
    given = {name: getattr(options, name) for name in ("preset", "after", "history", "mode")}
    body: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if options.attach:
        read = [(path.name, base64.b64encode(bytes_of(path)).decode()) for path in options.attach]
        body["files"] = [{"name": name, "data": data} for name, data in read]
    return {**body, "prompt": prompt_of(options.prompt, options.files)}


def _known(site: Site) -> str:
    try:
        presets = site.call("GET", "presets", has="items")["items"]
    except (Refused, Cut):  # a token may be for running alone
        return ""
    return f"Presets: {', '.join(sorted(each['slug'] for each in presets)) or 'none yet'}."


def _watch(site: Site, run: str, showing: Showing, options: Namespace) -> None:
    """Show the run up to its end. The first Ctrl-C stops it, unless it is to be left; raises KeyboardInterrupt for another."""
    seen, is_stopping = Seen(), False
    while not seen.is_over:
        try:
            _show(site, run, seen, showing, options.patience)
        except KeyboardInterrupt:
            if options.leave or is_stopping:
                raise
            is_stopping = True
            showing.say(STOPPING)
            patiently(lambda: site.call("POST", f"runs/{run}/cancel"))


def _show(site: Site, run: str, seen: Seen, showing: Showing, patience_s: float) -> None:
    for event in follow(
        site, run, seen.seq, patience_s, lambda why: showing.say(f"{why.rstrip('.')}. Trying again.")
    ):
        seen.apply(event.seq, event.kind, event.data)
        showing.tell(seen, event.kind, event.data)
        showing.draw(seen)


def _end(last: Mapping[str, Any], run: Mapping[str, Any], showing: Showing, options: Namespace) -> int:
    state, fused = last["state"], last["fused"]
    showing.end(fused["text"] if fused and state == "done" else None)
    if options.as_json:
        sys.stdout.write(json.dumps(last, ensure_ascii=False) + "\n")
        sys.stdout.flush()
    if state != "done":
        showing.say(f"The run is {state}. {last['message']}".rstrip())
    for line in [*([fused["header"]] if fused else _failures(last)), *last.get("thread_says", [])]:
        showing.say(line)
    showing.say(run["url"])
    return status_of(state)


def _failures(last: Mapping[str, Any]) -> list[str]:
    seen = Seen()
    seen.apply(last["seq"], "snapshot", {"run": last})
    return [f"{answer.label}: {how_it_ended(answer)}" for answer in seen.answers.values()]
