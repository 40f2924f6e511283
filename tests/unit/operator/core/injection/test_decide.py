from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from eureka_operator.core.injection.decide import (
    Inject,
    Refuse,
    Skip,
    apply_decision,
    decide,
    uninject,
)
from eureka_operator.core.injection.pods import Owner
from eureka_operator.core.injection.status import INJECTED_LABEL, STATUS
from eureka_operator.core.kinds import Object
from support.clusterobjects import EVERY_FIELD
from unit.operator.core.injection.shapes import NAMESPACE, config, registry, shape

_ON = {"eurekube.io/inject": "enabled"}
_OFF = {"eurekube.io/inject": "disabled"}
_INJECTION: Final = EVERY_FIELD["injection"]
_SELECTED_BY: Final = {
    "namespaceSelector.matchLabels": "example.com/team",
    "namespaceSelector.matchExpressions": "stage",
}
"""The label of a namespace that is selected only without the field."""


def _leaves(node: Object, path: str = "") -> Iterator[str]:
    """Paths of all values of a mapping; a list is one, and so is a mapping with free keys."""
    for key, value in node.items():
        here = f"{path}{key}"
        if isinstance(value, dict) and key not in ("matchLabels", "metadata"):
            yield from _leaves(value, f"{here}.")
        else:
            yield here


def _without(node: Object, path: str) -> Object:
    first, _, rest = path.partition(".")
    return {
        key: _without(value, rest) if key == first and rest else value
        for key, value in node.items()
        if key != first or rest
    }


def _pod(*more: Object, **metadata: object) -> Object:
    ports = [{"containerPort": 8080}]
    containers: list[Object] = [{"name": "orders", "image": "orders:1", "ports": ports}, *more]
    return {"metadata": {"name": "orders", **metadata}, "spec": {"containers": containers}}


def _injected(pod: Object) -> Object:
    decision = decide(pod, NAMESPACE, config())
    assert isinstance(decision, Inject), decision
    return apply_decision(pod, decision)


def test_what_is_no_pod_is_passed_on() -> None:
    """The API server has the better words for it, and no answer would be worse than none."""
    broken: tuple[Any, ...] = (None, [], {"spec": None}, {"metadata": 7, "spec": {}})
    for pod in broken:
        found = decide(pod, NAMESPACE, config())
        assert isinstance(found, Skip)
        assert found.finding.reason.code == "malformed_pod"
        assert found.patch == ()
    assert uninject({"spec": 1}) == {"spec": 1}


@pytest.mark.parametrize("path", [*_leaves(_INJECTION)])
def test_each_field_of_spec_injection_has_an_effect(path: str) -> None:
    """A field that does nothing is not in the schema."""
    labels = {"example.com/team": "shop", "stage": "prod"}
    if path in _SELECTED_BY:
        del labels[_SELECTED_BY[path]]
    namespace = {"metadata": {"name": "shop-7", "labels": labels}}

    whole, without = (
        decide(_pod(), namespace, config(registries=(registry("eureka", "infra", each),)))
        for each in (_INJECTION, _without(_INJECTION, path))
    )

    assert whole != without


def test_decision_stands_when_another_injector_adds_a_port() -> None:
    """First come, the pod was clear; a refusal now would be for what its user never wrote."""
    pod = _injected(_pod())
    pod["spec"]["containers"].append({"name": "agent", "ports": [{"containerPort": 1}]})

    found = decide(pod, NAMESPACE, config())

    assert isinstance(found, Inject)
    assert found.patch == ()
    said = "the pod keeps the sidecar that it has, though as it is now it would get none"
    assert [each.message for each in found.notes] == [f"{said}: ambiguous_port."]


def test_container_that_is_added_later_is_held_as_well() -> None:
    """A proxy that ends first leaves the application unreachable while it is held."""
    pod = _injected(_pod())
    pod["spec"]["containers"].append({"name": "istio-proxy"})

    found = apply_decision(pod, decide(pod, NAMESPACE, config()))

    assert found["spec"]["containers"][1]["lifecycle"] == {"preStop": {"sleep": {"seconds": 20}}}
    assert decide(found, NAMESPACE, config()) == Inject(())


def test_part_that_somebody_removed_is_put_back() -> None:
    """A sidecar without its volume does not start."""
    pod = _injected(_pod())
    del pod["spec"]["volumes"]

    found = apply_decision(pod, decide(pod, NAMESPACE, config()))

    assert [each["name"] for each in found["spec"]["volumes"]] == ["eurekube-pod"]


@pytest.mark.parametrize(
    ("key", "text", "code"),
    [
        ("port", "0", "bad_annotation"),
        ("port", "web", "bad_annotation"),
        ("registry", "nowhere", "unknown_registry"),
        ("registry", "http://java:8761/eureka/", "urls_not_allowed"),
    ],
)
def test_slip_in_a_pod_that_was_injected_is_refused(key: str, text: str, code: str) -> None:
    """A template that somebody edits: the old sidecar would have the old port, and nobody knew."""
    pod = _injected(_pod())
    pod["metadata"]["annotations"] |= {f"eurekube.io/{key}": text}

    found = decide(pod, NAMESPACE, config(allow_urls=False))

    assert isinstance(found, Refuse)
    assert found.finding.reason.code == code


def test_pod_that_was_injected_keeps_its_sidecar_when_its_registry_is_gone() -> None:
    """That is no slip of the pod."""
    found = decide(_injected(_pod()), NAMESPACE, config(registries=()))

    assert isinstance(found, Inject)
    assert found.patch == ()


def test_pod_that_was_skipped_is_skipped_again() -> None:
    """Nothing has changed, so there is nothing to write."""
    pod = _pod(labels={"app": "a b"})
    first = decide(pod, NAMESPACE, config())

    again = decide(apply_decision(pod, first), NAMESPACE, config())

    assert isinstance(first, Skip)
    assert first.finding.reason.code == "app_not_allowed"
    assert again == Skip(first.finding)


def test_instances_that_the_sidecar_would_refuse_are_refused() -> None:
    """It would not start with them, nor would the application."""
    twice = json.dumps([{"port": 8080}, {"port": 8080}])

    found = decide(_pod(annotations={"eurekube.io/instances": twice}), NAMESPACE, config())

    assert isinstance(found, Refuse)
    assert found.finding.reason.code == "bad_annotation"


def test_status_of_somebody_else_is_not_overwritten() -> None:
    """A skipped pod has no need of ours."""
    pod = _pod(annotations={STATUS: "fine"}, labels=_OFF)

    found = decide(pod, NAMESPACE, config())

    assert isinstance(found, Skip)
    assert (found.finding.reason.code, found.patch) == ("disabled_by_pod", ())


def test_label_that_somebody_removed_is_put_back() -> None:
    """The operator watches pods by it."""
    pod = _injected(_pod(labels=_ON))
    del pod["metadata"]["labels"][INJECTED_LABEL]

    found = apply_decision(pod, decide(pod, NAMESPACE, config()))

    assert found["metadata"]["labels"][INJECTED_LABEL] == "true"


def test_sidecar_that_somebody_removed_is_put_back_as_the_first() -> None:
    """What starts after it may already look up other services."""
    pod = _injected(_pod())
    pod["spec"]["initContainers"] = [{"name": "migrate"}]

    found = apply_decision(pod, decide(pod, NAMESPACE, config()))

    names = [each["name"] for each in found["spec"]["initContainers"]]
    assert names == ["eureka-sidecar", "migrate"]


def test_credentials_come_and_go_with_the_registrys_security() -> None:
    """As it does not tell who asks any more, or is reached by plain HTTP again."""
    tls: Object = {"tls": {}, "auth": {"type": "ServiceAccount"}}
    secure, plain = config(registries=(registry("eureka", "shop", **tls),)), config()
    pod = _injected(_pod())
    before = json.dumps(pod)

    with_credentials = apply_decision(pod, decide(pod, NAMESPACE, secure))
    again = decide(with_credentials, NAMESPACE, secure)
    after = apply_decision(with_credentials, decide(with_credentials, NAMESPACE, plain))

    names = [each["name"] for each in with_credentials["spec"]["volumes"]]
    assert names == ["eurekube-pod", "eurekube-credentials"]
    assert again == Inject(())
    assert json.dumps(after) == before
    assert uninject(with_credentials) == _pod()


def test_fields_that_the_api_server_fills_in_are_no_change() -> None:
    """It does so between two admissions, and in a template that was injected for Git."""
    pod = _injected(_pod())
    pod["spec"]["initContainers"][0]["terminationMessagePath"] = "/dev/termination-log"
    pod["spec"]["volumes"][0]["downwardAPI"]["defaultMode"] = 420

    assert decide(pod, NAMESPACE, config()) == Inject(())


def test_injected_pod_that_is_switched_off_loses_its_sidecar() -> None:
    """Its label came later, and wins."""
    original = _pod()
    pod = _injected(original)
    pod["metadata"]["labels"] |= {"eurekube.io/inject": "disabled"}

    found = decide(pod, NAMESPACE, config())

    assert isinstance(found, Skip)
    after = apply_decision(pod, found)
    assert after["spec"] == original["spec"]
    assert json.loads(after["metadata"]["annotations"][STATUS])["reasons"] == ["disabled_by_pod"]


def test_injected_template_works_without_the_injector() -> None:
    """`inject -f` for Git: the namespace needs no label, and nothing is taken out again."""
    pod = _injected(_pod())

    found = decide(pod, {"metadata": {"name": "shop"}}, config())

    assert isinstance(found, Skip)
    assert found.finding.reason.code == "not_selected"
    assert found.patch == ()


def test_copy_for_debugging_is_not_called() -> None:
    """It has annotations and no labels, and the sidecar of its original, which is removed."""
    given = shape("81-debug-copy").given()
    assert given["spec"]["initContainers"]

    found = decide(given, NAMESPACE, config())

    assert isinstance(found, Skip)
    copy = apply_decision(given, found)
    assert "initContainers" not in copy["spec"]
    assert decide(copy, NAMESPACE, config()) == Skip(found.finding)
    copy["metadata"]["labels"] = _ON
    asked = apply_decision(copy, decide(copy, NAMESPACE, config()))
    assert asked["spec"]["initContainers"][0]["name"] == "eureka-sidecar"
    assert asked["metadata"]["labels"][INJECTED_LABEL] == "true"


def test_label_that_was_there_before_stays() -> None:
    """A template that was copied from an injected pod, and cleaned of all but this."""
    pod = _pod(labels={INJECTED_LABEL: "true"})

    assert uninject(_injected(pod)) == pod


@pytest.mark.parametrize("empty", [None, {}])
def test_empty_parts_of_a_pod_come_back(empty: object) -> None:
    """A file in Git must be the same after `inject` and `uninject`."""
    hooks: Object = {"name": "b", "lifecycle": {"preStop": empty, "postStart": {"exec": {}}}}
    pod = _pod(hooks, annotations=empty, labels=empty)
    pod["spec"]["volumes"] = None if empty is None else []
    off = {**pod, "metadata": {**pod["metadata"], "labels": _OFF}}
    skipped = apply_decision(off, decide(off, NAMESPACE, config()))

    assert uninject(_injected(pod)) == pod
    assert skipped != off
    assert uninject(skipped) == off


def test_reason_that_is_gone_is_replaced() -> None:
    """A template that was skipped and corrected since then."""
    pod = _pod()
    ports = pod["spec"]["containers"][0].pop("ports")
    skipped = apply_decision(pod, decide(pod, NAMESPACE, config()))
    assert "no_port" in skipped["metadata"]["annotations"][STATUS]
    skipped["spec"]["containers"][0]["ports"] = ports

    found = _injected(skipped)

    assert "no_port" not in found["metadata"]["annotations"][STATUS]
    assert decide(found, NAMESPACE, config()) == Inject(())


def test_owner_can_be_given() -> None:
    """A template has none, but whoever holds it knows what it will be."""
    job = decide(_pod(), NAMESPACE, config(), Owner("CronJob", "report"))

    assert isinstance(job, Skip)
    assert job.finding.reason.code == "job_default_off"


def test_wrong_wish_is_refused_only_where_it_matters() -> None:
    """Nothing is refused of a pod that nobody wants to inject."""
    annotations = {"eurekube.io/port": "0"}

    assert isinstance(decide(_pod(annotations=annotations), NAMESPACE, config()), Refuse)
    bare: dict[str, Any] = {"metadata": {"name": "shop"}}
    assert isinstance(decide(_pod(annotations=annotations), bare, config()), Skip)
