"""Rules between fields of an `EurekaCluster`: the CEL rules of the CRD."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from msgspec import UNSET

from eureka_registry.local.clusterschema import (
    CertManager,
    Cluster,
    Injection,
    NamespaceSelector,
    Quantities,
    Spec,
    Tls,
)

Broken = Iterator[tuple[str, str]]
"""Field and sentence of what is refused."""

_MANAGEMENT_PORT: Final = 8763
_LABEL_NAME: Final = re.compile(
    r"(?=.{1,253}$)([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
    r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
)
_METADATA_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")
_OF_PODS: Final = frozenset({"pod-uid", "pod-name", "namespace", "cluster-uid"})
_RENEWAL_S: Final = 30
_DURATION: Final = "2160h"
"""How long a certificate of cert-manager lasts if nothing is said."""
_HOURS_AND_MINUTES: Final = re.compile(r"(?:([0-9]+)h)?(?:([0-9]+)m)?")
_AMOUNT: Final = re.compile(r"([0-9.]+)(.*)")
_SUFFIXES: Final = {
    "m": Decimal("1e-3"), "": Decimal(1),
    "k": Decimal(10**3), "M": Decimal(10**6), "G": Decimal(10**9),
    "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30),
}  # fmt: skip


def violations(cluster: Cluster) -> Broken:
    """Yield field and sentence for each violated rule of the CRD."""
    spec = cluster.spec
    if re.fullmatch(f"{spec.peers.dns_prefix}[0-9]+", cluster.metadata.name):
        message = "must not look like a peer's name (spec.peers.dnsPrefix and a number)"
        yield "metadata.name", message
    if 0 < spec.replicas < len(spec.topology.zones):
        yield "spec.replicas", "must be at least the number of spec.topology.zones"
    if spec.peers.port == _MANAGEMENT_PORT:
        yield "spec.peers.port", "must not be 8763: that is the management port"
    for place, region in enumerate(spec.registry.remote_regions):
        if (region.url is UNSET) == (region.cluster_ref is UNSET):
            where = f"spec.registry.remoteRegions[{place}]"
            yield where, "set exactly one of url and clusterRef"
    if spec.tls is not UNSET:
        yield from _tls(spec.tls, spec.peers.port)
    yield from _auth(spec)
    yield from _injection(spec.injection)


def _auth(spec: Spec) -> Broken:
    auth = spec.auth
    if (auth.type in ("Basic", "Bearer")) != (auth.secret_name is not UNSET):
        yield "spec.auth", "secretName goes with type Basic or Bearer, which need it"
    if auth.names and auth.type != "ServiceAccount":
        yield "spec.auth", "names needs type ServiceAccount"
    is_encrypted = spec.tls is not UNSET and spec.tls.mode == "Strict"
    if auth.type != "None" and not auth.allow_plaintext and not is_encrypted:
        yield "spec", "credentials can be read on the way where plain HTTP is served"


def _tls(tls: Tls, plain_port: int) -> Broken:
    if tls.port == _MANAGEMENT_PORT:
        yield "spec.tls.port", "must not be 8763: that is the management port"
    if tls.port == plain_port:
        yield "spec.tls.port", "must not be spec.peers.port"
    if tls.ca_secret_name is not UNSET and tls.client_auth == "None":
        yield "spec.tls", "caSecretName needs clientAuth Request or Require"
    if tls.cert_manager is not UNSET:
        yield from _cert_manager(tls.cert_manager)


def _cert_manager(wanted: CertManager) -> Broken:
    lasts = _minutes(_DURATION if wanted.duration is UNSET else wanted.duration)
    if lasts < _minutes("1h"):
        yield "spec.tls.certManager.duration", "must be at least 1h"
    before = wanted.renew_before
    if before is not UNSET and not _minutes("5m") <= _minutes(before) < lasts:
        message = f"must be at least 5m, and less than duration ({_DURATION} if absent)"
        yield "spec.tls.certManager.renewBefore", message


def _injection(injection: Injection) -> Broken:
    path, lease = "spec.injection", injection.lease
    if injection.namespace_selector is not UNSET:
        yield from _selector(injection.namespace_selector, f"{path}.namespaceSelector")
    resources = injection.sidecar.resources
    if any(_is_greater(resources.requests, resources.limits, each) for each in ("cpu", "memory")):
        yield f"{path}.sidecar.resources", "a request must not be greater than its limit"
    renewal_s = _RENEWAL_S if lease.renewal_seconds is UNSET else lease.renewal_seconds
    if lease.duration_seconds is not UNSET and lease.duration_seconds <= 2 * renewal_s:
        yield f"{path}.lease", "durationSeconds must be more than twice renewalSeconds"
    if not all(_METADATA_NAME.fullmatch(key) for key in injection.metadata):
        message = "names are at most 128 letters, digits, _, - and ., the first a letter or _"
        yield f"{path}.metadata", message
    if _OF_PODS & injection.metadata.keys():
        message = "pod-uid, pod-name, namespace and cluster-uid are set by Eurekube"
        yield f"{path}.metadata", message


def _selector(selector: NamespaceSelector, path: str) -> Broken:
    if not all(_LABEL_NAME.fullmatch(key) for key in selector.match_labels):
        message = "names of labels are at most 63 letters, digits, -, _ and ."
        yield f"{path}.matchLabels", message
    for place, each in enumerate(selector.match_expressions):
        if (each.operator in ("In", "NotIn")) != bool(each.values):
            message = "In and NotIn need values, Exists and DoesNotExist have none"
            yield f"{path}.matchExpressions[{place}]", message


def _is_greater(requests: Quantities, limits: Quantities, resource: str) -> bool:
    request, limit = (getattr(each, resource) for each in (requests, limits))
    return UNSET not in (request, limit) and _amount(request) > _amount(limit)


def _amount(quantity: Any) -> Decimal:  # noqa: ANN401 - the schema says that it is one
    match = _AMOUNT.fullmatch(quantity)
    return Decimal(match[1]) * _SUFFIXES[match[2]] if match else Decimal(0)


def _minutes(duration: Any) -> int:  # noqa: ANN401 - likewise
    match = _HOURS_AND_MINUTES.fullmatch(duration)
    return int(match[1] or 0) * 60 + int(match[2] or 0) if match else 0
