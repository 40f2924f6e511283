"""Brings a changed pod template to the peers: one at a time, each checked before the next one.

Rules of the strategy `Converged`:

* `partition` of a StatefulSet is a fence. Pods at positions below it stay, and one of them that
  dies comes back from the current revision. It counts positions, not ordinals
  (`stateful_set_control.go`). While nothing is replaced it stands at `replicas`.
* A new template is applied with the fence at `replicas`, in all StatefulSets: nothing restarts.
  Then the fence is lowered by one peer at a time: from the highest peer down through its
  StatefulSet, then the next StatefulSet. A new revision that `kubectl rollout restart` made is
  treated alike.
* A peer is replaced only while all others are ready and agree, none of them keeps expired leases,
  the PodDisruptionBudget allows it, and the peers of no other cluster are being replaced. One that
  itself has not been ready for `settleSeconds` need not wait for the others: a template that never
  worked could not be replaced.
* A new peer is well if it is ready, agrees with the others, and has been ready for
  `settleSeconds`. One that is not ready or does not agree after `progressDeadlineSeconds` fails the
  update. A peer that the operator cannot reach says nothing about it: that is waited for.
* A failed template is taken back: the template of the current revision is put in its place, its
  hash is kept on the StatefulSet, and it is not applied again until the spec asks for another one.
* A pod that is not ready or does not agree, of a template that it is not to have any more, is
  deleted: the StatefulSet controller would wait until it is ready (kubernetes/kubernetes#67250),
  and peers that do not agree hold up the next update.

All this is read from StatefulSets, their revisions and pods in each pass. Only the beginning of a
replacement is taken from the status; without it, the deadline counts from the pod's creation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from eureka_operator.core import names
from eureka_operator.core.convergence import Convergence
from eureka_operator.core.drift import drift
from eureka_operator.core.kinds import DISRUPTION_BUDGET, STATEFUL_SET, Object
from eureka_operator.core.observed import Observed, Pod
from eureka_operator.core.peering import Seat, alias

CONVERGED: Final = "Converged"
ON_DELETE: Final = "OnDelete"
_ENOUGH: Final = 0.99
"""Of the instances that the fullest peer holds, a new peer must hold so many."""
_PARTITION: Final[Object] = {"spec": {"updateStrategy": {"rollingUpdate": {"partition": 0}}}}


class Fence(msgspec.Struct, frozen=True, kw_only=True):
    """The template that one StatefulSet should have, and from which position on.

    `position` `None`: at none yet, the fence stands at `replicas`. `failed` is the hash of a
    template that was taken back, and `because` says why; both are empty if none was.
    """

    template: Object
    position: int | None = None
    failed: str = ""
    because: str = ""


class Stuck(msgspec.Struct, frozen=True):
    """A pod that blocks the update of its StatefulSet."""

    pod: str
    uid: str
    peer: str


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """What has to be done about pod templates now, and how the update is reported.

    `fences` are by StatefulSet. While peers are being replaced, `target` is the revision they are
    to have, `updated` of `total` have it, and `waits_for` says why it does not go on at once;
    `peer` is the one that is replaced or judged, since `started`. `failed` says why an update
    failed, empty if none did; `taken_back`: what runs is the template before it.
    """

    fences: Mapping[str, Fence]
    target: str = ""
    peer: str = ""
    started: datetime | None = None
    updated: int = 0
    total: int = 0
    waits_for: tuple[str, ...] = ()
    failed: str = ""
    taken_back: bool = False
    stuck: tuple[Stuck, ...] = ()

    @property
    def has_turn(self) -> bool:
        """Whether no other cluster's peers may be replaced now."""
        is_open = any(fence.position is not None for fence in self.fences.values())
        return bool(self.target) and is_open and (self.taken_back or not self.failed)


class _Trouble(NamedTuple):
    """Why a new peer is not ready, and whether its template may be the cause."""

    reason: str
    is_blamed: bool = True


class _Member(msgspec.Struct, frozen=True):
    """A peer of a StatefulSet; positions begin at 0. No pod: it is being made."""

    peer: str
    number: int
    position: int
    pod: Pod | None


class _Set(msgspec.Struct, frozen=True, kw_only=True):
    """A StatefulSet: the template it should have, and its state at the API server.

    `live` is `None` for one that is not there. `template` is what is wanted, or the last good one
    if that failed. Members are sorted from the highest position down.
    """

    name: str
    wanted_hash: str
    template: Object
    live: Object | None
    members: tuple[_Member, ...]
    fence: int
    replicas: int
    refused: bool = False

    @property
    def current(self) -> str:
        """The revision that a pod below the fence is made from; also the last good one."""
        return str(self._status.get("currentRevision", ""))

    @property
    def update(self) -> str:
        """The revision of the template."""
        return str(self._status.get("updateRevision", ""))

    @property
    def _status(self) -> Object:
        status: Object = (self.live or {}).get("status", {})
        return status

    @property
    def is_applied(self) -> bool:
        """Whether the API server has the template."""
        annotations = (self.live or {}).get("metadata", {}).get("annotations", {})
        return bool(annotations.get(names.TEMPLATE_HASH) == names.object_digest(self.template))

    @property
    def is_fresh(self) -> bool:
        """Whether the StatefulSet controller has seen the newest spec."""
        generation = (self.live or {}).get("metadata", {}).get("generation", 0)
        return bool(self._status.get("observedGeneration", 0) >= generation)

    @property
    def is_open(self) -> bool:
        """Whether the fence has been lowered."""
        return self.is_applied and self.fence < self.replicas

    @property
    def is_barred(self) -> bool:
        """Whether the template failed, and cannot be told from the good one by its text.

        That of `kubectl rollout restart` differs by a field of another owner, which stays.
        """
        return self.refused and self.current != self.update

    @property
    def outdated_members(self) -> list[_Member]:
        """Peers with another template, the highest first."""
        return [
            each
            for each in self.members
            if each.pod is not None and each.pod.revision not in ("", self.update)
        ]

    @property
    def is_due(self) -> bool:
        """Whether peers have to be replaced, or are being replaced."""
        return self.is_open or (bool(self.outdated_members) and not self.is_barred)


def rollout(
    observed: Observed,
    seats: Sequence[Seat],
    templates: Mapping[str, Object],
    convergence: Convergence,
) -> Rollout:
    """Decide what happens to each StatefulSet; `templates` are the wanted ones, by its name."""
    sets = [_set(observed, seats, name, template) for name, template in templates.items()]
    if observed.cluster.spec.updates.strategy != CONVERGED:
        fences = {each.name: Fence(template=each.template, position=0) for each in sets}
        return Rollout(fences=fences)
    message = _refusal(sets)
    fences = {each.name: _fence(each, _as_is(each)) for each in sets}
    found = Rollout(
        fences=fences,
        failed=message,
        taken_back=bool(message),
        stuck=tuple(_stuck(observed, sets, convergence)),
    )
    due = sorted((each for each in sets if each.is_due), key=_order)
    if not due or any(each.live is not None and not each.is_applied for each in sets):
        return found
    active = due[0]
    found = msgspec.structs.replace(
        found,
        target=active.update,
        updated=sum(_is_updated(member, each) for each in sets for member in each.members),
        total=sum(len(each.members) for each in sets),
    )
    return _advance(observed, sets, active, found, convergence)


def _set(observed: Observed, seats: Sequence[Seat], name: str, template: Object) -> _Set:
    live = observed.children.get((STATEFUL_SET, name))
    replicas = int((live or {}).get("spec", {}).get("replicas", 0))
    wanted = _with_restart(template, live)
    digest = names.object_digest(wanted)
    failed = (live or {}).get("metadata", {}).get("annotations", {}).get(names.FAILED_TEMPLATE)
    refused = failed == digest and observed.cluster.spec.updates.strategy == CONVERGED
    return _Set(
        name=name,
        wanted_hash=digest,
        template=_good_template(observed, live) if refused and live else wanted,
        live=live,
        members=tuple(sorted(_members(observed, seats, name), key=lambda each: -each.position)),
        fence=_live_fence(live, replicas),
        replicas=replicas,
        refused=refused,
    )


def _with_restart(template: Object, live: Object | None) -> Object:
    """The template with what `kubectl rollout restart` put into the StatefulSet."""
    metadata = (live or {}).get("spec", {}).get("template", {}).get("metadata", {})
    restarted = (metadata.get("annotations") or {}).get(names.RESTARTED_AT)
    if not restarted:
        return template
    own = template["metadata"]
    annotations = {**own.get("annotations", {}), names.RESTARTED_AT: restarted}
    return {**template, "metadata": {**own, "annotations": annotations}}


def _good_template(observed: Observed, live: Object) -> Object:
    """The template of the current revision; the live one if that is not known."""
    current = str(live.get("status", {}).get("currentRevision", ""))
    found: Object = observed.templates.get(current) or live["spec"]["template"]
    return found


def _members(observed: Observed, seats: Sequence[Seat], name: str) -> Iterator[_Member]:
    for seat in seats:
        owner, _, ordinal = seat.pod.rpartition("-")
        if owner == name and seat.wanted:
            pod = observed.pods.get(seat.pod)
            peer = alias(observed.cluster, seat.number)
            yield _Member(peer, seat.number, int(ordinal) - 1, pod)


def _live_fence(live: Object | None, replicas: int) -> int:
    """Where the fence stands; one that somebody else moved stands at `replicas`."""
    rolling = (live or {}).get("spec", {}).get("updateStrategy", {}).get("rollingUpdate") or {}
    if live is None or "partition" not in rolling or drift(_PARTITION, live):
        return replicas
    return min(int(rolling["partition"]), replicas)


def _as_is(each: _Set) -> int | None:
    """The fence's position as it stands; `None` at `replicas`, as for a new template."""
    return each.fence if each.is_open and not each.is_barred else None


def _fence(each: _Set, position: int | None) -> Fence:
    if not each.refused:
        return Fence(template=each.template, position=position)
    annotations = (each.live or {})["metadata"]["annotations"]
    because = str(annotations.get(names.FAILED_BECAUSE, ""))
    return Fence(
        template=each.template, position=position, failed=each.wanted_hash, because=because
    )


def _refusal(sets: Sequence[_Set]) -> str:
    """Why a template was taken back; empty if none was."""
    for each in sets:
        if each.refused:
            return _fence(each, None).because or f"the new pod template of {each.name} failed"
    return ""


def _order(each: _Set) -> tuple[bool, int]:
    """The order: first what has begun, then the StatefulSet of the highest peer."""
    return not each.is_open, -max((member.number for member in each.members), default=0)


def _is_away(member: _Member) -> bool:
    return member.pod is None or not member.pod.ready


def _is_updated(member: _Member, each: _Set) -> bool:
    return member.pod is not None and member.pod.revision == each.update


def _stuck(observed: Observed, sets: Sequence[_Set], convergence: Convergence) -> Iterator[Stuck]:
    """Pods that are not well and have a template that is not wanted any more.

    A ready pod is not removed while another peer is not ready.
    """
    found = [
        (member, member.pod)
        for each in sets
        if each.is_applied and each.is_fresh
        for member in each.members
        if member.pod is not None and not member.pod.deleting
        if _has_wrong_template(member.pod, member, each)
    ]
    broken = [Stuck(pod.name, pod.uid, member.peer) for member, pod in found if not pod.ready]
    differing = [
        Stuck(pod.name, pod.uid, member.peer)
        for member, pod in found
        if pod.ready and member.peer in convergence.differing and not _skips_convergence(observed)
    ]
    yield from broken
    if not any(_is_away(member) for each in sets for member in each.members):
        yield from differing[:1]


def _has_wrong_template(pod: Pod, member: _Member, each: _Set) -> bool:
    if member.position >= each.fence:
        return pod.revision != each.update
    if pod.revision == each.update:
        return each.is_barred
    return pod.revision != each.current


def _advance(
    observed: Observed, sets: Sequence[_Set], active: _Set, state: Rollout, convergence: Convergence
) -> Rollout:
    """The next step of the StatefulSet whose turn it is."""
    replace = msgspec.structs.replace
    if not active.is_fresh:
        message = f"the StatefulSet controller has not seen {active.name} yet"
        return replace(state, waits_for=(message,), **_same_peer(observed, active))
    judged = next((each for each in active.members if each.position == active.fence), None)
    if judged is not None and active.is_open:
        trouble = _why_not_well(observed, judged, active, convergence)
        if trouble is not None:
            return _judge(observed, sets, active, judged, state, trouble)
    following = next(
        (each for each in active.outdated_members if each.position < active.fence), None
    )
    if following is None:
        if active.current == active.update:  # all have it: the fence goes up again
            fences = {**state.fences, active.name: _fence(active, None)}
            return replace(state, fences=fences)
        return replace(state, waits_for=(f"{active.name} has to count its updated peers",))
    held = tuple(_why_not_now(observed, sets, following, convergence))
    if held:
        return replace(state, waits_for=held)
    fences = {**state.fences, active.name: _fence(active, following.position)}
    return replace(state, fences=fences, peer=following.peer, started=observed.now)


def _same_peer(observed: Observed, active: _Set) -> Object:
    """The peer that is judged, as long as nothing new is known of it."""
    judged = next((each for each in active.members if each.position == active.fence), None)
    if judged is None or not active.is_open:
        return {}
    return {"peer": judged.peer, "started": _start_time(observed, judged, active)}


def _judge(
    observed: Observed,
    sets: Sequence[_Set],
    active: _Set,
    member: _Member,
    state: Rollout,
    trouble: _Trouble,
) -> Rollout:
    """Wait for a peer that is not well, or end the update as failed."""
    updates = observed.cluster.spec.updates
    started = _start_time(observed, member, active)
    state = msgspec.structs.replace(state, peer=member.peer, started=started)
    deadline = timedelta(seconds=updates.progress_deadline_seconds)
    if not trouble.is_blamed or observed.now - started <= deadline:
        return msgspec.structs.replace(state, waits_for=(f"{member.peer}: {trouble.reason}",))
    message = f"{member.peer} was not well after {deadline.total_seconds():.0f} s: {trouble.reason}"
    if not updates.auto_rollback:
        return msgspec.structs.replace(state, failed=message)
    failed = [
        each
        for each in sets
        if each.live is not None and (each is active or each.current != each.update)
    ]
    fences = {each.name: _fence_taken_back(observed, each, message) for each in failed}
    return Rollout(fences={**state.fences, **fences}, failed=message, taken_back=True)


def _fence_taken_back(observed: Observed, each: _Set, because: str) -> Fence:
    template = _good_template(observed, each.live or {})
    return Fence(template=template, failed=each.wanted_hash, because=because)


def _start_time(observed: Observed, member: _Member, active: _Set) -> datetime:
    """When the replacement of a peer began."""
    reported = observed.cluster.status.get("rollout", {})
    same = (reported.get("targetRevision"), reported.get("currentPeer")) == (
        active.update,
        member.peer,
    )
    if same and "startedAt" in reported:
        return datetime.fromisoformat(reported["startedAt"])
    if _is_updated(member, active) and member.pod is not None and member.pod.created is not None:
        return member.pod.created
    return observed.now


def _why_not_well(
    observed: Observed, member: _Member, active: _Set, convergence: Convergence
) -> _Trouble | None:
    """Why a peer with the new template is not well; `None` if it is."""
    pod = member.pod
    if pod is None or not _is_updated(member, active):
        return _Trouble(observed.pod_creation_error or "it is being replaced")
    report = observed.report(pod.name)
    if not pod.ready:
        return _Trouble(pod.trouble or (report.why if report else None) or "it is starting")
    if not _skips_convergence(observed):
        difference = convergence.differing.get(member.peer)
        if difference is not None:
            return _Trouble(difference)
        if report is None:
            return _Trouble("it does not answer the operator", is_blamed=False)
        fullest = max((other.instances for other in observed.ready_reports), default=0)
        if report.instances < _ENOUGH * fullest:
            return _Trouble(f"it holds {report.instances} of {fullest} instances")
    settle = timedelta(seconds=observed.cluster.spec.updates.settle_seconds)
    if pod.ready_since is not None and observed.now - pod.ready_since < settle:
        message = f"it is ready, for less than {settle.total_seconds():.0f} s"
        return _Trouble(message, is_blamed=False)
    return None


def _why_not_now(
    observed: Observed, sets: Sequence[_Set], next_member: _Member, convergence: Convergence
) -> Iterator[str]:
    """Why the next peer is not replaced yet, in words."""
    if observed.rolling:
        yield f"the peers of {observed.rolling} are being replaced"
    if _has_long_been_away(observed, next_member) or _skips_convergence(observed):
        return
    others = [each for one in sets for each in one.members if each.peer != next_member.peer]
    away = [each.peer for each in others if _is_away(each)]
    if away:
        yield (
            f"{', '.join(sorted(away))} must be ready first; the annotation "
            f"{names.SKIP_CONVERGENCE}=true goes on all the same"
        )
    is_ready = next_member.pod is not None and next_member.pod.ready
    if is_ready and not _budget_allows(observed):
        yield "the PodDisruptionBudget allows no peer to be away now"
    yield from convergence.unreachable
    yield from convergence.differences
    if any(report.preserving for report in observed.ready_reports):
        yield (
            "peers keep expired leases (self-preservation); the annotation "
            f"{names.SKIP_CONVERGENCE}=true goes on all the same"
        )


def _has_long_been_away(observed: Observed, next_member: _Member) -> bool:
    """Whether the peer has been missing for so long that its removal costs nothing."""
    pod = next_member.pod
    if pod is None or pod.ready:
        return False
    since = pod.unready_since or pod.created
    settle = timedelta(seconds=observed.cluster.spec.updates.settle_seconds)
    return since is not None and observed.now - since >= settle


def _budget_allows(observed: Observed) -> bool:
    budget = observed.children.get((DISRUPTION_BUDGET, observed.cluster.name))
    if budget is None or "disruptionsAllowed" not in budget.get("status", {}):
        return True
    return int(budget["status"]["disruptionsAllowed"]) > 0


def _skips_convergence(observed: Observed) -> bool:
    return observed.cluster.annotations.get(names.SKIP_CONVERGENCE) == "true"
