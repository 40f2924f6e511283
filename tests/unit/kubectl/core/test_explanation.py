"""What is said of each shape of a pod is what is decided about it."""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eureka_operator.core.injection.decide import Inject, Refuse, Skip, apply_decision, decide
from eureka_operator.core.injection.documents import Template, templates
from eureka_operator.core.injection.status import STATUS
from eureka_operator.core.kinds import Object
from kubectl_eureka.core.explanation import (
    Difference,
    Explanation,
    differences,
    explanation,
    recorded_remarks,
    remarks,
)
from kubectl_eureka.core.sentences import lines
from kubectl_eureka.core.sidecar import sidecar_of
from unit.operator.core.injection.shapes import NAMESPACE, config, registry, shapes

_SHAPES: Final = shapes()
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["kind", "metadata", "spec", "template", "containers", "ports", "name", "labels",
             "annotations", "initContainers", "env", "value", "containerPort", "readinessProbe"]
        ),
        inner,
        max_size=5,
    ),
    max_leaves=30,
)  # fmt: skip


def pod(**spec: object) -> Object:
    """A pod of one container that serves port 8080."""
    container: Object = {"name": "app", "ports": [{"name": "http", "containerPort": 8080}]}
    return {"metadata": {"name": "orders"}, "spec": {"containers": [container], **spec}}


def explained(found: Object, namespace: Object = NAMESPACE, **rest: Any) -> Explanation:  # noqa: ANN401 - fields of different types
    """The pod explained."""
    return explanation(Template("Pod", "shop", "orders", found), namespace, config(**rest))


@pytest.mark.parametrize("name", _SHAPES)
def test_every_shape_is_what_the_injector_decides(name: str) -> None:
    """The same function decides, and the same reasons are given; a pod may have been injected."""
    shape = _SHAPES[name]
    given = shape.given()
    template = Template("Pod", "shop", name, given)

    found = explanation(template, shape.namespace, shape.configuration())

    decision = decide(given, shape.namespace, shape.configuration())
    word = {Inject: "injected", Skip: "skipped", Refuse: "refused"}[type(decision)]
    assert found.outcome == word
    assert found.rule
    codes = {each.code for each in remarks(decision)}
    assert shape.first or {each.code for each in found.reasons} == codes
    assert (found.sidecar is not None) == (word == "injected")
    assert json.dumps(msgspec.to_builtins(found))
    assert all(each.text for each in lines(found))


@pytest.mark.parametrize("name", _SHAPES)
def test_sidecar_is_read_as_it_was_injected(name: str) -> None:
    """Applications, ports and URLs of the pod that the webhook gives back."""
    shape = _SHAPES[name]
    decision = decide(shape.given(), shape.namespace, shape.configuration())
    if not isinstance(decision, Inject):
        return

    found = sidecar_of(apply_decision(shape.given(), decision))

    assert found is not None
    assert found.instances
    assert all(each.app and (each.port or each.secure_port) for each in found.instances)
    assert all("://" in each.check for each in found.instances)
    assert all(url.startswith("http") for urls in found.registries for url in urls)


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        (
            {"labels": {"eurekube.io/inject": "disabled"}},
            "the pod has the label eurekube.io/inject",
        ),
        ({}, "the namespace has the label eurekube.io/inject=enabled"),
    ],
)
def test_rule_is_the_nearest_label(changed: Object, rule: str) -> None:
    """Whoever wonders looks there first."""
    given = pod()
    given["metadata"] |= changed

    assert explained(given).rule.startswith(rule)


def test_rule_may_be_the_default_of_a_registry() -> None:
    """Nothing at the pod or its namespace tells of it."""
    bare = {"metadata": {"name": "shop"}}
    chosen = registry("eureka", "shop", {"default": True})

    assert (
        "spec.injection of EurekaCluster shop/eureka"
        in explained(pod(), bare, registries=(chosen,)).rule
    )
    assert explained(pod(), bare).rule == (
        "neither the pod nor the namespace has the label eurekube.io/inject"
    )


@pytest.mark.parametrize(
    ("metadata", "what", "source"),
    [
        ({"annotations": {"eurekube.io/app": "a"}}, "app", "the annotation eurekube.io/app"),
        ({"labels": {"app.kubernetes.io/name": "a"}}, "app", "the label app.kubernetes.io/name"),
        ({"labels": {"app": "a"}}, "app", "the label app"),
        ({}, "app", "the pod's name"),
        ({"annotations": {"eurekube.io/port": "http"}}, "port", "the annotation eurekube.io/port"),
        ({}, "port", "the only port that is declared"),
        ({}, "check", "the default, without a readiness probe"),
        ({}, "registry", "the only EurekaCluster of the namespace: shop/eureka"),
        (
            {"annotations": {"eurekube.io/registry": "eureka"}},
            "registry",
            "the annotation eurekube.io/registry: shop/eureka",
        ),
        (
            {"annotations": {"eurekube.io/registry": "http://a/eureka"}},
            "registry",
            "the annotation eurekube.io/registry",
        ),
    ],
)
def test_source_of_each_part_is_named(metadata: Object, what: str, source: str) -> None:
    """Where to change it."""
    given = pod()
    given["metadata"] |= metadata

    assert explained(given).sources[what] == source


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("02-http-probe", "the only port that is declared"),
        ("13-one-named-http", "its name, http"),
        ("20-several-instances", None),
    ],
)
def test_source_of_a_port_among_several(name: str, source: str | None) -> None:
    """A probe beats a name, a list of instances beats both."""
    shape = _SHAPES[name]

    found = explanation(
        Template("Pod", "shop", name, shape.pod), shape.namespace, shape.configuration()
    )

    assert found.sources.get("port") == source


def test_port_of_a_probe_is_said_to_be_so() -> None:
    """Neither its name nor the other port speaks for it."""
    given = pod()
    (container,) = given["spec"]["containers"]
    container["ports"] = [{"containerPort": 8080}, {"containerPort": 9090}]
    container["readinessProbe"] = {"tcpSocket": {"port": 9090}}

    found = explained(given)

    assert found.sources["port"] == "its readiness probe"
    assert found.sidecar is not None
    assert found.sidecar.instances[0].check == "tcp://POD_IP:9090, every 10 s"


def test_template_takes_its_name_from_its_owner() -> None:
    """Pods of a Deployment have names of their own."""
    document = {"kind": "Deployment", "metadata": {"name": "orders"}, "spec": {"template": pod()}}
    document["spec"]["template"] = {**pod(), "metadata": {}}  # type: ignore[index] # it is a document
    (template,) = templates(document)

    found = explanation(template, NAMESPACE, config())

    assert found.sources["app"] == "the name of Deployment orders"
    assert next(iter(lines(found))).text == "Each pod made from it gets a sidecar."


def test_pod_that_was_injected_is_explained_as_it_would_be_made_now() -> None:
    """And the differences are named, old and new."""
    before = apply_decision(pod(), decide(pod(), NAMESPACE, config()))

    now = explained(before, image="mirror/sidecar:2", registries=(registry("main", "shop"),))

    assert now.outcome == "injected"
    assert differences(sidecar_of(before), now.sidecar) == (
        Difference("sidecar", "eurekube/sidecar:0.1.0", "mirror/sidecar:2"),
        Difference(
            "registries",
            "http://peer1.shop.svc.cluster.local:8761/eureka/,"
            " http://peer2.shop.svc.cluster.local:8761/eureka/,"
            " http://eureka.shop.svc.cluster.local:8761/eureka/",
            "http://peer1.shop.svc.cluster.local:8761/eureka/,"
            " http://peer2.shop.svc.cluster.local:8761/eureka/,"
            " http://main.shop.svc.cluster.local:8761/eureka/",
        ),
    )
    assert differences(sidecar_of(before), explained(before).sidecar) == ()


def test_pod_that_would_not_get_its_sidecar_any_more_is_told_so() -> None:
    """The webhook leaves a running pod its sidecar, and says nothing of the next one."""
    before = apply_decision(pod(), decide(pod(), NAMESPACE, config()))

    now = explained(before, registries=())

    assert now.outcome == "skipped"
    assert [each.code for each in now.reasons] == ["no_registry"]
    assert now.sources == {}


def test_sidecar_that_comes_or_goes_is_named_with_all_its_parts() -> None:
    """People ask what they lose, or get."""
    sidecar = explained(pod()).sidecar
    assert sidecar is not None
    parts = {
        "version": sidecar.version,
        "app": "orders",
        "port": "8080",
        "check": sidecar.instances[0].check,
        "registries": ", ".join(sidecar.registries[0]),
        "drain": sidecar.drain,
    }

    assert differences(sidecar, None) == (
        Difference("sidecar", sidecar.image, "none"),
        *(Difference(part, text, "none") for part, text in parts.items()),
    )
    assert differences(None, sidecar) == (
        Difference("sidecar", "none", sidecar.image),
        *(Difference(part, "none", text) for part, text in parts.items()),
    )
    assert differences(None, None) == ()


def test_difference_that_is_in_no_field_is_seen_by_the_hash() -> None:
    """Other resources, or another version's idea of a container."""
    before = apply_decision(pod(), decide(pod(), NAMESPACE, config()))

    now = explained(before, resources={"limits": {"memory": "64Mi"}})

    (found,) = differences(sidecar_of(before), now.sidecar)
    assert found.field == "hash of all parts"


def test_reasons_on_a_pod_are_given_with_their_cures() -> None:
    """The annotation has codes only; another version may have others."""
    given = pod()
    given["metadata"]["annotations"] = {
        STATUS: '{"version":"9","result":"skipped","reasons":["no_port","of_tomorrow"]}'
    }

    first, second = recorded_remarks(given)

    assert first.code == "no_port"
    assert first.cure
    assert second.sentence == "a reason of another version of Eurekube"


@given(_JSON, _JSON)
def test_odd_documents_are_explained_or_have_no_pods(document: Any, namespace: Any) -> None:  # noqa: ANN401 - of any kind
    """Never with an exception: files come from anywhere."""
    if isinstance(document, dict):
        document["kind"] = "Pod"
    for each in templates(document):
        found = explanation(each, namespace, config()) if isinstance(namespace, dict) else None
        assert found is None or list(lines(found))


@given(st.sampled_from(sorted(_SHAPES)), st.data())
def test_damaged_configuration_is_read_as_none(name: str, data: st.DataObject) -> None:
    """Anybody may write a container of that name."""
    shape = _SHAPES[name]
    text = json.dumps(apply_decision(shape.given(), decide(shape.given(), NAMESPACE, config())))
    at = data.draw(st.integers(0, len(text) - 1))
    damaged = text[:at] + data.draw(st.sampled_from('x0{}[]"\\:, ')) + text[at + 1 :]
    try:
        found = json.loads(damaged)
    except ValueError:
        return
    for each in templates({**found, "kind": "Pod"} if isinstance(found, dict) else None):
        list(lines(explanation(each, NAMESPACE, config())))
        recorded_remarks(each.pod)
        try:
            sidecar_of(each.pod)
        except (KeyError, TypeError) as error:  # of what the API server never has
            pytest.fail(f"{error!r}: {damaged}")
