"""The composition root of `run`: only this module makes sockets, tasks and signal handlers.

Every replica runs the elector and the HTTP server. The one that leads starts workers, resync and
watches besides, in this order: kopf ends tasks that were made after its own start. It is never
waited for, as its own end takes seconds.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from eureka_operator.core.certificates import service_names
from eureka_operator.core.kinds import (
    CERTIFICATE,
    CHILDREN,
    CLUSTER,
    POD,
    SERVICE_MONITOR,
    Kind,
    Object,
)
from eureka_operator.core.names import CLUSTER_LABEL
from eureka_operator.shell.authorities import Authorities
from eureka_operator.shell.certificates import Certificates
from eureka_operator.shell.client import (
    ApiError,
    Client,
    RefusedError,
    UnavailableError,
    configuration,
)
from eureka_operator.shell.crds import ServedCRDs
from eureka_operator.shell.health import Health
from eureka_operator.shell.kube import Kube
from eureka_operator.shell.leader import Elector, LostError
from eureka_operator.shell.metrics import Metrics
from eureka_operator.shell.missing import MissingSidecars, Selection
from eureka_operator.shell.options import Options
from eureka_operator.shell.podtruth import PodTruth
from eureka_operator.shell.queue import Key, Queue, Reconcile
from eureka_operator.shell.registrations import Registrations
from eureka_operator.shell.selected import SelectedNamespaces
from eureka_operator.shell.turns import Turns
from eureka_operator.shell.view import View
from eureka_operator.shell.watch import WatchEndedError, watch
from eureka_operator.shell.ways import Scope

DRAIN_S: Final = 5.0
"""How long reconciles under way may take once the process is to end."""
RELEASE_S: Final = 2.0
"""How long the Lease may take to be given up."""

_AGAIN_S: Final = 3.0
_NOT_FOUND: Final = 404

_log = logging.getLogger(__name__)

Assemble = Callable[[Kube, Metrics, Turns], Reconcile]
"""Makes the reconciler of what it works with."""


@dataclass(frozen=True)
class _Parts:
    """What the tasks of one process share."""

    options: Options
    metrics: Metrics
    elector: Elector
    client: Client
    kube: Kube
    queue: Queue
    health: Health
    turns: Turns
    stop: asyncio.Event


async def run(options: Options, assemble: Assemble) -> int:
    """Run one replica until SIGTERM, or until it can do its work no more; the exit code.

    Tasks are left as they are: the caller has to end the process.

    Raises:
        UnavailableError: There is no way to the API server, or the port is taken.
    """
    stop = asyncio.Event()
    _stop_on_signals(stop)
    found = await configuration(options.kubeconfig)
    metrics = Metrics()
    async with AsyncExitStack() as stack:
        times = options.lease
        lease_client = Client(found, times.renew_deadline_s / 2, count=metrics.request)
        elector = Elector(
            await stack.enter_async_context(lease_client),
            options.namespace,
            options.identity,
            times,
        )
        client = Client(found, count=metrics.request, may_write=lambda: elector.leading)
        kube = Kube(await stack.enter_async_context(client), options.pod)
        health = Health(elector, metrics, options.resync_s)
        queue, turns = Queue(metrics), Turns()
        parts = _Parts(options, metrics, elector, client, kube, queue, health, turns, stop)
        try:
            port = await stack.enter_async_context(health.serve(options.host, options.port))
        except OSError as error:
            raise UnavailableError(f"--port {options.port}: {error.strerror}") from error
        _log.info("started as %s; health and metrics on port %d", options.identity, port)
        return await _wait_for_end(parts, assemble(kube, metrics, turns))


async def _wait_for_end(parts: _Parts, reconcile: Reconcile) -> int:
    electing = asyncio.create_task(parts.elector.run(), name="elector")
    leading = asyncio.create_task(_lead(parts, reconcile), name="leader")
    stopping = asyncio.create_task(parts.stop.wait(), name="stop")
    tasks = (electing, leading, stopping)
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    if electing in done:  # another replica may lead by now: end at once
        _say_why(electing)
        return 1
    if leading in done:
        _say_why(leading)
    if not await parts.queue.drain(DRAIN_S):
        _log.warning("a reconcile takes more than %g s; it is broken off", DRAIN_S)
    electing.cancel()
    await asyncio.wait((electing,))
    try:
        async with asyncio.timeout(RELEASE_S):
            await parts.elector.release()
    except TimeoutError:
        _log.warning("the Lease was not released within %g s", RELEASE_S)
    return 0 if stopping in done else 1


async def _lead(parts: _Parts, reconcile: Reconcile) -> None:
    """Wait for the Lease and the CRD, then do the operator's work for as long as it can be done."""
    await parts.elector.held.wait()
    await _wait_for_clusters(parts)
    kinds = await _children(parts)
    options = parts.options
    watching = asyncio.Event()
    work = [
        *(parts.queue.work(reconcile) for _ in range(options.workers)),
        _resync(parts, kinds),
        _take_signals_back(watching, parts.stop),
        *_certificates(parts),
        *_pods(parts),
        _registrations(parts),
        watch((*kinds, POD), options.namespaces, options.kubeconfig, parts.queue.add, watching),
    ]
    pending = {asyncio.create_task(each) for each in work}
    while pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            if not task.cancelled():  # kopf, when it ends, cancels what is not its own
                task.result()


def _certificates(parts: _Parts) -> Iterator[Coroutine[None, None, None]]:
    """Yield the task that keeps the injector's certificates, if the operator has to keep them."""
    options = parts.options
    if options.injector is not None and options.certificates:
        names = service_names(options.injector, options.namespace, options.cluster_domain)
        kept = Certificates(parts.client, options.namespace, options.injector, names)
        yield kept.run(parts.kube.post_event)


def _pods(parts: _Parts) -> Iterator[Coroutine[None, None, None]]:
    """Yield the tasks that keep registries in step with pods, and report missing sidecars."""
    options = parts.options
    leads = parts.elector
    changed = asyncio.Event()
    scope = Scope(options.namespaces, options.cluster_domain)
    pod_truth = PodTruth(
        parts.kube, parts.metrics, scope, lambda: leads.leading, tell_pods=changed.set
    )
    yield pod_truth.run(parts.client)
    if options.injector is not None:
        yield _care_for_injection(parts, pod_truth, options.injector, changed)


async def _registrations(parts: _Parts) -> None:
    """Register the instances of EurekaRegistrations."""
    scope = Scope(parts.options.namespaces, parts.options.cluster_domain)
    leads = parts.elector
    registrations = Registrations(parts.kube, parts.metrics, scope, lambda: leads.leading)
    await registrations.run(parts.client)


async def _care_for_injection(
    parts: _Parts, pod_truth: PodTruth, injector: str, pod_change: asyncio.Event
) -> None:
    """Keep the webhooks for all selected pods, and look after those that the injector changed.

    Sidecars get the CAs of their registries; pods that missed their sidecar are reported.
    """
    options = parts.options
    clusters_changed = asyncio.Event()

    def note_cluster() -> None:
        clusters_changed.set()
        pod_change.set()

    view = View(options.cluster_domain, tell=note_cluster)
    authorities = Authorities(parts.kube, view, lambda: pod_truth.known_injected_pods, pod_change)
    selection = Selection(view, options.namespace, allow_urls=options.allow_urls)
    missing = MissingSidecars(
        parts.kube,
        parts.metrics,
        selection.wants,
        selection.may_inject,
        lambda: pod_truth.injected_pods,
    )
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(view.follow(parts.client))
        tasks.create_task(SelectedNamespaces(parts.client, injector, view, clusters_changed).run())
        tasks.create_task(authorities.run(parts.client))
        await missing.run(
            parts.client,
            options.namespaces,
            lambda: view.problem is None,
            evict=options.evict_missed,
        )


async def _wait_for_clusters(parts: _Parts) -> None:
    """Return once EurekaClusters can be listed; until then log why not, and be not ready.

    kopf would wait for their CRD for ever, and say so once.
    """
    while (why_not := await _why_no_clusters(parts)) is not None:
        if why_not != parts.health.problem:
            _log.warning("%s", why_not)
        parts.health.problem = why_not
        await asyncio.sleep(_AGAIN_S)
    parts.health.problem = None
    _log.info(
        "watching EurekaClusters in %s", ", ".join(parts.options.namespaces) or "all namespaces"
    )


async def _why_no_clusters(parts: _Parts) -> str | None:
    try:
        for namespace in _namespaces(parts.options):
            await parts.kube.list(CLUSTER, namespace, whole=False)
    except RefusedError as error:
        if error.status == _NOT_FOUND:
            crd = f"{CLUSTER.plural}.{CLUSTER.group}"
            return f"the CustomResourceDefinition {crd} is not installed; waiting for it"
        return f"EurekaClusters cannot be listed: {error}"
    except ApiError as error:
        return f"EurekaClusters cannot be listed: {error}"
    return None


async def _children(parts: _Parts) -> list[Kind]:
    """Kinds of children that this API server has now; one that it gets later is not watched."""
    while True:
        try:
            missing = await _missing_kinds(parts)
        except ApiError as error:
            _log.warning("which kinds there are is not known: %s", error)
            await asyncio.sleep(_AGAIN_S)
        else:
            return [kind for kind in CHILDREN if kind not in missing]


async def _missing_kinds(parts: _Parts) -> set[Kind]:
    """Kinds of others that this API server does not have, or does not show to the operator."""
    found = set() if await parts.kube.serves(SERVICE_MONITOR) else {SERVICE_MONITOR}
    for namespace in _namespaces(parts.options):
        if not await parts.kube.shows(CERTIFICATE, namespace):
            found.add(CERTIFICATE)
    return found


async def _resync(parts: _Parts, kinds: Sequence[Kind]) -> None:
    """Look at everything at intervals, as watches may miss something."""
    served = ServedCRDs(parts.kube, parts.metrics)
    if parts.options.namespaces:
        _log.info("CustomResourceDefinitions are not compared: they are in no namespace")
    while True:
        complete = await _add_all(parts, kinds, served)
        parts.health.note_resync(complete=complete)
        pause_s = parts.options.resync_s
        await asyncio.sleep(pause_s if complete else min(_AGAIN_S, pause_s))


async def _add_all(parts: _Parts, kinds: Sequence[Kind], crds: ServedCRDs) -> bool:
    """Add every cluster, and those that are gone but for their children; whether all were read."""
    clusters: list[Object] = []
    children: list[Object] = []
    try:
        for namespace in _namespaces(parts.options):
            clusters += await parts.kube.list(CLUSTER, namespace)
            for kind in kinds:
                children += await parts.kube.list(kind, namespace, CLUSTER_LABEL, whole=False)
    except ApiError as error:
        _log.warning("not all clusters could be listed: %s", error)
        return False
    parts.metrics.clusters(clusters)
    parts.turns.begin(clusters)
    keys = {Key(each["metadata"]["namespace"], each["metadata"]["name"]) for each in clusters}
    keys |= {
        Key(each["metadata"]["namespace"], each["metadata"]["labels"][CLUSTER_LABEL])
        for each in children
    }
    for key in sorted(keys):
        parts.queue.add(key)
    if not parts.options.namespaces:
        await crds.compare(clusters)
    return True


async def _take_signals_back(ready: asyncio.Event, stop: asyncio.Event) -> None:
    """Put our signal handlers in the place of kopf's, which stop kopf alone, in five seconds."""
    await ready.wait()
    _stop_on_signals(stop)


def _stop_on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)


def _say_why(task: asyncio.Task[None]) -> None:
    error = None if task.cancelled() else task.exception()
    if isinstance(error, (LostError, WatchEndedError)):
        _log.error("%s", error)
    else:
        _log.error("the %s ended", task.get_name(), exc_info=error)


def _namespaces(options: Options) -> tuple[str | None, ...]:
    return options.namespaces or (None,)
