"""`python -m fusion_site.compact --model FILE`: host one GGUF file until told to stop."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from fusion_site.compact.arguments import add_arguments, options_of
from fusion_site.compact.cores import wait_considerately
from fusion_site.compact.large_pages import begin_with_large_pages
from fusion_site.compact.options import HostOptions

KEY_VARIABLE = "FUSION_COMPACT_KEY"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the host; the exit code of the process."""
    parser = argparse.ArgumentParser(prog="python -m fusion_site.compact", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="the GGUF file")
    parser.add_argument(
        "--lifeline", action="store_true", help="obey orders on standard input, end when it ends"
    )
    parser.add_argument("--report", action="store_true", help="say figures on standard output as they change")
    add_arguments(parser, HostOptions(), port=0)
    given = parser.parse_args(arguments)
    try:
        key = given.key_file.read_text().strip() if given.key_file else os.environ.get(KEY_VARIABLE) or None
        lifeline = sys.stdin.fileno() if given.lifeline else None
        return run(given, given.model, key, lifeline=lifeline, reports=given.report)
    except (ValueError, OSError) as error:
        parser.error(str(error))


def run(
    given: argparse.Namespace,
    model: Path,
    key: str | None,
    *,
    lifeline: int | None = None,
    reports: bool = False,
) -> int:
    """Host `model` as the arguments say until told to stop; ValueError and OSError say what is wrong with them."""
    logging.basicConfig(
        level=logging.DEBUG if given.verbose else logging.WARNING,
        format="%(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    wait_considerately(os.environ)
    from fusion_site.compact.host import serve_forever  # only now: it loads llama.cpp

    return serve_forever(
        model, given.host, given.port, key, options_of(given), lifeline=lifeline, reports=reports
    )


if __name__ == "__main__":
    begin_with_large_pages()
    sys.exit(main())
