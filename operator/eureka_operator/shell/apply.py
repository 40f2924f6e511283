"""Carries out the steps of a plan; a refusal of the API server becomes a sentence."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final, NamedTuple

from eureka_operator.api.cluster import Cluster
from eureka_operator.core import names
from eureka_operator.core.conditions import Failure
from eureka_operator.core.drift import drift
from eureka_operator.core.kinds import (
    CLUSTER,
    CONFIG_MAP,
    POD,
    SERVICE,
    SERVICE_ACCOUNT,
    STATEFUL_SET,
    Object,
)
from eureka_operator.core.observed import FORMER, Ref, controller_uid, owner_phrase
from eureka_operator.core.plan import (
    Abandon,
    Apply,
    Create,
    Delete,
    Recreate,
    Refresh,
    Step,
    kind_and_name,
    kind_of,
    name_of,
)
from eureka_operator.shell.client import AlreadyThereError, RefusedError
from eureka_operator.shell.kube import Kube

_FORBIDDEN: Final = 403
_log = logging.getLogger(__name__)


class _FinishedStep(NamedTuple):
    """A finished step, and the object after it; `None` if the object is not kept."""

    step: Step
    live: Object | None


class Outcome:
    """The result of a plan: finished steps, failures, and what is settled now."""

    def __init__(self) -> None:
        self.done: list[Step] = []
        self.failures: list[Failure] = []
        self.settled: dict[str, tuple[str, str]] = {}
        self.failed: set[Ref] = set()

    def add(self, finished: _FinishedStep) -> None:
        """Add a finished step and its object."""
        self.done.append(finished.step)
        if finished.live is not None:
            metadata = finished.live["metadata"]
            mark = str(metadata.get("annotations", {}).get(names.DESIRED_HASH, ""))
            self.settled[metadata["uid"]] = (metadata["resourceVersion"], mark)


async def apply(kube: Kube, cluster: Cluster, steps: Sequence[Step]) -> Outcome:
    """Carry out the steps in their order.

    A StatefulSet whose pods would lack something of ours is left as it is.

    Raises:
        UnavailableError: the API server does not answer; nothing after that step was done.
    """
    outcome = Outcome()
    for step in steps:
        ref = kind_and_name(step)
        if ref[0] is STATEFUL_SET and _needs(cluster) & outcome.failed:
            continue
        try:
            done = await _carry_out(kube, cluster, step)
        except RefusedError as error:
            done = _failure(step, error)
        if isinstance(done, Failure):
            outcome.failures.append(done)
            outcome.failed.add(ref)
        elif done is not None:
            outcome.add(done)
    return outcome


def _needs(cluster: Cluster) -> set[Ref]:
    """The objects that pods need to start."""
    return {
        (CONFIG_MAP, names.config_map(cluster.name)),
        (SERVICE_ACCOUNT, cluster.name),
        (SERVICE, names.headless_service(cluster.name)),
    }


async def _carry_out(kube: Kube, cluster: Cluster, step: Step) -> _FinishedStep | Failure | None:
    """Do one step; `None`: it could not be done now, the next pass tries again."""
    live: Object | None = None
    match step:
        case Create(body):
            return await _create(kube, cluster, step, body)
        case Apply(body, before):
            live = await kube.apply(body, uid=before["metadata"]["uid"])
        case Delete(kind, name, uid):
            await kube.delete(kind, cluster.namespace, name, uid=uid)
        case Refresh(pod, digest):
            await kube.annotate(POD, cluster.namespace, pod, {names.CONFIG_HASH: digest})
        case Abandon(pod, uid):
            await kube.delete(POD, cluster.namespace, pod, uid=uid, grace_s=0)
        case Recreate(pod, uid):
            await kube.delete(POD, cluster.namespace, pod, uid=uid)
    return _FinishedStep(step, live)


async def _create(
    kube: Kube, cluster: Cluster, step: Step, body: Object
) -> _FinishedStep | Failure | None:
    """Create a child; one that lost its label is still ours; one of somebody else is left alone."""
    try:
        return _FinishedStep(step, await kube.create(body))
    except AlreadyThereError:
        live = await kube.get(kind_of(body), cluster.namespace, name_of(body))
    if live is None:
        return None
    if controller_uid(live) == cluster.uid:
        found = Apply(body, live, tuple(drift(body, live)))
        return _FinishedStep(found, await kube.apply(body, uid=live["metadata"]["uid"]))
    owner = owner_phrase(live, cluster.name)
    return None if owner == FORMER else name_conflict(body, owner)


def name_conflict(body: Object, owner: str) -> Failure:
    """Somebody else's object has the name of a child."""
    what = f"{body['kind']} {name_of(body)}"
    cure = "delete or rename it, or give this EurekaCluster another name"
    if body["kind"] == SERVICE.kind:
        cure += " or another spec.peers.dnsPrefix"
    message = f"{what} exists and does not belong to this {CLUSTER.kind} ({owner}): {cure}"
    return Failure("NameTaken", message)


def _failure(step: Step, error: RefusedError) -> Failure:
    kind, name = kind_and_name(step)
    what = f"{kind.kind} {name}"
    _log.warning("%s was refused: %s", what, error)
    reason = "Forbidden" if error.status == _FORBIDDEN else "Refused"
    return Failure(reason, f"{what} was refused: {error}")
