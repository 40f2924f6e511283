"""Rules between settings, and rules that a type cannot express."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Final

from eureka_registry.config import urls
from eureka_registry.config.errors import ConfigurationError
from eureka_registry.config.settings import EVERY_NETWORK, NAME, Settings

_HOST: Final = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.%a-z]*")
_EVERYWHERE: Final = frozenset({"*", "0.0.0.0", "::"})  # noqa: S104
_SHOWN_NAMES: Final = (
    "name",
    "app_name",
    "region",
    "zone",
    "environment",
    "datacenter",
    "pod_name",
)
_HOST_NAMES: Final = ("host", "management_host", "hostname", "peers_dns")
_URL: Final = "http(s)://host:port/eureka/"


def validate(settings: Settings, sources: Mapping[str, str] | None = None) -> None:
    """Check settings against each other.

    `sources` says where the value of a setting was given, for the message.

    Raises:
        ConfigurationError: for the first contradiction.
    """
    checks = (_names, _ports, _peer_sources, _service_urls, _hosts, _addresses, _certificates)
    for check in checks:
        for names, problem, allowed in check(settings):
            raise ConfigurationError(_source(names, sources or {}), problem, allowed)


_Problem = tuple[tuple[str, ...], str, str]
"""The settings that are at fault, what is wrong, what is allowed."""


def _source(names: tuple[str, ...], sources: Mapping[str, str]) -> str:
    given = [sources[name] for name in names if name in sources]
    return " and ".join(dict.fromkeys(given)) or f"setting {' and '.join(names)}"


def _names(settings: Settings) -> Iterator[_Problem]:
    for name in _SHOWN_NAMES:
        value = str(getattr(settings, name))
        if not value.isprintable():
            yield (name,), f"{value!r} holds a control character", "text of one line"


def _ports(settings: Settings) -> Iterator[_Problem]:
    hosts = {settings.host, settings.management_host or settings.host}
    meet = len(hosts) == 1 or hosts & _EVERYWHERE
    if meet and settings.port and settings.port == settings.management_port:
        problem = f"port and management_port are both {settings.port}"
        yield ("port", "management_port"), problem, "two different ports, or 0 for any free one"
    if settings.tls_port and settings.tls_port in (settings.port, settings.management_port):
        problem = f"tls_port is {settings.tls_port}, as another port is"
        yield ("tls_port",), problem, "a port of its own"


def _peer_sources(settings: Settings) -> Iterator[_Problem]:
    if settings.peers_file and settings.peers_dns:
        problem = "peers_file and peers_dns are both set"
        yield ("peers_file", "peers_dns"), problem, "one of them"


def _certificates(settings: Settings) -> Iterator[_Problem]:
    if bool(settings.tls_cert) != bool(settings.tls_key):
        yield ("tls_cert", "tls_key"), "only one of tls_cert and tls_key is set", "both, or none"
    if settings.tls_port and not settings.tls_cert:
        yield ("tls_port",), "tls_port is set without tls_cert", "both, or no tls_port"
    if settings.tls_client_ca and not settings.tls_cert:
        yield ("tls_client_ca",), "tls_client_ca is set without tls_cert", "all of TLS, or none"


def _service_urls(settings: Settings) -> Iterator[_Problem]:
    written = [("peers", url) for url in settings.peers]
    written += [("remote_regions", url) for url in settings.remote_regions.values()]
    written += [("my_url", settings.my_url)] if settings.my_url else []
    for name, url in written:
        if message := urls.problem(url):
            yield (name,), message, _URL


def _hosts(settings: Settings) -> Iterator[_Problem]:
    hosts = {name: str(getattr(settings, name)) for name in _HOST_NAMES}
    hosts["hostname"] = hosts["hostname"].replace(NAME, "x")
    for name, value in hosts.items():
        everywhere = value == EVERY_NETWORK and name in ("host", "management_host")
        if value and not everywhere and not _HOST.fullmatch(value):
            message = f"{urls.redact(getattr(settings, name))!r} is not a host name"
            yield (name,), message, "a name or an address, without scheme, port and path"
    if not settings.host:
        yield ("host",), "is empty", "a name or an address"


def _addresses(settings: Settings) -> Iterator[_Problem]:
    try:
        ipaddress.ip_address(settings.ip_address or "::1")
    except ValueError:
        message = f"{urls.redact(settings.ip_address)!r} is not an IP address"
        yield ("ip_address",), message, "an address of IPv4 or IPv6"
