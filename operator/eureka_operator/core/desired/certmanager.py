"""The Certificate of cert-manager: the request to an issuer."""

from __future__ import annotations

import ipaddress
from typing import Final

import msgspec

from eureka_operator.api.cluster import Cluster
from eureka_operator.core import names, tls
from eureka_operator.core.desired.common import Environment, child
from eureka_operator.core.kinds import CERTIFICATE, Object

_USAGES: Final = ["digital signature", "key encipherment", "server auth", "client auth"]
"""Peers show it to each other, too."""


def certificate(cluster: Cluster, environment: Environment) -> Object | None:
    """One for all peers; `None` if not asked for, or if the API server has no Certificates."""
    wanted = cluster.spec.tls.cert_manager if cluster.spec.tls else None
    if wanted is None or not environment.certificates:
        return None
    found = tls.subject(cluster, environment.domain).names
    addresses = [each for each in found if _is_address(each)]
    spec: Object = {
        "secretName": tls.secret_name(cluster),
        "issuerRef": msgspec.to_builtins(wanted.issuer_ref),
        "dnsNames": [each for each in found if each not in addresses],
        "usages": _USAGES,
        "privateKey": {"rotationPolicy": "Always"},
    }
    if addresses:
        spec["ipAddresses"] = addresses
    if wanted.duration is not None:
        spec["duration"] = wanted.duration
    if wanted.renew_before is not None:
        spec["renewBefore"] = wanted.renew_before
    return child(cluster, CERTIFICATE, names.certificate(cluster.name), spec=spec)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
