"""Prometheus metrics, with the names that users of Eureka know where they exist.

From Spring: `eureka_server_instances{application,status}`. From Netflix's `EurekaMonitors`: renew,
cancel, register, expired, getAll and their kin, as `eureka_server_*_total`. Ours: lag, queues, full
versus delta fetches and their bytes, agreement between peers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from heapq import nlargest
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from eureka_registry.core.application import Application
from eureka_registry.core.limits import METRIC_APPLICATIONS
from eureka_registry.core.model import Status
from eureka_registry.http.allowance import Allowance
from eureka_registry.http.gate import Stage
from eureka_registry.http.node import Node
from eureka_registry.http.routes import Resource
from eureka_registry.http.rules import Rule

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_OTHERS: Final = "other"
"""Stands for the applications without series of their own; names of applications are upper case."""

_EVENTS: Final = (
    ("register", "registrations", Resource.APP, "POST", (204,)),
    ("renew", "renewals", Resource.INSTANCE, "PUT", (200,)),
    ("renew_not_found", "renewals of unknown leases", Resource.INSTANCE, "PUT", (404,)),
    ("cancel", "cancellations", Resource.INSTANCE, "DELETE", (200,)),
    ("cancel_not_found", "cancellations of unknown leases", Resource.INSTANCE, "DELETE", (404,)),
    ("status_update", "status overrides", Resource.STATUS_OVERRIDE, "PUT", (200,)),
    ("status_override_delete", "removed overrides", Resource.STATUS_OVERRIDE, "DELETE", (200,)),
    ("get_all", "full fetches", Resource.APPS, "GET", ()),
    ("get_all_delta", "delta fetches", Resource.DELTA, "GET", ()),
    ("get_application", "fetches of one application", Resource.APP, "GET", ()),
    ("rejected_replications", "batches that could not be read", Resource.BATCH, "POST", (400,)),
)


class Metrics:
    """All metrics of one peer."""

    def __init__(self, node: Node) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_NodeCollector(node))
        ProcessCollector(registry=self._registry)
        self._allowance = Allowance()
        self._text = b""

    def exposition(self) -> bytes:
        """The values in Prometheus' text format; the former ones if asked for too often."""
        if not self._text or self._allowance.is_left:
            with self._allowance.account():
                self._text = generate_latest(self._registry)
        return self._text


class _NodeCollector(Collector):
    def __init__(self, node: Node) -> None:
        self._node = node
        self._counted: dict[str, tuple[int, Counter[Status]]] = {}

    def describe(self) -> Iterator[Metric]:
        """Nothing: else a registry of metrics would collect all values to learn their names."""
        yield from ()

    def collect(self) -> Iterator[Metric]:
        yield from self._leases()
        yield from self._preservation()
        yield from self._requests()
        yield from self._security()
        yield from self._peers()
        yield from self._regions()

    def _leases(self) -> Iterator[Metric]:
        registry = self._node.registry
        instances = GaugeMetricFamily(
            "eureka_server_instances", "registered instances", labels=["application", "status"]
        )
        for name, counts in self._by_application().items():
            for status, count in counts.items():
                instances.add_metric([name, status.value], count)
        yield instances
        yield _gauge("registry_size", "registered instances", registry.size)
        yield _gauge("instances_up", "instances that are UP", registry.counts[Status.UP])
        yield _gauge("ready", "1 when lists are served", self._node.gate.stage is Stage.READY)
        yield _counter("refused", "instances of peers that were not taken", registry.refusals.total)
        yield _counter("expired", "evicted leases", self._node.counters.expired)
        configuration = self._node.configuration
        unusable = configuration.problem is not None
        yield _gauge("config_problem", "1 when the file of settings cannot be used", unusable)
        waiting = len(configuration.restart_needed)
        yield _gauge("config_restart_needed", "settings that wait for a restart", waiting)

    def _by_application(self) -> dict[str, Counter[Status]]:
        """Instances by status of the largest applications, and of all others together."""
        registry = self._node.registry
        applications: Collection[Application] = registry.applications.values()
        if len(applications) > METRIC_APPLICATIONS:
            applications = nlargest(METRIC_APPLICATIONS, applications, lambda a: len(a.leases))
        before, self._counted = self._counted, {}
        for each in applications:
            known = before.get(each.name)
            if known is None or known[0] != each.version:
                known = (each.version, Counter(i.status for i in each.instances()))
            self._counted[each.name] = known
        found = {name: counts for name, (_, counts) in self._counted.items()}
        if len(found) < len(registry.applications):
            found[_OTHERS] = registry.counts - sum(found.values(), Counter())
        return found

    def _preservation(self) -> Iterator[Metric]:
        verdict = self._node.verdict()
        yield _gauge("self_preservation_enabled", "1 when switched on", verdict.enabled)
        yield _gauge("self_preservation_active", "1 when leases are kept", verdict.active)
        yield _gauge("renews_expected", "renewals a minute that leases promise", verdict.promised)
        yield _gauge("leases_on_time", "leases whose renewal is not overdue", verdict.arriving)
        yield _gauge("leases_needed", "not more on time: nothing expires", verdict.threshold)
        last_minute = self._node.registry.renewal_rate.last_minute()
        yield _gauge("renews_last_minute", "renewals that came", last_minute)

    def _requests(self) -> Iterator[Metric]:
        counters = self._node.counters
        for name, about, resource, method, statuses in _EVENTS:
            yield _counter(name, about, counters.of(resource, method, *statuses))
        yield _counter("rate_limited", "fetches refused as too many", self._node.gate.limited)
        yield _counter("replicated_items", "items peers sent", self._node.peer_api.items)
        requests = CounterMetricFamily(
            "eureka_server_requests", "answers", labels=["resource", "method", "status"]
        )
        for (resource, method, status), count in counters.requests.items():
            requests.add_metric([resource.value, method, str(status)], count)
        yield requests
        sent = CounterMetricFamily(
            "eureka_server_response_bytes", "bytes of bodies", labels=["resource"]
        )
        for resource, size in counters.bytes.items():
            sent.add_metric([resource.value], size)
        yield sent

    def _security(self) -> Iterator[Metric]:
        refused = CounterMetricFamily(
            "eureka_requests_refused", "requests refused, by the rule", labels=["rule"]
        )
        for rule in Rule:
            refused.add_metric([rule.value], self._node.counters.refused[rule])
        yield refused
        if (ends_s := self._node.tls.ends_s) is not None:
            about = "end of the certificate in use, in seconds since the epoch"
            yield GaugeMetricFamily("eureka_certificate_not_after_seconds", about, value=ends_s)

    def _peers(self) -> Iterator[Metric]:
        now_ms = self._node.now_ms()
        available = _by_peer("peer_available", "1 when the peer takes changes")
        lag = _by_peer("peer_lag_seconds", "age of the oldest change it has not got")
        backlog = _by_peer("peer_backlog", "changes waiting for it")
        diverged = _by_peer("peer_diverged_applications", "applications that differ there")
        repaired = CounterMetricFamily(
            "eureka_server_peer_repaired", "leases repaired by digests", labels=["peer"]
        )
        dropped = CounterMetricFamily(
            "eureka_server_peer_dropped", "changes given up", labels=["peer", "reason"]
        )
        for link in self._node.mesh.other_links():
            sight = link.sight(now_ms)
            available.add_metric([link.name], sight.available)
            lag.add_metric([link.name], sight.lag_ms / 1000)
            backlog.add_metric([link.name], sight.backlog)
            diverged.add_metric([link.name], len(link.diverged_instances))
            repaired.add_metric([link.name], link.repaired)
            for reason, count in link.sender.outbox.dropped.items():
                dropped.add_metric([link.name, reason.value], count)
        yield from (available, lag, backlog, diverged, repaired, dropped)

    def _regions(self) -> Iterator[Metric]:
        now_ms = self._node.now_ms()
        ready = _by_region("region_ready", "1 when the region was ever fetched")
        instances = _by_region("region_instances", "instances shown of the region")
        age = _by_region("region_age_seconds", "time since the last good fetch")
        troubled = _by_region("region_problem", "1 when something is wrong with its fetches")
        for region in self._node.remotes:
            ready.add_metric([region.name], region.mirror.ready)
            instances.add_metric([region.name], region.mirror.size)
            troubled.add_metric([region.name], region.problem is not None)
            if region.fetched_ms is not None:
                age.add_metric([region.name], (now_ms - region.fetched_ms) / 1000)
        yield from (ready, instances, age, troubled)


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(f"eureka_server_{name}", about, value=value)


def _counter(name: str, about: str, value: float) -> Metric:
    return CounterMetricFamily(f"eureka_server_{name}", about, value=value)


def _by_peer(name: str, about: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"eureka_server_{name}", about, labels=["peer"])


def _by_region(name: str, about: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"eureka_server_{name}", about, labels=["region"])
