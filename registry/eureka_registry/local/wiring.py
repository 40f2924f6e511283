"""Finds which peer a service URL of Spring's files belongs to, for peers on one machine.

Pure but for the questions asked of the `Machine`. Peers of the file are reached on this machine
whatever their host names mean elsewhere; other peers stay as they are written.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from eureka_registry.config import urls
from eureka_registry.local.machine import Machine

LOCAL: Final = "localhost"
_LOCAL_NAMES: Final = frozenset({LOCAL, "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A peer of a file, with what its wiring needs.

    `host_name` is empty if the file names none. `wanted_port` is the file's, `port` the assigned
    one. `urls` are its service URLs as written, without `problem`; `implied` says that the file has
    none and these are Spring's default. A peer that does not run is only a target of URLs.
    """

    name: str
    host_name: str
    wanted_port: int
    port: int
    urls: list[str]
    implied: bool = False
    runs: bool = True


class Wiring(msgspec.Struct):
    """The wiring, by a peer's place among the nodes.

    `links` are the places of the peers that it lists, `outside` the URLs of other servers; `hosts`
    is its host name, `contexts` the further path of its URLs, `moved` how its URLs differ from the
    file's.
    """

    links: list[list[int]]
    outside: list[list[str]]
    hosts: list[str]
    contexts: list[str]
    moved: list[list[str]]
    lines: list[str]


def canonical_host(host: str) -> str:
    """Return the form for comparing host names; all names of this machine are equal."""
    name = host.lower().strip("[]")
    return LOCAL if name in _LOCAL_NAMES else name


def is_loopback(address: str | None) -> bool:
    """Whether an address is one of this machine's own; `None` is not."""
    try:
        return address is not None and ipaddress.ip_address(address.split("%")[0]).is_loopback
    except ValueError:
        return False


def owner(nodes: Sequence[Node], url: str, lister: int) -> int | None:
    """Return the place of the peer that a URL of the peer `lister` leads to; `None`: no peer.

    The host name decides, the port only among peers with one name. A peer without a host name is
    found by its own name, or on `localhost` by its port. A URL that could lead to `lister` itself
    does.
    """
    host, port = urls.split(url).hostname or "", urls.port_of(url)
    name = canonical_host(host)
    places = range(len(nodes))
    named = [place for place in places if canonical_host(nodes[place].host_name) == name]
    named = named or [place for place in places if nodes[place].name.lower() == name]
    if len(named) == 1 and name != LOCAL:
        return named[0]
    pool = named if name != LOCAL else [*named, *(place for place in places if place not in named)]
    fitting = [place for place in pool if nodes[place].wanted_port == port]
    return lister if lister in fitting else next(iter(fitting), None)


def wire(nodes: Sequence[Node], machine: Machine) -> Wiring:
    """Find the owner of every URL, with notes on what differs from the file."""
    wiring = Wiring(
        links=[[] for _ in nodes],
        outside=[[] for _ in nodes],
        hosts=["127.0.0.1" for _ in nodes],
        contexts=["" for _ in nodes],
        moved=[[] for _ in nodes],
        lines=[],
    )
    for place, node in enumerate(nodes):
        for url in node.urls if node.runs else []:
            _follow(url, place, nodes, wiring, machine)
    moved = [line for lines in wiring.moved for line in lines]
    further = [*_one_host(nodes, wiring.links), *_gaps(nodes, wiring.links)]
    wiring.lines = list(dict.fromkeys([*moved, *wiring.lines, *further]))
    return wiring


def _follow(url: str, place: int, nodes: Sequence[Node], wiring: Wiring, machine: Machine) -> None:
    parts = urls.split(url)
    host, port = parts.hostname or "", urls.port_of(url)
    target = owner(nodes, url, place)
    if target is None:
        _keep_outside(url, place, nodes[place], wiring, machine)
        return
    wiring.moved[target] += _redirect_notes(url, host, port, nodes[target], machine)
    if is_loopback(machine.resolve(host)) and canonical_host(host) != LOCAL:
        wiring.hosts[target] = host
    wiring.contexts[target] = wiring.contexts[target] or urls.context_path(parts.path)
    if target != place and target not in wiring.links[place]:
        wiring.links[place].append(target)


def _keep_outside(url: str, place: int, node: Node, wiring: Wiring, machine: Machine) -> None:
    if node.implied:
        return
    host = urls.split(url).hostname or ""
    known = machine.resolve(host) is not None
    wiring.outside[place].append(urls.service_url(url))
    wiring.lines.append(
        f"{urls.redact(url)} is none of the file's peers: kept as an outside peer"
        + ("" if known else f", though {host} is not resolvable here")
    )


def _redirect_notes(
    url: str, host: str, port: int, target: Node, machine: Machine
) -> Iterable[str]:
    """Notes on the real URL of a peer that a URL of the file leads to."""
    here = f"127.0.0.1:{target.port}"
    address = machine.resolve(host)
    if address is None:
        yield f"{host} -> {here} (not resolvable here)"
    elif not is_loopback(address) and canonical_host(host) != LOCAL:
        yield f"{host} -> {here} (elsewhere it is {address}, its peer runs here now)"
    elif target.port != port:
        yield f"{host}:{port} -> {here}"
    shown = urls.redact(url)
    if port != target.wanted_port:
        yield f"warning: {shown} does not have {target.name}'s port {target.wanted_port}"
    if urls.split(url).path in {"", "/"}:
        yield f"warning: {shown} has no path, Java would need /eureka/; it is meant here"
    if url.startswith("https:"):
        yield f"{shown}: peers on this machine speak http"


def _one_host(nodes: Sequence[Node], links: Sequence[Sequence[int]]) -> list[str]:
    together = {
        canonical_host(nodes[target].host_name or LOCAL)
        for place, targets in enumerate(links)
        for target in targets
        if canonical_host(nodes[target].host_name or LOCAL)
        == canonical_host(nodes[place].host_name or LOCAL)
    }
    return [
        f"peers share the host name {name}: Java would take them for one and not replicate "
        "between them, here they do"
        for name in sorted(together)
    ]


def _gaps(nodes: Sequence[Node], links: Sequence[Sequence[int]]) -> list[str]:
    lines = []
    for place, node in enumerate(nodes):
        others = [other for other in range(len(nodes)) if other != place]
        missing = ", ".join(nodes[other].name for other in others if other not in links[place])
        if missing and node.runs:
            lines.append(
                f"warning: {node.name} does not list {missing}: what clients write at {node.name} "
                "does not get there, for replication is one hop and peers pass nothing on"
            )
    return lines
