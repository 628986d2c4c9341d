"""`python -m fusion_site.compact --model FILE`: host one GGUF file until told to stop."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from fusion_site.compact.host import serve_forever
from fusion_site.compact.options import HostOptions

KEY_VARIABLE = "FUSION_COMPACT_KEY"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the host; the exit code of the process."""
    parser = _parser()
    given = parser.parse_args(arguments)
    logging.basicConfig(
        level=logging.DEBUG if given.verbose else logging.WARNING,
        format="%(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    try:
        options = HostOptions(**{field.name: getattr(given, field.name) for field in fields(HostOptions)})
        key = given.key_file.read_text().strip() if given.key_file else os.environ.get(KEY_VARIABLE) or None
        lifeline = sys.stdin.fileno() if given.lifeline else None
        return serve_forever(given.model, given.host, given.port, key, options, lifeline=lifeline)
    except (ValueError, OSError) as error:
        parser.error(str(error))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m fusion_site.compact", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="the GGUF file")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one")
    parser.add_argument("--key-file", type=Path, help=f"file with the bearer key (else from ${KEY_VARIABLE})")
    parser.add_argument("--lifeline", action="store_true", help="end when standard input ends")
    parser.add_argument("--verbose", action="store_true", help="log what llama.cpp says")
    for field in fields(HostOptions):
        flag = f"--{field.name.replace('_', '-')}"
        parser.add_argument(
            flag, type=type(field.default), default=field.default, help=f"default: {field.default}"
        )
    return parser


if __name__ == "__main__":
    sys.exit(main())
