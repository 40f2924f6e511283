"""The README's way from Java servers to an EurekaCluster, typed as it stands.

Two Java servers that know each other, and 500 instances that clients renew there. Every instance is
at every server after each step, no server forgets a lease that is renewed, and nobody looks in vain
at two servers.
"""

from __future__ import annotations

import re
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from cluster import images, node
from cluster.images import ROOT
from conformance.realclient import not_run
from e2e.clusters import Target
from e2e.operator.applications import Applications
from e2e.operator.ekc import PATIENCE_S, EkcCluster
from e2e.operator.typist import Typist
from processes.cluster import until
from support import springimage
from support.builds import NotBuiltError
from support.kubectl import Kubectl
from support.ownclusters import show_progress

README: Final = (ROOT / "README.md").read_text()
PART: Final = README.partition("\n## Moving from a Java Eureka\n")[2].partition("\n## ")[0]
BLOCKS: Final = re.findall(r"^ +```\n(.*?)^ +```", PART, re.MULTILINE | re.DOTALL)
BESIDE, MOVE, AWAY = (textwrap.dedent(each) for each in BLOCKS)
SERVERS: Final = Path(__file__).with_name("java-eureka.yaml").read_text()
JAVA: Final = ("java-eureka-0", "java-eureka-1")
JAVA_URLS: Final = ",".join(f"http://{name}.java-eureka:8761/eureka/" for name in JAVA)
PEERS: Final = ("eureka-peer-1", "eureka-peer-2", "eureka-peer-3")
OWN: Final = "EUREKA-SERVER"
REACHED: Final = "ExtraPeersAvailable"
START_S: Final = 600.0
"""A Java server takes 7 s on an idle core; here two start at once, on a busy machine perhaps."""

Record = Callable[[str, object], None]


@pytest.fixture(scope="package")
def java_image(target: Target, pytestconfig: pytest.Config) -> str:
    """The image of a Spring Cloud Eureka Server, on all nodes."""
    if target.plan is None:
        not_run("e2e of a move from Java", "only nodes of tests.cluster's own get its image")
    with show_progress(pytestconfig):
        try:
            recipe = springimage.server()
        except NotBuiltError as error:
            not_run("e2e of a move from Java", str(error))
        node.load_everywhere(target.plan, images.built(recipe))
    return recipe.name


@pytest.fixture
def applications(target: Target, kubectl: Kubectl, java_image: str) -> Applications:
    """Four applications with 125 instances each at two Java servers."""
    kubectl.apply(SERVERS.replace("IMAGE", java_image))
    status = ("rollout", "status", "statefulset/java-eureka", "--timeout=10s")
    until(lambda: kubectl.run_unchecked(*status).returncode == 0, START_S)
    found = Applications(target, kubectl, ("orders", "billing", "stock", "users"), 125)
    found.start(JAVA_URLS)
    return found


def test_move_as_the_readme_types_it(
    target: Target,
    cluster: EkcCluster,
    applications: Applications,
    tmp_path: Path,
    record_property: Record,
) -> None:
    """Peers beside Java, clients one application after the other, Java away; no peer restarts."""
    types = _Typist(Typist(target, cluster.kubectl, tmp_path), record_property)
    _wait_for_all(cluster, JAVA, applications)

    types("peers beside the Java servers, and these in their turn", BESIDE)
    _wait_for_all(cluster, (*JAVA, *PEERS), applications)
    until(lambda: all(_shows_peers(cluster, server) for server in JAVA), PATIENCE_S)
    lives = cluster.restart_counts
    lookups = applications.check()

    for name in applications.names:
        lookups += applications.check()
        types(f"clients of {name} to the peers", MOVE.replace("orders", name))
        applications.wait_ready(name)
        _wait_for_all(cluster, (*JAVA, *PEERS), applications)
    until(lambda: cluster.is_so(REACHED), PATIENCE_S)
    lookups += applications.check()

    types("the Java servers away", AWAY)
    until(lambda: not _java_pods(cluster), PATIENCE_S)
    cluster.wait_ready()
    applications.wait_renewed()
    _wait_for_all(cluster, PEERS, applications)
    lookups += applications.check()
    record_property("moving from Java, look-ups of which none failed twice", lookups)
    until(lambda: all(len(cluster.apps(peer)[OWN]) == len(PEERS) for peer in PEERS), PATIENCE_S)
    until(lambda: cluster.condition(REACHED) == {}, PATIENCE_S)
    cluster.wait_agreed()
    assert cluster.restart_counts == lives


class _Typist:
    """Types blocks of the README, and records how long each takes."""

    def __init__(self, types: Typist, record: Record) -> None:
        self._types = types
        self._record = record

    def __call__(self, what: str, block: str) -> None:
        begin = time.monotonic()
        self._types(f"set -e\n{block}")
        self._record(f"moving from Java, {what}", f"{time.monotonic() - begin:.0f} s")


def _wait_for_all(cluster: EkcCluster, servers: tuple[str, ...], wanted: Applications) -> None:
    """Wait until each server has all instances of all applications."""
    until(lambda: all(_counts(cluster, each) == wanted.instances for each in servers), PATIENCE_S)


def _counts(cluster: EkcCluster, server: str) -> dict[str, int]:
    """How many instances of each application a server has, without the servers themselves."""
    return {name: len(ids) for name, ids in cluster.apps(server).items() if name != OWN}


def _shows_peers(cluster: EkcCluster, server: str) -> bool:
    """Whether a Java server's dashboard has all our peers among its available replicas."""
    where = f"/api/v1/namespaces/{cluster.kubectl.namespace}/pods/{server}:8761/proxy"
    page = cluster.kubectl.run_unchecked("get", "--raw", f"{where}/").stdout
    shown = re.search(r"<td>available-replicas</td><td>([^<]*)<", page)
    return shown is not None and all(f"//peer{k}." in shown.group(1) for k in (1, 2, 3))


def _java_pods(cluster: EkcCluster) -> list[Any]:
    items: list[Any] = cluster.kubectl.get("pods", "--selector=app=java-eureka")["items"]
    return items
