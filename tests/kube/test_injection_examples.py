"""`examples/injection` before a real API server, as they are and with their sidecars."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest
import yaml

from eureka_operator.core.injection.documents import inject_document
from processes.cluster import until
from support.kubectl import Kubectl
from unit.operator.core.injection.shapes import config, registry

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "examples" / "injection"
WORKLOADS: Final = sorted(each for each in FOLDER.glob("*.yaml") if each.stem != "namespace")


def test_namespace_and_its_registry_are_accepted(kubectl: Kubectl) -> None:
    """Both at once, as `kubectl apply -f` does."""
    kubectl.apply((ROOT / "crds" / "eurekacluster.yaml").read_text())
    until(lambda: kubectl.run_unchecked("get", "eurekaclusters").returncode == 0)

    kubectl.apply((FOLDER / "namespace.yaml").read_text().replace("shop", kubectl.namespace))

    assert kubectl.get("eurekacluster", "eureka")["spec"]["replicas"] == 3
    labels = kubectl.get("namespace", kubectl.namespace)["metadata"]["labels"]
    assert labels["eurekube.io/inject"] == "enabled"


@pytest.mark.parametrize("file", WORKLOADS, ids=lambda file: file.stem)
def test_example_is_accepted_with_and_without_its_sidecar(kubectl: Kubectl, file: Path) -> None:
    """Every field is known to the API server, those of the sidecar, too."""
    namespace = {
        "metadata": {"name": kubectl.namespace, "labels": {"eurekube.io/inject": "enabled"}}
    }
    kubectl.apply(file.read_text())
    given = yaml.safe_load(file.read_text())
    registered = config(registries=(registry("eureka", kubectl.namespace),))

    result = inject_document(given, lambda _: namespace, registered)
    kubectl.apply(json.dumps(result.document))

    pod = kubectl.get("deployment", given["metadata"]["name"])["spec"]["template"]
    assert [each["name"] for each in pod["spec"]["initContainers"]] == ["eureka-sidecar"]
    assert pod["metadata"]["labels"]["eurekube.io/injected"] == "true"
