"""Options of `up`, `drill`, `clients`, `bench`, and of the commands that query a server by URL.

This module imports none of these commands, so that `serve` starts without them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from eureka_registry.verbs import arguments as verbs

P = TypeVar("P", bound=argparse.ArgumentParser)

DEFAULT_URL: Final = "http://localhost:8761/eureka/"
_URL: Final = "http://[user:password@]host:port[/eureka/]"


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


def clients(parser: argparse.ArgumentParser) -> None:
    """Add the options of `clients`."""
    parser.add_argument(
        "urls", nargs="+", metavar="URL", help="of peers of one cluster: http://host:port/eureka/"
    )
    parser.add_argument("--clients", type=int, default=36, metavar="N", help="default: 36")


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


def remote(add: Callable[..., P]) -> list[P]:
    """Declare the verbs that ask any server by its URL; parsed arguments have it as `verb`.

    `add` adds a command: `add_parser` of the subparsers.
    """
    found = {
        name: _verb(add, name, text)
        for name, text in (
            ("ls", "list instances"),
            ("get", "show all of one instance"),
            ("out", "take an instance out of service"),
            ("in", "put an instance back in service"),
            ("diff", "show what two servers hold differently"),
            ("watch", "show what registers, renews late and leaves"),
            ("doctor", "show problems, each with its cure"),
        )
    }
    for name, parser in found.items():
        if name == "diff":
            parser.add_argument("urls", nargs=2, metavar="URL", help=_URL)
        else:
            usual = f"{_URL} (default: {DEFAULT_URL})"
            parser.add_argument("--url", default=DEFAULT_URL, help=usual)
    verbs.ls(found["ls"])
    verbs.get(found["get"])
    verbs.instance(found["out"])
    verbs.instance(found["in"])
    verbs.diff(found["diff"])
    verbs.watch(found["watch"])
    verbs.doctor(found["doctor"])
    found["doctor"].add_argument(
        "--connect", action="store_true", help="also connect to each instance that is UP"
    )
    return [*found.values()]


def _verb(add: Callable[..., P], name: str, text: str) -> P:
    parser = add(
        name,
        help=f"{text}, at any Eureka server",
        epilog=verbs.EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(verb=name)
    flag = parser.add_argument
    flag("--ca-file", type=Path, metavar="FILE", help="authorities to trust, as PEM")
    flag("--tls-name", default="", metavar="HOST", help="name that the certificate must have")
    flag("--cert-file", type=Path, metavar="FILE", help="to show, with its key, as PEM")
    flag("--user-file", type=Path, metavar="FILE", help="with user:password")
    flag("--token-file", type=Path, metavar="FILE", help="with a bearer token")
    return parser
