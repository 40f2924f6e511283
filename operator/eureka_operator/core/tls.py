"""The certificate of an EurekaCluster's peers: what it must be, and what the status says of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from msgspec.structs import replace

from eureka_operator.api.cluster import Cluster
from eureka_operator.api.spec import Tls
from eureka_operator.core import names
from eureka_operator.core.certificates import Leaf, SecretContent, Subject, missing_names
from eureka_operator.core.desired.common import child
from eureka_operator.core.kinds import CONFIG_MAP, Object
from eureka_operator.core.observed import Certificate, Observed, Trouble

SETTLE_S: Final = 120.0
"""How long after its publication a CA is trusted: a kubelet may take 90 s to renew what pods have
mounted, and those who ask look at their files every few seconds."""

_MOST_PEERS: Final = 9
_SOON: Final = 5 / 6
"""Who renews in time does so after two thirds of a certificate's time."""
_IS_WRITTEN: Final = "cert-manager writes it when its Certificate is ready"
_OTHER_ISSUER: Final = (
    "Use an issuer that writes ca.crt (one of ACME does not); delete the Secret to have it written"
    " anew"
)
_NO_CERT_MANAGER: Final = (
    "the API server has no Certificates of cert-manager, or the operator may not list them:"
    " install cert-manager, then upgrade the chart of the operator, or set rbac.certManager=true"
)
_NOT_SEEN: Final = "cert-manager has not looked at it yet: is it running?"
_MOST_SAID: Final = 400
"""Characters of what cert-manager says."""


def is_made_here(tls: Tls) -> bool:
    """Whether the operator makes the certificate itself."""
    return tls.secret_name is None and tls.cert_manager is None


def secret_name(cluster: Cluster) -> str:
    """The Secret with the certificate that peers serve; only for a cluster with `spec.tls`."""
    tls = cluster.spec.tls
    if tls is None or is_made_here(tls):
        return f"{cluster.name}-tls"
    return tls.secret_name or names.certificate(cluster.name)


def service_host(namespace: str, cluster: str, domain: str) -> str:
    """The name that every peer's certificate is valid for: that of the Service for clients."""
    return names.host(cluster, namespace, domain)


def subject(cluster: Cluster, domain: str) -> Subject:
    """The subject of the operator's certificates: all names of peers and Services.

    The names of all peers that there may ever be are in it from the start.
    """
    namespace, prefix = cluster.namespace, cluster.spec.peers.dns_prefix
    services = (cluster.name, *(f"{prefix}{number}" for number in range(1, _MOST_PEERS + 1)))
    pods = f"*.{names.headless_service(cluster.name)}"
    forms = [f".{namespace}.svc.{domain}", f".{namespace}.svc", f".{namespace}", ""]
    found = [f"{name}{form}" for name in services for form in forms]
    found += [f"{pods}{form}" for form in forms[:2]]
    extra = cluster.spec.tls.extra_sans if cluster.spec.tls else []
    return Subject(
        f"eurekube {cluster.name} CA", tuple(dict.fromkeys((*found, *extra))), is_client=True
    )


def needed_names(cluster: Cluster, domain: str) -> list[str]:
    """The names that a certificate made by somebody else must be valid for."""
    prefix = cluster.spec.peers.dns_prefix
    peers = (f"{prefix}{number}" for number in range(1, cluster.spec.replicas + 1))
    hosts = [names.host(name, cluster.namespace, domain) for name in (cluster.name, *peers)]
    return [*hosts, *(cluster.spec.tls.extra_sans if cluster.spec.tls else ())]


def trouble(
    content: SecretContent | None, cluster: Cluster, domain: str, now: datetime
) -> Trouble | None:
    """What is wrong with the Secret (`None`: there is none), and what to do."""
    secret = secret_name(cluster)
    is_issued = _is_issued(cluster)
    if content is None:
        cure = _IS_WRITTEN if is_issued else "create it with tls.crt, tls.key and ca.crt"
        message = f"there is no Secret {secret}: {cure}. Running peers keep their certificate"
        return Trouble("SecretMissing", f"{message}; none can start")
    keep = "Running peers keep their last good certificate"
    if content.leaf is None or content.faults:
        cure = _OTHER_ISSUER if is_issued else "Put it right"
        message = "; ".join(content.faults)
        return Trouble("Invalid", f"Secret {secret}: {message}. {cure}. {keep}")
    if content.leaf.issuer is None:
        cure = _OTHER_ISSUER if is_issued else "Put both there"
        message = "no CA in ca.crt has signed tls.crt"
        return Trouble("Invalid", f"Secret {secret}: {message}. {cure}. {keep}")
    if missing := missing_names(content.leaf.names, needed_names(cluster, domain)):
        message = f"tls.crt of Secret {secret} is not valid for {', '.join(missing)}"
        return Trouble("SANMismatch", f"{message}: issue it with these subjectAltNames")
    return _time_trouble(content.leaf, secret, now)


def with_issuer(
    certificate: Certificate | None, cluster: Cluster, body: Object | None, *, has_kind: bool
) -> Certificate | None:
    """What the Secret holds, with what is wrong with the Certificate that it is written for.

    Args:
        certificate: what the Secret holds.
        cluster: the EurekaCluster.
        body: the Certificate of cert-manager; `None`: there is none yet.
        has_kind: whether the API server has Certificates, and shows them to the operator.
    """
    if certificate is None or not _is_issued(cluster):
        return certificate
    issue = _issue_trouble(names.certificate(cluster.name), body, has_kind=has_kind)
    return certificate if issue is None else replace(certificate, trouble=issue)


def _is_issued(cluster: Cluster) -> bool:
    return cluster.spec.tls is not None and cluster.spec.tls.cert_manager is not None


def _issue_trouble(name: str, body: Object | None, *, has_kind: bool) -> Trouble | None:
    if not has_kind:
        return Trouble("CertManagerMissing", _NO_CERT_MANAGER)
    if body is None:
        return None
    conditions = {each["type"]: each for each in (body.get("status") or {}).get("conditions") or ()}
    ready, issuing = conditions.get("Ready"), conditions.get("Issuing", {})
    if ready is not None and ready["status"] == "True":
        return None
    words = _NOT_SEEN if ready is None else str(ready.get("message", ""))
    if issuing.get("reason") == "Failed":
        words += f"; {issuing.get('message', '')}"
    return Trouble(
        "CertificateNotReady",
        f"Certificate {name} is not ready: {words[:_MOST_SAID]}; kubectl describe certificate"
        f" {name} says more. Running peers keep their last good certificate",
    )


def _time_trouble(leaf: Leaf, secret: str, now: datetime) -> Trouble | None:
    ends = f"{leaf.not_after:%Y-%m-%d %H:%M} UTC"
    if now >= leaf.not_after:
        return Trouble("Expired", f"tls.crt of Secret {secret} ended on {ends}: renew it")
    if now < leaf.not_before:
        begins = f"{leaf.not_before:%Y-%m-%d %H:%M} UTC"
        return Trouble("Invalid", f"tls.crt of Secret {secret} holds from {begins} only")
    lasts: timedelta = leaf.not_after - leaf.not_before
    if now >= leaf.not_before + lasts * _SOON:
        message = f"tls.crt of Secret {secret} ends on {ends}: renew it; peers take it over by then"
        return Trouble("ExpiresSoon", message)
    return None


def status(observed: Observed) -> dict[str, Any]:
    """`status.tls`; empty if there is no certificate."""
    found = observed.certificate
    if observed.cluster.spec.tls is None or found is None or found.ends is None:
        return {}
    return {"secretName": found.secret, "notAfter": f"{found.ends:%Y-%m-%dT%H:%M:%SZ}"}


def bundle(observed: Observed) -> str:
    """The CAs by which peers are verified, as PEM; the last published ones if they are not known.

    Empty: they were never known.
    """
    found = observed.certificate
    if found is not None and found.bundle:
        return found.bundle
    return published_authorities(
        observed.children.get((CONFIG_MAP, names.trust(observed.cluster.name)))
    )


def published_authorities(body: Object | None) -> str:
    """The CAs that the ConfigMap for clients holds; empty without one."""
    return str(((body or {}).get("data") or {}).get(names.AUTHORITIES_KEY, ""))


def trust(observed: Observed) -> Object | None:
    """The ConfigMap by which clients verify peers; `None` while there is nothing to put into it."""
    cluster = observed.cluster
    text = bundle(observed) if cluster.spec.tls is not None else ""
    if not text:
        return None
    return child(cluster, CONFIG_MAP, names.trust(cluster.name), data={names.AUTHORITIES_KEY: text})


def files(observed: Observed) -> dict[str, str]:
    """The file of the ConfigMap with the CAs of clients and peers, if clients have their own.

    While they are not known, it stays as it is.
    """
    found, tls = observed.certificate, observed.cluster.spec.tls
    if tls is None or tls.ca_secret_name is None:
        return {}
    name = names.config_map(observed.cluster.name)
    data = (observed.children.get((CONFIG_MAP, name)) or {}).get("data") or {}
    text = str(data.get(names.CLIENT_AUTHORITIES, "")) or bundle(observed)
    if found is not None and found.bundle and found.clients:
        text = found.bundle + found.clients
    return {names.CLIENT_AUTHORITIES: text} if text else {}
