"""`spec` of an `EurekaCluster` (`eurekube.io/v1alpha1`): fields, bounds and defaults of the CRD.

What each field means is said once, in `crds/eurekacluster.yaml` (`kubectl explain ekc.spec`). A
field without a default there is `None`, or an empty list or mapping, until somebody sets it. Groups
are always there, so nobody has to ask for them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from eureka_operator.api.check import UNIQUE
from eureka_operator.api.selectors import Selector

FreeForm = dict[str, Any]
"""A part of Kubernetes' own schema, which only the API server checks."""

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


class _Group(msgspec.Struct, frozen=True, rename="camel"):
    """A mapping of the document."""


class PullSecret(_Group, frozen=True):
    """One of `spec.image.pullSecrets`."""

    name: ObjectName


class Image(_Group, frozen=True):
    """`spec.image`."""

    repository: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    tag: ImageTag | None = None
    digest: Digest | None = None
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    pull_secrets: Annotated[list[PullSecret], Meta(max_length=8, extra={UNIQUE: "name"})] = []


class Replication(_Group, frozen=True):
    """`spec.peers.replication`."""

    batch_size: Annotated[int, Meta(ge=1, le=1000)] | None = None
    max_delay_seconds: Annotated[int, Meta(ge=1, le=300)] | None = None


class Peers(_Group, frozen=True):
    """`spec.peers`."""

    port: Port = 8761
    context_path: ContextPath | None = None
    extra_peer_urls: Annotated[list[Url], Meta(max_length=16, extra={UNIQUE: ""})] = msgspec.field(
        default_factory=list, name="extraPeerURLs"
    )
    replication: Replication = Replication()
    dns_prefix: DnsPrefix = "peer"


class Zone(_Group, frozen=True):
    """One of `spec.topology.zones`."""

    name: ZoneName
    node_zone: NodeLabel | None = None


class Topology(_Group, frozen=True):
    """`spec.topology`; no zones: the peers are in none."""

    region: RegionName | None = None
    zone_key: LabelKey = "topology.kubernetes.io/zone"
    zones: Annotated[list[Zone], Meta(min_length=1, max_length=5, extra={UNIQUE: "name"})] = []
    spread: Strength = "Preferred"
    anti_affinity: Strength = "Preferred"


class SelfPreservation(_Group, frozen=True):
    """`spec.registry.selfPreservation`."""

    enabled: bool | None = None
    renewal_percent_threshold: Annotated[int, Meta(ge=1, le=100)] | None = None


class ResponseCache(_Group, frozen=True):
    """`spec.registry.responseCache`."""

    update_interval_seconds: ZeroToTenMinutes | None = None
    delta_retention_seconds: Annotated[int, Meta(ge=30, le=3600)] | None = None


class RateLimit(_Group, frozen=True):
    """`spec.registry.rateLimit`."""

    enabled: bool | None = None
    burst: Count | None = None
    fetch_per_second: Count | None = None
    full_fetch_per_second: Count | None = None


class ClusterRef(_Group, frozen=True):
    """`clusterRef` of a remote region; no namespace: that of the cluster that names it."""

    name: Annotated[str, Meta(min_length=1, max_length=32)]
    namespace: Annotated[str, Meta(min_length=1, max_length=63)] | None = None


class RemoteRegion(_Group, frozen=True):
    """One of `spec.registry.remoteRegions`: exactly one of `url` and `cluster_ref` is set."""

    name: RegionName
    url: Url | None = None
    cluster_ref: ClusterRef | None = None
    apps: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=128)]],
        Meta(max_length=256, extra={UNIQUE: ""}),
    ] = []


class Java(_Group, frozen=True):
    """`spec.registry.java`."""

    lease_expiry: bool | None = None
    self_preservation: bool | None = None
    sticky_out_of_service: bool | None = None
    whole_departures: bool | None = None
    wait_when_sync_empty_seconds: Annotated[int, Meta(ge=0, le=3600)] | None = None
    expected_renewal_interval_seconds: TenMinutes | None = None


class Lease(_Group, frozen=True):
    """`spec.registry.lease`."""

    eviction_interval_seconds: TenMinutes | None = None


class Registry(_Group, frozen=True):
    """`spec.registry`."""

    self_preservation: SelfPreservation = SelfPreservation()
    response_cache: ResponseCache = ResponseCache()
    rate_limit: RateLimit = RateLimit()
    remote_regions: Annotated[list[RemoteRegion], Meta(max_length=8, extra={UNIQUE: "name"})] = []
    remote_region_fetch_interval_seconds: Annotated[int, Meta(ge=5, le=600)] | None = None
    app_name: AppName | None = None
    java: Java = Java()
    lease: Lease = Lease()


class IssuerRef(_Group, frozen=True):
    """`spec.tls.certManager.issuerRef`."""

    name: ObjectName
    kind: IssuerWord = "Issuer"
    group: IssuerWord = "cert-manager.io"


class CertManager(_Group, frozen=True):
    """`spec.tls.certManager`; what is not set is up to cert-manager."""

    issuer_ref: IssuerRef
    duration: CertificateDuration | None = None
    renew_before: CertificateDuration | None = None


class Tls(_Group, frozen=True):
    """`spec.tls`; no `secret_name` and no `cert_manager`: the operator makes the Secret."""

    mode: Literal["Strict", "Permissive"] = "Strict"
    port: Port = 8443
    secret_name: ObjectName | None = None
    cert_manager: CertManager | None = None
    client_auth: Literal["None", "Request", "Require"] = "None"
    ca_secret_name: ObjectName | None = None
    extra_sans: Annotated[list[SubjectName], Meta(max_length=16, extra={UNIQUE: ""})] = (
        msgspec.field(default_factory=list, name="extraSANs")
    )


class NamesOf(_Group, frozen=True):
    """One of `spec.auth.names`."""

    namespace_selector: Selector
    patterns: Annotated[list[NamePattern], Meta(min_length=1, max_length=64, extra={UNIQUE: ""})]


class Auth(_Group, frozen=True):
    """`spec.auth`."""

    type: Literal["None", "Basic", "Bearer", "ServiceAccount"] = "None"
    secret_name: ObjectName | None = None
    read_only_anonymous: bool = False
    allow_plaintext: bool = False
    names: Annotated[list[NamesOf], Meta(max_length=16)] = []


class Service(_Group, frozen=True):
    """`spec.service`."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = "ClusterIP"
    annotations: Annotations = {}
    traffic_distribution: Literal["PreferClose", "PreferSameZone", "PreferSameNode"] | None = None
    ip_family_policy: Literal["SingleStack", "PreferDualStack", "RequireDualStack"] | None = None


class Volume(_Group, frozen=True):
    """`spec.snapshot.volume`; an empty class is not the same as none."""

    size: Annotated[str, Meta(max_length=20, pattern=r"^[0-9]+(Mi|Gi)$")] | None = None
    storage_class_name: Annotated[str, Meta(max_length=253)] | None = None


class Snapshot(_Group, frozen=True):
    """`spec.snapshot`."""

    enabled: bool = False
    interval_seconds: Annotated[int, Meta(ge=30, le=3600)] | None = None
    volume: Volume | None = None


class Updates(_Group, frozen=True):
    """`spec.updates`."""

    strategy: Literal["Converged", "RollingUpdate", "OnDelete"] = "Converged"
    settle_seconds: ZeroToTenMinutes = 15
    progress_deadline_seconds: Annotated[int, Meta(ge=30, le=7200)] = 600
    auto_rollback: bool = True


class Disruption(_Group, frozen=True):
    """`spec.disruption`."""

    enabled: bool = True
    max_unavailable: Annotated[int, Meta(ge=1, le=8)] = 1


class Monitoring(_Group, frozen=True):
    """`spec.monitoring`."""

    service_monitor: bool = False
    interval: Annotated[str, Meta(max_length=8, pattern=r"^[0-9]+(s|m)$")] = "30s"
    labels: Labels = {}


class NetworkPolicy(_Group, frozen=True):
    """`spec.networkPolicy`."""

    enabled: bool = True
    clients: FreeFormList = []
    metrics_from: FreeFormList = []


class Logging(_Group, frozen=True):
    """`spec.logging`."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] | None = None
    format: Literal["text", "json"] | None = None


class Dashboard(_Group, frozen=True):
    """`spec.dashboard`."""

    enabled: bool | None = None
    actions: bool | None = None
    allowed_hosts: Annotated[list[HostPattern], Meta(max_length=32, extra={UNIQUE: ""})] | None = (
        None
    )


class Quantities(_Group, frozen=True):
    """`requests` and `limits` of `spec.injection.sidecar.resources`."""

    cpu: Cpu | None = None
    memory: Memory | None = None


class SidecarResources(_Group, frozen=True):
    """`spec.injection.sidecar.resources`."""

    requests: Quantities = Quantities()
    limits: Quantities = Quantities()


class Sidecar(_Group, frozen=True):
    """`spec.injection.sidecar`."""

    image: SidecarImage | None = None
    resources: SidecarResources = SidecarResources()


class SidecarLease(_Group, frozen=True):
    """`spec.injection.lease`."""

    renewal_seconds: Annotated[int, Meta(ge=1, le=3600)] | None = None
    duration_seconds: Annotated[int, Meta(ge=2, le=86400)] | None = None


class SidecarDrain(_Group, frozen=True):
    """`spec.injection.drain`."""

    seconds: Annotated[int, Meta(ge=0, le=3600)] | None = None


class Injection(_Group, frozen=True):
    """`spec.injection`; no selector: the cluster's own namespace. No `default`: false."""

    namespace_selector: Selector | None = None
    default: bool | None = None
    sidecar: Sidecar = Sidecar()
    lease: SidecarLease = SidecarLease()
    drain: SidecarDrain = SidecarDrain()
    metadata: InstanceMetadata = {}


class Pod(_Group, frozen=True):
    """`spec.pod`."""

    labels: Labels = {}
    annotations: Annotations = {}
    node_selector: Labels = {}
    tolerations: FreeFormList = []
    affinity: FreeForm | None = None
    priority_class_name: Annotated[str, Meta(max_length=253)] | None = None
    env: Annotated[list[FreeForm], Meta(max_length=32)] = []
    security_context: FreeForm | None = None


class Spec(_Group, frozen=True):
    """`spec`."""

    replicas: PeerCount = 3
    version: Version | None = None
    image: Image = Image()
    paused: bool = False
    peers: Peers = Peers()
    topology: Topology = Topology()
    registry: Registry = Registry()
    tls: Tls | None = None
    auth: Auth = Auth()
    service: Service = Service()
    snapshot: Snapshot = Snapshot()
    updates: Updates = Updates()
    disruption: Disruption = Disruption()
    monitoring: Monitoring = Monitoring()
    network_policy: NetworkPolicy = NetworkPolicy()
    resources: FreeForm | None = None
    logging: Logging = Logging()
    dashboard: Dashboard = Dashboard()
    injection: Injection = Injection()
    pod: Pod = Pod()
