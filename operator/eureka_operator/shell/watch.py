"""Turns events of the API server into keys of the queue; kopf is used only for its watches.

With `on.event` handlers alone it writes nothing to any object: no finalizer, no annotation. That an
object is gone may escape it when a watch ends early, so the resync does not rely on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast

import kopf

from eureka_operator.core.kinds import CLUSTER, Kind
from eureka_operator.core.names import CLUSTER_LABEL
from eureka_operator.core.references import References
from eureka_operator.shell.client import configuration
from eureka_operator.shell.queue import Key

_NOT_FOUND: Final = 404


class WatchEndedError(Exception):
    """kopf has stopped watching; the text says why."""


async def watch(
    kinds: Iterable[Kind],
    namespaces: tuple[str, ...],
    kubeconfig: Path | None,
    add: Callable[[Key], None],
    ready: asyncio.Event,
) -> None:
    """Watch EurekaClusters, and of `kinds` what is labelled, in these namespaces (empty: in all).

    `ready` is set as soon as kopf has put its signal handlers in the place of ours.

    Raises:
        WatchEndedError: Whatever ended it; it does not end by itself.
    """
    try:
        await kopf.operator(
            registry=_registry([CLUSTER, *kinds], kubeconfig, add),
            settings=settings(kinds),
            standalone=True,
            identity=cast("Any", "eureka-operator"),  # else it asks DNS for our name, and blocks
            clusterwide=not namespaces,
            namespaces=namespaces,
            ready_flag=ready,
        )
    except Exception as error:
        if getattr(error, "status", None) == _NOT_FOUND:
            raise WatchEndedError(
                "a kind that is watched is no longer served; was the CustomResourceDefinition"
                f" {CLUSTER.plural}.{CLUSTER.group} deleted?"
            ) from error
        raise WatchEndedError(f"the watches ended: {error!r}") from error
    raise WatchEndedError("the watches were stopped")


def settings(kinds: Iterable[Kind]) -> kopf.OperatorSettings:
    """The settings of kopf: it posts, scans and stores nothing; each kind has a selector."""
    chosen = kopf.OperatorSettings()
    chosen.posting.enabled = False
    chosen.scanning.disabled = True
    chosen.peering.standalone = True
    chosen.watching.server_timeout = 300
    chosen.watching.connect_timeout = 10
    chosen.watching.reconnect_backoff = 1.0
    chosen.watching.chunk_size = 500
    chosen.queueing.worker_limit = 64
    chosen.queueing.error_delays = (1, 2, 5, 10, 30, 60)
    chosen.networking.request_timeout = 30
    # Long enough for an API server that comes back and knows no roles yet (403, retried, too).
    chosen.networking.error_backoffs = (1, 2, 5, 10, 10, 10)
    chosen.networking.enforce_retry_after = True
    for kind in kinds:
        chosen.watching.label_selectors[_selector(kind)] = CLUSTER_LABEL
    return chosen


def _registry(
    kinds: Iterable[Kind], kubeconfig: Path | None, add: Callable[[Key], None]
) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()

    async def login(**_: object) -> kopf.ConnectionInfo:
        return await _credentials(kubeconfig)

    kopf.on.login(registry=registry)(login)
    for kind in kinds:
        kopf.on.event(*_selector(kind), id=f"watch-{kind.plural}", registry=registry)(
            _of_cluster(add) if kind == CLUSTER else _of_child(add)
        )
    return registry


def _of_cluster(add: Callable[[Key], None]) -> Any:  # noqa: ANN401 - kopf's type of a handler
    references = References()

    async def add_keys(namespace: str, name: str, event: Mapping[str, Any], **_: object) -> None:
        add(Key(namespace, name))
        for place in references.take(event["object"], deleted=event["type"] == "DELETED"):
            add(Key(*place))

    return add_keys


def _of_child(add: Callable[[Key], None]) -> Any:  # noqa: ANN401 - likewise
    async def add_keys(
        namespace: str, labels: Mapping[str, str], meta: Mapping[str, Any], **_: object
    ) -> None:
        for name in {labels[CLUSTER_LABEL], *_owners(meta)}:
            add(Key(namespace, name))

    return add_keys


def _owners(metadata: Mapping[str, Any]) -> Iterator[str]:
    """Yield the clusters that own a child: its label may name another one."""
    for owner in metadata.get("ownerReferences") or ():
        if owner["kind"] == CLUSTER.kind:
            yield owner["name"]


def _selector(kind: Kind) -> tuple[str, str] | tuple[str, str, str]:
    """The kind as kopf names it; the core group has no name there."""
    if not kind.group:
        return (kind.version, kind.plural)
    return (kind.group, kind.version, kind.plural)


async def _credentials(kubeconfig: Path | None) -> kopf.ConnectionInfo:
    """What `configuration` finds; kopf asks again when a token has expired."""
    found = await configuration(kubeconfig)
    scheme, _, token = (found.api_key.get("BearerToken") or "").rpartition(" ")
    return kopf.ConnectionInfo(
        server=found.host,
        ca_path=found.ssl_ca_cert,
        insecure=not found.verify_ssl,
        scheme=scheme.strip().capitalize() or None,
        token=token.strip() or None,
        certificate_path=found.cert_file,
        private_key_path=found.key_file,
    )
