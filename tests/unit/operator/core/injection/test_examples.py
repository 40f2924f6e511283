"""`examples/injection`: what its comments say of the pods, against the decision."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from eureka_operator.core.injection.decide import Inject, Skip
from eureka_operator.core.injection.documents import Result, inject_document, uninject_document
from eureka_operator.core.kinds import Object
from unit.operator.core.injection.shapes import config

FOLDER: Final = Path(__file__).parents[5] / "examples" / "injection"
WORKLOADS: Final = sorted(each for each in FOLDER.glob("*.yaml") if each.stem != "namespace")
NAMESPACE: Final = next(
    each
    for each in yaml.safe_load_all((FOLDER / "namespace.yaml").read_text())
    if each["kind"] == "Namespace"
)


def _injected(name: str, namespace: Mapping[str, Any] = NAMESPACE) -> Result:
    document = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    return inject_document(document, lambda _: namespace, config())


def _pod(result: Result) -> Object:
    pod: Object = result.document["spec"]["template"]
    return pod


def _configuration(result: Result) -> Any:  # noqa: ANN401 - a document
    (sidecar,) = _pod(result)["spec"]["initContainers"]
    return json.loads(sidecar["env"][-1]["value"])


@pytest.mark.parametrize("file", WORKLOADS, ids=lambda file: file.stem)
def test_example_is_injected_and_there_is_nothing_to_say_of_it(file: Path) -> None:
    """An example with a note in it would teach a mistake."""
    result = _injected(file.stem)

    (decided,) = result.decisions
    assert isinstance(decided.decision, Inject)
    assert decided.decision.notes == ()
    assert uninject_document(result.document) == yaml.safe_load(file.read_text())


def test_label_of_the_namespace_is_all_that_orders_needs() -> None:
    """Without it the pod starts as it is."""
    instances = _configuration(_injected("orders"))["instances"]
    plain = _injected("orders", {"metadata": {"name": "shop"}})

    assert [(each["app"], each["port"]) for each in instances] == [("orders", 8080)]
    assert instances[0]["readinessProbe"]["httpGet"]["port"] == 8080
    (decided,) = plain.decisions
    assert isinstance(decided.decision, Skip)
    assert decided.decision.finding.reason.code == "not_selected"


@pytest.mark.parametrize("name", ["annotations", "java-server"])
def test_others_ask_themselves(name: str) -> None:
    """They say that they need no label on the namespace."""
    (decided,) = _injected(name, {"metadata": {"name": "shop"}}).decisions

    assert isinstance(decided.decision, Inject)


def test_annotations_are_two_instances_with_a_health_each() -> None:
    """And a drain that its grace period leaves room for."""
    result = _injected("annotations")
    instances = _configuration(result)["instances"]

    assert [(each["app"], each["port"]) for each in instances] == [
        ("billing", 8080),
        ("billing-admin", 8081),
    ]
    (container,) = _pod(result)["spec"]["containers"]
    assert container["lifecycle"]["preStop"] == {"sleep": {"seconds": 65}}


def test_java_servers_are_two_of_one_registry() -> None:
    """The second one is asked when the first one fails; the drain is that of a foreign registry."""
    result = _injected("java-server")

    (registry,) = _configuration(result)["registries"]
    assert len(registry["urls"]) == 2
    (container,) = _pod(result)["spec"]["containers"]
    assert container["lifecycle"]["preStop"] == {"sleep": {"seconds": 60}}
