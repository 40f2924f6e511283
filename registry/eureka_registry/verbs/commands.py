"""The commands: each one queries a server, prints the result, and returns the exit code.

All raise `NoAnswerError` if the server cannot be asked, and `BadNameError` for a name of the wrong
form.
"""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple, TextIO

import msgspec

from eureka_registry.core.model import Status
from eureka_registry.verbs import printing, server
from eureka_registry.verbs.changes import Event, Watcher, event_line
from eureka_registry.verbs.differences import difference_table, differences, persistent_differences
from eureka_registry.verbs.findings import (
    CheckContext,
    Finding,
    check,
    finding,
    finding_table,
    suspects,
    without,
)
from eureka_registry.verbs.instances import instance_table, lines, rows, with_status
from eureka_registry.verbs.listing import Listing, is_overridden, key_of, name_of, ports_of
from eureka_registry.verbs.replicas import replica_findings
from eureka_registry.verbs.server import Name, NoAnswerError, Server, read_name

DONE: Final = 0
FOUND: Final = 1
WRONG_USAGE: Final = 2
NO_ANSWER: Final = 3
_MOST_SUSPECTS: Final = 50
"""So many instances `doctor` asks for by themselves."""
_MOST_REACHED: Final = 500
_SECOND_LOOK_S: Final = 1.0
"""After it peers hold what was on its way between them."""

Pause = Callable[[float], Awaitable[None]]
"""Waits for so many seconds."""
Reach = Callable[[list[tuple[str, int]]], Awaitable[list[str]]]
"""Opens a connection to each host and port; says of each why it cannot, and nothing if it can."""


class Streams(NamedTuple):
    """The streams for results and for notes."""

    out: TextIO
    err: TextIO


async def ls(options: argparse.Namespace, asked: Server, streams: Streams) -> int:
    """List instances."""
    found = await server.listing(asked, options.app)
    shown = with_status(found, options.status)
    if options.output in ("json", "yaml"):
        printing.print_document(streams.out, options.output, msgspec.to_builtins(rows(shown)))
    elif shown.instances:
        table = instance_table(shown, wide=options.output == "wide")
        printing.print_rows(streams.out, table)
    else:
        what = f" of {options.app.upper()}" if options.app else ""
        printing.print_line(streams.err, f"{asked.name} holds no such instance{what}")
    printing.print_notes(streams.err, found.problems)
    return DONE


async def get(options: argparse.Namespace, asked: Server, streams: Streams) -> int:
    """Show all of one instance."""
    name = read_name(options.instance)
    found = await server.instance(asked, name)
    if found is None:
        raise _unknown_instance(asked, name)
    if options.output in ("json", "yaml"):
        printing.print_document(streams.out, options.output, found.document)
    else:
        title = f"{name} at {asked.name}"
        printing.print_lines(streams.out, title, lines(found.instance, found.now_ms))
    return DONE


async def set_out_of_service(options: argparse.Namespace, asked: Server, streams: Streams) -> int:
    """Take an instance out of service by an operator's override."""
    name = read_name(options.instance)
    if not await server.override(asked, name):
        raise _unknown_instance(asked, name)
    message = f"{name} is out of service; clients stop getting it within 30 s. Its lease is kept"
    printing.print_line(streams.out, message)
    return DONE


async def lift_override(options: argparse.Namespace, asked: Server, streams: Streams) -> int:
    """Lift the override; without one an instance has the status of its client."""
    name = read_name(options.instance)
    found = await server.instance(asked, name)
    if found is None:
        raise _unknown_instance(asked, name)
    if not is_overridden(found.instance):
        status = found.instance.status
        printing.print_line(
            streams.out, f"{name} has no override: it is {status}, as its own client says"
        )
        return DONE if status is Status.UP else FOUND
    if not await server.lift_override(asked, name):
        raise _unknown_instance(asked, name)
    printing.print_line(streams.out, f"{name} is back in service; clients get it within 30 s")
    return DONE


async def diff(
    options: argparse.Namespace, servers: tuple[Server, Server], streams: Streams, pause: Pause
) -> int:
    """Compare two servers twice; differences that the second look does not find were under way."""
    first, second = servers
    found = differences(await server.listing(first), await server.listing(second))
    if found:
        await pause(_SECOND_LOOK_S)
        second_look = differences(await server.listing(first), await server.listing(second))
        found = persistent_differences(found, second_look)
    if options.output in ("json", "yaml"):
        printing.print_document(streams.out, options.output, msgspec.to_builtins(found))
    elif found:
        printing.print_rows(streams.out, difference_table(found, (first.name, second.name)))
    else:
        printing.print_line(streams.out, f"{first.name} and {second.name} hold the same")
    return FOUND if found else DONE


async def watch(options: argparse.Namespace, server: Server, streams: Streams, pause: Pause) -> int:
    """Print events as they happen; a failed look is printed once, and the next one tried."""
    watcher, trouble, looks = Watcher(), "", 0
    while options.limit is None or looks * options.every <= options.limit:
        if looks:
            await pause(options.every)
        try:
            events = await _look(watcher, server, options.app)
        except NoAnswerError as error:
            if not looks:
                raise
            events = []
            if str(error) != trouble:
                printing.print_notes(streams.err, [str(error)])
            trouble = str(error)
        else:
            trouble = ""
        for each in events:
            _print_event(streams.out, options.output, each)
        looks += 1
    return DONE


async def doctor(
    options: argparse.Namespace,
    server: Server,
    streams: Streams,
    further: Sequence[Finding] = (),
    reach: Reach | None = None,
) -> int:
    """Print findings about a registry, each with its cure.

    Args:
        options: those of the command line.
        server: the registry.
        streams: where to print.
        further: findings of the program itself.
        reach: tries connections to instances; `None`: do not try.
    """
    found = [*further, *await examine(server, reach=reach)]
    return show_findings(options, without(found, options.ignore), streams)


def show_findings(options: argparse.Namespace, findings: list[Finding], streams: Streams) -> int:
    """Print findings; the exit code."""
    if options.output in ("json", "yaml"):
        printing.print_document(streams.out, options.output, msgspec.to_builtins(findings))
    elif findings:
        printing.print_rows(streams.out, finding_table(findings))
    else:
        printing.print_line(streams.out, "nothing is wrong that can be seen from here")
    return FOUND if findings else DONE


async def examine(
    asked: Server, zones: frozenset[str] = frozenset(), reach: Reach | None = None
) -> list[Finding]:
    """All findings about the instances of a registry."""
    listing = await server.listing(asked)
    fresh = {}
    for each in suspects(listing, _MOST_SUSPECTS):
        one = await server.instance(asked, Name(*key_of(each)))
        if one is not None:
            fresh[key_of(each)] = one.instance
    found = [*await replica_findings(asked), *check(CheckContext(listing, fresh, zones))]
    return found if reach is None else [*found, *await _unreachable_instances(listing, reach)]


async def _unreachable_instances(listing: Listing, reach: Reach) -> list[Finding]:
    """Findings about instances that clients call and that cannot be reached from here."""
    called = [each for each in listing.instances if each.status is Status.UP and ports_of(each)]
    called = called[:_MOST_REACHED]
    places = [(each.ip_addr or each.host_name, ports_of(each)[0][1]) for each in called]
    return [
        finding("not_reachable", name_of(each), f"{host}:{port}: {why}")
        for each, (host, port), why in zip(called, places, await reach(places), strict=True)
        if why
    ]


async def _look(watcher: Watcher, asked: Server, app: str) -> list[Event]:
    listing = await server.listing(asked, app)
    looked = []
    for each in watcher.due(listing):
        one = await server.instance(asked, Name(*key_of(each)))
        if one is not None:
            looked.append(one.instance)
    return watcher.events(listing, looked)


def _print_event(stream: TextIO, form: str, event: Event) -> None:
    if form == "json":
        printing.print_line(stream, msgspec.json.encode(event).decode())
        return
    time = datetime.fromtimestamp(event.at_ms / 1000, UTC).strftime("%H:%M:%SZ")
    printing.print_line(stream, event_line(event, time))


def _unknown_instance(server: Server, name: Name) -> NoAnswerError:
    return NoAnswerError(f"{server.name} does not know {name}; `ls {name.app}` shows what it knows")
