"""The command line of `fusion`."""

from __future__ import annotations

from argparse import Action, ArgumentParser, Namespace, RawDescriptionHelpFormatter
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from fusion_site.terminal.asking import add_asking
from fusion_site.terminal.remote.access import TOKEN, URL

MODES = ["best_of", "merge", "debate"]
_ABOUT = """Ask a preset of a fusion site. The fused answer goes to standard output, all else to standard error.
Ctrl-C stops the run."""
_STATUSES = """exit status: 0 there is a fused answer, 1 the run failed, 2 it could not be started, 3 it was stopped,
4 it goes on without this command"""


class _Version(Action):
    """Prints which version is installed."""

    def __call__(self, parser: ArgumentParser, *_: Any) -> None:
        try:
            parser.exit(message=f"fusion {version('fusion-site')}\n")
        except PackageNotFoundError:
            parser.exit(message="fusion, not installed\n")


def options_in(arguments: list[str] | None) -> Namespace:
    """Give what a command line says; one that cannot be read ends the program with status 2."""
    parser = ArgumentParser(
        "fusion", description=_ABOUT, epilog=_STATUSES, formatter_class=RawDescriptionHelpFormatter
    )
    add_asking(parser)
    parser.add_argument("--mode", choices=MODES, help="The mode for this run, in place of the preset's.")
    parser.add_argument(
        "--attach",
        action="append",
        type=Path,
        default=[],
        metavar="FILE",
        help="A picture or a text file to go with the prompt under its name; may be given again.",
    )
    parser.add_argument("--url", help=f"The site's address; else {URL}, else what --login kept.")
    parser.add_argument(
        "--token",
        help=f"A token of it, which others on this machine may see here; else {TOKEN}, else as kept.",
    )
    parser.add_argument(
        "--login", action="store_true", help="Ask for address and token, try them, and keep them."
    )
    parser.add_argument(
        "--leave", action="store_true", help="Let the run go on at Ctrl-C, in place of stopping it."
    )
    parser.add_argument(
        "--patience",
        type=float,
        default=300,
        metavar="SECONDS",
        help="How long to try again when the site is away in the middle of a run (default: 300).",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="Print the version.")
    return parser.parse_args(arguments)
