"""The options of `up`, `drill`, `bench`; apart from these, so that `serve` starts without them."""

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


def bench(parser: argparse.ArgumentParser) -> None:
    """Add the options of `bench`."""
    parser.add_argument(
        "urls", nargs="+", metavar="URL",
        help="http://[user:password@]host:port[/eureka/]; of several, which must be peers of one "
        "cluster, the first is written to, and all are asked when they show it",
    )  # fmt: skip
    parser.add_argument("--instances", type=int, default=100, metavar="N", help="default: 100")
    parser.add_argument(
        "--seconds", type=float, default=10.0, metavar="S", help="of measuring (default: 10)"
    )
    parser.add_argument("--connections", type=int, default=4, metavar="C", help="default: 4")
    parser.add_argument(
        "--rate", type=float, metavar="R",
        help="operations a second in all; without it as many as go",
    )  # fmt: skip
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
