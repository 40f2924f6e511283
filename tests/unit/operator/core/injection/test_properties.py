"""What holds of any pod, however it is broken."""

from __future__ import annotations

import copy
import json
import re
from typing import Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eureka_operator.core.injection import pods
from eureka_operator.core.injection.decide import Refuse, apply_decision, decide, uninject
from eureka_operator.core.injection.patches import CONTAINER, VOLUMES
from eureka_operator.core.injection.status import DEFAULT_CONTAINER, INJECTED_LABEL, STATUS
from eureka_operator.core.kinds import Object
from unit.operator.core.injection.shapes import shapes

_SHAPES: Final = shapes()
_DEEP: Final[list[Any]] = []
for _ in range(2_000):
    _DEEP[:] = [list(_DEEP)]
_VALUES: Final[tuple[Any, ...]] = (
    None, "", [], {}, 0, -1, 2**70, 1.5, True, "x" * 300, "\ud800", "eureka-sidecar",
    "eurekube-pod", "eurekube-credentials", "~1/..", [None], [{}], {"": None},
    [{"name": "orders"}], "http", "$(PATH)", ["a", "a"], 8080, "enabled", "host", _DEEP,
)  # fmt: skip
_KEYS: Final = (
    "lifecycle", "preStop", "initContainers", "volumes", "annotations", "labels", "metadata",
    "readinessProbe", "httpGet", "port", "ports", "protocol", "eurekube.io/status",
    "eurekube.io/instances", "eurekube.io/registry", "eurekube.io/inject", "eurekube.io/injected",
    "terminationGracePeriodSeconds", "resources", "securityContext", "ownerReferences",
    "containerPort", "name", DEFAULT_CONTAINER,
)  # fmt: skip
PLACES: Final = re.compile(
    r"/metadata(/annotations(/eurekube\.io~1status|/kubectl\.kubernetes\.io~1default-container)?"
    r"|/labels(/eurekube\.io~1injected)?)?"
    r"|/spec/(initContainers|volumes)(/[0-9]+)?"
    r"|/spec/containers/[0-9]+/lifecycle(/preStop)?"
)


def _places(node: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """All paths in a document; what is very deep is not looked into."""
    if node is _DEEP:
        return [path]
    members: list[tuple[Any, object]] = []
    if isinstance(node, dict):
        members = list(node.items())
    if isinstance(node, list):
        members = list(enumerate(node))
    return [path, *(each for key, part in members for each in _places(part, (*path, key)))]


def _value(data: st.DataObject) -> object:
    value = data.draw(st.sampled_from(_VALUES))
    return value if value is _DEEP else copy.deepcopy(value)


def mutate(pod: Object, data: st.DataObject) -> None:
    """Change a document somewhere."""
    path = data.draw(st.sampled_from(_places(pod)[1:] or [("spec",)]))
    holder: Any = pod
    for key in path[:-1]:
        holder = holder[key]
    match data.draw(st.sampled_from(("set", "remove", "add"))):
        case "set":
            holder[path[-1]] = _value(data)
        case "remove":
            holder.pop(path[-1], None) if isinstance(holder, dict) else holder.pop(path[-1])
        case _ if isinstance(holder, dict):
            holder[data.draw(st.sampled_from(_KEYS))] = _value(data)
        case _:
            holder.append(holder[0] if holder else None)


@settings(max_examples=1_000, suppress_health_check=list(HealthCheck))
@given(data=st.data(), name=st.sampled_from(sorted(_SHAPES)), mutations=st.integers(0, 4))
def test_any_pod_is_decided_and_only_the_listed_places_change(
    data: st.DataObject, name: str, mutations: int
) -> None:
    """An exception here would be a pod without a sidecar that nobody hears of."""
    shape = _SHAPES[name]
    pod = copy.deepcopy(shape.given())
    for _ in range(mutations):
        mutate(pod, data)

    decision = decide(pod, shape.namespace, shape.configuration())

    if isinstance(decision, Refuse):
        return
    after = apply_decision(pod, decision)
    for each in decision.patch:
        assert PLACES.fullmatch(each["path"]), each
    assert _foreign(after) == _foreign(uninject(pod))
    again = decide(after, shape.namespace, shape.configuration())
    assert not isinstance(again, Refuse)
    assert again.patch == ()
    assert type(again) is type(decision)
    if not pods.problem(pod, {}) and decision.patch:
        assert uninject(after) == uninject(pod)


def _foreign(pod: Any) -> object:  # noqa: ANN401 - of any shape
    """A pod without all that the injector may have added; what is empty counts as absent."""
    if pods.problem(pod, {}):
        return pod
    metadata = {**(pod.get("metadata") or {})}
    for field, ours in (
        ("annotations", (STATUS, DEFAULT_CONTAINER)),
        ("labels", (INJECTED_LABEL,)),
    ):
        kept = {
            key: text for key, text in (metadata.pop(field, None) or {}).items() if key not in ours
        }
        metadata |= {field: kept} if kept else {}
    spec = {**pod["spec"]}
    for field, ours_too in (("initContainers", {CONTAINER}), ("volumes", VOLUMES)):
        kept_items = [each for each in spec.pop(field, None) or [] if each["name"] not in ours_too]
        spec |= {field: kept_items} if kept_items else {}
    spec["containers"] = [_without_sleep(each) for each in spec.get("containers") or []]
    return {**pod, "metadata": metadata, "spec": spec}


def _without_sleep(container: Object) -> Object:
    lifecycle = {**(container.get("lifecycle") or {})}
    hook = lifecycle.get("preStop")
    if not hook or (isinstance(hook, dict) and hook.keys() == {"sleep"}):
        lifecycle.pop("preStop", None)
    rest = {key: value for key, value in container.items() if key != "lifecycle"}
    return {**rest, "lifecycle": lifecycle} if lifecycle else rest


@settings(max_examples=300)
@given(
    text=st.text() | st.sampled_from(("[" * 5_000, '[{"port": 1e999}]', '[{"port": 1}]', "null")),
    key=st.sampled_from(("instances", "registry", "port", "check", "app", "zone", "metadata.a")),
)
def test_any_annotation_is_read_or_refused(text: str, key: str) -> None:
    """Whatever is written there, the answer is a decision."""
    shape = _SHAPES["01-one-port"]
    pod = {**shape.pod, "metadata": {"name": "orders", "annotations": {f"eurekube.io/{key}": text}}}

    decision = decide(pod, shape.namespace, shape.configuration())

    assert json.dumps(pod)
    assert isinstance(decision, Refuse) or decision.patch
