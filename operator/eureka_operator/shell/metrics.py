"""Prometheus metrics of the operator, all named `eureka_operator_*`."""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.process_collector import ProcessCollector

from eureka_operator.core.kinds import Object

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


@dataclass
class Outcome:
    """What came of a reconcile: `ok`, `refused`, `unavailable` or `error`."""

    result: str = "error"


class Metrics:
    """One process's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._reconciles = self._counter("reconciles", "passes over one EurekaCluster", "result")
        self._requests = self._counter("api_requests", "answers of the API server", "verb", "code")
        self._drift = self._counter("drift_corrected", "child objects put right again", "kind")
        self._reads = self._counter("registry_reads", "readings of what a registry holds", "result")
        self._removed = self._counter(
            "leases_removed", "leases removed because their pods do not run any more", "reason"
        )
        self._paused = self._counter(
            "pods_paused",
            "overrides made and lifted for the annotation eurekube.io/paused",
            "action",
        )
        self._evicted = self._counter(
            "pods_evicted", "evictions of pods that should have a sidecar and have none", "result"
        )
        self._asked = self._counter(
            "registration_requests",
            "requests for leases of EurekaRegistrations",
            "operation",
            "result",
        )
        self._seconds = Histogram(
            "eureka_operator_reconcile_seconds", "duration of a pass", registry=self._registry
        )
        self._conditions = self._gauge(
            "cluster_conditions", "EurekaClusters by condition", "type", "status"
        )
        self._certificate_ends = self._gauge(
            "cluster_certificate_expiry_timestamp_seconds",
            "when the certificate of an EurekaCluster's peers ends",
            "namespace",
            "cluster",
        )
        self.queue_depth = self._gauge("queue_depth", "clusters that wait for a pass")
        self.pods_without_sidecar = self._gauge(
            "pods_without_sidecar", "pods that should have a sidecar and have none"
        )
        self._registered = self._gauge(
            "registered_instances", "instances registered for EurekaRegistrations", "status"
        )
        self._missing_fields = self._gauge(
            "crd_missing_fields", "fields that the operator knows and the served CRD lacks", "crd"
        )
        self.leader = self._gauge("leader", "1 in the replica that acts")
        self.resync_age = self._gauge(
            "resync_age_seconds", "time since all clusters were last listed; 0 in a standby"
        )

    def request(self, verb: str, status: int) -> None:
        """Count an answer; status 0: there was none."""
        self._requests.labels(verb, str(status)).inc()

    def drift(self, kind: str) -> None:
        """Count a child object that somebody had changed and we put right."""
        self._drift.labels(kind).inc()

    def count_registry_read(self, result: str) -> None:
        """Count a reading of a registry: `read`, `unchanged` or `failed`."""
        self._reads.labels(result).inc()

    def count_removed_lease(self, reason: str) -> None:
        """Count a lease that was removed for its pod, with the reason of `core/reaping.py`."""
        self._removed.labels(reason).inc()

    def count_pause(self, action: str) -> None:
        """Count an override that was made for an annotation (`pause`) or lifted (`resume`)."""
        self._paused.labels(action).inc()

    def count_eviction(self, result: str) -> None:
        """Count an eviction of a pod without its sidecar: `done`, `held` by a budget, `failed`."""
        self._evicted.labels(result).inc()

    def registration_request(self, operation: str, result: str) -> None:
        """Count what a registry was asked for an EurekaRegistration, and how it went.

        The words are those of `eureka_sidecar.core.operations`: `renew` and `done`.
        """
        self._asked.labels(operation, result).inc()

    def set_registered(self, statuses: Mapping[str, int]) -> None:
        """Set how many instances are registered for EurekaRegistrations, by status."""
        self._registered.clear()
        for status, count in statuses.items():
            self._registered.labels(status).set(count)

    def crd_missing_fields(self, crd: str, count: int) -> None:
        """Set how many fields a served CustomResourceDefinition lacks."""
        self._missing_fields.labels(crd).set(count)

    def clusters(self, clusters: Sequence[Object]) -> None:
        """Set how many clusters have which condition, and when their certificates end."""
        tally = Tally(
            (condition["type"], condition["status"])
            for cluster in clusters
            for condition in cluster.get("status", {}).get("conditions", [])
        )
        self._conditions.clear()
        self._certificate_ends.clear()
        for cluster in clusters:
            ends = cluster.get("status", {}).get("tls", {}).get("notAfter")
            if ends:
                metadata = cluster["metadata"]
                gauge = self._certificate_ends.labels(metadata["namespace"], metadata["name"])
                gauge.set(datetime.fromisoformat(ends).timestamp())
        for (kind, status), count in tally.items():
            self._conditions.labels(kind, status).set(count)

    @contextmanager
    def measure(self, clock: Callable[[], float] = time.perf_counter) -> Iterator[Outcome]:
        """Count and time a reconcile; the block says what came of it."""
        outcome = Outcome()
        start_s = clock()
        try:
            yield outcome
        finally:
            self._seconds.observe(clock() - start_s)
            self._reconciles.labels(outcome.result).inc()

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"eureka_operator_{name}", about, labels, registry=self._registry)

    def _gauge(self, name: str, about: str, *labels: str) -> Gauge:
        return Gauge(f"eureka_operator_{name}", about, labels, registry=self._registry)
