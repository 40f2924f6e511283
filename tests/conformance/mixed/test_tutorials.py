"""The configuration of the usual tutorials, taken by Java servers and by `eureka-registry up -f`.

Both show the same replicas. Host names that this machine does not know (`peer1`) stand for
127.0.0.1: Java reads a hosts file of the test, `up` puts the address in their place, so ports are
what is compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import pytest

from conformance.java.server import QUICK_START, JavaServer
from processes.cluster import ask, free_port, until
from processes.test_up import running, wait_until_agreed

PATIENCE_S: Final = 90.0
"""A Java server registers itself at the others 30 s after its start at the latest."""

EXAMPLES: Final = Path(__file__).parents[3] / "examples"
ON_LOCALHOST: Final = """
spring: {application: {name: eureka-server}}
eureka: {instance: {hostname: localhost}}
---
spring: {config: {activate: {on-profile: one}}}
server: {port: 1111}
eureka: {client: {service-url: {defaultZone: "http://localhost:1112/eureka/"}}}
---
spring: {config: {activate: {on-profile: two}}}
server: {port: 1112}
eureka: {client: {service-url: {defaultZone: "http://localhost:1111/eureka/"}}}
"""

Picture = dict[str, set[int]]
"""Ports in each of the three replica fields."""


def test_three_profiles_show_the_same_replicas(java_jar: Path, tmp_path: Path) -> None:
    """Each lists the two others, and both are available."""
    text = (EXAMPLES / "application.yml").read_text()
    ports, file = _tutorial_file(
        text, {"8761": "peer1", "8762": "peer2", "8763": "peer3"}, tmp_path
    )
    wanted = [_two_of(ports, own) for own in ports]

    with _java(java_jar, file, ports):
        until(lambda: [_picture(port) for port in ports] == wanted, PATIENCE_S)
    with running(file) as up:
        wait_until_agreed(up)
        until(lambda: [_picture(port) for port in ports] == wanted, PATIENCE_S)


@pytest.mark.long
def test_two_ports_of_localhost_are_two_peers_here(java_jar: Path, tmp_path: Path) -> None:
    """Java takes each other one for itself, by its host name, and never replicates.

    That is an intended difference (`docs/protocol/replication.md#peer-list`): what is listed is a
    peer.
    """
    ports, file = _tutorial_file(ON_LOCALHOST, {"1111": "one", "1112": "two"}, tmp_path)
    nobody: Picture = {"registered": set(), "available": set(), "unavailable": set()}

    with _java(java_jar, file, ports):
        until(lambda: [_picture(port) for port in ports] == [nobody, nobody], PATIENCE_S)
    with running(file) as up:
        wait_until_agreed(up)
        wanted = [_two_of(ports, own) for own in ports]
        until(lambda: [_picture(port) for port in ports] == wanted, PATIENCE_S)


def _two_of(ports: Mapping[int, str], own: int) -> Picture:
    others = set(ports) - {own}
    return {"registered": others, "available": others, "unavailable": set()}


def _tutorial_file(
    text: str, profiles: Mapping[str, str], folder: Path
) -> tuple[dict[int, str], Path]:
    """A tutorial's file with free ports in place of its own; the profile of each port."""
    ports = {}
    for written, profile in profiles.items():
        port = free_port()
        ports[port] = profile
        text = text.replace(written, str(port))
    file = folder / "application.yml"
    file.write_text(text)
    return ports, file


@contextmanager
def _java(jar: Path, file: Path, ports: Mapping[int, str]) -> Iterator[Sequence[JavaServer]]:
    """A Java server for each profile, all answering."""
    hosts = file.with_name("hosts")
    hosts.write_text("".join(f"127.0.0.1 {name}\n" for name in ("localhost", *ports.values())))
    jvm = (*QUICK_START, f"-Djdk.net.hosts.file={hosts}")
    with ExitStack() as stack:
        servers = []
        for port, profile in ports.items():
            settings = {
                "spring.config.location": f"file:{file}",
                "spring.profiles.active": profile,
            }
            server = JavaServer(jar, settings, port=port, name=profile, jvm=jvm)
            servers.append(stack.enter_context(server))
            server.start()
        for server in servers:
            server.ready()
        yield servers


def _picture(port: int) -> Picture:
    """What a server says of its replicas, in the document that its dashboard shows."""
    accept = {"Accept": "application/xml"}
    text = ask(port, "GET", "/eureka/status", headers=accept).body.decode()
    return {which: _ports(text, which) for which in ("registered", "available", "unavailable")}


def _ports(text: str, which: str) -> set[int]:
    found = re.search(rf"<{which}-replicas>([^<]*)</", text)
    return {int(port) for port in re.findall(r":(\d+)/", found.group(1))} if found else set()
