"""Prometheus itself, in the network of a cluster: what it finds, scrapes and thinks of it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from cluster import namespaces, parts, places
from cluster.plan import CONTROL, Plan
from processes.cluster import ask, until

_PORT: Final = 9090
_EVERY: Final = "1s"
_READY_S: Final = 60.0

Document = dict[str, Any]


class Prometheus:
    """A Prometheus that runs."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    @property
    def up(self) -> dict[str, str]:
        """The value of `up` by pod with its namespace, or by instance where there is no pod."""
        return {_name(each["metric"]): each["value"][1] for each in self.query("up")}

    @property
    def targets(self) -> list[Document]:
        """All that it scrapes: where, with which labels, and what went wrong."""
        found: list[Document] = self._get("/api/v1/targets?state=active")["activeTargets"]
        return found

    @property
    def rules(self) -> list[Document]:
        """All rules, with what came of their last evaluation."""
        groups = self._get("/api/v1/rules")["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def query(self, expression: str) -> list[Document]:
        """What an expression is now."""
        found: list[Document] = self._get(f"/api/v1/query?query={quote(expression)}")["result"]
        return found

    def _get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        reply = namespaces.in_network(self._pid, lambda: ask(_PORT, "GET", path))
        assert reply.status == 200, reply.body
        return reply.json["data"]


@contextmanager
def run_prometheus(
    plan: Plan, folder: Path, jobs: list[Document], rules: Path | None = None
) -> Iterator[Prometheus]:
    """Have one with these `scrape_configs`; its files and log are in `folder`."""
    config: Document = {
        "global": {"scrape_interval": _EVERY, "evaluation_interval": _EVERY},
        "scrape_configs": jobs,
    }
    if rules is not None:
        config["rule_files"] = [str(rules)]
    (folder / "prometheus.yml").write_text(json.dumps(config))
    program = parts.build(parts.prometheus()) / "prometheus"
    words = [
        *places.inside(plan, CONTROL),
        str(program),
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{_PORT}",
    ]
    log = folder / "prometheus.log"
    with log.open("wb") as said, subprocess.Popen(words, stdout=said, stderr=said) as process:
        try:
            pid = places.lifeline(plan, CONTROL).pid
            ready = namespaces.in_network
            until(lambda: process.poll() is not None or ready(pid, _is_ready), _READY_S)
            assert process.poll() is None, log.read_text()[-2000:]
            yield Prometheus(pid)
        finally:
            process.kill()


def adapt_to_cluster(jobs: list[Document], plan: Plan) -> list[Document]:
    """Jobs as they are in a pod: Kubernetes is found by this machine's file, and at once."""
    for job in jobs:
        for each in job.get("kubernetes_sd_configs", []):
            each["kubeconfig_file"] = str(plan.kubeconfig_inside)
        for each in job.get("eureka_sd_configs", []):
            each["refresh_interval"] = _EVERY
    return jobs


def job_of(monitor: Mapping[str, Any]) -> Document:
    """The job that Prometheus' operator makes of a ServiceMonitor with one endpoint."""
    metadata, spec = monitor["metadata"], monitor["spec"]
    (endpoint,) = spec["endpoints"]
    wanted = {
        f"service_label_{_as_label(name)}": value
        for name, value in spec["selector"]["matchLabels"].items()
    }
    wanted["endpointslice_port_name"] = endpoint["port"]
    kept = [
        {"source_labels": [f"__meta_kubernetes_{name}"], "regex": value, "action": "keep"}
        for name, value in wanted.items()
    ]
    named = [
        {"source_labels": [f"__meta_kubernetes_{source}"], "target_label": target}
        for source, target in (
            ("namespace", "namespace"),
            ("service_name", "job"),
            ("pod_name", "pod"),
        )
    ]
    names = {"names": [metadata["namespace"]]}
    return {
        "job_name": f"serviceMonitor/{metadata['namespace']}/{metadata['name']}",
        "metrics_path": endpoint["path"],
        "kubernetes_sd_configs": [{"role": "endpointslice", "namespaces": names}],
        "relabel_configs": [*kept, *named],
    }


def _name(labels: Mapping[str, str]) -> str:
    return f"{labels['namespace']}/{labels['pod']}" if "pod" in labels else labels["instance"]


def _is_ready() -> bool:
    return ask(_PORT, "GET", "/-/ready").status == 200


def _as_label(name: str) -> str:
    return "".join(each if each.isalnum() else "_" for each in name)
