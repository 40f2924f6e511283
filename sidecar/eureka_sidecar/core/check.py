"""The health check of the application: a URL, or a readiness probe of Kubernetes."""

from __future__ import annotations

from ..records import replace
from .configuration import Check
from .values import consists_of, display_text, number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_SCHEMES = ("http", "https", "tcp", "grpc")
_FORMS = "http://:PORT/PATH, https://:PORT/PATH, tcp://:PORT or grpc://:PORT/SERVICE"
_MOST_HEADERS = 32
_MOST_NUMBER = 2**31 - 1
_LAST_PORT = 65_535
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_HOST = f"{_LETTERS}-._"
_IPV6 = "abcdefABCDEF0123456789:."
_TOKEN = f"{_HOST}!#$%&'*+^`|~"
_PATH = f"{_HOST}!#$%&'()*+,/:;=?@[]~"


def from_url(text: str, port: int) -> Check:
    """A check written as `http://:8080/health`, `https://...`, `tcp://:5432` or `grpc://:9000/name`.

    Without a host the application is asked on loopback, without a port at `port`.

    Raises:
        ValueError: it is none; the message is a sentence.
    """
    if "@" in text:
        raise ValueError(
            "the check contains '@': a user and a password do not belong into a URL; write"
            " %40 if a path has this sign"
        )
    name, sign, rest = text.partition("://")
    scheme = name.lower()
    if not sign or scheme not in _SCHEMES:
        raise ValueError(f"the check {display_text(text)} is not written as {_FORMS}")
    place, slash, path = rest.partition("/")
    if not consists_of(path, _PATH) or "#" in path:
        raise ValueError(
            f"the path of the check {display_text(text)} has a blank, a '#' or another character"
            " that none may have: write it as %XX"
        )
    if scheme == "tcp" and path:
        raise ValueError(
            f"the check {display_text(text)} connects only, and has no path: leave it out"
        )
    host, given = _place(place, text)
    return Check(
        scheme=scheme,  # type: ignore[arg-type] # it is in _SCHEMES
        port=given or port,
        host=host or "127.0.0.1",
        path="/" if scheme == "grpc" else slash + path or "/",
        service=path if scheme == "grpc" else "",
    )


def _place(place: str, text: str) -> tuple[str, int]:
    """Host or empty, and port or 0."""
    host, colon, digits = place, "", ""
    if ":" in place and not place.endswith("]"):
        host, colon, digits = place.rpartition(":")
    if host.startswith("[") and host.endswith("]") and _is_ipv6(host[1:-1]):
        host = host[1:-1]
    elif not consists_of(host, _HOST):
        raise ValueError(
            f"the host of the check {display_text(text)} is neither a name nor an address; an IPv6"
            " address is written in brackets, as in http://[::1]:8080/health"
        )
    port = number(digits)
    if colon and not (port and port <= _LAST_PORT):
        raise ValueError(
            f"the check {display_text(text)} has no port from 1 to {_LAST_PORT} after its ':'"
        )
    return host, port or 0


def _is_ipv6(host: str) -> bool:
    return ":" in host and consists_of(host, _IPV6)


def from_probe(probe: Mapping[str, Any], port: int, host: str) -> tuple[Check, str]:
    """A pod's readiness probe as a check, and what of it cannot be done (empty: nothing).

    Ports that it names must have been resolved. The kubelet asks at the pod's address, `host`.
    `exec` runs in another container: TCP takes its place. Fields that are not known are ignored:
    it may come from a pod of any version of Kubernetes.

    Raises:
        ValueError: it is not a probe; the message is a sentence.
    """
    untimed, note = _handler(probe, port, host)
    timed = replace(
        untimed,
        period_ms=1_000 * _number(probe, "periodSeconds", 10),
        timeout_ms=1_000 * _number(probe, "timeoutSeconds", 1),
        rise=_number(probe, "successThreshold", 1),
        fall=_number(probe, "failureThreshold", 3),
    )
    return timed, note


def _handler(probe: Mapping[str, Any], port: int, host: str) -> tuple[Check, str]:
    if isinstance(http := probe.get("httpGet"), dict):
        return _http(http, host), ""
    if isinstance(tcp := probe.get("tcpSocket"), dict):
        return Check("tcp", _port(tcp), _host(tcp, host)), ""
    if isinstance(grpc := probe.get("grpc"), dict):
        return Check("grpc", _port(grpc), host, service=_text(grpc, "service")), ""
    if isinstance(probe.get("exec"), dict):
        return Check("tcp", port, host), (
            "the readiness probe is a command, which cannot be run from another container: the"
            f" application counts as ready while port {port} accepts connections"
        )
    raise ValueError("the readiness probe has none of httpGet, tcpSocket, grpc and exec")


def _http(get: Mapping[str, Any], host: str) -> Check:
    scheme = (_text(get, "scheme") or "HTTP").lower()
    if scheme not in ("http", "https"):
        raise ValueError(
            f"the scheme of the readiness probe is {display_text(scheme)}, not HTTP or HTTPS"
        )
    path = _text(get, "path").partition("#")[0]
    absolute = path if path.startswith("/") else f"/{path}"
    return Check(
        scheme,  # type: ignore[arg-type] # it is one of the two
        _port(get),
        _host(get, host),
        "".join(letter if letter in _PATH else _escape(letter) for letter in absolute),
        _headers(get),
    )


def _headers(get: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The headers of a probe; messages do not repeat values, which may be passwords."""
    given = get.get("httpHeaders") or []
    if not isinstance(given, list) or len(given) > _MOST_HEADERS:
        raise ValueError(
            f"httpHeaders of the readiness probe is not a list of at most {_MOST_HEADERS} headers"
        )
    return tuple(_header(each) for each in given)


def _header(header: object) -> tuple[str, str]:
    if not isinstance(header, dict):
        raise ValueError(  # noqa: TRY004 - of a document
            "a header of the readiness probe is not an object with name and value"
        )
    name, value = _text(header, "name"), _text(header, "value")
    if not name or not consists_of(name, _TOKEN):
        raise ValueError(
            f"a header of the readiness probe cannot have the name {display_text(name)}"
        )
    if not all(" " <= letter <= "~" or letter == "\t" for letter in value):
        raise ValueError(f"the header {name} of the readiness probe has a value that none may have")
    return name, value


def _escape(letter: str) -> str:
    return "".join(f"%{byte:02X}" for byte in letter.encode(errors="replace"))


def _host(handler: Mapping[str, Any], default: str) -> str:
    host = _text(handler, "host")
    if not (consists_of(host, _HOST) or _is_ipv6(host)):
        raise ValueError(
            "the host of the readiness probe is neither a name nor an address:"
            f" {display_text(host)}"
        )
    return host or default


def _text(mapping: Mapping[str, Any], field: str) -> str:
    """A text; empty if it is not given."""
    value = mapping.get(field)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > 1_024:
        raise ValueError(
            f"{field} of the readiness probe is not a text, or too long: {display_text(value)}"
        )
    return value


def _number(probe: Mapping[str, Any], field: str, default: int) -> int:
    value = probe.get(field)
    if value is None or (value == 0 and not isinstance(value, bool)):
        return default  # as the API server does
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _MOST_NUMBER:
        return value
    raise ValueError(
        f"{field} of the readiness probe is not a number from 1 to {_MOST_NUMBER}:"
        f" {display_text(value)}"
    )


def _port(handler: Mapping[str, Any]) -> int:
    """The port; digits are taken for a number, as the kubelet does where no port has the name."""
    port = handler.get("port")
    if isinstance(port, str):
        port = number(port) or port
    if isinstance(port, int) and not isinstance(port, bool) and 0 < port <= _LAST_PORT:
        return port
    raise ValueError(
        f"the port of the readiness probe is not a number from 1 to {_LAST_PORT}:"
        f" {display_text(port)}; the sidecar does not know the names of the application's ports"
    )
