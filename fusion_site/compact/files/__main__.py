"""`python -m fusion_site.compact.files`: look at or fetch one file for the site, apart from its process.

Takes one line of JSON on standard input (`do`, `source`, `url`, `token`, and to fetch `folder`, `commit`, `licence`,
`accepted_by`) and ends when that input ends. Prints lines of JSON: `{"offer": …}`, `{"progress": …}`, then `{"done": name}` or
`{"failed": "why"}`. The token comes this way because a command line and an environment can be read by others.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fusion_site.compact.files.hub import Hub
from fusion_site.compact.files.offer import PullFailed
from fusion_site.compact.files.pulling import offer_of, pull
from fusion_site.compact.files.shelf import Shelf
from fusion_site.compact.files.source import WrongSource, source_of


def main() -> None:
    """Do the one errand that was asked for."""
    asked = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, name="lifeline", daemon=True).start()
    try:
        _do(asked)
    except (PullFailed, WrongSource) as error:
        say(failed=str(error))


def say(**line: Any) -> None:
    """Tell the site."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _do(asked: dict[str, Any]) -> None:
    hub = Hub(asked["url"], asked["token"])
    offer = offer_of(source_of(asked["source"]), hub, commit=asked.get("commit", ""))
    if asked["do"] == "look":
        say(offer=asdict(offer))
        return
    if offer.licence.id != asked["licence"]:
        raise PullFailed(
            f"The licence is now {offer.licence.title}; another one was accepted. Look at it again."
        )
    shelf = Shelf(Path(asked["folder"]))
    kept = pull(offer, hub, shelf, asked["accepted_by"], lambda progress: say(progress=asdict(progress)))
    say(done=kept.name)


def _end_with_parent() -> None:
    while sys.stdin.read(4096):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
