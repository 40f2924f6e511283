"""Queries the registries of EurekaClusters through the API server's proxy."""

from __future__ import annotations

import time
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

import msgspec

from eureka_operator.api.spec import Peers, Tls
from eureka_operator.core.kinds import CLUSTER, POD, SERVICE, Object
from eureka_operator.core.names import CLUSTER_LABEL, MANAGEMENT_PORT, trust
from eureka_operator.shell.client import ApiError, Client, RefusedError, path_of
from eureka_operator.shell.kube import Kube
from eureka_registry.verbs.server import JSON, Answer, moment_ms
from kubectl_eureka.core.clusters import peer_names, ready_peers
from kubectl_eureka.shell.errors import NoAnswerError, UsageError

_MOST_BYTES: Final = 64 * 1024 * 1024
_MOST_REPORT_BYTES: Final = 4 * 1024 * 1024
_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403
_NOT_FOUND: Final = 404


class Target(NamedTuple):
    """An EurekaCluster whose registry is asked."""

    document: Object

    @property
    def namespace(self) -> str:
        """Its namespace."""
        return str(self.document["metadata"]["namespace"])

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.document["metadata"]["name"])

    def __str__(self) -> str:
        """As people name it."""
        return f"{self.namespace}/{self.name}"

    @property
    def spec(self) -> dict[str, Any]:
        """Its spec."""
        found: dict[str, Any] = self.document.get("spec") or {}
        return found


async def find_target(client: Client, namespace: str, named: str) -> Target:
    """The EurekaCluster that is named, else the only one: of the namespace, then of all.

    Raises:
        ApiError: The API server cannot be asked.
        NoAnswerError: There is none.
        UsageError: There are several.
    """
    kube = Kube(client)
    if named:
        place, _, name = named.rpartition("/")
        found = await kube.get(CLUSTER, place or namespace, name)
        if found is None:
            raise NoAnswerError(f"there is no EurekaCluster {place or namespace}/{name}")
        return Target(found)
    listed = await kube.list(CLUSTER, namespace) or await _everywhere(kube)
    if not listed:
        raise NoAnswerError(
            f"there is no EurekaCluster in namespace {namespace}; -n names another one, --cluster"
            " NAMESPACE/NAME one of another namespace"
        )
    if len(listed) > 1:
        names = ", ".join(str(Target(each)) for each in listed)
        raise UsageError(f"there are several EurekaClusters: {names}; name one by --cluster")
    return Target(listed[0])


async def _everywhere(kube: Kube) -> list[Object]:
    """The EurekaClusters of all namespaces; none if they must not be read."""
    try:
        return await kube.list(CLUSTER, None)
    except RefusedError as error:
        if error.status != _FORBIDDEN:
            raise
        return []


class ProxyServer:
    """The registry behind a Service of an EurekaCluster: that of all peers, or of one."""

    def __init__(self, client: Client, target: Target, service: str) -> None:
        tls = target.spec.get("tls")
        peers = target.spec.get("peers") or {}
        port = (tls.get("port") or Tls().port) if tls else (peers.get("port") or Peers().port)
        scheme = "https:" if tls else ""
        place = path_of(SERVICE, target.namespace, f"{scheme}{service}:{port}", "proxy")
        self._root = f"{place}{peers.get('contextPath') or ''}/eureka/"
        self._client = client
        self._target = target
        self._service = service
        self._port = port

    @property
    def name(self) -> str:
        """The Service in its namespace."""
        return f"{self._target.namespace}/{self._service}"

    async def ask(self, method: str, path: str, accept: str = JSON) -> Answer:
        """Send a request below the service URL.

        Raises:
            NoAnswerError: as `Server.ask`.
        """
        place, _, query = path.partition("?")
        try:
            body, date = await self._client.fetch(
                method.lower(),
                self._root + place,
                accept,
                _MOST_BYTES,
                query_params=parse_qsl(query),
            )
        except ApiError as error:
            if error.status == _NOT_FOUND and error.reason != "NotFound":
                return Answer(_NOT_FOUND, b"", _now_ms())
            raise NoAnswerError(self._why_not(error)) from error
        return Answer(200, body, moment_ms(date, _now_ms()))

    def _why_not(self, error: ApiError) -> str:
        """What is wrong, and what can be done."""
        if error.status == _FORBIDDEN and error.reason:
            return (
                f"{self.name} may not be asked: {error}; ask an administrator for this right on"
                " services/proxy"
            )
        is_own = error.status in (_UNAUTHORIZED, _FORBIDDEN) and not error.reason
        wants_certificate = (self._target.spec.get("tls") or {}).get("clientAuth") == "Require"
        if is_own or (wants_certificate and error.status):
            return (
                f"{self.name} asks for credentials, which the API server's proxy does not pass on;"
                f" ask it directly: {self._directly(wants_certificate=wants_certificate)}"
            )
        return f"{self.name} cannot be asked: {error}; see kubectl eureka status"

    def _directly(self, *, wants_certificate: bool) -> str:
        """Commands that reach it without the proxy."""
        namespace, name = self._target.namespace, self._target.name
        tls, auth = self._target.spec.get("tls"), self._target.spec.get("auth") or {}
        url = f"{'https' if tls else 'http'}://localhost:{self._port}/eureka/"
        forward = f"kubectl -n {namespace} port-forward svc/{name} {self._port}"
        words = [f"{forward}, and beside it eureka-registry VERB --url {url}"]
        if tls:
            words.append(
                f"--ca-file FILE (ConfigMap {trust(name)}) --tls-name {name}.{namespace}.svc"
            )
        if wants_certificate:
            words.append("--cert-file FILE (a certificate with its key)")
        proof = _PROOFS.get(auth.get("type", "None"))
        return " ".join([*words, proof] if proof else words)


_PROOFS: Final = {
    "Basic": "--user-file FILE (user:password)",
    "Bearer": "--token-file FILE",
    "ServiceAccount": "--token-file FILE (what kubectl create token SERVICEACCOUNT --audience"
    " eureka prints)",
}
"""How one proves who one is, by `spec.auth.type`."""


def registry(client: Client, target: Target) -> ProxyServer:
    """The registry of a cluster, at its first ready peer: all requests reach the same peer."""
    ready = ready_peers(target.document)
    return ProxyServer(client, target, ready[0] if ready else target.name)


def peer(client: Client, target: Target, name: str) -> ProxyServer:
    """The registry at one peer.

    Raises:
        UsageError: There is no such peer.
    """
    names = peer_names(target.document)
    if name not in names:
        raise UsageError(f"{target} has no peer {name}; it has {', '.join(names) or 'none'}")
    return ProxyServer(client, target, name)


async def reports(client: Client, target: Target) -> dict[str, Object | str]:
    """`/peers` of each peer, by name, or why it does not answer.

    Raises:
        ApiError: The cluster's pods cannot be listed.
    """
    pods = await Kube(client).list(POD, target.namespace, f"{CLUSTER_LABEL}={target.name}")
    found: dict[str, Object | str] = {}
    troubles = []
    for pod in pods:
        try:
            report = await report_of(client, target.namespace, pod["metadata"]["name"])
        except (ApiError, msgspec.MsgspecError) as error:
            troubles.append(f"{pod['metadata']['name']} cannot be asked: {error}")
            continue
        found[str(report.get("name"))] = report
    for name in peer_names(target.document):
        found.setdefault(name, "; ".join(troubles) or "no pod answers for it")
    return found


async def report_of(client: Client, namespace: str, pod: str) -> Object:
    """`/peers` of a peer.

    Raises:
        ApiError: It cannot be asked.
        msgspec.MsgspecError: What answers is not a peer.
    """
    place = path_of(POD, namespace, f"{pod}:{MANAGEMENT_PORT}", "proxy")
    body, _ = await client.fetch("get", f"{place}/peers", JSON, _MOST_REPORT_BYTES)
    return msgspec.json.decode(body, type=dict[str, Any])


def _now_ms() -> int:
    return int(time.time() * 1000)
