"""The README's part on Kubernetes, typed as it stands by somebody who has nothing yet."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import pytest

from cluster.images import OPERATOR, ROOT
from conformance.realclient import not_run
from e2e.clusters import Target
from e2e.operator.ekc import PATIENCE_S, EkcCluster
from e2e.operator.installed import Operator
from e2e.operator.typist import Typist
from processes.cluster import until

README: Final = (ROOT / "README.md").read_text()
PART: Final = README.partition("\n## Kubernetes\n")[2].partition("\n## ")[0]
# The first block is run by tests/e2e/test_demo.py.
_, *BLOCKS = re.findall(r"^```\n(.*?)^```", PART, re.MULTILINE | re.DOTALL)
INSTALL, APPLY, WAIT = BLOCKS[0].splitlines()
SHOWN: Final = BLOCKS[1].splitlines()
PLANS: Final = BLOCKS[2].splitlines()
TYPED: Final = re.findall(r"`(kubectl [^`]+)`", PART)
SPRING: Final = re.findall(r"eureka\.client\.service-url\.defaultZone=(http://peer1:\S+)", PART)
CRD: Final = "eurekaclusters.eurekube.io"
REPLICAS: Final = """
import json, sys, urllib.request
for url in sys.argv[1].split(","):
    request = urllib.request.Request(url + "status", headers={"Accept": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        print(json.dumps(json.load(answer)["applicationStats"]))
"""
"""Prints the replicas that the server at each URL shows."""
ANSWERS: Final = """
import sys, urllib.request
for url in sys.argv[1].split(","):
    print(urllib.request.urlopen(url + "apps", timeout=10).status)
"""

Record = Callable[[str, object], None]


@dataclass(frozen=True)
class Walkthrough:
    """What a newcomer has after the first three commands."""

    types: Typist
    cluster: EkcCluster
    from_install_s: float
    from_apply_s: float

    def wait(self) -> None:
        """Wait with the README's own command."""
        self.types(WAIT)


@pytest.fixture(scope="module")
def walkthrough(
    target: Target, operator: Operator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Walkthrough]:
    """Three peers by the README's first three commands, from nothing."""
    images = _images(target)
    operator.uninstall()
    target.kubectl("delete", "crd", CRD)
    try:
        with target.kubectl.in_a_namespace("readme") as kubectl:
            types = Typist(target, kubectl, tmp_path_factory.mktemp("newcomer"))
            begin = time.monotonic()
            types(f"{INSTALL} {images}")
            applied = time.monotonic()
            types(APPLY)
            types(WAIT)
            ready = time.monotonic()
            cluster = EkcCluster(kubectl)
            yield Walkthrough(types, cluster, ready - begin, ready - applied)
    finally:
        operator.install()


def test_three_commands_give_three_peers_that_agree(
    walkthrough: Walkthrough, record_property: Record
) -> None:
    """Nobody has to type more."""
    record_property("README, from apply to Ready", f"{walkthrough.from_apply_s:.1f} s")
    record_property("README, from helm install to Ready", f"{walkthrough.from_install_s:.1f} s")
    assert len(walkthrough.cluster.pods) == 3
    walkthrough.cluster.wait_agreed()


def test_each_peer_lists_the_others_as_available_replicas(walkthrough: Walkthrough) -> None:
    """At the URLs that the README gives to clients, in the words of every Eureka dashboard."""
    (urls,) = SPRING
    full = [
        f"http://peer{k}.{walkthrough.cluster.kubectl.namespace}.svc.cluster.local:8761/eureka/"
        for k in (1, 2, 3)
    ]
    wanted = [({*full} - {own}, "") for own in full]

    def shown() -> list[tuple[set[str], str]]:
        said = walkthrough.types(f"kubectl exec eureka-peer-1 -- python3 -c '{REPLICAS}' {urls}")
        return [_replicas(json.loads(line)) for line in said.splitlines()]

    until(lambda: shown() == wanted, PATIENCE_S)


def test_urls_of_the_status_lead_to_the_peers_from_elsewhere(
    walkthrough: Walkthrough, operator: Operator
) -> None:
    """From another namespace: the operator's own, which has a Python."""
    urls = walkthrough.types(_typed("jsonpath"))
    pod = f"deployment/{operator.deployment}"

    said = operator.kubectl("exec", pod, "--", "python3", "-c", ANSWERS, urls)

    assert said.split() == ["200"] * 3


def test_table_of_the_readme_is_what_kubectl_prints(walkthrough: Walkthrough) -> None:
    """All of it but the age."""
    command, *shown = SHOWN

    printed = walkthrough.types(command.removeprefix("$ ")).splitlines()

    assert _cells(printed)[0] == _cells(shown)[0]
    assert _cells(printed)[1][:-1] == _cells(shown)[1][:-1]
    assert len(printed) == 2


def test_describe_and_explain_say_what_the_readme_promises(walkthrough: Walkthrough) -> None:
    """Conditions, peers and events; every field with its description."""
    described = walkthrough.types(_typed("describe"))
    for words in ("PeersConverged", "peer3", "Events:", "Created"):
        assert words in described
    explained = walkthrough.types(_typed("explain"))
    assert "replicas\t<integer>" in explained


def test_scaling_as_the_readme_types_it(walkthrough: Walkthrough) -> None:
    """Two peers join, and none of the others restarts."""
    before = walkthrough.cluster.restart_counts

    walkthrough.types(_typed("scale"))
    walkthrough.wait()

    walkthrough.cluster.wait_agreed()
    assert len(walkthrough.cluster.pods) == 5
    assert before.items() <= walkthrough.cluster.restart_counts.items()
    walkthrough.cluster.scale(3)
    until(lambda: len(walkthrough.cluster.pods) == 3, PATIENCE_S)


@pytest.mark.parametrize("command", PLANS)
def test_plan_shows_what_would_happen(walkthrough: Walkthrough, command: str) -> None:
    """Without a cluster all peers would start; beside the one that is there none has to."""
    before = walkthrough.cluster.document

    done = walkthrough.types.run_unchecked(command)

    assert done.returncode == 0, done.stderr
    assert ("start: peer1" in done.stdout) == ("--live" not in command), done.stdout
    assert walkthrough.cluster.document == before


def _replicas(stats: dict[str, str]) -> tuple[set[str], str]:
    """The replicas that a server calls available, and those that it does not."""
    return {*stats["available-replicas"].strip(",").split(",")}, stats["unavailable-replicas"]


def _typed(word: str) -> str:
    """The one command of the README's text with this word."""
    (found,) = (each for each in TYPED if word in each)
    return str(found)


def _cells(lines: list[str]) -> list[list[str]]:
    """The columns of a table, which two blanks separate."""
    return [re.split(r"\s{2,}", line.strip()) for line in lines]


def _images(target: Target) -> str:
    """What has to be added to the README's command as long as no image is published."""
    registry, found, tag = target.image(OPERATOR).rpartition("/eurekube/operator:")
    if not found:
        not_run("e2e of the README", "it takes images under a prefix that ends with /eurekube/")
    tags = dict.fromkeys(("image.tag", "registryImage.tag", "sidecarImage.tag"), tag)
    values = {"image.registry": registry, **tags}
    return " ".join(f"--set {name}={value}" for name, value in values.items())
