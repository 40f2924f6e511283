"""The instances that an `EurekaRegistration` wants, each with its status.

An instance's id does not change for as long as its address is the same: it is
NAMESPACE:SERVICE:ADDRESS:PORT, and NAMESPACE:REGISTRATION:ID for a fixed endpoint.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from eureka_operator.api.registration import Endpoint, Registration
from eureka_operator.core import names
from eureka_operator.core.instances import CLUSTER_UID, NAMESPACE
from eureka_operator.core.registrations.sources import Address, Service, ServicePort, Slice
from eureka_sidecar.core.configuration import Check, Instance
from eureka_sidecar.core.document import OUT_OF_SERVICE, Content

REGISTRATION: Final = "registration"
REGISTRATION_UID: Final = "registration-uid"
"""Metadata of an instance: by which object it was registered."""
MOST_INSTANCES: Final = 1_000
"""Of one object; what is more is left out, and said."""
APP_LABEL: Final = "app.kubernetes.io/name"

UP: Final = "UP"
DOWN: Final = "DOWN"

_STATUS_NOT_READY: Final = {None: OUT_OF_SERVICE, "OutOfService": OUT_OF_SERVICE, "Down": DOWN}
_ANY_NAME: Final = "FQDN"
_PLAIN: Final = "http"
_SECURE: Final = "https"


class Key(NamedTuple):
    """What tells an instance from others in one registry."""

    app: str
    id: str

    def __str__(self) -> str:
        """The instance as people write it."""
        return f"{self.app}/{self.id}"


class DesiredInstance(NamedTuple):
    """An instance that should be registered, with the Service and slice it comes from, if any."""

    instance: Instance
    content: Content
    service: str = ""
    slice: str = ""

    @property
    def key(self) -> Key:
        """Its application and id, as a registry has them."""
        return Key(self.instance.app, self.instance.id)


class Finding(NamedTuple):
    """Why not everything is registered: a reason of the condition, and a sentence."""

    reason: str
    message: str


class DesiredInstances(NamedTuple):
    """The wanted instances, and why there are not more."""

    instances: dict[Key, DesiredInstance]
    findings: tuple[Finding, ...] = ()


class Place(NamedTuple):
    """Where this is: the cluster's DNS domain, and its uid, empty if that is not known."""

    domain: str
    cluster_uid: str


class _Ports(NamedTuple):
    """A port of 0 is none."""

    plain: int
    secure: int


def desired_instances(
    registration: Registration,
    services: Iterable[Service],
    slices: Iterable[Slice],
    place: Place,
) -> DesiredInstances:
    """The instances of a registration by Services and EndpointSlices of its namespace."""
    if registration.spec.endpoints is not None:
        made = [
            _instance_of_endpoint(registration, each, place) for each in registration.spec.endpoints
        ]
        return _limit(registration, made, [])
    chosen, findings = _select_services(registration, services)
    by_service: dict[str, list[Slice]] = {each.name: [] for each in chosen}
    for each in slices:
        if each.service in by_service:
            by_service[each.service].append(each)
    made = []
    for service in chosen:
        for outcome in _of_service(registration, service, by_service[service.name], place):
            if isinstance(outcome, Finding):
                findings.append(outcome)
            else:
                made.append(outcome)
    return _limit(registration, made, findings)


def _limit(
    registration: Registration, instances: Iterable[DesiredInstance], findings: list[Finding]
) -> DesiredInstances:
    by_key = {each.key: each for each in instances}
    if len(by_key) > MOST_INSTANCES:
        message = (
            f"{registration} stands for {len(by_key)} instances: the first {MOST_INSTANCES} by"
            " their ids are registered; write several registrations"
        )
        findings.append(Finding("TooManyInstances", message))
    kept = sorted(by_key)[:MOST_INSTANCES]
    return DesiredInstances({key: by_key[key] for key in kept}, tuple(findings))


def _select_services(
    registration: Registration, services: Iterable[Service]
) -> tuple[list[Service], list[Finding]]:
    spec = registration.spec
    here = [each for each in services if each.namespace == registration.namespace]
    if spec.selector is not None:
        found = [each for each in here if spec.selector.selects(each.labels)]
        return [each for each in found if not each.is_external], []
    found = [each for each in here if each.name == spec.service]
    if not found:
        message = (
            f"there is no Service {spec.service} in namespace {registration.namespace}: create it,"
            " or correct spec.service"
        )
        return [], [Finding("ServiceNotFound", message)]
    if found[0].is_external:
        message = f"Service {spec.service} is an ExternalName: write its host into spec.endpoints"
        return [], [Finding("NoEndpoints", message)]
    return found, []


def _of_service(
    registration: Registration, service: Service, slices: list[Slice], place: Place
) -> Iterator[DesiredInstance | Finding]:
    app = _app(registration, service)
    if not app:
        message = (
            f"Service {service.name} has no label {APP_LABEL}: set it, or let the Service's name be"
            " the application's (spec.appFrom: ServiceName)"
        )
        yield Finding("NoAppLabel", message)
        return
    read = [
        each for each in slices if service.family in ("", each.family) or each.family == _ANY_NAME
    ]
    if registration.spec.address == "ServiceDNS":
        yield from _of_name(registration, service, app, read, place)
        return
    for (address, ports), (endpoint, source) in _addresses(registration, read).items():
        status = _status(registration, ready=endpoint.ready)
        if status is not None:
            number = ports.plain or ports.secure
            yield DesiredInstance(
                _instance(
                    registration,
                    app=app,
                    name=f"{service.name}:{address}:{number}",
                    at=(address, address),
                    ports=ports,
                ),
                Content(status, _metadata(registration, place, endpoint.zone)),
                service.name,
                source,
            )
    yield from _without_port(registration, service.name, read)


def _of_name(
    registration: Registration, service: Service, app: str, slices: list[Slice], place: Place
) -> Iterator[DesiredInstance | Finding]:
    """The Service itself, UP as long as one of its endpoints is ready."""
    ports = _ports(registration, service.ports)
    if ports is None:
        yield _no_port(registration, service.name)
        return
    ready = [each.name for each in slices if any(one.ready for one in each.addresses)]
    status = _status(registration, ready=bool(ready))
    if status is None:
        return
    host = names.host(service.name, service.namespace, place.domain)
    number = ports.plain or ports.secure
    yield DesiredInstance(
        _instance(
            registration,
            app=app,
            name=f"{service.name}:{host}:{number}",
            at=(host, service.address or host),
            ports=ports,
        ),
        Content(status, _metadata(registration, place, "")),
        service.name,
        ready[0] if ready else "",
    )


def _addresses(
    registration: Registration, slices: Iterable[Slice]
) -> dict[tuple[str, _Ports], tuple[Address, str]]:
    """Each address once, with its slice; if two slices have it, it is ready if one says so."""
    found: dict[tuple[str, _Ports], tuple[Address, str]] = {}
    for each in slices:
        ports = _ports(registration, each.ports)
        if ports is None:
            continue
        for endpoint in each.addresses:
            key = endpoint.address, ports
            if key not in found or not found[key][0].ready:
                found[key] = endpoint, each.name
    return found


def _without_port(
    registration: Registration, service: str, slices: Iterable[Slice]
) -> Iterator[Finding]:
    if any(each.addresses and _ports(registration, each.ports) is None for each in slices):
        yield _no_port(registration, service)


def _no_port(registration: Registration, service: str) -> Finding:
    wanted = [
        each for each in (registration.spec.port_name, registration.spec.secure_port_name) if each
    ]
    named = f" of the name {' or '.join(wanted)}" if wanted else ""
    message = f"Service {service} has no TCP port{named}: set spec.portName to one that it has"
    return Finding("PortNotFound", message)


def _ports(registration: Registration, ports: tuple[ServicePort, ...]) -> _Ports | None:
    """The plain port and the TLS port; `None`: there is neither, or the named one is missing."""
    spec = registration.spec
    by_name = {each.name: each.port for each in ports}
    for name in (spec.port_name, spec.secure_port_name):
        if name is not None and name not in by_name:
            return None
    secure = by_name.get(spec.secure_port_name or _SECURE, 0)
    if spec.port_name is not None:
        plain = by_name[spec.port_name]
    else:
        others = [each.port for each in ports if each.port != secure]
        plain = by_name.get(_PLAIN, others[0] if others else 0)
    found = _Ports(plain, secure if secure != plain else 0)
    return found if any(found) else None


def _status(registration: Registration, *, ready: bool) -> str | None:
    """`None`: an endpoint that is not ready is not registered."""
    return UP if ready else _STATUS_NOT_READY.get(registration.spec.not_ready)


def _app(registration: Registration, service: Service) -> str:
    """Empty if it should come from a label that the Service does not have."""
    spec = registration.spec
    if spec.app_from == "AppLabel":
        return service.labels.get(APP_LABEL, "")
    return spec.app or service.name


def _instance_of_endpoint(
    registration: Registration, endpoint: Endpoint, place: Place
) -> DesiredInstance:
    ports = _Ports(0, endpoint.port) if endpoint.secure else _Ports(endpoint.port, 0)
    instance = _instance(
        registration,
        app=registration.spec.app or registration.name,
        name=f"{registration.name}:{endpoint.id}",
        at=(endpoint.host, endpoint.host),
        ports=ports,
    )
    return DesiredInstance(instance, Content(UP, _metadata(registration, place, "")))


def _instance(
    registration: Registration, *, app: str, name: str, at: tuple[str, str], ports: _Ports
) -> Instance:
    """The instance; `at` is its host name and its IP address."""
    spec = registration.spec
    host, ip = at
    scheme, number = (_PLAIN, ports.plain) if ports.plain else (_SECURE, ports.secure)
    base = f"{scheme}://[{host}]:{number}" if ":" in host else f"{scheme}://{host}:{number}"
    home, status, health = (
        f"{base}{path}" if path else ""
        for path in (spec.paths.home_page, spec.paths.status_page, spec.paths.health_check)
    )
    return Instance(
        app=app.upper(),
        id=f"{registration.namespace}:{name}",
        host_name=host,
        ip=ip,
        port=ports.plain,
        secure_port=ports.secure,
        check=Check("tcp", number),
        vip=(spec.vip_address or app.lower()) if ports.plain else "",
        secure_vip=(spec.secure_vip_address or app.lower()) if ports.secure else "",
        home_url=home,
        status_url=status,
        health_url=health,
        renewal_s=spec.lease.renewal_interval_seconds,
        duration_s=spec.lease.duration_seconds,
    )


def _metadata(registration: Registration, place: Place, zone: str) -> dict[str, str]:
    return {
        **({"zone": zone} if zone else {}),
        **registration.spec.metadata,
        **({CLUSTER_UID: place.cluster_uid} if place.cluster_uid else {}),
        NAMESPACE: registration.namespace,
        REGISTRATION: registration.name,
        REGISTRATION_UID: registration.uid,
    }
