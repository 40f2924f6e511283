"""The parts of one peer, put together without a server."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from typing import Final

import aiohttp
import msgspec

from eureka_registry.config.load import LoadResult
from eureka_registry.config.settings import EVERY_NETWORK, NAME, Settings
from eureka_registry.config.settings import Rules as Whose
from eureka_registry.config.urls import in_url
from eureka_registry.core.model import (
    DataCenter,
    Instance,
    LeaseInfo,
    Origin,
    PeerAction,
    Port,
    Status,
)
from eureka_registry.core.registry import Registry, Rules
from eureka_registry.core.room import Room
from eureka_registry.core.selfpreservation import Preservation, Verdict
from eureka_registry.http.clock import Clock
from eureka_registry.http.configuration import Configuration
from eureka_registry.http.counters import Counters
from eureka_registry.http.files import PeerCredentials, WatchedFiles
from eureka_registry.http.gate import Gate, Stage
from eureka_registry.http.naming import Naming
from eureka_registry.http.peer_api import PeerApi
from eureka_registry.http.reads import Reads
from eureka_registry.http.tls import Tls
from eureka_registry.http.writes import Writes
from eureka_registry.peers.client import Limits
from eureka_registry.peers.client import Node as Identity
from eureka_registry.peers.identity import Nonces
from eureka_registry.peers.link import Agreement
from eureka_registry.peers.mesh import Mesh, Pace
from eureka_registry.peers.regions import Bounds
from eureka_registry.peers.remotes import RemoteRegions, Remotes
from eureka_registry.wire.bodies import Bodies

_log = logging.getLogger(__name__)
_EVERYWHERE: Final = frozenset({EVERY_NETWORK, "0.0.0.0", "::"})  # noqa: S104 - compared only


class Node:
    """Everything one peer consists of, except for its sockets and tasks."""

    def __init__(
        self,
        settings: Settings,
        session: aiohttp.ClientSession,
        now_ms: Callable[[], int] | None = None,
        configuration: Configuration | None = None,
    ) -> None:
        """Begin with `settings`; without a `configuration` no file changes them."""
        self.configuration = configuration or Configuration(LoadResult(settings, []))
        self.naming = Naming(settings)
        self.settings = settings = self.naming.first
        self.id = uuid.uuid4().hex
        self.clock = Clock()
        self.now_ms = now_ms or self.clock.now_ms
        self.started_ms = self.now_ms()
        self.counters = Counters()
        self.gate = Gate(settings, self.started_ms)
        self.registry = Registry(_rules(settings), self.started_ms)
        self.tls = Tls(settings)
        nonces, tls = Nonces(), self.tls.client_context
        region_identity = Identity(self.id, address(settings), nonces=nonces, tls=tls)
        self.remotes = Remotes(_regions(settings), session, region_identity, self.now_ms)
        credentials = PeerCredentials(settings.peer_credentials_file)
        identity = Identity(
            self.id, address(settings), credentials, self.gate.is_stopping, nonces, tls
        )
        self.watched: list[WatchedFiles] = [self.tls.watched]
        """The files that are looked at every few seconds."""
        if credentials.watched is not None:
            self.watched.append(credentials.watched)
        self.mesh = Mesh(self.registry, identity, _pace(settings), session, self.now_ms)
        self.bodies = Bodies(
            short_departures=settings.short_departures,
            max_age_ms=int(settings.read_only_cache_s * 1000),
        )
        self.reads = Reads(self.registry, self.bodies, self.remotes.mirrors, self.gate, self.id)
        self.writes = Writes(self.registry, self.mesh.publish, self.gate)
        self.peer_api = PeerApi(
            self.registry, self.gate, self.id, lambda: self.settings.name, self.mesh
        )

    def adopt(self, settings: Settings) -> None:
        """Take over other settings; what this peer holds and knows stays."""
        self.settings = settings
        self.gate.adopt(settings, self.now_ms())
        self.registry.adopt(_rules(settings))
        self.remotes.adopt(_regions(settings))
        self.mesh.adopt(_pace(settings))
        self.bodies.adopt(
            short_departures=settings.short_departures,
            max_age_ms=int(settings.read_only_cache_s * 1000),
        )

    def register_self(self) -> None:
        """Register this peer's own instance, here and at its peers."""
        instance = own_instance(self.settings, self.now_ms())
        self.registry.register(instance, Origin.CLIENT, self.now_ms())
        self.mesh.publish(PeerAction.REGISTER, instance.app, instance.id)

    def renew_self(self) -> None:
        """Renew this peer's own lease, once it is ready."""
        if self.gate.stage is not Stage.READY:
            return
        key = own_key(self.settings)
        if not self.registry.renew(*key, self.now_ms()).found:
            self.register_self()
            return
        self.mesh.publish(PeerAction.HEARTBEAT, *key)

    def tell_refusals(self) -> None:
        """Log which instances of peers were refused, and why; call it about once a second."""
        for sentence in self.registry.refusals.take(self.now_ms()):
            _log.warning("instance of a peer refused: %s", sentence)

    @property
    def problem(self) -> str | None:
        """What is wrong with the peer list, our name in it, our start, or a watched file."""
        if any(link.agreement() is Agreement.AGREED for link in self.mesh.other_links()):
            self.gate.incomplete = None  # what was missing has come
        problem = self.mesh.problem or self.naming.problem or self.gate.incomplete
        return problem or next((each.problem for each in self.watched if each.problem), None)

    def verdict(self) -> Verdict:
        """Whether leases may expire, looked at no more than once a second."""
        return self.registry.recent_verdict(self.now_ms())


def hostname(settings: Settings) -> str:
    """The host name by which others know this peer."""
    return settings.hostname.replace(NAME, settings.name) or settings.name


def address(settings: Settings) -> str:
    """The address of this peer, as far as it is known; else its host name."""
    listens = settings.host if settings.host not in _EVERYWHERE else ""
    return settings.ip_address or listens or hostname(settings)


def own_key(settings: Settings) -> tuple[str, str]:
    """Application and id of this peer's own instance, the id in Spring's way of naming."""
    name = settings.app_name
    return name.upper(), f"{hostname(settings)}:{name.lower()}:{settings.port}"


def own_url(settings: Settings) -> str:
    """The service URL by which others know this peer."""
    host = in_url(hostname(settings))
    return settings.my_url or f"{scheme(settings)}://{host}:{peer_port(settings)}/eureka/"


def scheme(settings: Settings) -> str:
    """The scheme that peers use for each other: `http` or `https`."""
    return "https" if settings.tls_cert else "http"


def peer_port(settings: Settings) -> int:
    """The port that peers use for each other: the HTTPS port, if there is one."""
    return settings.tls_port or settings.port


def own_instance(settings: Settings, now_ms: int) -> Instance:
    """This peer as an instance of its own registry, as a Spring server lists itself.

    Java peers look for it by host name to call this peer available (`StatusUtil`).
    """
    host = hostname(settings)
    app, instance_id = own_key(settings)
    vip = app.lower()
    secure = scheme(settings) == "https"
    plain = not secure or bool(settings.tls_port)
    page = f"{scheme(settings)}://{in_url(host)}:{peer_port(settings)}/"
    return Instance(
        instance_id=instance_id,
        host_name=host,
        app=app,
        ip_addr=address(settings),
        status=Status.UP,
        port=Port(settings.port, enabled=plain),
        secure_port=Port(peer_port(settings) if secure else 443, enabled=secure),
        data_center=DataCenter("MyOwn"),
        lease=LeaseInfo(),
        metadata={"zone": settings.zone, "management.port": str(settings.management_port)},
        home_page_url=page,
        status_page_url=page,
        health_check_url=f"http://{in_url(host)}:{settings.management_port}/readyz",
        vip_address=vip,
        secure_vip_address=vip,
        last_dirty_ms=now_ms,
    )


def _rules(settings: Settings) -> Rules:
    java = settings.self_preservation_rules is Whose.JAVA
    return Rules(
        preservation=Preservation(
            enabled=settings.self_preservation,
            threshold=settings.renewal_threshold,
            patience_ms=int(settings.self_preservation_patience_s * 1000),
            application_threshold=settings.application_threshold,
            application_patience_ms=int(settings.application_patience_s * 1000),
            floor=settings.self_preservation_floor,
            own_app=own_key(settings)[0] if settings.register_with_eureka else "",
        ),
        java_interval_s=settings.expected_renewal_interval_s if java else None,
        lease_expiry_java=settings.lease_expiry is Whose.JAVA,
        sticky_out_of_service=settings.sticky_out_of_service,
        sync_when_timestamp_differs=settings.sync_when_timestamp_differs,
        java_conflicts=settings.conflict_rules is Whose.JAVA,
        room=Room(settings.max_instances, settings.max_application_share),
        delta_retention_ms=int(settings.delta_retention_s * 1000),
        own_id=own_key(settings)[1] if settings.register_with_eureka else "",
    )


def _pace(settings: Settings) -> Pace:
    return Pace(
        batch_size=settings.replication_batch_size,
        queue_limit=settings.replication_queue_limit,
        max_age_ms=int(settings.replication_max_age_s * 1000),
        digest_interval_s=settings.digest_interval_s,
        limits=_limits(settings),
        most_instances=settings.max_instances,
    )


def _limits(settings: Settings) -> Limits:
    return Limits(settings.peer_connect_timeout_s, settings.peer_read_timeout_s)


def _regions(settings: Settings) -> RemoteRegions:
    """The other regions, by name in lower case."""
    urls = {name.strip().lower(): url for name, url in settings.remote_regions.items()}
    shown = {name.lower(): apps for name, apps in settings.remote_region_applications.items()}
    everywhere = shown.get("global")
    chosen = {name: apps for name in urls if (apps := shown.get(name) or everywhere)}
    return RemoteRegions(
        urls=urls,
        applications=chosen,
        bounds=Bounds(settings.remote_region_fetch_interval_s, settings.max_instances),
        limits=_limits(settings),
        retention_ms=int(settings.delta_retention_s * 1000),
    )


def with_address(settings: Settings, address: str) -> Settings:
    """The settings with the address of this peer's own instance, unless they name one."""
    return msgspec.structs.replace(settings, ip_address=settings.ip_address or address)


def with_ports(settings: Settings, port: int, management_port: int) -> Settings:
    """The settings once port 0 has become a real one."""
    return msgspec.structs.replace(settings, port=port, management_port=management_port)
