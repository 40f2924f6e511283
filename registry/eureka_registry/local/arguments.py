"""The options of `up` and `drill`; apart from these, so that `serve` starts without them."""

from __future__ import annotations

import argparse
from pathlib import Path


def up(parser: argparse.ArgumentParser) -> None:
    """Add the options of `up`."""
    parser.add_argument(
        "-f",
        "--file",
        type=Path,
        metavar="FILE",
        help="an EurekaCluster, or a Spring server's application.yml or application.properties; "
        "without it three peers on 8761, 8762 and 8763",
    )
    parser.add_argument(
        "--profile",
        action="append",
        default=[],
        metavar="NAME",
        help="of a Spring file: only these",
    )
    parser.add_argument(
        "--no-restart", action="store_true", help="do not start a crashed peer again"
    )
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")


def drill(parser: argparse.ArgumentParser) -> None:
    """Add the options of `drill`."""
    parser.add_argument("--clients", type=int, default=36, metavar="N", help="default: 36")
    parser.add_argument(
        "--down", type=float, default=8.0, metavar="S",
        help="seconds the peer stays away (default: 8, longer than a lease of the drill's clients)",
    )  # fmt: skip
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
