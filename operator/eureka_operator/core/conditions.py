"""The conditions of an `EurekaCluster`: one function each, from facts to status, reason, message.

`Ready` is what Helm, Flux, Argo CD and `kubectl wait` look at. `Reconciling` and `Stalled` exist
only while they are True (kstatus, sigs.k8s.io/cli-utils), and likewise `Paused`, `UpgradeAvailable`
and `OperatorTooOld`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from eureka_operator.core.convergence import Convergence

TRUE: Final = "True"
FALSE: Final = "False"
UNKNOWN: Final = "Unknown"

_NAMED: Final = 5
"""So many sentences are in a message; the others are counted."""


class Failure(msgspec.Struct, frozen=True):
    """A step that the API server refused, or that would take somebody else's object."""

    reason: str
    message: str


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the conditions are made of.

    `changes` says in words what is under way, `waiting` what a peer that is not ready waits for,
    `update_failure` why a change of the pods failed, and `taken_back` that it was undone.
    `newer_defaults` and `unknown_template` are `Adoption.available` and `.unknown`.
    """

    wanted: int
    ready: int
    paused: bool
    skip_convergence: bool
    failures: tuple[Failure, ...]
    changes: tuple[tuple[str, str], ...]
    waiting: tuple[str, ...]
    convergence: Convergence
    operator_namespace: str
    management_port: int
    update_failure: str = ""
    taken_back: bool = False
    newer_defaults: str = ""
    unknown_template: str = ""


class Condition(msgspec.Struct, frozen=True):
    """A condition without its times."""

    type: str
    status: str
    reason: str
    message: str


def conditions(facts: Facts) -> list[Condition]:
    """All conditions that the object has now, the important ones first."""
    found = [
        ready(facts),
        available(facts),
        peers_converged(facts),
        config_synced(facts),
        progressing(facts),
        degraded(facts),
        reconciled(facts),
    ]
    return [*found, *_exceptional(facts)]


def ready(facts: Facts) -> Condition:
    """Whether everything is as the object wants it, and all peers agree."""
    if facts.failures:
        return _failure_condition("Ready", FALSE, facts)
    if facts.update_failure or facts.changes:
        say = _failed_update_condition if facts.update_failure else _change_condition
        return say("Ready", FALSE, facts)
    if facts.wanted == 0:
        return Condition("Ready", TRUE, "Hibernated", "no peer is wanted: spec.replicas is 0")
    if facts.ready < facts.wanted:
        messages = [f"{facts.ready} of {facts.wanted} peers are ready", *facts.waiting]
        return Condition("Ready", FALSE, "PeersNotReady", _join(messages))
    agreement, config = peers_converged(facts), config_synced(facts)
    for each in () if facts.skip_convergence else (agreement, config):
        if each.status != TRUE:
            return Condition("Ready", each.status, each.reason, each.message)
    agreement_said = "" if facts.ready == 1 else " and agree"
    if facts.skip_convergence:
        agreement_said = ", not asked whether they agree"
    return Condition("Ready", TRUE, "Converged", f"{_count(facts.ready)} ready{agreement_said}")


def available(facts: Facts) -> Condition:
    """Whether clients are served."""
    if facts.ready:
        return Condition("Available", TRUE, "PeersReady", f"{_count(facts.ready)} ready")
    if facts.wanted == 0:
        return Condition("Available", FALSE, "Hibernated", "no peer is wanted: spec.replicas is 0")
    messages = ["no peer is ready", *facts.waiting]
    return Condition("Available", FALSE, "NoPeerReady", _join(messages))


def peers_converged(facts: Facts) -> Condition:
    """Whether all ready peers have the newest peer list and hold the same instances."""
    seen = facts.convergence
    if not seen.ready:
        return _without_peers("PeersConverged", FALSE, facts)
    if seen.differences:
        return Condition("PeersConverged", FALSE, "PeersDiffer", _join(seen.differences))
    if seen.unreachable:
        return Condition("PeersConverged", UNKNOWN, "Unreachable", _unreachable(facts))
    message = f"{_count(seen.ready)} ready, and what they hold is equal"
    return Condition("PeersConverged", TRUE, "PeersAgree", message)


def config_synced(facts: Facts) -> Condition:
    """Whether all ready peers use the configuration that the object asks for."""
    seen = facts.convergence
    if not seen.ready:
        return _without_peers("ConfigSynced", UNKNOWN, facts)
    if seen.behind:
        return Condition("ConfigSynced", FALSE, "PeerBehind", _join(seen.behind))
    if seen.unreachable:
        return Condition("ConfigSynced", UNKNOWN, "Unreachable", _unreachable(facts))
    message = "all ready peers have the wanted configuration"
    return Condition("ConfigSynced", TRUE, "Synced", message)


def progressing(facts: Facts) -> Condition:
    """Whether something is being made, scaled, rolled or reloaded."""
    if not facts.changes:
        return Condition("Progressing", FALSE, "Stable", "nothing is under way")
    return _change_condition("Progressing", TRUE, facts)


def degraded(facts: Facts) -> Condition:
    """Whether fewer peers are ready than wanted."""
    if facts.ready >= facts.wanted:
        message = f"{facts.ready} of {facts.wanted} peers are ready"
        return Condition("Degraded", FALSE, "AsExpected", message)
    said_all = [f"{facts.ready} of {facts.wanted} peers are ready", *facts.waiting]
    return Condition("Degraded", TRUE, "PeersNotReady", _join(said_all))


def reconciled(facts: Facts) -> Condition:
    """Whether the last reconcile of this generation did everything that was needed."""
    if facts.failures:
        return _failure_condition("Reconciled", FALSE, facts)
    if facts.paused:
        message = "spec.paused or the annotation eurekube.io/paused is set: nothing is changed"
        return Condition("Reconciled", UNKNOWN, "Paused", message)
    return Condition("Reconciled", TRUE, "Applied", "all objects are as they should be")


def _exceptional(facts: Facts) -> list[Condition]:
    """Conditions that exist only while they are True."""
    found = []
    if facts.paused:
        message = "nothing but the status is changed until spec.paused and the annotation are gone"
        found.append(Condition("Paused", TRUE, "Paused", message))
    now = ready(facts)
    if facts.failures:
        found.append(_failure_condition("Stalled", TRUE, facts))
    elif facts.update_failure:
        found.append(_failed_update_condition("Stalled", TRUE, facts))
    elif now.status != TRUE and not facts.paused:
        found.append(Condition("Reconciling", TRUE, now.reason, now.message))
    if facts.newer_defaults:
        found.append(Condition("UpgradeAvailable", TRUE, "NewerDefaults", facts.newer_defaults))
    if facts.unknown_template:
        found.append(Condition("OperatorTooOld", TRUE, "UnknownTemplate", facts.unknown_template))
    return found


def _failure_condition(kind: str, status: str, facts: Facts) -> Condition:
    """The condition for refused steps: the first reason, and all messages."""
    message = _join([failure.message for failure in facts.failures])
    return Condition(kind, status, facts.failures[0].reason, message)


def _change_condition(kind: str, status: str, facts: Facts) -> Condition:
    message = _join([message for _, message in facts.changes])
    return Condition(kind, status, facts.changes[0][0], message)


def _failed_update_condition(kind: str, status: str, facts: Facts) -> Condition:
    """What became of an update that failed."""
    if facts.taken_back:
        message = (
            f"{facts.update_failure}. The pod template before it was put back; the failed one is "
            "not tried again until the spec, or the annotation eurekube.io/restart-at, changes"
        )
        return Condition(kind, status, "RolledBack", message)
    message = (
        f"{facts.update_failure}. The update stopped there: change the spec, or mend the cause"
    )
    return Condition(kind, status, "DeadlineExceeded", message)


def _without_peers(kind: str, status: str, facts: Facts) -> Condition:
    """A condition of ready peers when there is none."""
    reason = "Hibernated" if facts.wanted == 0 else "NoPeerReady"
    return Condition(kind, status, reason, "no peer is ready")


def _unreachable(facts: Facts) -> str:
    """Why peers do not answer the operator.

    If all are ready and none answers, something is in between.
    """
    seen = facts.convergence
    message = _join(seen.unreachable)
    if len(seen.unreachable) < seen.ready:
        return message
    where = f" (namespace {facts.operator_namespace})" if facts.operator_namespace else ""
    return (
        f"{message}; all are ready, so the likely cause is a NetworkPolicy that keeps the operator"
        f"{where} from port {facts.management_port}; allow it, or set the annotation "
        "eurekube.io/skip-convergence=true"
    )


def _count(peers: int) -> str:
    return f"{peers} peer is" if peers == 1 else f"{peers} peers are"


def _join(sentences: Sequence[str]) -> str:
    rest = len(sentences) - _NAMED
    return "; ".join([*sentences[:_NAMED], *([f"and {rest} more"] if rest > 0 else [])])


def with_times(
    conditions: Sequence[Condition], before: Sequence[dict[str, Any]], generation: int, now: str
) -> list[dict[str, Any]]:
    """Conditions as the object has them: the time of a status that did not change stays."""
    times = {each["type"]: (each["status"], each["lastTransitionTime"]) for each in before}
    return [
        {
            "type": each.type,
            "status": each.status,
            "observedGeneration": generation,
            "lastTransitionTime": _transition(times.get(each.type), each.status, now),
            "reason": each.reason,
            "message": each.message,
        }
        for each in conditions
    ]


def _transition(before: tuple[str, str] | None, status: str, now: str) -> str:
    return before[1] if before is not None and before[0] == status else now
