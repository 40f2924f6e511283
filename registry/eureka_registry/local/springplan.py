"""Converts Spring's peers to settings of peers on this machine."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from eureka_registry.config import urls
from eureka_registry.config.binding import find
from eureka_registry.config.errors import ConfigurationError
from eureka_registry.config.load import settings_of
from eureka_registry.config.settings import Settings
from eureka_registry.config.table import SETTINGS
from eureka_registry.config.translate import Translation, translate, valid_url, without_lines
from eureka_registry.config.values import SettingValue, convert
from eureka_registry.local.machine import Machine
from eureka_registry.local.ports import Ports, RequestedPorts, assign
from eureka_registry.local.springfile import SpringPeer, SpringSource
from eureka_registry.local.wiring import (
    LOCAL,
    Node,
    Wiring,
    canonical_host,
    is_loopback,
    owner,
    wire,
)

_PORT: Final = 8761
_DEFAULT_URL: Final = "http://localhost:8761/eureka/"
"""Spring's `EurekaClientConfigBean.DEFAULT_URL`, where no service URL is set."""

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")


class _Draft(msgspec.Struct, frozen=True):
    """A peer of the file, not yet placed on this machine."""

    name: str
    translation: Translation
    urls: list[str]
    implied: bool
    runs: bool

    def value(self, setting: str, default: Any) -> Any:  # noqa: ANN401 - as the setting's type
        given = self.translation.values.get(setting)
        return given.value if given else default


def plan_spring(source: SpringSource, machine: Machine) -> tuple[list[Settings], list[str]]:
    """Return the peers' settings, and lines that say what differs from the file.

    Raises:
        ConfigurationError: a property or URL cannot be used.
    """
    drafts = _running_and_listed(list(_drafts(source)))
    requested = [_requested_ports(draft, drafts) for draft in drafts]
    ports, port_lines = assign(requested, machine.is_free)
    nodes = [
        _node(draft, request, assigned.port)
        for draft, request, assigned in zip(drafts, requested, ports, strict=True)
    ]
    wiring = wire(nodes, machine)
    peers, host_lines = _settings(drafts, ports, wiring)
    running = [draft for draft in drafts if draft.runs]
    lines = [*_port_notes(drafts, requested), *port_lines, *host_lines, *wiring.lines]
    lines += [f"warning: {line}" for draft in running for line in draft.translation.warnings]
    return peers, [*source.lines, *dict.fromkeys(lines), *_without(running)]


def _names(peers: Sequence[SpringPeer]) -> list[str]:
    """Return different names that are usable as names of files."""
    names: list[str] = []
    for peer in peers:
        name = _UNSAFE.sub("-", peer.name).strip("-.") or "peer"
        number = 2
        while name in names:
            name = f"{name.rsplit('~', 1)[0]}~{number}"
            number += 1
        names.append(name)
    return names


def _drafts(source: SpringSource) -> Iterator[_Draft]:
    """Yield the peers that run, and those of the others that can be read."""
    for peer, name in zip(source.peers, _names(source.peers), strict=True):
        if peer.name in source.chosen:
            yield _draft(peer, name, source.path, runs=True)
            continue
        with contextlib.suppress(ConfigurationError):
            yield _draft(peer, name, source.path, runs=False)


def _draft(peer: SpringPeer, name: str, path: str, *, runs: bool) -> _Draft:
    translation = translate(peer.properties, lambda key: f"file {path}: key {key}", peer.used)
    given = translation.values.get("peers")
    implied = not any(_is_service_url(key) for key in peer.properties)
    written = [_DEFAULT_URL] if implied else given.value if given else []
    source = given.source if given else f"file {path}"
    service_urls = [] if not isinstance(written, list) else written
    for url in service_urls:
        valid_url(url, source)
    return _Draft(name, translation, service_urls, implied, runs)


def _is_service_url(key: str) -> bool:
    found = find(key)
    return found is not None and found.row.setting == "peers"


def _requested_ports(draft: _Draft, drafts: Sequence[_Draft]) -> RequestedPorts:
    port = draft.value("port", 0) or _port_of_urls(draft, drafts) or _PORT
    return RequestedPorts(draft.name, port, draft.value("management_port", 0))


def _running_and_listed(drafts: list[_Draft]) -> list[_Draft]:
    """Return the peers that run, and those that they list."""
    nodes = [_node(draft, _requested_ports(draft, drafts), 0) for draft in drafts]
    listed = {
        owner(nodes, url, place)
        for place, draft in enumerate(drafts)
        for url in draft.urls
        if draft.runs
    }
    return [draft for place, draft in enumerate(drafts) if draft.runs or place in listed]


def _port_of_urls(draft: _Draft, drafts: Sequence[_Draft]) -> int | None:
    """Return the port that URLs with the peer's host name have; `None` if there are none."""
    host = canonical_host(draft.value("hostname", "") or draft.name)
    if host == LOCAL:
        return None
    everything = (url for other in drafts for url in other.urls)
    ports = {
        urls.port_of(url)
        for url in everything
        if canonical_host(urls.split(url).hostname or "") == host
    }
    return min(ports, default=None)


def _port_notes(drafts: Sequence[_Draft], requested: Sequence[RequestedPorts]) -> list[str]:
    return [
        f"{draft.name}: no server.port is set (Spring would take 8080), so {request.port}"
        for draft, request in zip(drafts, requested, strict=True)
        if not draft.value("port", 0)
    ]


def _node(draft: _Draft, requested: RequestedPorts, port: int) -> Node:
    return Node(
        name=draft.name,
        host_name=draft.value("hostname", ""),
        wanted_port=requested.port,
        port=port,
        urls=draft.urls,
        implied=draft.implied,
        runs=draft.runs,
    )


def _settings(
    drafts: Sequence[_Draft], ports: Sequence[Ports], wiring: Wiring
) -> tuple[list[Settings], list[str]]:
    lines: list[str] = []
    contexts = [
        _context(draft, context) for draft, context in zip(drafts, wiring.contexts, strict=True)
    ]
    own = [
        f"http://{urls.in_url(_reachable_at(draft, host))}:{assigned.port}{context}/eureka/"
        for draft, host, assigned, context in zip(
            drafts, wiring.hosts, ports, contexts, strict=True
        )
    ]
    peers = []
    for place, draft in enumerate(drafts):
        if not draft.runs:
            continue
        values = dict(draft.translation.values)
        lines += _listen_here(draft.name, values)
        placed = {
            "name": draft.name,
            "port": ports[place].port,
            "management_port": ports[place].management,
            "context_path": contexts[place],
            "my_url": own[place],
            "peers": [*(own[target] for target in wiring.links[place]), *wiring.outside[place]],
        }
        peers.append(settings_of({**values, **_with_source(placed, values)}))
    return peers, lines


def _reachable_at(draft: _Draft, host: str) -> str:
    """Return the host of a peer: `host`, unless it listens on an address of its own."""
    address = str(draft.value("host", ""))
    return address if is_loopback(address) else host


def _with_source(
    planned: Mapping[str, object], values: Mapping[str, SettingValue]
) -> dict[str, SettingValue]:
    """Return a value of the plan, with its source in the file."""
    return {
        name: SettingValue(value, values[name].source if name in values else f"plan: {name}")
        for name, value in planned.items()
    }


def _context(draft: _Draft, from_urls: str) -> str:
    context = draft.value("context_path", "") or from_urls
    try:
        convert(SETTINGS["context_path"], context, "")
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{draft.name}: path of the service URLs", error.problem, error.allowed
        ) from None
    return str(context)


def _listen_here(name: str, values: dict[str, SettingValue]) -> list[str]:
    """Remove addresses of other machines, with a note."""
    lines = []
    for setting in ("host", "management_host"):
        given = values.get(setting)
        address = str(given.value) if given else ""
        if (
            not address
            or canonical_host(address) == LOCAL
            or address == "::"
            or is_loopback(address)
        ):
            continue
        del values[setting]
        lines.append(f"{name}: address {address} -> 127.0.0.1")
    return lines


def _without(drafts: Sequence[_Draft]) -> list[str]:
    names: dict[str, list[str]] = {}
    for draft in drafts:
        for reason, found in draft.translation.without.items():
            names.setdefault(reason, []).extend(found)
    return without_lines(names)
