"""What fields must be to each other: the CEL rules of the CRD, with its sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from eureka_operator.api.check import Problem
from eureka_operator.api.spec import Peers, Spec

NAME_LENGTH: Final = (
    "metadata.name must be at most 32 characters"
    " (StatefulSet name + revision hash must fit a 63-character label)"
)
NAME_PATTERN: Final = (
    "metadata.name must be a DNS-1035 label (Service names derive from it):"
    " small letters, digits and -, with a letter first and no - at the end"
)
NAME_OF_A_PEER: Final = (
    "metadata.name must not look like a peer's name (spec.peers.dnsPrefix and a number):"
    " the Services would collide"
)
PEERS_PER_ZONE: Final = "spec.replicas must be at least the number of spec.topology.zones"
MANAGEMENT_PORT: Final = "spec.peers.port must not be 8763: that is the management port"
ONE_SOURCE: Final = "set exactly one of url and clusterRef"
ZONES_FROM_THE_START: Final = (
    "spec.topology.zones can only be set when the cluster is made, and not be removed:"
    " peers would change their names"
)
ZONES_APPENDED: Final = (
    "spec.topology.zones can only be appended to:"
    " peers are named after their zone and dealt over the zones in this order"
)
PEERS_IMMUTABLE: Final = (
    "spec.peers.dnsPrefix, port and contextPath are immutable: peers and clients know each other"
    " by them"
)
VOLUME_IMMUTABLE: Final = (
    "spec.snapshot.volume is immutable: volumeClaimTemplates of a StatefulSet cannot change"
)

_LONGEST_NAME: Final = 32
_NAME: Final = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_MANAGEMENT_PORT: Final = 8763


def broken(name: str, spec: Spec) -> Iterator[Problem]:
    """Yield what is wrong between fields that are each possible."""
    yield from _name(name, spec.peers.dns_prefix)
    if 0 < spec.replicas < len(spec.topology.zones):
        yield Problem("spec.replicas", PEERS_PER_ZONE)
    if spec.peers.port == _MANAGEMENT_PORT:
        yield Problem("spec.peers.port", MANAGEMENT_PORT)
    for place, region in enumerate(spec.registry.remote_regions):
        if (region.url is None) == (region.cluster_ref is None):
            yield Problem(f"spec.registry.remoteRegions[{place}]", ONE_SOURCE)


def _name(name: str, dns_prefix: str) -> Iterator[Problem]:
    if len(name) > _LONGEST_NAME:
        yield Problem("metadata.name", NAME_LENGTH)
    if not _NAME.fullmatch(name):
        yield Problem("metadata.name", NAME_PATTERN)
    if re.fullmatch(f"{dns_prefix}[0-9]+", name):
        yield Problem("metadata.name", NAME_OF_A_PEER)


def changed(old: Spec, new: Spec) -> tuple[Problem, ...]:
    """Return what the API server refuses of a change, though `new` alone is possible."""
    return tuple(_changed(old, new))


def _changed(old: Spec, new: Spec) -> Iterator[Problem]:
    if _address(old.peers) != _address(new.peers):
        yield Problem("spec.peers", PEERS_IMMUTABLE)
    zones = [zone.name for zone in old.topology.zones]
    wanted = [zone.name for zone in new.topology.zones]
    if bool(zones) != bool(wanted):
        yield Problem("spec.topology.zones", ZONES_FROM_THE_START)
    elif wanted[: len(zones)] != zones:
        yield Problem("spec.topology.zones", ZONES_APPENDED)
    if old.snapshot.volume != new.snapshot.volume:
        yield Problem("spec.snapshot.volume", VOLUME_IMMUTABLE)


def _address(peers: Peers) -> tuple[str, int, str | None]:
    return peers.dns_prefix, peers.port, peers.context_path
