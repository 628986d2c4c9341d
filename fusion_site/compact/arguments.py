"""The words by which a host is started from a command line."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

from fusion_site.compact.options import HostOptions


def add_arguments(parser: argparse.ArgumentParser, defaults: HostOptions, *, port: int) -> None:
    """Where a host listens, with which key, and how it computes."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=port, help="port to listen on; 0 takes a free one")
    parser.add_argument(
        "--key-file", type=Path, help="file with the bearer key (else from $FUSION_COMPACT_KEY)"
    )
    parser.add_argument("--verbose", action="store_true", help="log what llama.cpp says")
    add_options(parser, defaults)


def add_options(parser: argparse.ArgumentParser, defaults: HostOptions) -> None:
    """How a host computes."""
    for field in fields(HostOptions):
        flag, default = f"--{field.name.replace('_', '-')}", getattr(defaults, field.name)
        parser.add_argument(flag, type=type(default), default=default, help=f"default: {default}")


def options_of(given: argparse.Namespace) -> HostOptions:
    """Read the options among the arguments; ValueError says which is wrong."""
    return HostOptions(**{field.name: getattr(given, field.name) for field in fields(HostOptions)})
