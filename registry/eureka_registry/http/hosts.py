"""The host names that browsers may use for a peer: its own, its peers', and `allowed_hosts`."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from eureka_registry.config.settings import Settings
from eureka_registry.http.browsers import is_nobodys
from eureka_registry.http.node import Node, hostname

_ALIASES: Final = Path("/etc/hosts")
_MOST_ALIASES_BYTES: Final = 65_536
_SERVICE: Final = ".svc"
"""Ends the names of Services of Kubernetes, before the cluster's domain; no domain of the internet
is called so."""


class Hosts:
    """Decides which host names are ours."""

    def __init__(self, node: Node, machine: Iterable[str] = ()) -> None:
        """Serve the names of a node, and those of its machine."""
        self._node = node
        self._machine = frozenset(name.lower() for name in machine)

    def is_served(self, name: str) -> bool:
        """Whether a browser may ask for `name` (lower case, no port)."""
        if is_nobodys(name) or name in self._machine:
            return True
        settings = self._node.settings
        if any(fnmatchcase(name, pattern.lower()) for pattern in settings.allowed_hosts):
            return True
        return any(_is(name, own) for own in self._own(settings))

    def _own(self, settings: Settings) -> Iterator[str]:
        yield from (hostname(settings), settings.name, settings.pod_name, settings.peers_dns)
        yield from (settings.host, settings.management_host)
        for url in (settings.my_url, *settings.peers, *self._node.mesh.links):
            yield _host(url)


def machine_names(aliases: Path = _ALIASES) -> set[str]:
    """The machine's host name, and the names that `/etc/hosts` gives it; no name server is asked.

    Such names resolve by that file, whatever a name server says.
    """
    own = socket.gethostname().lower()
    names = {own} if own else set()
    try:
        with aliases.open(encoding="utf-8", errors="replace") as file:
            lines = file.read(_MOST_ALIASES_BYTES).lower().splitlines()
    except OSError:
        return names
    for line in lines:
        address, *listed = line.partition("#")[0].split() or [""]
        if own in listed or _is_loopback(address):
            names.update(listed)
    return names


def _is(name: str, own: str) -> bool:
    """Whether `name` is one of ours, or of a Service in the same namespace as one of ours."""
    own = own.lower()
    if not own:
        return False
    if name == own:
        return True
    namespace, service, domain = own.partition(".")[2].partition(_SERVICE)
    if not service or not namespace or (domain and not domain.startswith(".")):
        return False
    return name.partition(".")[2] in (f"{namespace}{_SERVICE}", f"{namespace}{_SERVICE}{domain}")


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
