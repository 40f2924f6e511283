"""The ConfigMap: `config.json` with the registry's settings, `peers.json` with the peers.

It is mounted as a directory, so that a change reaches running peers. What only a restart puts into
force is hashed into the pod template (`static_hash`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from eureka_operator.api import settings
from eureka_operator.api.cluster import Cluster, Guard, Spec
from eureka_operator.api.spec import Tls
from eureka_operator.core import auth, names, transport
from eureka_operator.core.desired.common import Environment, child
from eureka_operator.core.kinds import CONFIG_MAP, Object
from eureka_operator.core.peering import PEERS_FILE, PeerList
from eureka_operator.core.references import remote_cluster

CONFIG_FILE: Final = "config.json"
SNAPSHOT_FILE: Final = f"{names.SNAPSHOT_FOLDER}/registry"
LIVE: Final = frozenset(
    {
        "allowed_hosts",
        "dashboard",
        "dashboard_actions",
        "delta_retention_s",
        "drain_s",
        "eviction_interval_s",
        "expected_renewal_interval_s",
        "lease_expiry",
        "log_format",
        "log_level",
        "rate_limit",
        "rate_limit_burst",
        "rate_limit_fetches_per_s",
        "rate_limit_full_fetches_per_s",
        "read_only_cache_s",
        "remote_region_applications",
        "remote_region_fetch_interval_s",
        "remote_regions",
        "renewal_threshold",
        "replication_batch_size",
        "replication_max_age_s",
        "self_preservation",
        "self_preservation_rules",
        "short_departures",
        "snapshot_interval_s",
        "sticky_out_of_service",
        "wait_when_sync_empty_s",
    }
)
"""Settings that a running peer takes over from a changed `config.json` (docs/configuration.md)."""

_LOOK_EVERY_S: Final = 0.5
_DRAIN_S: Final = 5
"""So long a stopping peer goes on answering those who have not yet seen that it is not ready."""


class Configuration(msgspec.Struct, frozen=True):
    """`config.json`: its text, its hash as a peer reports it, and the hash of its static part."""

    text: str
    hash: str
    static_hash: str


def configuration(
    cluster: Cluster, environment: Environment, references: Mapping[tuple[str, str], str]
) -> Configuration:
    """`config.json` of a cluster; the same for all of its peers."""
    values = {
        **settings.settings(_resolve_references(cluster, references)),
        **_wiring(cluster, environment),
    }
    text = json.dumps(values, indent=2, sort_keys=True) + "\n"
    static = {name: value for name, value in values.items() if name not in LIVE}
    return Configuration(text, names.digest(text), names.object_digest(static))


def config_map(
    cluster: Cluster,
    config: Configuration,
    peers: PeerList,
    further: Mapping[str, str] | None = None,
) -> Object:
    """The ConfigMap of a cluster; `further` are files for `spec.tls` and `spec.auth`."""
    data = {CONFIG_FILE: config.text, PEERS_FILE: peers.text, **(further or {})}
    return child(cluster, CONFIG_MAP, names.config_map(cluster.name), data=data)


def _wiring(cluster: Cluster, environment: Environment) -> dict[str, Any]:
    """What holds for every cluster: ports, names, files."""
    peers, snapshot = cluster.spec.peers, cluster.spec.snapshot
    values: dict[str, Any] = {
        "host": "*",
        **_ports(cluster),
        "management_port": names.MANAGEMENT_PORT,
        "hostname": names.host("{name}", cluster.namespace, environment.domain),
        "peers_file": f"{names.CONFIG_FOLDER}/{PEERS_FILE}",
        "peers_refresh_s": _LOOK_EVERY_S,
        "drain_s": _DRAIN_S,
    }
    if peers.context_path:
        values["context_path"] = peers.context_path
    if snapshot.enabled:
        values["snapshot_path"] = SNAPSHOT_FILE
    if cluster.spec.tls is not None:
        values |= _tls(cluster.spec.tls)
    if (guard := auth.guard(cluster)) is not Guard.OFF:
        values["peer_credentials_file"] = f"{names.PEER_FOLDER}/{auth.CREDENTIALS}"
        if guard is Guard.ASKS:
            values["auth_file"] = f"{names.CONFIG_FOLDER}/{auth.POLICY_FILE}"
    return values


def _ports(cluster: Cluster) -> dict[str, int]:
    """Ports as the registry has them: `port` speaks HTTPS unless there is a `tls_port` besides."""
    ports = transport.ports(cluster)
    secure, plain = ports.get(transport.HTTPS), ports.get(transport.HTTP)
    if plain is None and secure is not None:
        return {"port": secure}
    return {"port": cluster.spec.peers.port, **({"tls_port": secure} if secure else {})}


def _tls(tls: Tls) -> dict[str, str]:
    """Peers always ask for certificates, to see each other's; clients need not have one."""
    own = f"{names.TLS_FOLDER}/ca.crt"
    vouches = f"{names.CONFIG_FOLDER}/{names.CLIENT_AUTHORITIES}"
    return {
        "tls_cert": f"{names.TLS_FOLDER}/tls.crt",
        "tls_key": f"{names.TLS_FOLDER}/tls.key",
        "tls_client_ca": vouches if tls.ca_secret_name else own,
        "tls_client_auth": "required" if tls.client_auth == "Require" else "optional",
        "peer_ca": own,
    }


def _resolve_references(cluster: Cluster, references: Mapping[tuple[str, str], str]) -> Spec:
    """The spec with the URL of each `clusterRef`; a cluster that does not exist yet has no URL."""
    registry = cluster.spec.registry
    regions = [
        region
        if (place := remote_cluster(cluster, region)) is None
        else replace(region, url=references.get(place))
        for region in registry.remote_regions
    ]
    return replace(cluster.spec, registry=replace(registry, remote_regions=regions))
