"""The README's part on pods, typed as it stands beside a registry that is there.

In another namespace than `default`, and with an image that the nodes have.
"""

from __future__ import annotations

import re
from typing import Final

import pytest

from cluster.images import REGISTRY, ROOT
from e2e.clusters import Target
from e2e.injection.registered import ids_up, instances, pods_of
from e2e.operator.ekc import PATIENCE_S, EkcCluster
from e2e.operator.typist import Typist
from processes.cluster import until

README: Final = (ROOT / "README.md").read_text()
PART: Final = README.partition("\n## Pods: label a namespace\n")[2].partition("\n## ")[0]
BLOCKS: Final = re.findall(r"^```\n(.*?)^```", PART, re.MULTILINE | re.DOTALL)
EXAMPLE: Final = "examples/injection/orders.yaml"
IMAGE: Final = "python:3.11-slim"
_VARIES: Final = (
    (re.compile(r"orders-\w+-\w+\.[\w-]+:"), "POD.NAMESPACE:"),
    (re.compile(r"peer\d\.[\w-]+\."), "PEER.NAMESPACE."),
    (re.compile(r"\d+\.\d+\.\d+\.\d+"), "ADDRESS"),
    (re.compile(r"\d+ s\b"), "N s"),
)


@pytest.fixture(scope="module")
def types(target: Target, shared: EkcCluster, tmp_path_factory: pytest.TempPathFactory) -> Typist:
    """Somebody who has done what the README says before: the namespace has a registry."""
    return Typist(target, shared.kubectl, tmp_path_factory.mktemp("newcomer"))


def test_three_commands_put_a_deployment_into_the_registry(
    target: Target, shared: EkcCluster, types: Typist, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """And the sidecar's own words are those that the README shows."""
    label, apply, wait = BLOCKS[0].splitlines()
    command, *shown = BLOCKS[1].splitlines()
    example = tmp_path_factory.mktemp("example") / "orders.yaml"
    example.write_text((ROOT / EXAMPLE).read_text().replace(IMAGE, target.image(REGISTRY)))

    types(label.replace(" default ", f" {shared.kubectl.namespace} "))
    types(apply.replace(EXAMPLE, str(example)))
    types(wait)

    until(lambda: len(ids_up(instances(shared, "ORDERS"))) == 2, PATIENCE_S)
    assert {each["metadata"]["pod-name"] for each in instances(shared, "ORDERS").values()} == {
        *pods_of(shared.kubectl, "orders")
    }
    printed = types(command.removeprefix("$ ")).splitlines()
    assert _alike(printed) == _alike(shown)


def _alike(lines: list[str]) -> list[str]:
    """Lines without what differs from run to run, and without the width of columns."""
    found = []
    for each in lines:
        line = each
        for pattern, word in _VARIES:
            line = pattern.sub(word, line)
        found.append(" ".join(line.split()))
    return found
