"""`uninject`: what came in comes out."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from unit.kubectl.files import ASKED, CLUSTER, DEPLOYMENT, SERVICE, Program


def test_original_comes_back(program: Program) -> None:
    """To the byte where it was written as this program writes."""
    before = program.file("a.yaml", SERVICE, CLUSTER, DEPLOYMENT)
    injected = program("inject", "--offline", "-f", before).out

    done = program("uninject", "-f", program.file("b.yaml", injected))

    assert injected.count("eureka-sidecar") > 1
    assert done == (0, f"{SERVICE}---\n{CLUSTER}---\n{DEPLOYMENT}", "")


@pytest.mark.parametrize("text", [SERVICE, DEPLOYMENT, ASKED])
def test_document_that_was_not_injected_stays_as_it_is(program: Program, text: str) -> None:
    """Its comments and quotes included."""
    assert program("uninject", "-f", program.file("a.yaml", text)).out == text


def test_live_object_keeps_all_that_the_api_server_wrote(program: Program) -> None:
    """`kubectl get -o yaml` prints it with status and managed fields."""
    name = program.file("a.yaml", CLUSTER, DEPLOYMENT)
    injected: list[Any] = list(yaml.safe_load_all(program("inject", "--offline", "-f", name).out))
    live = injected[1]
    live["metadata"]["managedFields"] = [{"manager": "kubectl", "fieldsV1": {"f:spec": {}}}]
    live["status"] = {"replicas": 2, "conditions": [{"lastUpdateTime": "2026-11-29T02:00:00Z"}]}

    done = program("uninject", "-f", program.file("b.yaml", yaml.safe_dump(live)))

    found = yaml.safe_load(done.out.replace("2026-11-29T02:00:00Z", "T"))
    assert found["metadata"]["managedFields"] == live["metadata"]["managedFields"]
    assert found["status"]["replicas"] == 2
    assert found["spec"] == yaml.safe_load(DEPLOYMENT)["spec"]


def test_no_cluster_is_asked(program: Program) -> None:
    """All that is needed is in the object."""
    assert program("uninject", "--offline", "-f", "-").code == 2
