"""The fields of an `EurekaCluster` (`eurekube.io/v1alpha1`), with the bounds of the CRD.

`tests/unit/operator/api/test_schema.py` holds them equal to `crds/eurekacluster.yaml`. A field that
nobody set is `UNSET`, so that the registry's own default holds. Fields that only matter in
Kubernetes have a `REASON` and are checked, but not used.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

REASON: Final = "reason"
"""Key, in a field's extra data, of why the field has no meaning on one machine."""

UNIQUE: Final = "unique"
"""Key, in a list's extra data, of the field by which its items differ; empty: they differ whole."""

_ELSEWHERE: Final = Meta(extra={REASON: "without meaning on one machine"})
_PLAIN: Final = Meta(extra={REASON: "NOT APPLIED on one machine: peers speak plain HTTP there"})
_OPEN: Final = Meta(extra={REASON: "NOT APPLIED on one machine: nobody is asked for credentials"})
_OTHER_CLUSTER: Final = Meta(
    extra={REASON: "NOT APPLIED on one machine: the other cluster is not here"}
)

FreeForm = dict[str, Any]
"""A part of Kubernetes' own schema, which only the API server checks."""

Name = Annotated[str, Meta(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$", max_length=32)]
PeerCount = Annotated[int, Meta(ge=0, le=9)]
Port = Annotated[int, Meta(ge=1024, le=65535)]
Count = Annotated[int, Meta(ge=1)]
ZeroToTenMinutes = Annotated[int, Meta(ge=0, le=600)]
TenMinutes = Annotated[int, Meta(ge=1, le=600)]
Version = Annotated[str, Meta(max_length=63, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
ImageTag = Annotated[str, Meta(max_length=128, pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$")]
Digest = Annotated[str, Meta(pattern=r"^sha256:[a-f0-9]{64}$")]
ObjectName = Annotated[str, Meta(min_length=1, max_length=253)]
ContextPath = Annotated[str, Meta(max_length=64, pattern=r"^(/[A-Za-z0-9._~-]+)+$")]
DnsPrefix = Annotated[str, Meta(max_length=20, pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$")]
ZoneName = Annotated[str, Meta(max_length=12, pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$")]
RegionName = Annotated[str, Meta(min_length=1, max_length=63)]
HostPattern = Annotated[str, Meta(max_length=253, pattern=r"^[A-Za-z0-9._*?-]+$")]
Url = Annotated[str, Meta(max_length=512, pattern=r"^https?://[^\s?#]+$")]
AppName = Annotated[str, Meta(max_length=63, pattern=r"^[A-Za-z0-9._-]+$")]
LabelKey = Annotated[
    str,
    Meta(
        max_length=317,
        pattern=r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$",
    ),
]
NodeLabel = Annotated[
    str, Meta(max_length=63, pattern=r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$")
]
Labels = Annotated[dict[str, Annotated[str, Meta(max_length=63)]], Meta(max_length=32)]
Annotations = Annotated[dict[str, str], Meta(max_length=64)]
FreeFormList = Annotated[list[FreeForm], Meta(max_length=16)]
LabelName = Annotated[
    str,
    Meta(
        max_length=253,
        pattern=(
            r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
            r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
        ),
    ),
]
LabelValue = Annotated[
    str, Meta(max_length=63, pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$")
]
SidecarImage = Annotated[str, Meta(max_length=512, pattern=r"^[A-Za-z0-9][A-Za-z0-9._/:@-]*$")]
Cpu = Annotated[str, Meta(max_length=16, pattern=r"^[0-9]+([.][0-9]{1,3})?m?$")]
Memory = Annotated[str, Meta(max_length=16, pattern=r"^[0-9]+(k|M|G|Ki|Mi|Gi)?$")]
InstanceMetadata = Annotated[
    dict[str, Annotated[str, Meta(max_length=256, pattern=r"^[^\x00-\x1f]*$")]],
    Meta(max_length=16),
]
Strength = Literal["Required", "Preferred", "None"]
NamePattern = Annotated[str, Meta(max_length=128, pattern=r"^[A-Za-z0-9._:*?-]+$")]
SubjectName = Annotated[
    str, Meta(max_length=253, pattern=r"^([*][.])?[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?$")
]
CertificateDuration = Annotated[
    str, Meta(min_length=2, max_length=16, pattern=r"^([0-9]{1,6}h)?([0-9]{1,4}m)?$")
]
IssuerWord = Annotated[str, Meta(max_length=253, pattern=r"^[A-Za-z]([-A-Za-z0-9.]*[A-Za-z0-9])?$")]


class _Part(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A mapping of the document."""


class PullSecret(_Part, frozen=True):
    """One of `spec.image.pullSecrets`."""

    name: ObjectName


class Image(_Part, frozen=True):
    """`spec.image`."""

    repository: Annotated[str, Meta(min_length=1, max_length=255)] | UnsetType = UNSET
    tag: ImageTag | UnsetType = UNSET
    digest: Digest | UnsetType = UNSET
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    pull_secrets: Annotated[list[PullSecret], Meta(max_length=8, extra={UNIQUE: "name"})] = []


class Replication(_Part, frozen=True):
    """`spec.peers.replication`."""

    batch_size: Annotated[int, Meta(ge=1, le=1000)] | UnsetType = UNSET
    max_delay_seconds: Annotated[int, Meta(ge=1, le=300)] | UnsetType = UNSET


class Peers(_Part, frozen=True):
    """`spec.peers`."""

    port: Port = 8761
    context_path: ContextPath | UnsetType = UNSET
    extra_peer_urls: Annotated[list[Url], Meta(max_length=16, extra={UNIQUE: ""})] = msgspec.field(
        default_factory=list, name="extraPeerURLs"
    )
    replication: Replication = Replication()
    dns_prefix: DnsPrefix = "peer"


class Zone(_Part, frozen=True):
    """One of `spec.topology.zones`."""

    name: ZoneName
    node_zone: Annotated[NodeLabel | UnsetType, _ELSEWHERE] = UNSET


class Topology(_Part, frozen=True):
    """`spec.topology`; no zones: the peers are in none."""

    region: RegionName | UnsetType = UNSET
    zone_key: Annotated[LabelKey, _ELSEWHERE] = "topology.kubernetes.io/zone"
    zones: Annotated[list[Zone], Meta(min_length=1, max_length=5, extra={UNIQUE: "name"})] = []
    spread: Annotated[Strength, _ELSEWHERE] = "Preferred"
    anti_affinity: Annotated[Strength, _ELSEWHERE] = "Preferred"


class SelfPreservation(_Part, frozen=True):
    """`spec.registry.selfPreservation`."""

    enabled: bool | UnsetType = UNSET
    renewal_percent_threshold: Annotated[int, Meta(ge=1, le=100)] | UnsetType = UNSET


class ResponseCache(_Part, frozen=True):
    """`spec.registry.responseCache`."""

    update_interval_seconds: ZeroToTenMinutes | UnsetType = UNSET
    delta_retention_seconds: Annotated[int, Meta(ge=30, le=3600)] | UnsetType = UNSET


class RateLimit(_Part, frozen=True):
    """`spec.registry.rateLimit`."""

    enabled: bool | UnsetType = UNSET
    burst: Count | UnsetType = UNSET
    fetch_per_second: Count | UnsetType = UNSET
    full_fetch_per_second: Count | UnsetType = UNSET


class ClusterRef(_Part, frozen=True):
    """`clusterRef` of a remote region; no namespace: that of the cluster that names it."""

    name: Annotated[str, Meta(min_length=1, max_length=32)]
    namespace: Annotated[str, Meta(min_length=1, max_length=63)] | UnsetType = UNSET


class RemoteRegion(_Part, frozen=True):
    """One of `spec.registry.remoteRegions`: exactly one of `url` and `cluster_ref` is set."""

    name: RegionName
    url: Url | UnsetType = UNSET
    cluster_ref: Annotated[ClusterRef | UnsetType, _OTHER_CLUSTER] = UNSET
    apps: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=128)]],
        Meta(max_length=256, extra={UNIQUE: ""}),
    ] = []


class Java(_Part, frozen=True):
    """`spec.registry.java`."""

    lease_expiry: bool | UnsetType = UNSET
    self_preservation: bool | UnsetType = UNSET
    sticky_out_of_service: bool | UnsetType = UNSET
    whole_departures: bool | UnsetType = UNSET
    wait_when_sync_empty_seconds: Annotated[int, Meta(ge=0, le=3600)] | UnsetType = UNSET
    expected_renewal_interval_seconds: TenMinutes | UnsetType = UNSET


class Lease(_Part, frozen=True):
    """`spec.registry.lease`."""

    eviction_interval_seconds: TenMinutes | UnsetType = UNSET


class Registry(_Part, frozen=True):
    """`spec.registry`."""

    self_preservation: SelfPreservation = SelfPreservation()
    response_cache: ResponseCache = ResponseCache()
    rate_limit: RateLimit = RateLimit()
    remote_regions: Annotated[list[RemoteRegion], Meta(max_length=8, extra={UNIQUE: "name"})] = []
    remote_region_fetch_interval_seconds: Annotated[int, Meta(ge=5, le=600)] | UnsetType = UNSET
    app_name: AppName | UnsetType = UNSET
    java: Java = Java()
    lease: Lease = Lease()


class IssuerRef(_Part, frozen=True):
    """`spec.tls.certManager.issuerRef`."""

    name: ObjectName
    kind: IssuerWord = "Issuer"
    group: IssuerWord = "cert-manager.io"


class CertManager(_Part, frozen=True):
    """`spec.tls.certManager`."""

    issuer_ref: IssuerRef
    duration: CertificateDuration | UnsetType = UNSET
    renew_before: CertificateDuration | UnsetType = UNSET


class Tls(_Part, frozen=True):
    """`spec.tls`."""

    mode: Literal["Strict", "Permissive"] = "Strict"
    port: Port = 8443
    secret_name: ObjectName | UnsetType = UNSET
    cert_manager: CertManager | UnsetType = UNSET
    client_auth: Literal["None", "Request", "Require"] = "None"
    ca_secret_name: ObjectName | UnsetType = UNSET
    extra_sans: Annotated[list[SubjectName], Meta(max_length=16, extra={UNIQUE: ""})] = (
        msgspec.field(default_factory=list, name="extraSANs")
    )


class Requirement(_Part, frozen=True):
    """One of `matchExpressions` of a namespace selector."""

    key: LabelName
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: Annotated[list[LabelValue], Meta(max_length=16)] = []


class NamespaceSelector(_Part, frozen=True):
    """A namespace selector; an empty one selects all."""

    match_labels: Annotated[dict[str, LabelValue], Meta(max_length=16)] = {}
    match_expressions: Annotated[list[Requirement], Meta(max_length=16)] = []


class NamesOf(_Part, frozen=True):
    """One of `spec.auth.names`."""

    namespace_selector: NamespaceSelector
    patterns: Annotated[list[NamePattern], Meta(min_length=1, max_length=64, extra={UNIQUE: ""})]


class Auth(_Part, frozen=True):
    """`spec.auth`."""

    type: Literal["None", "Basic", "Bearer", "ServiceAccount"] = "None"
    secret_name: ObjectName | UnsetType = UNSET
    read_only_anonymous: bool = False
    allow_plaintext: bool = False
    names: Annotated[list[NamesOf], Meta(max_length=16)] = []


class Service(_Part, frozen=True):
    """`spec.service`."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = "ClusterIP"
    annotations: Annotations = {}
    traffic_distribution: Literal["PreferClose", "PreferSameZone", "PreferSameNode"] | UnsetType = (
        UNSET
    )
    ip_family_policy: Literal["SingleStack", "PreferDualStack", "RequireDualStack"] | UnsetType = (
        UNSET
    )


class Volume(_Part, frozen=True):
    """`spec.snapshot.volume`."""

    size: Annotated[str, Meta(max_length=20, pattern=r"^[0-9]+(Mi|Gi)$")] | UnsetType = UNSET
    storage_class_name: Annotated[str, Meta(max_length=253)] | UnsetType = UNSET


class Snapshot(_Part, frozen=True):
    """`spec.snapshot`."""

    enabled: bool = False
    interval_seconds: Annotated[int, Meta(ge=30, le=3600)] | UnsetType = UNSET
    volume: Annotated[Volume | UnsetType, _ELSEWHERE] = UNSET


class Updates(_Part, frozen=True):
    """`spec.updates`."""

    strategy: Literal["Converged", "RollingUpdate", "OnDelete"] = "Converged"
    settle_seconds: Annotated[int, Meta(ge=0, le=600)] = 15
    progress_deadline_seconds: Annotated[int, Meta(ge=30, le=7200)] = 600
    auto_rollback: bool = True


class Disruption(_Part, frozen=True):
    """`spec.disruption`."""

    enabled: bool = True
    max_unavailable: Annotated[int, Meta(ge=1, le=8)] = 1


class Monitoring(_Part, frozen=True):
    """`spec.monitoring`."""

    service_monitor: bool = False
    interval: Annotated[str, Meta(max_length=8, pattern=r"^[0-9]+(s|m)$")] = "30s"
    labels: Labels = {}


class NetworkPolicy(_Part, frozen=True):
    """`spec.networkPolicy`."""

    enabled: bool = True
    clients: FreeFormList = []
    metrics_from: FreeFormList = []


class Logging(_Part, frozen=True):
    """`spec.logging`."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] | UnsetType = UNSET
    format: Literal["text", "json"] | UnsetType = UNSET


class Dashboard(_Part, frozen=True):
    """`spec.dashboard`."""

    enabled: bool | UnsetType = UNSET
    actions: bool | UnsetType = UNSET
    allowed_hosts: (
        Annotated[list[HostPattern], Meta(max_length=32, extra={UNIQUE: ""})] | UnsetType
    ) = UNSET


class Quantities(_Part, frozen=True):
    """`requests` and `limits` of `spec.injection.sidecar.resources`."""

    cpu: Cpu | UnsetType = UNSET
    memory: Memory | UnsetType = UNSET


class SidecarResources(_Part, frozen=True):
    """`spec.injection.sidecar.resources`."""

    requests: Quantities = Quantities()
    limits: Quantities = Quantities()


class Sidecar(_Part, frozen=True):
    """`spec.injection.sidecar`."""

    image: SidecarImage | UnsetType = UNSET
    resources: SidecarResources = SidecarResources()


class SidecarLease(_Part, frozen=True):
    """`spec.injection.lease`."""

    renewal_seconds: Annotated[int, Meta(ge=1, le=3600)] | UnsetType = UNSET
    duration_seconds: Annotated[int, Meta(ge=2, le=86400)] | UnsetType = UNSET


class SidecarDrain(_Part, frozen=True):
    """`spec.injection.drain`."""

    seconds: Annotated[int, Meta(ge=0, le=3600)] | UnsetType = UNSET


class Injection(_Part, frozen=True):
    """`spec.injection`; no selector: the cluster's own namespace. No `default`: false."""

    namespace_selector: NamespaceSelector | UnsetType = UNSET
    default: bool | UnsetType = UNSET
    sidecar: Sidecar = Sidecar()
    lease: SidecarLease = SidecarLease()
    drain: SidecarDrain = SidecarDrain()
    metadata: InstanceMetadata = {}


class Pod(_Part, frozen=True):
    """`spec.pod`."""

    labels: Labels = {}
    annotations: Annotations = {}
    node_selector: Labels = {}
    tolerations: FreeFormList = []
    affinity: FreeForm | UnsetType = UNSET
    priority_class_name: Annotated[str, Meta(max_length=253)] | UnsetType = UNSET
    env: Annotated[list[FreeForm], Meta(max_length=32)] = []
    security_context: FreeForm | UnsetType = UNSET


class Spec(_Part, frozen=True):
    """`spec`."""

    replicas: PeerCount = 3
    version: Annotated[Version | UnsetType, _ELSEWHERE] = UNSET
    image: Annotated[Image, _ELSEWHERE] = Image()
    paused: Annotated[bool, _ELSEWHERE] = False
    peers: Peers = Peers()
    topology: Topology = Topology()
    registry: Registry = Registry()
    tls: Annotated[Tls | UnsetType, _PLAIN] = UNSET
    auth: Annotated[Auth, _OPEN] = Auth()
    service: Annotated[Service, _ELSEWHERE] = Service()
    snapshot: Snapshot = Snapshot()
    updates: Annotated[Updates, _ELSEWHERE] = Updates()
    disruption: Annotated[Disruption, _ELSEWHERE] = Disruption()
    monitoring: Annotated[Monitoring, _ELSEWHERE] = Monitoring()
    network_policy: Annotated[NetworkPolicy, _ELSEWHERE] = NetworkPolicy()
    resources: Annotated[FreeForm | UnsetType, _ELSEWHERE] = UNSET
    logging: Logging = Logging()
    dashboard: Dashboard = Dashboard()
    injection: Annotated[Injection, _ELSEWHERE] = Injection()
    pod: Annotated[Pod, _ELSEWHERE] = Pod()


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
