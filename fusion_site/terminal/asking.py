"""What both commands take of what is to be asked: the words, and of which preset."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

HISTORIES = ["fused", "own", "all"]


def add_asking(parser: ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "prompt",
        nargs="*",
        help="The prompt; several make one, with blank lines between. - is standard input, as is none at all.",
    )
    parser.add_argument(
        "--file",
        dest="files",
        action="append",
        type=Path,
        default=[],
        help="A text file to put after the prompt; may be given again.",
    )
    parser.add_argument(
        "--json",
        dest="as_json",
        action="store_true",
        help="Print the run as GET runs/ID gives it, once it is over, in place of the fused answer.",
    )
    parser.add_argument(
        "--preset", help="The slug or the id of a preset; a follow-up's is its run's by default."
    )
    parser.add_argument("--after", metavar="ID", help="The run that this one follows up.")
    parser.add_argument(
        "--history",
        choices=HISTORIES,
        help="What members are shown as earlier answers: the fused ones (default), each its own, or all.",
    )
