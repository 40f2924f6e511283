"""The command line: commands that run or measure peers, and commands that query any server.

`serve` one peer, `up` for several, `drill` a failure, `bench` a server; `ls`, `get`, `out`, `in`,
`diff`, `watch` and `doctor` ask one.
"""

from __future__ import annotations

import argparse
import getpass
import logging
import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import uvloop

from eureka_registry import __version__, logs
from eureka_registry.config import files
from eureka_registry.config.errors import ConfigurationError
from eureka_registry.config.load import LoadResult, add_flags, load
from eureka_registry.config.urls import redact
from eureka_registry.http.app import serve
from eureka_registry.http.configuration import Configuration
from eureka_registry.http.sockets import PortInUseError
from eureka_registry.local import arguments

_log = logging.getLogger(__name__)
_WRONG_USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options))
    except (ConfigurationError, PortInUseError) as error:
        print(f"eureka-registry: {error}", file=sys.stderr)  # noqa: T201
        return _WRONG_USAGE
    except KeyboardInterrupt:
        return 130


class _Parser(argparse.ArgumentParser):
    """Repeats arguments that it cannot use, but without passwords of URLs."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and end the program."""
        super().error(redact(message))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="eureka-registry", description="A Netflix-Eureka-compatible registry.")
    parser.add_argument("--version", action="version", version=f"eureka-registry {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    one = commands.add_parser("serve", help="run one peer until SIGTERM or Ctrl-C")
    one.add_argument("--config", type=Path, metavar="FILE", help="settings as JSON or YAML")
    one.add_argument(
        "--config-lenient", action="store_true", help="warn of keys in FILE that are no settings"
    )
    one.add_argument("--stop-with-stdin", action="store_true", help=argparse.SUPPRESS)
    add_flags(one)
    one.set_defaults(run=_serve)
    several = commands.add_parser("up", help="run several peers on this machine")
    arguments.up(several)
    several.set_defaults(run=_up)
    failure = commands.add_parser("drill", help="kill one of three peers, show what it costs")
    arguments.drill(failure)
    failure.set_defaults(run=_drill)
    crowd = commands.add_parser(
        "clients", help="hold leases and look them up, print what fails; part of a drill"
    )
    arguments.clients(crowd)
    crowd.set_defaults(run=_clients)
    speed = commands.add_parser(
        "bench", help="measure a Eureka server, ours or another, by its URL"
    )
    arguments.bench(speed)
    speed.set_defaults(run=_bench)
    for verb in arguments.remote(commands.add_parser):
        verb.set_defaults(run=_remote)
    hashed = commands.add_parser("hash-password", help="read a password, print its hash")
    hashed.set_defaults(run=_hash_password)
    return parser


def _serve(options: argparse.Namespace) -> int:
    file, lenient = options.config, options.config_lenient

    def read() -> LoadResult:
        return load(vars(options), os.environ, file, lenient=lenient)

    loaded = files.load_or_refuse(read, f"file {file}" if file else "settings")
    logs.set_up(loaded.settings)
    for warning in loaded.warnings:
        _log.warning("%s", warning)
    configuration = Configuration(loaded, file, read)
    uvloop.run(serve(configuration, stop_with_stdin=options.stop_with_stdin))
    return 0


def _up(options: argparse.Namespace) -> int:
    from eureka_registry.local import up  # noqa: PLC0415 - a peer must not pay for its imports

    return up.run(options)


def _drill(options: argparse.Namespace) -> int:
    from eureka_registry.local import drill  # noqa: PLC0415 - likewise

    return drill.run(options)


def _clients(options: argparse.Namespace) -> int:
    from eureka_registry.local import clients  # noqa: PLC0415 - likewise

    return clients.run(options)


def _bench(options: argparse.Namespace) -> int:
    from eureka_registry.local.bench import command  # noqa: PLC0415 - likewise

    return command.run(options)


def _remote(options: argparse.Namespace) -> int:
    from eureka_registry.local import remote  # noqa: PLC0415 - likewise

    return remote.run(options)


def _hash_password(_options: argparse.Namespace) -> int:
    from eureka_registry.http.auth import hash_password  # noqa: PLC0415 - likewise

    asked = sys.stdin.isatty()
    password = getpass.getpass() if asked else sys.stdin.readline().rstrip("\r\n")
    if not password or (asked and getpass.getpass("Once more: ") != password):
        print("eureka-registry: no password was given, or the two were different", file=sys.stderr)  # noqa: T201
        return _WRONG_USAGE
    print(hash_password(password.encode(), secrets.token_bytes(16)))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
