"""The chart of one EurekaCluster, as Helm 3 and Helm 4 render it."""

from __future__ import annotations

import json

import pytest
import yaml

from cluster.versions import DEFAULT_KUBERNETES
from support.helm import Helm
from support.rendering import CHARTS, CLUSTER, CLUSTER_VALUES, NAMESPACE, Values, rendered

_EXAMPLES = sorted((CHARTS.parent / "examples").glob("*.yaml"))
_CLUSTERS = {
    f"{file.stem} {document['metadata']['name']}": document
    for file in _EXAMPLES
    for document in yaml.safe_load_all(file.read_text())
    if document and document.get("kind") == "EurekaCluster"
}


@pytest.mark.parametrize("values", CLUSTER_VALUES.values(), ids=CLUSTER_VALUES)
def test_values_become_one_object(helm: Helm, values: Values) -> None:
    """`spec` is the object's, field by field; lint has nothing to say."""
    helm("lint", "--strict", str(CLUSTER), "--values=-", given=json.dumps(values))

    (made,) = rendered(helm, CLUSTER, values)

    assert (made["apiVersion"], made["kind"]) == ("eurekube.io/v1alpha1", "EurekaCluster")
    assert made["metadata"]["name"] == values.get("name", "eureka")
    assert made["metadata"]["namespace"] == NAMESPACE
    assert made["spec"] == values.get("spec", {})
    assert values.get("labels", {}).items() <= made["metadata"]["labels"].items()


@pytest.mark.parametrize("cluster", _CLUSTERS.values(), ids=_CLUSTERS)
def test_examples_are_good_values(helm: Helm, cluster: dict[str, object]) -> None:
    """The schema refuses nothing that the API server takes."""
    (made,) = rendered(helm, CLUSTER, {"spec": cluster["spec"]})

    assert made["spec"] == cluster["spec"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"title": "eureka"}, "title"),
        ({"name": "Eureka"}, "name"),
        ({"spec": {"replica": 3}}, "replica"),
        ({"spec": {"replicas": "3"}}, "replicas"),
        ({"spec": {"replicas": 10}}, "replicas"),
        ({"spec": {"peers": {"prefix": "peer"}}}, "prefix"),
        ({"spec": {"topology": {"spread": "Always"}}}, "spread"),
        ({"spec": {"topology": {"zones": [{"nodeZone": "a"}]}}}, "name"),
    ],
    ids=str,
)
def test_mistyped_value_is_refused(helm: Helm, values: Values, said: str) -> None:
    """Before anything reaches the API server, and in editors that read the schema."""
    flags = [f"--kube-version={DEFAULT_KUBERNETES}", "--values=-"]
    refused = helm.run_unchecked("template", "e", str(CLUSTER), *flags, given=json.dumps(values))

    assert refused.returncode != 0
    assert said in refused.stderr
