"""The examples, applied as they are: each becomes Ready, and Kubernetes has what the file says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest
import yaml

from cluster.images import ROOT
from conformance.realclient import not_run
from e2e.clusters import Target
from e2e.operator.ekc import EkcCluster
from e2e.operator.volumes import local_volumes

FILES: Final = sorted((ROOT / "examples").glob("*.yaml"))


@pytest.fixture(params=FILES, ids=lambda file: file.stem)
def example(request: pytest.FixtureRequest, target: Target, cluster: EkcCluster) -> Iterator[Path]:
    """A file, where there is all that its EurekaCluster needs."""
    file: Path = request.param
    with ExitStack() as stack:
        if "volume:" in file.read_text():
            if target.plan is None:
                not_run("e2e of examples", "volumes are only made on a cluster of tests.cluster's")
            stack.enter_context(local_volumes(target.plan, cluster.kubectl, size="1Gi"))
        yield file


def test_example_becomes_ready_and_nothing_of_it_is_changed(
    example: Path, cluster: EkcCluster
) -> None:
    """Nobody writes into the spec but who applies it, so that Argo CD and people see no drift.

    `beside-java` is Ready without its Java server: its own peers agree.
    """
    (document,) = yaml.safe_load_all(example.read_text())
    cluster.kubectl("apply", f"--filename={example}")
    cluster.wait_ready()

    compared = cluster.kubectl.run_unchecked("diff", f"--filename={example}")
    assert compared.returncode == 0, compared.stdout + compared.stderr
    cluster.wait_agreed()
    assert len(cluster.pods) == document["spec"].get("replicas", 3)
