"""The instances that a pod registers: name, ports and health, for the sidecar's configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from eureka_operator.core.injection import pods, reasons
from eureka_operator.core.injection.annotations import Port, SidecarOptions
from eureka_operator.core.injection.pods import Owner
from eureka_operator.core.injection.reasons import Finding
from eureka_operator.core.kinds import Object
from eureka_sidecar.core import check
from eureka_sidecar.core.values import display_text

_SERVICES: Final = frozenset(("http", "https", "grpc"))
"""Names of ports that are called by clients."""
_TLS: Final = "https"
_LONGEST_APP: Final = 63
_APP: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")
_PROBE_NUMBERS: Final = {
    "periodSeconds": 10,
    "timeoutSeconds": 1,
    "successThreshold": 1,
    "failureThreshold": 3,
}
_PROBE_FIELDS: Final[Mapping[str, Mapping[str, object]]] = {
    "httpGet": {"path": "/", "port": None, "host": "", "scheme": "HTTP", "httpHeaders": []},
    "tcpSocket": {"port": None, "host": ""},
    "grpc": {"port": None, "service": ""},
    "exec": {},
}
"""What a check is made of, and its default; the words of a command are not needed.

Defaults are left out: the API server writes them into a pod before the webhook sees it, but they
are not in the file from which `inject -f` makes the same.
"""


class Instances(msgspec.Struct, frozen=True):
    """Instances in the sidecar's configuration, and findings about them."""

    entries: tuple[Object, ...]
    notes: tuple[Finding, ...] = ()


class _Ports(msgspec.Struct, frozen=True):
    """Plain and TLS port; 0: none."""

    plain: int
    secure: int
    notes: tuple[Finding, ...] = ()


def app_name(pod: Mapping[str, Any], options: SidecarOptions, owner: Owner) -> str | Finding:
    """The application: annotation, labels, owner, or the pod's own name."""
    labels = pods.labels_of(pod)
    found = (
        options.app
        or labels.get("app.kubernetes.io/name")
        or labels.get("app")
        or pods.workload(pod, owner)
    )
    if 0 < len(found) <= _LONGEST_APP and _APP.issuperset(found) and found.strip("."):
        return found
    return Finding(reasons.APP_NOT_ALLOWED, display_text(found), own=bool(options.app))


def instances(pod: Mapping[str, Any], options: SidecarOptions, app: str) -> Instances | Finding:
    """All instances of the pod, or why it can have none."""
    if options.instances:
        return _annotated_instances(pod, options.instances, app)
    found = _ports(pod, options)
    if isinstance(found, Finding):
        return found
    entry: Object = {"app": app}
    if found.plain:
        entry["port"] = found.plain
    if found.secure:
        entry["securePort"] = found.secure
    if options.vip:
        entry["vip" if found.plain else "secureVip"] = options.vip
    health, notes = _health(pod, found.plain or found.secure, options.check)
    return Instances(({**entry, **health},), (*found.notes, *notes))


def _annotated_instances(
    pod: Mapping[str, Any], entries: tuple[Object, ...], app: str
) -> Instances | Finding:
    completed: list[Object] = []
    notes: list[Finding] = []
    for each in entries:
        entry = {"app": app, **each}
        for field in ("port", "securePort"):
            if isinstance(each.get(field), str):
                number = _port_number(pod, each[field])
                if isinstance(number, Finding):
                    return number
                entry[field] = number
        port = entry.get("port") or entry.get("securePort")
        if "check" not in each and pods.is_port(port):
            health, found = _health(pod, port, "")
            entry |= health
            notes.extend(found)
        completed.append(entry)
    return Instances(tuple(completed), tuple(notes))


def _ports(pod: Mapping[str, Any], options: SidecarOptions) -> _Ports | Finding:
    secure = _port_number(pod, options.secure_port)
    if isinstance(secure, Finding):
        return secure
    if options.port is None:
        return _default_port(pod, secure)
    plain = _port_number(pod, options.port)
    return plain if isinstance(plain, Finding) else _Ports(plain, secure)


def _port_number(pod: Mapping[str, Any], port: Port | None) -> int | Finding:
    """The number of a port that a pod names; 0: it names none."""
    if port is None or isinstance(port, int):
        return port or 0
    for container in pods.items(pod, "containers"):
        for name, number, _ in pods.ports(container):
            if name == port:
                return number
    message = f"no container has a port with the name {display_text(port)}"
    return Finding(reasons.BAD_ANNOTATION, message, own=True)


def _default_port(pod: Mapping[str, Any], secure: int) -> _Ports | Finding:
    """The port to register where the pod does not name one; it is never `secure`."""
    declared = _port_names(pod, secure)
    probed = _probe_ports(pod, secure)
    services = {number: name for number, name in declared.items() if name in _SERVICES}
    if len(probed) == 1:
        port, is_tls = next(iter(probed.items()))
        notes = _other_service(port, services)
        return _registered_ports(port, secure, notes, is_tls=is_tls or declared.get(port) == _TLS)
    for candidates in (services, declared):
        if len(candidates) == 1:
            port, name = next(iter(candidates.items()))
            return _registered_ports(
                port, secure, (), is_tls=name == _TLS or probed.get(port, False)
            )
    if secure and not declared:
        return _Ports(0, secure)
    return _no_port(pod, declared)


def _registered_ports(
    port: int, secure: int, notes: tuple[Finding, ...], *, is_tls: bool
) -> _Ports:
    """A port that speaks TLS only is registered as the secure one: plain calls would fail."""
    return _Ports(0, port, notes) if is_tls and not secure else _Ports(port, secure, notes)


def _port_names(pod: Mapping[str, Any], secure: int) -> dict[int, str]:
    """Names of the application's TCP ports by number."""
    return {
        number: name
        for container in pods.applications(pod)
        for name, number, protocol in pods.ports(container)
        if protocol == "TCP" and number != secure
    }


def _probe_ports(pod: Mapping[str, Any], secure: int) -> dict[int, bool]:
    """Ports of readiness probes, and whether they speak TLS."""
    found = {}
    for container in pods.applications(pod):
        probe = _probe(container)
        for handler in ("httpGet", "tcpSocket", "grpc"):
            port = pods.mapping(probe.get(handler)).get("port")
            if pods.is_port(port) and port != secure:
                found[port] = probe[handler].get("scheme") == "HTTPS"
    return found


def _other_service(port: int, services: Mapping[int, str]) -> tuple[Finding, ...]:
    if port in services or not services:
        return ()
    others = ", ".join(f"{number} ({name})" for number, name in sorted(services.items())[:5])
    return (Finding(reasons.PROBE_PORT_DIFFERS, f"{port}, not {others}"),)


def _no_port(pod: Mapping[str, Any], port_names: Mapping[int, str]) -> Finding:
    if port_names:
        detail = ", ".join(
            f"{name or 'no name'} {port}" for port, name in sorted(port_names.items())[:5]
        )
        return Finding(reasons.AMBIGUOUS_PORT, detail)
    if any(True for each in pods.applications(pod) for _ in pods.ports(each)):
        return Finding(reasons.UDP_PORT)
    return Finding(reasons.NO_PORT)


def _health(pod: Mapping[str, Any], port: int, path: str) -> tuple[Object, tuple[Finding, ...]]:
    """The check of the annotation, else the readiness probe of the container that serves the port.

    Without both, the sidecar connects to the port. Liveness does not say whether it is ready.
    """
    if path:
        return {"check": path}, ()
    probe = _probe(_serving_container(pod, port))
    if not probe:
        return {}, ()
    try:
        _, note = check.from_probe(probe, port, "127.0.0.1")
    except ValueError as error:
        return {}, (Finding(reasons.HEALTH_DOWNGRADED, str(error)),)
    return {"readinessProbe": probe}, (Finding(reasons.HEALTH_EXEC_UNSUPPORTED),) if note else ()


def _serving_container(pod: Mapping[str, Any], port: int) -> Object:
    """The container that declares the port, or whose probe asks it; else the first one."""
    found = pods.applications(pod)
    for each in found:
        if any(number == port for _, number, _ in pods.ports(each)):
            return each
    for each in found:
        if any(pods.mapping(part).get("port") == port for part in _probe(each).values()):
            return each
    return found[0]


def _probe(container: Mapping[str, Any]) -> Object:
    """The readiness probe as the sidecar reads it, names of ports resolved; empty: there is none.

    A port's name is looked up in the same container, as the kubelet does.
    """
    given = pods.mapping(container.get("readinessProbe"))
    found = _non_defaults(given, _PROBE_NUMBERS)
    for handler, defaults in _PROBE_FIELDS.items():
        if isinstance(given.get(handler), Mapping):
            part = _non_defaults(given[handler], defaults)
            if isinstance(part.get("port"), str):
                part["port"] = _number_of(container, part["port"])
            if isinstance(headers := part.get("httpHeaders"), list):
                part["httpHeaders"] = [_header(each) for each in headers]
            return {handler: part, **found}
    return {}


def _non_defaults(values: Mapping[str, Any], defaults: Mapping[str, object]) -> Object:
    """The values that differ from the defaults; zero and empty count as not given, as in Go."""
    return {
        key: values[key] for key in defaults if values.get(key) and values[key] != defaults[key]
    }


def _header(header: object) -> object:
    if not isinstance(header, Mapping):
        return header
    return {key: header[key] for key in ("name", "value") if key in header}


def _number_of(container: Mapping[str, Any], port: str) -> int | str:
    for name, number, _ in pods.ports(container):
        if name == port:
            return number
    return int(port) if port.isascii() and port.isdigit() and len(port) < 6 else port  # noqa: PLR2004
