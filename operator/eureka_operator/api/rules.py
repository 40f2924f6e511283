"""Rules between fields: the CEL rules of the CRD, with its sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Final
from urllib.parse import urlsplit

from eureka_operator.api.check import Problem
from eureka_operator.api.selectors import selector_problems
from eureka_operator.api.spec import CertManager, Injection, Peers, Quantities, Spec, Tls

NAME_LENGTH: Final = (
    "metadata.name must be at most 32 characters"
    " (StatefulSet name + revision hash must fit a 63-character label)"
)
NAME_PATTERN: Final = (
    "metadata.name must be a DNS-1035 label (Service names derive from it):"
    " small letters, digits and -, with a letter first and no - at the end"
)
NAME_OF_A_PEER: Final = (
    "metadata.name must not look like a peer's name (spec.peers.dnsPrefix and a number):"
    " the Services would collide"
)
PEERS_PER_ZONE: Final = "spec.replicas must be at least the number of spec.topology.zones"
MANAGEMENT_PORT: Final = "spec.peers.port must not be 8763: that is the management port"
TLS_MANAGEMENT_PORT: Final = "spec.tls.port must not be 8763: that is the management port"
TLS_PLAIN_PORT: Final = (
    "spec.tls.port must not be spec.peers.port: with mode Permissive both are open"
)
CLIENT_AUTHORITIES: Final = (
    "spec.tls.caSecretName needs clientAuth Request or Require: nobody else is asked for a"
    " certificate"
)
TLS_PORT_IMMUTABLE: Final = "spec.tls.port is immutable: peers and clients know each other by it"
TLS_STAYS: Final = (
    "spec.tls cannot be removed while its mode is Strict, because peers could not reach each other:"
    " set mode: Permissive, wait for Ready, then remove it"
)
CERTIFICATE_DURATION: Final = "spec.tls.certManager.duration must be at least 1h"
RENEW_BEFORE: Final = (
    "spec.tls.certManager.renewBefore must be at least 5m, and less than duration (2160h if absent)"
)
AUTH_SECRET: Final = "spec.auth.secretName goes with type Basic or Bearer, which need it"  # noqa: S105
AUTH_NAMES: Final = (
    "spec.auth.names needs type ServiceAccount: other types know one identity, which may write"
    " everything"
)
AUTH_PLAINTEXT: Final = (
    "credentials can be read on the way where plain HTTP is served: set spec.tls with mode Strict,"
    " or spec.auth.allowPlaintext: true"
)
ONE_SOURCE: Final = "set exactly one of url and clusterRef"
REQUEST_AND_LIMIT: Final = "a request must not be greater than its limit"
LEASE_TIMES: Final = (
    "durationSeconds must be more than twice renewalSeconds, or a lease ends when one renewal fails"
)
METADATA_NAMES: Final = (
    "names of metadata are at most 128 letters, digits, _, - and ., the first a letter or _"
)
METADATA_OF_PODS: Final = (
    "pod-uid, pod-name, namespace and cluster-uid are set by Eurekube: leases of pods are known by"
    " them"
)
ZONES_FROM_THE_START: Final = (
    "spec.topology.zones can only be set when the cluster is made, and not be removed:"
    " peers would change their names"
)
ZONES_APPENDED: Final = (
    "spec.topology.zones can only be appended to:"
    " peers are named after their zone and dealt over the zones in this order"
)
PEERS_IMMUTABLE: Final = (
    "spec.peers.dnsPrefix, port and contextPath are immutable: peers and clients know each other"
    " by them"
)
VOLUME_IMMUTABLE: Final = (
    "spec.snapshot.volume is immutable: volumeClaimTemplates of a StatefulSet cannot change"
)

_LONGEST_NAME: Final = 32
_NAME: Final = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_MANAGEMENT_PORT: Final = 8763
_SERVICE_URL: Final = (
    "has no valid host and port: write http(s)://host:port/eureka/, with a port from 1 to 65535"
)
"""The one sentence that is not the CRD's: its pattern lets such URLs pass."""
_HOST: Final = re.compile(r"[^\s/?#@\\,${}]+")
_METADATA_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")
_OF_PODS: Final = frozenset({"pod-uid", "pod-name", "namespace", "cluster-uid"})
_RENEWAL_S: Final = 30
_DURATION: Final = "2160h"
"""How long a certificate of cert-manager lasts if nothing is said."""
_HOURS_AND_MINUTES: Final = re.compile(r"(?:([0-9]+)h)?(?:([0-9]+)m)?")
_AMOUNT: Final = re.compile(r"([0-9.]+)(.*)")
_SUFFIXES: Final = {
    "m": Decimal("1e-3"),
    "": Decimal(1),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
}


def rule_problems(name: str, spec: Spec) -> Iterator[Problem]:
    """Yield what is wrong between fields that are valid one by one."""
    yield from _name(name, spec.peers.dns_prefix)
    if 0 < spec.replicas < len(spec.topology.zones):
        yield Problem("spec.replicas", PEERS_PER_ZONE)
    if spec.peers.port == _MANAGEMENT_PORT:
        yield Problem("spec.peers.port", MANAGEMENT_PORT)
    for place, region in enumerate(spec.registry.remote_regions):
        if (region.url is None) == (region.cluster_ref is None):
            yield Problem(f"spec.registry.remoteRegions[{place}]", ONE_SOURCE)
    yield from (Problem(field, _SERVICE_URL) for field, url in _urls(spec) if not _is_usable(url))
    if spec.tls is not None:
        yield from _tls(spec.tls, spec.peers.port)
    yield from _auth(spec)
    yield from _injection(spec.injection)


def _auth(spec: Spec) -> Iterator[Problem]:
    auth = spec.auth
    if (auth.type in ("Basic", "Bearer")) != (auth.secret_name is not None):
        yield Problem("spec.auth", AUTH_SECRET)
    if auth.names and auth.type != "ServiceAccount":
        yield Problem("spec.auth", AUTH_NAMES)
    is_encrypted = spec.tls is not None and spec.tls.mode == "Strict"
    if auth.type != "None" and not auth.allow_plaintext and not is_encrypted:
        yield Problem("spec", AUTH_PLAINTEXT)


def _tls(tls: Tls, plain_port: int) -> Iterator[Problem]:
    if tls.port == _MANAGEMENT_PORT:
        yield Problem("spec.tls.port", TLS_MANAGEMENT_PORT)
    if tls.port == plain_port:
        yield Problem("spec.tls.port", TLS_PLAIN_PORT)
    if tls.ca_secret_name is not None and tls.client_auth == "None":
        yield Problem("spec.tls", CLIENT_AUTHORITIES)
    if tls.cert_manager is not None:
        yield from _cert_manager(tls.cert_manager)


def _cert_manager(wanted: CertManager) -> Iterator[Problem]:
    lasts = _minutes(wanted.duration or _DURATION)
    if lasts < _minutes("1h"):
        yield Problem("spec.tls.certManager.duration", CERTIFICATE_DURATION)
    before = wanted.renew_before
    if before is not None and not _minutes("5m") <= _minutes(before) < lasts:
        yield Problem("spec.tls.certManager.renewBefore", RENEW_BEFORE)


def _urls(spec: Spec) -> Iterator[tuple[str, str]]:
    """Yield each URL of another server, and its field."""
    for place, url in enumerate(spec.peers.extra_peer_urls):
        yield f"spec.peers.extraPeerURLs[{place}]", url
    for place, region in enumerate(spec.registry.remote_regions):
        if region.url is not None:
            yield f"spec.registry.remoteRegions[{place}].url", region.url


def _is_usable(url: str) -> bool:
    """Whether the registry takes a URL that matches the schema's pattern.

    It refuses its whole file for one that it cannot use: running peers would keep their last good
    settings, and a new peer could not start.
    """
    try:
        parts = urlsplit(url)
        valid_port = parts.port != 0
    except ValueError:
        return False
    host = parts.hostname or ""
    return valid_port and _HOST.fullmatch(host) is not None and "\\" not in url


def _name(name: str, dns_prefix: str) -> Iterator[Problem]:
    if len(name) > _LONGEST_NAME:
        yield Problem("metadata.name", NAME_LENGTH)
    if not _NAME.fullmatch(name):
        yield Problem("metadata.name", NAME_PATTERN)
    if re.fullmatch(f"{dns_prefix}[0-9]+", name):
        yield Problem("metadata.name", NAME_OF_A_PEER)


def _injection(injection: Injection) -> Iterator[Problem]:
    if injection.namespace_selector is not None:
        yield from selector_problems(
            injection.namespace_selector, "spec.injection.namespaceSelector"
        )
    resources, lease = injection.sidecar.resources, injection.lease
    if any(_is_greater(resources.requests, resources.limits, each) for each in ("cpu", "memory")):
        yield Problem("spec.injection.sidecar.resources", REQUEST_AND_LIMIT)
    if (duration_s := lease.duration_seconds) is not None:
        renewal_s = _RENEWAL_S if lease.renewal_seconds is None else lease.renewal_seconds
        if duration_s <= 2 * renewal_s:
            yield Problem("spec.injection.lease", LEASE_TIMES)
    if not all(_METADATA_NAME.fullmatch(key) for key in injection.metadata):
        yield Problem("spec.injection.metadata", METADATA_NAMES)
    if _OF_PODS & injection.metadata.keys():
        yield Problem("spec.injection.metadata", METADATA_OF_PODS)


def _is_greater(requests: Quantities, limits: Quantities, resource: str) -> bool:
    request, limit = (getattr(each, resource) for each in (requests, limits))
    return request is not None and limit is not None and amount(request) > amount(limit)


def amount(quantity: str) -> Decimal:
    """How much a quantity of `spec.injection.sidecar.resources` is, in CPUs or bytes."""
    match = _AMOUNT.fullmatch(quantity)
    if match is None:  # its pattern in the schema excludes that
        raise ValueError(quantity)
    return Decimal(match[1]) * _SUFFIXES[match[2]]


def _minutes(duration: str) -> int:
    """How long a duration of `spec.tls.certManager` is."""
    match = _HOURS_AND_MINUTES.fullmatch(duration)
    if match is None:  # its pattern in the schema excludes that
        raise ValueError(duration)
    return int(match[1] or 0) * 60 + int(match[2] or 0)


def transition_problems(old: Spec, new: Spec) -> tuple[Problem, ...]:
    """Return what the API server refuses in a change although `new` by itself is valid."""
    return tuple(_transition_problems(old, new))


def _transition_problems(old: Spec, new: Spec) -> Iterator[Problem]:
    if _address(old.peers) != _address(new.peers):
        yield Problem("spec.peers", PEERS_IMMUTABLE)
    zones = [zone.name for zone in old.topology.zones]
    wanted = [zone.name for zone in new.topology.zones]
    if bool(zones) != bool(wanted):
        yield Problem("spec.topology.zones", ZONES_FROM_THE_START)
    elif wanted[: len(zones)] != zones:
        yield Problem("spec.topology.zones", ZONES_APPENDED)
    if old.snapshot.volume != new.snapshot.volume:
        yield Problem("spec.snapshot.volume", VOLUME_IMMUTABLE)
    if old.tls is not None and new.tls is not None and old.tls.port != new.tls.port:
        yield Problem("spec.tls", TLS_PORT_IMMUTABLE)
    if old.tls is not None and new.tls is None and old.tls.mode == "Strict":
        yield Problem("spec", TLS_STAYS)


def _address(peers: Peers) -> tuple[str, int, str | None]:
    return peers.dns_prefix, peers.port, peers.context_path
