"""Prometheus itself scrapes what the documentation says, finds services in Eureka, and is calm."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from cluster import parts
from cluster.errors import ClusterError
from cluster.images import REGISTRY, ROOT
from cluster.plan import Plan
from conformance.realclient import not_run
from e2e.clusters import Target
from e2e.injection.manifests import LABEL
from e2e.operator.ekc import PATIENCE_S, EkcCluster
from e2e.operator.installed import CHART, Operator
from e2e.operator.prometheus import Document, Prometheus, adapt_to_cluster, job_of, run_prometheus
from processes.cluster import until
from support.kubectl import Kubectl
from support.ownclusters import show_progress

PAGE: Final = (ROOT / "docs" / "metrics.md").read_text()
ALERTS: Final = CHART / "files" / "alerts.yaml"
SERVED: Final = """
import prometheus_client, signal
prometheus_client.start_http_server(8080)
signal.pause()
"""
"""A service with metrics; the registry's image has the library."""
SERVICE_ID: Final = "shop.{namespace}:shop:8080"
EXPECTED: Final = {"eurekube.io/metadata.prometheus.scrape": "true"}


@pytest.fixture(scope="module", autouse=True)
def _program(pytestconfig: pytest.Config) -> None:
    """Prometheus, built on the first use; where it cannot be, the end of the run says why."""
    with show_progress(pytestconfig):
        try:
            parts.build(parts.prometheus())
        except ClusterError as error:
            not_run("e2e of Prometheus", f"it cannot be built: {error}")


@pytest.fixture(scope="module")
def monitored(
    target: Target, operator: Operator, *, monitors: bool
) -> Iterator[tuple[EkcCluster, set[str]]]:
    """Three peers with their ServiceMonitor, and the pods of them, operator and injector."""
    if not monitors:
        not_run("e2e of Prometheus", "the CRD of ServiceMonitors cannot be had")
    operator.install("--set", "metrics.serviceMonitor.enabled=true")
    try:
        with target.kubectl.in_a_namespace("watched") as kubectl:
            cluster = EkcCluster(kubectl)
            cluster.start({"monitoring": {"serviceMonitor": True}})
            yield cluster, {*_pod_names(kubectl), *_pod_names(operator.kubectl)}
    finally:
        operator.install()


def test_what_service_monitors_select_is_scraped_and_no_alert_is_near(
    plan: Plan, monitored: tuple[EkcCluster, set[str]], tmp_path: Path
) -> None:
    """Each process once, with the labels that the alerts need."""
    cluster, pods = monitored
    monitors = cluster.kubectl.get("servicemonitors", "--all-namespaces")["items"]
    jobs = adapt_to_cluster([job_of(each) for each in monitors], plan)

    with run_prometheus(plan, tmp_path, jobs, ALERTS) as prometheus:
        until(lambda: prometheus.up == dict.fromkeys(pods, "1"), PATIENCE_S)
        assert len(prometheus.targets) == len(pods)
        assert {each["labels"]["namespace"] for each in prometheus.targets} == {
            cluster.kubectl.namespace,
            "eurekube",
        }
        scraped = datetime.now(UTC)
        until(lambda: _evaluated(prometheus.rules, scraped), PATIENCE_S)
        assert {each["name"] for each in prometheus.rules} == _alerts()
        assert [each for each in prometheus.rules if each["health"] != "ok"] == []
        assert _unsettled(prometheus) == []
        assert {each["value"][1] for each in prometheus.query("sum(eureka_operator_leader)")} == {
            "1"
        }


def test_jobs_of_the_page_find_all_of_it_and_services_in_eureka(
    plan: Plan,
    target: Target,
    monitored: tuple[EkcCluster, set[str]],
    tmp_path: Path,
) -> None:
    """As they stand in `docs/metrics.md`, for another namespace; services by `eureka_sd`."""
    cluster, pods = monitored
    namespace = cluster.kubectl.namespace
    jobs: list[Document] = [
        job
        for block in re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
        for job in yaml.safe_load(block.replace("eureka.default", f"eureka.{namespace}"))[
            "scrape_configs"
        ]
    ]
    cluster.kubectl.apply(json.dumps(_service(target)))
    until(lambda: "SHOP" in cluster.apps(next(iter(cluster.pods))), PATIENCE_S)
    place = ("get", "pod", "shop", "-o", "jsonpath={.status.podIP}")
    address = until(lambda: cluster.kubectl(*place), PATIENCE_S)

    with run_prometheus(plan, tmp_path, adapt_to_cluster(jobs, plan)) as prometheus:
        # Peers of an earlier test, in a namespace that is being removed, go meanwhile.
        wanted = {*pods, SERVICE_ID.format(namespace=namespace)}
        until(lambda: prometheus.up == dict.fromkeys(wanted, "1"), PATIENCE_S)
        (service,) = [each for each in prometheus.targets if each["labels"]["job"] == "services"]
        assert service["scrapeUrl"] == f"http://{address}:8080/metrics"
        assert service["labels"]["application"] == "SHOP"
        assert prometheus.query('python_info{application="SHOP"}')

        cluster.kubectl("delete", "pod", "shop")

        until(lambda: len(prometheus.targets) == len(pods), PATIENCE_S)


def _service(target: Target) -> Document:
    """A pod that asks for a sidecar, and says in its metadata that it has metrics."""
    container: dict[str, Any] = {
        "name": "shop",
        "image": target.image(REGISTRY),
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-c", SERVED],
        "ports": [{"containerPort": 8080}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "shop", "labels": {LABEL: "enabled"}, "annotations": EXPECTED},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]},
    }


def _pod_names(kubectl: Kubectl) -> set[str]:
    """Pods that are not ending, with their namespace."""
    return {
        f"{kubectl.namespace}/{each['metadata']['name']}"
        for each in kubectl.get("pods")["items"]
        if "deletionTimestamp" not in each["metadata"]
    }


def _unsettled(prometheus: Prometheus) -> list[Document]:
    """Alerts whose condition still holds when all has had time to settle.

    Peers that have just started differ for a moment, and an operator has just let go what an
    earlier test removed. No alert fires that soon, but a condition that is wrong stays.
    """
    with suppress(AssertionError):
        until(lambda: not _active(prometheus), PATIENCE_S)
    return _active(prometheus)


def _active(prometheus: Prometheus) -> list[Document]:
    return [alert for rule in prometheus.rules for alert in rule["alerts"]]


def _evaluated(rules: list[Document], since: datetime) -> bool:
    moments = [datetime.fromisoformat(each["lastEvaluation"]) for each in rules]
    return bool(moments) and min(moments) > since


def _alerts() -> set[str]:
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return {rule["alert"] for group in groups for rule in group["rules"]}
