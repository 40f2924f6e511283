"""The CRD before a real API server: what it takes, what it refuses, and in which words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from processes.cluster import until
from support.clusterobjects import BAD, EVERY_FIELD, GOOD, UPDATES, document
from support.kubectl import Kubectl

ROOT: Final = Path(__file__).parents[2]
CRD: Final = ROOT / "crds" / "eurekacluster.yaml"
EXAMPLES: Final = sorted((ROOT / "examples").glob("*.yaml"))
STRICTLY: Final = ("apply", "--server-side", "--validate=strict", "-f", "-")


@pytest.fixture
def clusters(kubectl: Kubectl) -> Kubectl:
    """A namespace of an API server that has the CRD."""
    kubectl.apply(CRD.read_text())
    until(lambda: kubectl.run_unchecked("get", "eurekaclusters").returncode == 0)
    return kubectl


def with_names(specs: Iterable[object]) -> list[dict[str, Any]]:
    """An object of its own for each spec, in their order."""
    return [document(spec, f"eureka-{place}") for place, spec in enumerate(specs)]


def refusals(kubectl: Kubectl, objects: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Apply objects in one go; what is said of each that is refused, by its name."""
    text = "\n---\n".join(json.dumps(each) for each in objects)
    said = kubectl.run_unchecked(*STRICTLY, given=text).stderr.splitlines()
    return {_object(line): line for line in said}


def _object(line: str) -> str:
    """Name of the object that a line of kubectl's is about."""
    found = re.search(r'/(\S+); eurekube|"(\S+)" is invalid', line)
    assert found is not None, line
    return found[1] or found[2]


def test_bad_objects_are_refused_with_the_field_and_a_sentence(clusters: Kubectl) -> None:
    """The table that the operator's reader and `up -f` are held to."""
    objects = []
    for place, bad in enumerate(BAD):
        name = bad.document["metadata"]["name"]
        unique = f"eureka-{place}" if name == "eureka" else name
        objects.append({**bad.document, "metadata": {"name": unique}})

    said = refusals(clusters, objects)

    words = [said.get(each["metadata"]["name"], "accepted") for each in objects]
    wrong = [
        (bad, sentence)
        for bad, sentence in zip(BAD, words, strict=True)
        if bad.field not in sentence or bad.said.server not in sentence
    ]
    assert wrong == []
    assert clusters.get("eurekaclusters")["items"] == []


def test_good_objects_are_accepted(clusters: Kubectl) -> None:
    """Bounds are as wide as they say."""
    assert refusals(clusters, with_names(GOOD.values())) == {}


def test_what_is_written_is_kept(clusters: Kubectl) -> None:
    """No field is dropped, and none is added to an object that has all of them."""
    clusters.apply(json.dumps(document(EVERY_FIELD)))

    assert clusters.get("eurekacluster", "eureka")["spec"] == EVERY_FIELD


def test_nothing_written_has_the_defaults(clusters: Kubectl) -> None:
    """Four lines are a highly available registry; the registry's own defaults are not copied."""
    clusters.apply((ROOT / "examples" / "minimal.yaml").read_text())

    assert clusters.get("eurekacluster", "eureka")["spec"] == {
        "replicas": 3,
        "image": {"pullPolicy": "IfNotPresent"},
        "paused": False,
        "peers": {"port": 8761, "dnsPrefix": "peer"},
        "service": {"type": "ClusterIP"},
        "disruption": {"enabled": True, "maxUnavailable": 1},
        "monitoring": {"serviceMonitor": False, "interval": "30s"},
        "networkPolicy": {"enabled": True},
        "updates": {
            "strategy": "Converged",
            "settleSeconds": 15,
            "progressDeadlineSeconds": 600,
            "autoRollback": True,
        },
    }


def test_changes_of_what_is_immutable_are_refused(clusters: Kubectl) -> None:
    """In the words that `eureka-operator plan --live` has for them."""
    assert refusals(clusters, with_names(update.before for update in UPDATES)) == {}

    said = refusals(clusters, with_names(update.after for update in UPDATES))

    words = [said.get(f"eureka-{place}", "") for place in range(len(UPDATES))]
    wrong = [
        (update.about, each)
        for update, each in zip(UPDATES, words, strict=True)
        if update.refused not in each or bool(update.refused) != bool(each)
    ]
    assert wrong == []


def test_scale_sets_the_peers_within_their_bounds(clusters: Kubectl) -> None:
    """`kubectl scale` and autoscalers are held to the same rules."""
    zones = {"topology": {"zones": [{"name": "a"}, {"name": "b"}]}}
    clusters.apply(json.dumps(document(zones)))

    clusters("scale", "ekc/eureka", "--replicas=5")
    above = clusters.run_unchecked("scale", "ekc/eureka", "--replicas=10")
    below = clusters.run_unchecked("scale", "ekc/eureka", "--replicas=1")

    assert clusters.get("ekc", "eureka")["spec"]["replicas"] == 5
    assert "spec.replicas in body should be less than or equal to 9" in above.stderr
    assert "spec.replicas must be at least the number of spec.topology.zones" in below.stderr
    clusters("scale", "ekc/eureka", "--replicas=0")
    assert clusters.get("ekc", "eureka")["spec"]["replicas"] == 0


def test_every_field_is_explained(clusters: Kubectl) -> None:
    """`kubectl explain` prints what the API server publishes."""
    published = clusters.raw("/openapi/v3/apis/eurekube.io/v1alpha1")
    schema = published["components"]["schemas"]["io.eurekube.v1alpha1.EurekaCluster"]

    assert [path for path, text in explained(schema) if not text] == []
    shown = clusters("explain", "ekc.spec.topology.zones.nodeZone")
    assert "Peers of this zone run only on nodes" in shown


def explained(node: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Every field with its description."""
    yield path, node.get("description", "")
    for name, part in node.get("properties", {}).items():
        yield from explained(part, f"{path}.{name}")
    if "properties" in node.get("items", {}):
        yield from explained(node["items"], f"{path}[]")


def test_status_has_columns_and_can_be_selected(clusters: Kubectl) -> None:
    """What people see in `kubectl get`, and what `kubectl wait` waits for."""
    clusters.apply(json.dumps(document({})))
    moment = "2026-11-28T12:00:00Z"
    condition = {"status": "True", "lastTransitionTime": moment, "reason": "A", "message": "b"}
    status = {
        "phase": "Ready",
        "replicas": 3,
        "readyReplicas": 3,
        "version": "0.1.0",
        "selector": "eurekube.io/cluster=eureka",
        "conditions": [
            {"type": name, **condition} for name in ("Ready", "Available", "PeersConverged")
        ],
        "peers": [{"name": "peer1", "index": 1, "state": "Ready", "since": moment}],
        "registry": {"applications": 1, "instances": 42, "selfPreservation": True},
        "endpoints": {"internal": "http://eureka:8761/eureka/", "zones": {"a": "http://b"}},
    }
    whole = {**document({}), "status": status}

    clusters(*STRICTLY, "--subresource=status", "--field-manager=status", given=json.dumps(whole))

    assert clusters.get("ekc", "eureka")["status"] == status
    heading, row = clusters("get", "ekc", "-o", "wide").splitlines()
    assert " ".join(heading.split()).startswith(
        "NAME PEERS READY AVAILABLE CONVERGED PHASE VERSION INSTANCES SELF-PRESERVATION URL AGE"
    )
    assert " ".join(row.split()).startswith(
        "eureka 3 3 True True Ready 0.1.0 42 true http://eureka:8761/eureka/"
    )
    assert "eurekacluster.eurekube.io/eureka" in clusters("get", "eureka", "-o", "name")
    assert "eureka" in clusters("get", "ekc", "--field-selector=status.phase=Ready")
    assert "eureka" not in clusters("get", "ekc", "--field-selector=status.phase=Degraded")
    clusters("wait", "--for=condition=Ready", "ekc/eureka", "--timeout=60s")


@pytest.mark.parametrize("way", [[], ["--server-side"]], ids=["client-side", "server-side"])
def test_nothing_differs_after_examples_were_applied(clusters: Kubectl, way: list[str]) -> None:
    """`kubectl diff`, and so Argo CD and Flux, find nothing to do."""
    texts = [path.read_text().replace("name: eureka", f"name: {path.stem}", 1) for path in EXAMPLES]
    text = "\n---\n".join(texts)
    clusters("apply", *way, "--validate=strict", "-f", "-", given=text)

    differs = clusters.run_unchecked("diff", *way, "-f", "-", given=text)

    assert (differs.returncode, differs.stdout, differs.stderr) == (0, "", "")
    found = clusters.get("eurekaclusters")["items"]
    assert [each["metadata"]["name"] for each in found] == [path.stem for path in EXAMPLES]
