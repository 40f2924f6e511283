"""Every setting of one peer, in one table: name, type, default, bounds, meaning.

`docs/configuration.md` is made from this table. Files, environment and flags are read by
`eureka_registry.config.load`; nothing else of the program reads the environment.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import Meta

PortNumber = Annotated[int, Meta(ge=0, le=65535)]
Seconds = Annotated[float, Meta(gt=0, le=86_400 * 365)]
ShortWait = Annotated[float, Meta(ge=0, le=3600)]
Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=1)]

_PATH: Final = r"^(/[A-Za-z0-9._~-]+)*$"

EVERY_NETWORK: Final = "*"
"""A `host` that listens on every network, of IPv4 and of IPv6."""

NAME: Final = "{name}"
"""Stands for a peer's name in `hostname`."""


class Rules(StrEnum):
    """Whose rules hold: ours, or exactly the Java server's."""

    EUREKUBE = "eurekube"
    JAVA = "java"


class ClientCertificate(StrEnum):
    """Whether clients show a certificate."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


class LogFormat(StrEnum):
    """How log lines are written."""

    TEXT = "text"
    JSON = "json"


def _about(text: str) -> Meta:
    """The description of a setting that stays as it is while the process runs."""
    return Meta(description=text)


def _live(text: str) -> Meta:
    """The description of a setting that a running process takes over when its file changes."""
    return Meta(description=text, extra={"live": True})


SECTIONS: Final[dict[str, str]] = {
    "name": "Identity",
    "host": "Listening",
    "peers": "Peers",
    "lease_expiry": "Leases",
    "delta_retention_s": "Reads",
    "remote_regions": "Remote regions",
    "rate_limit": "Limits",
    "snapshot_path": "Start and stop",
    "tls_cert": "Security",
    "log_level": "Logs and dashboard",
}
"""Sections of the reference page: the setting each begins with, and its title."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One peer's settings; see the descriptions, which are also the reference page."""

    name: Annotated[
        str, _about("this peer's name, shown on dashboards and in logs"), Meta(min_length=1)
    ] = "peer1"
    hostname: Annotated[
        str,
        _about(
            "host name other peers and clients know this peer by, in which `{name}` stands for "
            "`name`; empty: `name`"
        ),
    ] = ""
    pod_name: Annotated[
        str,
        _about(
            "this peer's pod: it takes name, host name and URL from the `names` and `peers` of "
            "`peers_file`, for which it waits at the start; empty: from the settings"
        ),
    ] = ""
    ip_address: Annotated[
        str,
        _about(
            "IP address of this peer's own instance; empty: the one it listens on, or else the "
            "machine's first that is not the loopback's"
        ),
    ] = ""
    app_name: Annotated[
        str, _about("application under which the peers list themselves"), Meta(min_length=1)
    ] = "EUREKA"
    region: Annotated[str, _about("Eureka region of this peer")] = "us-east-1"
    zone: Annotated[
        str, _about("Eureka zone of this peer (metadata `zone` of its own instance)")
    ] = "defaultZone"
    environment: Annotated[str, _live("environment shown on the dashboard")] = "test"
    datacenter: Annotated[str, _live("data center shown on the dashboard")] = "default"

    host: Annotated[
        str,
        _about(
            "address to listen on; `*` for every network, `0.0.0.0` and `::` for every network of "
            "IPv4 and of IPv6"
        ),
    ] = "127.0.0.1"
    port: Annotated[
        PortNumber, _about("port of the Eureka API and the dashboard; 0: any free one")
    ] = 8761
    management_host: Annotated[
        str, _about("address of the management port; empty: the same as `host`")
    ] = ""
    management_port: Annotated[
        PortNumber, _about("port of health, metrics and `/peers`; 0: any free one")
    ] = 8763
    context_path: Annotated[
        str,
        _about("a further path the API and the dashboard are served under, such as `/registry`"),
        Meta(pattern=_PATH),
    ] = ""

    peers: Annotated[
        list[str], _about("service URLs of the peers; a URL that leads to this peer is recognised")
    ] = []
    peers_file: Annotated[
        str, _about("a `peers.json` to watch: peers join, drain and leave while everything runs")
    ] = ""
    peers_dns: Annotated[
        str, _about("a DNS name whose addresses are the peers, as `http://name:port/eureka/`")
    ] = ""
    peers_refresh_s: Annotated[
        Seconds, _about("seconds between two looks at `peers_file` or `peers_dns`")
    ] = 2.0
    my_url: Annotated[
        str, _about("the service URL by which others know this peer; empty: made from `hostname`")
    ] = ""
    register_with_eureka: Annotated[
        bool, _about("list this peer as an instance of `app_name`, here and at its peers")
    ] = True
    fetch_registry: Annotated[
        bool, _live("copy the registry from a peer at the start, before being ready")
    ] = True
    sync_timeout_s: Annotated[
        Seconds, _live("longest wait at the start for peers that neither answer nor refuse")
    ] = 10.0
    replication_batch_size: Annotated[
        Count, _live("most changes in one request to a peer (Java: 250)")
    ] = 250
    replication_queue_limit: Annotated[
        Count, _live("most changes waiting for one peer; beyond it the oldest is dropped")
    ] = 10_000
    replication_max_age_s: Annotated[
        Seconds, _live("drop a change that is not delivered after this time; digests repair it")
    ] = 30.0
    peer_connect_timeout_s: Annotated[Seconds, _live("longest wait for a connection")] = 1.0
    peer_read_timeout_s: Annotated[Seconds, _live("longest wait for a peer's answer")] = 5.0
    digest_interval_s: Annotated[
        Seconds, _live("seconds between two comparisons of contents with each peer")
    ] = 5.0

    lease_expiry: Annotated[
        Rules,
        _live(
            "`eurekube`: a lease ends when its duration is over; `java`: twice that, once renewed"
        ),
    ] = Rules.EUREKUBE
    eviction_interval_s: Annotated[
        Seconds, _live("seconds between two looks for expired leases")
    ] = 5.0
    self_preservation: Annotated[
        bool, _live("keep expired leases when too many stop renewing at once")
    ] = True
    self_preservation_rules: Annotated[
        Rules,
        _live(
            "`eurekube`: judged from each lease's own interval, per application and in total; "
            "`java`: one interval for everybody, counted in minutes"
        ),
    ] = Rules.EUREKUBE
    renewal_threshold: Annotated[
        Share,
        _live(
            "share of the expected renewals that must arrive (Java: `renewalPercentThreshold`); "
            "its rest is also the most that is evicted a minute"
        ),
    ] = 0.85
    self_preservation_patience_s: Annotated[
        Seconds, _live("longest time for which leases are then kept beyond their end")
    ] = 14_400.0
    application_threshold: Annotated[
        Share,
        _live("share of one application's renewals that must arrive, else its leases are kept"),
    ] = 0.5
    application_patience_s: Annotated[
        Seconds,
        _live(
            "longest time for which they are kept beyond their end; a network fault ends, a "
            "scale-down does not"
        ),
    ] = 900.0
    self_preservation_floor: Annotated[
        Count, _live("fewer missing leases than this are never a reason for self-preservation")
    ] = 3
    expected_renewal_interval_s: Annotated[
        Seconds, _live("with `java` rules: the interval expected of everybody")
    ] = 30.0
    threshold_update_interval_s: Annotated[
        Seconds, _live("with `java` rules: seconds between two recounts of the expected clients")
    ] = 900.0
    sticky_out_of_service: Annotated[
        bool,
        _live(
            "a client that registered OUT_OF_SERVICE stays so until an operator's override "
            "or a new lease (Java's LeaseExistsRule)"
        ),
    ] = False
    sync_when_timestamp_differs: Annotated[
        bool,
        _live("answer 404 or 409 to a renewal whose lastDirtyTimestamp is not the stored one"),
    ] = True

    conflict_rules: Annotated[
        Rules,
        _live(
            "`eurekube`: of two documents with one lastDirtyTimestamp the later change wins, a "
            "renewal that says another status is answered 404 once, an override never ages its "
            "client's document; `java`: as Java does"
        ),
    ] = Rules.EUREKUBE

    delta_retention_s: Annotated[Seconds, _live("seconds a change stays in the delta")] = 180.0
    disable_delta: Annotated[bool, _live("answer 403 to fetches of the delta")] = False
    short_departures: Annotated[
        bool, _live("departures in deltas carry only what clients read; `false`: whole documents")
    ] = True
    read_only_cache_s: Annotated[
        ShortWait,
        _live("serve lists up to so many seconds old, as Java does with 30; 0: never stale"),
    ] = 0.0
    wait_when_sync_empty_s: Annotated[
        ShortWait,
        _live(
            "refuse reads with 403 for this time after a start that found no peer to copy "
            "(Netflix's server: 300)"
        ),
    ] = 0.0

    remote_regions: Annotated[
        dict[str, str], _live("other regions' registries: region name to service URL")
    ] = {}
    remote_region_applications: Annotated[
        dict[str, list[str]],
        _live("applications taken from a region (key: its name, or `global`); none named: all"),
    ] = {}
    remote_region_fetch_interval_s: Annotated[Seconds, _live("seconds between two fetches")] = 30.0
    remote_region_fallback: Annotated[
        bool, _live("show other regions' instances to clients that name no region")
    ] = True

    rate_limit: Annotated[bool, _live("answer 503 to fetches beyond the rates below")] = False
    rate_limit_standard_clients: Annotated[
        bool, _live("limit Java's standard clients and peers, too")
    ] = False
    rate_limit_privileged: Annotated[
        list[str], _live("further `DiscoveryIdentity-Name`s that are never limited")
    ] = []
    rate_limit_burst: Annotated[Count, _live("fetches at once")] = 10
    rate_limit_fetches_per_s: Annotated[Count, _live("fetches a second")] = 500
    rate_limit_full_fetches_per_s: Annotated[Count, _live("full fetches a second")] = 100
    max_body_bytes: Annotated[Count, _about("largest registration accepted")] = 1_048_576
    max_batch_bytes: Annotated[Count, _live("largest replication batch accepted")] = 16_777_216
    max_instances: Annotated[
        Count, _about("most instances held; a further registration is answered 503")
    ] = 100_000
    max_application_share: Annotated[
        Share,
        _about(
            "share of `max_instances` that one application may take; 1,000 instances it may always"
        ),
    ] = 0.5
    max_connections: Annotated[
        Count, _about("most connections; for a further one the one idle for longest is closed")
    ] = 16_000
    request_timeout_s: Annotated[
        Seconds, _about("longest a client may take to send a request or to read an answer")
    ] = 20.0
    keepalive_timeout_s: Annotated[Seconds, _about("seconds an idle connection is kept")] = 120.0

    snapshot_path: Annotated[
        str,
        _about("file that keeps the registry for a start when all peers were down; empty: none"),
    ] = ""
    snapshot_interval_s: Annotated[Seconds, _live("seconds between two snapshots")] = 30.0
    drain_s: Annotated[
        Annotated[float, Meta(ge=0, le=600)],
        _live("seconds between not ready and no longer listening, for load balancers to notice"),
    ] = 0.0
    stop_timeout_s: Annotated[
        Seconds, _live("longest wait for queues and connections when stopping")
    ] = 10.0

    tls_cert: Annotated[
        str,
        _about(
            "PEM file of this peer's certificate and those of its chain; with it the port of "
            "the API speaks HTTPS only, unless there is `tls_port`. Certificates, keys and the "
            "files below are watched"
        ),
    ] = ""
    tls_key: Annotated[str, _about("PEM file of the certificate's key")] = ""
    tls_port: Annotated[
        PortNumber,
        _about(
            "port for HTTPS beside plain HTTP on `port`, while clients move; 0: `port` alone, with "
            "`tls_cert` for HTTPS only"
        ),
    ] = 0
    tls_client_ca: Annotated[
        str,
        _about(
            "PEM file of the authorities that clients' certificates are checked by; with it this "
            "peer shows its own certificate to its peers; empty: clients show none"
        ),
    ] = ""
    tls_client_auth: Annotated[
        ClientCertificate, _about("with `tls_client_ca`: whether clients must show a certificate")
    ] = ClientCertificate.REQUIRED
    peer_ca: Annotated[
        str,
        _about(
            "PEM file of the authorities by which peers and remote regions are checked; "
            "empty: the system's"
        ),
    ] = ""
    auth_file: Annotated[
        str,
        _about(
            "JSON or YAML file that says who may do what (docs/security.md); "
            "empty: everybody may do everything"
        ),
    ] = ""
    allowed_hosts: Annotated[
        list[Annotated[str, Meta(pattern=r"^[A-Za-z0-9._*?-]+$")]],
        _live(
            "further host names by which browsers reach this peer, say through a proxy; patterns "
            "such as `*.example.com`, without scheme and port (docs/security.md)"
        ),
    ] = []
    peer_credentials_file: Annotated[
        str,
        _about(
            "file with `user:password` or `Bearer token`, sent to peers whose URL names no user"
        ),
    ] = ""

    log_level: Annotated[
        str, _live("DEBUG, INFO, WARNING or ERROR"), Meta(pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    ] = "INFO"
    log_format: Annotated[LogFormat, _live("`text` or `json`")] = LogFormat.TEXT
    dashboard: Annotated[bool, _live("serve the dashboard")] = True
    dashboard_path: Annotated[
        str,
        _about("path of the dashboard below `context_path`, such as `/dashboard`; empty: `/`"),
        Meta(pattern=_PATH),
    ] = ""
    dashboard_actions: Annotated[
        bool, _live("let the dashboard take instances out of service and remove them")
    ] = True
