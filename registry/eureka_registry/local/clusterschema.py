"""The fields of an `EurekaCluster` (`eurekube.io/v1alpha1`), with the bounds of the CRD.

A field that nobody set is `UNSET`, so that the registry's own default holds. Fields that only
matter in Kubernetes are of type `Elsewhere` or `Unprotected` and not looked into.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

REASON = "reason"
"""Key, in a field's extra data, of why the field has no meaning on one machine."""

Elsewhere = Annotated[object, Meta(extra={REASON: "without meaning on one machine"})]
Unprotected = Annotated[
    object, Meta(extra={REASON: "NOT APPLIED: peers run here without passwords and without TLS"})
]
OtherCluster = Annotated[
    object, Meta(extra={REASON: "NOT APPLIED on one machine: the other cluster is not here"})
]

Name = Annotated[str, Meta(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$", max_length=32)]
Prefix = Annotated[str, Meta(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$", max_length=20)]
ZoneName = Annotated[str, Meta(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$", max_length=12)]
BasePath = Annotated[str, Meta(pattern=r"^/[A-Za-z0-9/_-]*$", max_length=64)]
Url = Annotated[str, Meta(pattern=r"^https?://[^ ]+$", max_length=512)]
Port = Annotated[int, Meta(ge=1, le=65535)]
Count = Annotated[int, Meta(ge=1)]
TenMinutes = Annotated[int, Meta(ge=1, le=600)]


class _Part(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A mapping of the document."""


class Replication(_Part, frozen=True):
    """`spec.peers.replication`."""

    batch_size: Annotated[int, Meta(ge=1, le=1000)] | UnsetType = UNSET
    max_delay_seconds: Annotated[int, Meta(ge=1, le=300)] | UnsetType = UNSET
    sync_retries: Elsewhere = UNSET


class Peers(_Part, frozen=True):
    """`spec.peers`."""

    port: Port = 8761
    context_path: BasePath = "/eureka"
    dns_prefix: Prefix = "peer"
    extra_peer_urls: Annotated[list[Url], Meta(max_length=16)] = msgspec.field(
        default_factory=list, name="extraPeerURLs"
    )
    replication: Replication = Replication()


class Zone(_Part, frozen=True):
    """One of `spec.topology.zones`."""

    name: ZoneName
    node_zone: Elsewhere = UNSET


class Topology(_Part, frozen=True):
    """`spec.topology`."""

    region: Annotated[str, Meta(min_length=1, max_length=63)] | UnsetType = UNSET
    zones: Annotated[list[Zone], Meta(max_length=5)] = []
    zone_key: Elsewhere = UNSET
    spread: Elsewhere = UNSET
    anti_affinity: Elsewhere = UNSET


class Lease(_Part, frozen=True):
    """`spec.registry.lease`."""

    expected_renewal_interval_seconds: TenMinutes | UnsetType = UNSET
    default_duration_seconds: Elsewhere = UNSET
    eviction_interval_seconds: TenMinutes | UnsetType = UNSET


class SelfPreservation(_Part, frozen=True):
    """`spec.registry.selfPreservation`."""

    enabled: bool | UnsetType = UNSET
    renewal_percent_threshold: Annotated[int, Meta(ge=1, le=100)] | UnsetType = UNSET


class ResponseCache(_Part, frozen=True):
    """`spec.registry.responseCache`."""

    update_interval_seconds: Annotated[int, Meta(ge=0, le=600)] | UnsetType = UNSET
    delta_retention_seconds: Annotated[int, Meta(ge=30, le=3600)] | UnsetType = UNSET


class RateLimit(_Part, frozen=True):
    """`spec.registry.rateLimit`."""

    enabled: bool | UnsetType = UNSET
    burst: Count | UnsetType = UNSET
    fetch_per_second: Count | UnsetType = UNSET
    full_fetch_per_second: Count | UnsetType = UNSET


class RemoteRegion(_Part, frozen=True):
    """One of `spec.registry.remoteRegions`; `url` is empty for one that names a `clusterRef`."""

    name: Annotated[str, Meta(min_length=1, max_length=63)]
    url: Url | UnsetType = UNSET
    cluster_ref: OtherCluster = UNSET
    apps: Annotated[list[str], Meta(max_length=256)] = []
    fetch_interval_seconds: Annotated[int, Meta(ge=5, le=600)] = 30


class Registry(_Part, frozen=True):
    """`spec.registry`."""

    lease: Lease = Lease()
    self_preservation: SelfPreservation = SelfPreservation()
    response_cache: ResponseCache = ResponseCache()
    rate_limit: RateLimit = RateLimit()
    remote_regions: Annotated[list[RemoteRegion], Meta(max_length=8)] = []


class Snapshot(_Part, frozen=True):
    """`spec.snapshot`."""

    enabled: bool = False
    interval_seconds: Annotated[int, Meta(ge=30)] | UnsetType = UNSET


class Spec(_Part, frozen=True):
    """`spec`."""

    replicas: Annotated[int, Meta(ge=0, le=9)] = 1
    peers: Peers = Peers()
    topology: Topology = Topology()
    registry: Registry = Registry()
    snapshot: Snapshot = Snapshot()
    tls: Unprotected = UNSET
    auth: Unprotected = UNSET
    version: Elsewhere = UNSET
    image: Elsewhere = UNSET
    paused: Elsewhere = UNSET
    injection: Elsewhere = UNSET
    service: Elsewhere = UNSET
    persistence: Elsewhere = UNSET
    updates: Elsewhere = UNSET
    disruption: Elsewhere = UNSET
    monitoring: Elsewhere = UNSET
    network_policy: Elsewhere = UNSET
    resources: Elsewhere = UNSET
    override: Elsewhere = UNSET


class Metadata(msgspec.Struct, frozen=True):
    """`metadata`: its other fields are Kubernetes' own."""

    name: Name


class Cluster(_Part, frozen=True):
    """The whole document."""

    api_version: str
    kind: str
    metadata: Metadata
    spec: Spec
    status: object = UNSET
