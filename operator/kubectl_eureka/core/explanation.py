"""Why a pod has a sidecar or none, and what it registers, as a document and in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

from eureka_operator.core.injection import pods, status
from eureka_operator.core.injection.annotations import INJECT, SidecarOptions, read
from eureka_operator.core.injection.config import Config, RegistryTarget
from eureka_operator.core.injection.decide import (
    Decision,
    Inject,
    Refuse,
    Skip,
    apply_decision,
    decide,
    uninject,
)
from eureka_operator.core.injection.documents import Template
from eureka_operator.core.injection.pods import Owner
from eureka_operator.core.injection.reasons import REASONS, Finding
from eureka_operator.core.injection.selection import covers
from eureka_operator.core.kinds import Object
from kubectl_eureka.core.sidecar import RegisteredInstance, Sidecar, sidecar_of

Outcome = Literal["injected", "skipped", "refused"]


class Remark(msgspec.Struct, frozen=True):
    """A reason with what was found: code, sentence and cure, which may be empty."""

    code: str
    sentence: str
    cure: str = ""


class Difference(msgspec.Struct, frozen=True):
    """A part that a pod has, and what it would get if it were created now."""

    field: str
    has: str
    would: str


class Now(msgspec.Struct, frozen=True, kw_only=True):
    """The present state of a pod that exists.

    `sidecar` is the one it has, `reasons` are those noted on it. `container` is the state of the
    sidecar's container. `held` is what registries hold of the pod. `advice` says what to do.
    """

    sidecar: Sidecar | None = None
    reasons: tuple[Remark, ...] = ()
    container: str = ""
    held: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()
    advice: str = ""


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """What is decided about the pods of an object, and why.

    `rule` says which label or default decided. `sidecar` is the one they get; `None`: none.
    `sources` says where its parts come from, by name. `now` is `None` if the object is not a pod
    that exists.
    """

    kind: str
    namespace: str
    name: str
    outcome: Outcome
    rule: str
    reasons: tuple[Remark, ...] = ()
    sidecar: Sidecar | None = None
    sources: dict[str, str] = {}
    now: Now | None = None


def explanation(template: Template, namespace: Object, config: Config) -> Explanation:
    """Explain what the injector does with the pods of a document when they are made."""
    pod = _original_pod(template.pod)
    owner = pods.owner(pod) if template.owner is None else template.owner
    decision = decide(pod, namespace, config, template.owner)
    sidecar = sources = None
    if isinstance(decision, Inject):
        sidecar = sidecar_of(apply_decision(dict(pod), decision))
    if sidecar is not None:
        sources = dict(_sources(pod, owner, sidecar, namespace, config))
    is_pod = not pods.problem(pod, namespace)
    return Explanation(
        kind=template.kind,
        namespace=pods.name(namespace),
        name=template.name,
        outcome=outcome(decision),
        rule=_rule(pod, namespace, config) if is_pod else "",
        reasons=remarks(decision),
        sidecar=sidecar,
        sources=sources or {},
    )


def outcome(decision: Decision) -> Outcome:
    """What happens to the pod, in one word."""
    match decision:
        case Inject():
            return "injected"
        case Skip():
            return "skipped"
        case Refuse():
            return "refused"


def remarks(decision: Decision) -> tuple[Remark, ...]:
    """The reasons, and further findings."""
    if isinstance(decision, Inject):
        return tuple(_remark(each) for each in decision.notes)
    return (_remark(decision.finding),)


def differences(has: Sidecar | None, wanted: Sidecar | None) -> tuple[Difference, ...]:
    """What is different, field by field."""
    before, after = _fields(has), _fields(wanted)
    keys = dict.fromkeys((*before, *after))
    found = tuple(
        Difference(key, before.get(key, "none"), after.get(key, "none"))
        for key in keys
        if before.get(key) != after.get(key)
    )
    if not found and has is not None and wanted is not None and has.hash != wanted.hash:
        return (Difference("hash of all parts", has.hash, wanted.hash),)
    return found


def recorded_remarks(pod: Mapping[str, Any]) -> tuple[Remark, ...]:
    """The reasons that the injector noted on a pod."""
    found = status.of(pod)
    codes = found.reasons if found is not None else ()
    return tuple(
        Remark(code, REASONS[code].sentence, REASONS[code].cure)
        if code in REASONS
        else Remark(code, "a reason of another version of Eurekube")
        for code in codes
    )


def _original_pod(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    """The pod as it would be created now; copies for debugging stay copies."""
    if pods.problem(pod, {}) or status.is_copy(pod):
        return pod
    return uninject(pod)


def _remark(finding: Finding) -> Remark:
    reason = finding.reason
    sentence = f"{reason.sentence}: {finding.detail}" if finding.detail else reason.sentence
    return Remark(reason.code, sentence, reason.cure)


def _rule(pod: Mapping[str, Any], namespace: Object, config: Config) -> str:
    """The label or default that decides about the pod."""
    own, inherited = pods.labels_of(pod).get(INJECT), pods.labels_of(namespace).get(INJECT)
    if own is not None:
        return f"the pod has the label {INJECT}={own}"
    if inherited is not None:
        return f"the namespace has the label {INJECT}={inherited}"
    chosen = [
        str(each)
        for each in config.registries
        if each.injection.default and covers(each, namespace)
    ]
    if chosen:
        return f"spec.injection of EurekaCluster {chosen[0]} is for the pods of this namespace"
    return f"neither the pod nor the namespace has the label {INJECT}"


def _sources(
    pod: Mapping[str, Any], owner: Owner, sidecar: Sidecar, namespace: Object, config: Config
) -> Iterator[tuple[str, str]]:
    """The sources of name, port, check and registry."""
    options, _ = read(pods.annotations_of(pod))
    if options.instances:
        yield "instances", "the annotation eurekube.io/instances"
    else:
        yield "app", _source_of_app(pod, options, owner)
        yield "port", _source_of_port(pod, options, sidecar)
        yield "check", _source_of_check(pod, options)
    yield "registry", _source_of_registry(options, sidecar, namespace, config)
    if options.drain_s is not None:
        yield "drain", "the annotation eurekube.io/drain-seconds"


def _source_of_app(pod: Mapping[str, Any], options: SidecarOptions, owner: Owner) -> str:
    if options.app:
        return "the annotation eurekube.io/app"
    for label in ("app.kubernetes.io/name", "app"):
        if pods.labels_of(pod).get(label):
            return f"the label {label}"
    return f"the name of {owner.kind} {owner.name}" if owner.name else "the pod's name"


def _source_of_port(pod: Mapping[str, Any], options: SidecarOptions, sidecar: Sidecar) -> str:
    if options.port is not None:
        return "the annotation eurekube.io/port"
    found = sidecar.instances[0] if sidecar.instances else RegisteredInstance(app="")
    port = found.port or found.secure_port
    if options.secure_port is not None and port == found.secure_port:
        return "the annotation eurekube.io/secure-port"
    declared = {
        number: name
        for container in pods.applications(pod)
        for name, number, protocol in pods.ports(container)
        if protocol == "TCP"
    }
    if port not in declared:
        return "its readiness probe"
    if len(declared) == 1:
        return "the only port that is declared"
    is_named = declared[port] in ("http", "https", "grpc")
    return f"its name, {declared[port]}" if is_named else "its readiness probe"


def _source_of_check(pod: Mapping[str, Any], options: SidecarOptions) -> str:
    if options.check:
        return "the annotation eurekube.io/check"
    has_probe = any("readinessProbe" in each for each in pods.applications(pod))
    return "the readiness probe" if has_probe else "the default, without a readiness probe"


def _source_of_registry(
    options: SidecarOptions, sidecar: Sidecar, namespace: Object, config: Config
) -> str:
    found = [
        str(each)
        for urls in sidecar.registries
        for each in config.registries
        if set(each.urls) == set(urls)
    ]
    named = f": {', '.join(dict.fromkeys(found))}" if found else ""
    if options.registry:
        return f"the annotation eurekube.io/registry{named}"
    if any(_is_in(each, namespace) for each in config.registries):
        return f"the only EurekaCluster of the namespace{named}"
    return f"the only EurekaCluster whose spec.injection is for the namespace{named}"


def _is_in(registry: RegistryTarget, namespace: Object) -> bool:
    return registry.namespace == pods.name(namespace)


def _fields(sidecar: Sidecar | None) -> dict[str, str]:
    """The parts that can be compared, as texts."""
    if sidecar is None:
        return {"sidecar": "none"}
    return {
        "sidecar": sidecar.image,
        "version": sidecar.version,
        **dict(_registration_rows(sidecar)),
        "registries": "; ".join(", ".join(each) for each in sidecar.registries),
        "drain": sidecar.drain,
    }


def _registration_rows(sidecar: Sidecar) -> Iterator[tuple[str, str]]:
    for number, each in enumerate(sidecar.instances):
        mark = f"[{number}]" if len(sidecar.instances) > 1 else ""
        yield f"app{mark}", each.app
        yield f"port{mark}", ports(each)
        yield f"check{mark}", each.check


def ports(instance: RegisteredInstance) -> str:
    """Ports of an instance: `8080`, `8443 (TLS)`, or both."""
    plain = str(instance.port) if instance.port else ""
    secure = f"{instance.secure_port} (TLS)" if instance.secure_port else ""
    return ", ".join(each for each in (plain, secure) if each) or "none"
