"""Decides about one pod, and removes the injected parts again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from eureka_operator.core.injection import pods, reasons, status
from eureka_operator.core.injection.annotations import SidecarOptions, read
from eureka_operator.core.injection.budget import overrun
from eureka_operator.core.injection.config import Config
from eureka_operator.core.injection.instances import app_name, instances
from eureka_operator.core.injection.parts import (
    PodParts,
    configuration,
    container,
    credentials_notes,
    credentials_volume,
    drain,
    parts_for,
    skip_parts,
)
from eureka_operator.core.injection.patches import (
    CONTAINER,
    VOLUMES,
    Operation,
    Parts,
    apply,
    difference,
    volume_places,
    with_parts,
    without_parts,
)
from eureka_operator.core.injection.pods import Owner
from eureka_operator.core.injection.reasons import Finding
from eureka_operator.core.injection.registries import registries
from eureka_operator.core.injection.selection import choice, obstacle
from eureka_operator.core.injection.status import Status
from eureka_operator.core.kinds import Object


class Inject(msgspec.Struct, frozen=True):
    """The pod has a sidecar after `patch`, which is empty if it had it before."""

    patch: tuple[Operation, ...]
    notes: tuple[Finding, ...] = ()


class Skip(msgspec.Struct, frozen=True):
    """The pod gets no sidecar, and starts without it; `patch` notes the reason on it."""

    finding: Finding
    patch: tuple[Operation, ...] = ()


class Refuse(msgspec.Struct, frozen=True):
    """The pod asked for a sidecar that it cannot have: its creator gets the message."""

    finding: Finding


Decision = Inject | Skip | Refuse

_UNTOUCHED: Final = (reasons.MIRROR_POD, reasons.NOT_SELECTED, reasons.MALFORMED_POD)
"""Skipped pods that are not even annotated: those are not ours to touch."""


def decide(
    pod: Mapping[str, Any],
    namespace: Mapping[str, Any],
    config: Config,
    owner: Owner | None = None,
) -> Decision:
    """Decide about a pod that is being created; for a pod that was injected, decide what changes.

    Args:
        pod: as it was sent; nothing in it is trusted.
        namespace: its namespace with labels.
        config: what the injector is run with.
        owner: its owner; `None`: the one that the pod names.
    """
    if wrong := pods.problem(pod, namespace):
        return Skip(Finding(reasons.MALFORMED_POD, wrong))
    before = status.of(pod)
    original = without_parts(pod, before) if before else pod
    pod_owner = pods.owner(pod) if owner is None else owner
    selected = choice(original, namespace, config, pod_owner, is_copy=status.is_copy(pod))
    if isinstance(selected, Finding):
        return _negative(pod, original, selected, config)
    found = _parts(original, namespace, config, pod_owner)
    if isinstance(found, Finding):
        if before and before.result == "injected" and not found.own:
            return Inject((), (Finding(reasons.INJECTION_KEPT, found.reason.code),))
        if selected.is_requested:
            return Refuse(found)
        return _negative(pod, original, found, config)
    return Inject(_patch(pod, original, before, found), found.notes)


def uninject(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    """The pod as it was before it was injected or skipped; itself if it was not."""
    if pods.problem(pod, {}):
        return pod
    before = status.of(pod)
    return without_parts(pod, before) if before else pod


def _negative(
    pod: Mapping[str, Any], original: Mapping[str, Any], finding: Finding, config: Config
) -> Skip | Refuse:
    if finding.is_refusal:
        return Refuse(finding)
    if finding.reason in _UNTOUCHED or status.is_foreign(pod):
        return Skip(finding)
    wanted = with_parts(original, skip_parts(original, finding.reason.code, config.version))
    return Skip(finding, difference(pod, wanted))


def _parts(
    pod: Mapping[str, Any], namespace: Mapping[str, Any], config: Config, owner: Owner
) -> PodParts | Finding:
    """The parts for a pod that has none of ours, or why it cannot have them."""
    options, findings = read(pods.annotations_of(pod))
    if options.embedded:
        return Finding(reasons.EMBEDDED_CLIENT)
    wrong = [each for each in findings if each.own]
    if wrong:
        return wrong[0]
    if status.is_foreign(pod):
        message = f"{status.STATUS} is the injector's own, and this one is not from it"
        return Finding(reasons.BAD_ANNOTATION, message, own=True)
    if found := obstacle(pod, config):
        return found
    return _make_parts(pod, namespace, config, owner, (options, findings))


def _make_parts(
    pod: Mapping[str, Any],
    namespace: Mapping[str, Any],
    config: Config,
    owner: Owner,
    annotations: tuple[SidecarOptions, tuple[Finding, ...]],
) -> PodParts | Finding:
    options, findings = annotations
    app = app_name(pod, options, owner)
    if isinstance(app, Finding):
        return app
    registered = instances(pod, options, app)
    if isinstance(registered, Finding):
        return registered
    chosen = registries(options.registry, namespace, config)
    if isinstance(chosen, Finding):
        return chosen
    document = configuration(registered, chosen, options, config)
    if isinstance(document, Finding):
        return document
    sidecar = container(pod, document, chosen, config)
    held = drain(pod, options, chosen)
    taken = [each["name"] for each in pods.items(pod, "volumes") if each["name"] in VOLUMES]
    if taken:
        return Finding(reasons.NAME_TAKEN, ", ".join(taken))
    notes = (*findings, *registered.notes, *credentials_notes(chosen))
    return overrun(pod, sidecar) or parts_for(
        pod, sidecar, held, config.version, notes, credentials_volume(chosen)
    )


def _patch(
    pod: Mapping[str, Any], original: Mapping[str, Any], before: Status | None, new_parts: PodParts
) -> tuple[Operation, ...]:
    """The changes; none if all parts with this hash are there.

    They are not compared: the API server and other injectors may have filled in fields. A container
    that another injector has added since then may lack its hook.
    """
    if before is None or before.result != "injected":
        return difference(pod, with_parts(original, new_parts.parts))
    place, places = _place(pod, "initContainers", CONTAINER), volume_places(pod, new_parts.parts)
    is_marked = status.INJECTED_LABEL in pods.labels_of(pod)
    is_held = new_parts.parts.hooks.issubset(before.hooks)
    if before.hash == new_parts.hash and None not in (place, *places) and is_marked and is_held:
        return ()
    parts: Parts = msgspec.structs.replace(
        new_parts.parts, container_at=place or 0, volumes_at=places
    )
    return difference(pod, with_parts(original, parts))


def _place(pod: Mapping[str, Any], field: str, name: str) -> int | None:
    """Where an item is in its list; `None`: it is not."""
    found = [at for at, each in enumerate(pods.items(pod, field)) if each["name"] == name]
    return found[0] if found else None


def apply_decision(pod: Object, decision: Decision) -> Object:
    """The pod after a decision."""
    if isinstance(decision, Refuse):
        return pod
    found: Object = apply(pod, decision.patch)
    return found
