"""Decides which peers run on this machine, each with its settings, for `eureka-registry up`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from eureka_registry.config.documents import read_text, yaml_documents
from eureka_registry.config.errors import ConfigurationError
from eureka_registry.config.load import settings_of
from eureka_registry.config.settings import Settings
from eureka_registry.config.translate import valid_url
from eureka_registry.config.values import SettingValue
from eureka_registry.local import clusterfile, springfile
from eureka_registry.local.clusterfile import ClusterSource
from eureka_registry.local.machine import THIS_MACHINE, Machine
from eureka_registry.local.ports import Ports, RequestedPorts, assign
from eureka_registry.local.springfile import SpringSource
from eureka_registry.local.springplan import plan_spring

DEFAULT: Final = ClusterSource(path="", name="eureka", replicas=3)
"""What runs without a file: peer1 on 8761, peer2 on 8762, peer3 on 8763."""

_HIGHEST_PORT: Final = 65535


class LocalPlan(msgspec.Struct, frozen=True):
    """The peers to run, and notes: what was read, moved, left out or doubtful."""

    peers: list[Settings]
    lines: list[str]


def read_source(
    file: Path | None, profiles: Sequence[str], environ: Mapping[str, str]
) -> ClusterSource | SpringSource | None:
    """Read a file or folder that describes peers, an `EurekaCluster` or Spring's.

    `None` stays `None`: the default peers. `profiles` are for Spring's files only, and `environ`
    replaces their placeholders.

    Raises:
        ConfigurationError: the file cannot be read or used.
    """
    if file is None:
        if profiles:
            raise ConfigurationError("flag --profile", "needs a Spring file, given with -f")
        return None
    if file.is_dir() or file.suffix == ".properties" or not _is_kubernetes(file):
        return springfile.read(file, environ, profiles)
    if profiles:
        raise ConfigurationError("flag --profile", f"{file} is not a Spring file")
    return clusterfile.read(file)


def _is_kubernetes(file: Path) -> bool:
    if file.suffix == ".json":
        return True
    if not file.is_file():
        return False
    documents = yaml_documents(read_text(file), f"file {file}", texts_only=True)
    return any(clusterfile.is_kubernetes(document) for document in documents)


def plan(source: ClusterSource | SpringSource | None, machine: Machine = THIS_MACHINE) -> LocalPlan:
    """Place the peers of `source` on this machine; `None`: three peers that list each other.

    Raises:
        ConfigurationError: settings of the source cannot be used.
    """
    if isinstance(source, SpringSource):
        peers, lines = plan_spring(source, machine)
    else:
        peers, lines = _plan_cluster(source or DEFAULT, machine)
    return LocalPlan(peers, [*lines, *_registration_lines(peers)])


def _plan_cluster(source: ClusterSource, machine: Machine) -> tuple[list[Settings], list[str]]:
    numbers = range(1, source.replicas + 1)
    highest = source.port + max(source.replicas - 1, 0)
    where = f"file {source.path}: key spec.peers"
    if highest > _HIGHEST_PORT:
        raise ConfigurationError(f"{where}.port", f"the last peer would get port {highest}")
    outside = [valid_url(url, f"{where}.extraPeerURLs") for url in source.extra_peer_urls]
    requested = [RequestedPorts(f"{source.dns_prefix}{k}", source.port + k - 1) for k in numbers]
    ports, lines = assign(requested, machine.is_free)
    own = [f"http://127.0.0.1:{assigned.port}{source.context_path}/eureka/" for assigned in ports]
    peers = []
    for k, assigned in zip(numbers, ports, strict=True):
        placed = _own_values(source, k, assigned, machine)
        others = [url for url in own if url != own[k - 1]]
        placed |= {"my_url": own[k - 1], "peers": [*others, *outside]}
        given = {name: SettingValue(value, f"file {source.path}") for name, value in placed.items()}
        peers.append(settings_of({**source.values, **given}))
    if not peers:
        lines.append("spec.replicas is 0: there is nothing to run")
    return peers, [*source.lines, *lines]


def _own_values(source: ClusterSource, k: int, ports: Ports, machine: Machine) -> dict[str, object]:
    """Return the k-th peer's own settings; zones are dealt round-robin, as by the operator."""
    name = f"{source.dns_prefix}{k}"
    placed: dict[str, object] = {
        "name": name,
        "port": ports.port,
        "management_port": ports.management,
        "context_path": source.context_path,
    }
    if source.zones:
        placed["zone"] = source.zones[(k - 1) % len(source.zones)]
    if source.snapshots:
        folder = Path(machine.state_folder) / source.name
        placed["snapshot_path"] = str(folder / f"{name}.snapshot")
    return placed


_MEANINGS: Final[Mapping[tuple[str, bool], str]] = {
    ("register_with_eureka", True): "peers list themselves as instances of {app}",
    ("register_with_eureka", False): (
        "not listed as instances; replicating all the same, and not `unavailable` for that"
    ),
    ("fetch_registry", True): "a starting peer copies the registry from another before it is ready",
    ("fetch_registry", False): (
        "a starting peer is ready at once with an empty registry; replication and repair fill it"
    ),
}


def _registration_lines(peers: Sequence[Settings]) -> list[str]:
    """Notes on the meaning of register-with-eureka and fetch-registry here."""
    lines = []
    for (name, value), meaning in _MEANINGS.items():
        peers_with_value = [peer for peer in peers if getattr(peer, name) is value]
        if not peers_with_value:
            continue
        who = (
            ""
            if len(peers_with_value) == len(peers)
            else f" ({', '.join(peer.name for peer in peers_with_value)})"
        )
        message = meaning.format(app=peers_with_value[0].app_name)
        lines.append(f"{name.replace('_', '-')}: {str(value).lower()}{who}: {message}")
    return lines
