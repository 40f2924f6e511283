"""The sidecar's configuration. Times are milliseconds, unless a name says seconds."""

from __future__ import annotations

from ..records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

    Scheme = Literal["http", "https", "tcp", "grpc"]


@record
class Check:
    """The check of the application's health: a readiness probe of Kubernetes, repeated.

    `https` does not verify the application's certificate, as the kubelet does not: it is asked on
    loopback or at the pod's own address. `service` is that of gRPC's health protocol.
    """

    scheme: Scheme
    port: int
    host: str = "127.0.0.1"
    path: str = "/"
    headers: tuple[tuple[str, str], ...] = ()
    service: str = ""
    period_ms: int = 5_000
    timeout_ms: int = 1_000
    rise: int = 1
    fall: int = 3


@record
class Credentials:
    """Files with our credentials and trusted CAs; an empty string: none. Read again on change.

    Without `ca_file` an https URL is verified against the system's authorities.
    """

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    user_file: str = ""
    password_file: str = ""
    token_file: str = ""


@record
class Registry:
    """One Eureka: the base URLs of its servers, the preferred one first.

    `zones` are those of the first ones, in the same order; an empty one is none. Servers with a
    zone, even an empty one, are equal but for their zone.
    """

    urls: tuple[str, ...]
    credentials: Credentials = Credentials()
    zones: tuple[str, ...] = ()


@record
class Instance:
    """The wanted entry of the registry.

    `metadata` is what was configured; that of files of the downward API is added while the sidecar
    runs. A port of 0 is disabled. URLs may be empty.
    """

    app: str
    id: str
    host_name: str
    ip: str
    port: int
    check: Check
    secure_port: int = 0
    vip: str = ""
    secure_vip: str = ""
    home_url: str = ""
    status_url: str = ""
    health_url: str = ""
    renewal_s: int = 30
    duration_s: int = 90
    metadata: Mapping[str, str] = {}
    notes: tuple[str, ...] = ()
    """What its user should know of it, such as a probe that cannot be repeated."""


@record
class Configuration:
    """Everything from flags, environment and file."""

    instances: tuple[Instance, ...]
    registries: tuple[Registry, ...]
    command: tuple[str, ...] = ()
    socket: str = "@eureka-sidecar"
    """Where `status`, `drain`, `pause` and `resume` find it: a path, or with @ an abstract name."""
    listen: str = ""
    """HOST:PORT on loopback of look-up and metrics; empty: not served."""
    apps: tuple[str, ...] = ()
    """Applications that look-up may be asked for at once; others are fetched when asked for."""
    zone: str = ""
    annotations_file: str = ""
    labels_file: str = ""
    hold_ms: int = 0
    grace_ms: int = 30_000
