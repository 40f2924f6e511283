"""The dashboard for Grafana, made of a table of panels: `dashboard` is its JSON.

`make charts` writes it into the chart. Queries use the labels that Prometheus gives to what it
scrapes by a ServiceMonitor: `namespace`, `pod`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

_COLUMNS: Final = 24
_HEIGHT: Final = 7
_HERE: Final = 'namespace=~"$namespace"'
_OF_PEERS: Final = "and on (namespace, pod) eureka_server_ready"
_CERTIFICATES: Final = "eureka_operator_cluster_certificate_expiry_timestamp_seconds"
_ANSWERS: Final = "eureka_injector_answer_seconds_bucket"
_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}


@dataclass(frozen=True)
class Panel:
    """A panel: its title, and queries with the legends of their series."""

    title: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    about: str = ""


def _rate(metric: str) -> str:
    return f"rate({metric}{{{_HERE}}}[$__rate_interval])"


def _is(metric: str) -> str:
    return f"{metric}{{{_HERE}}}"


def _most(by: str, query: str) -> str:
    return f"max by ({by}) ({query})"


def _paces(by: str, metric: str) -> str:
    """Of what is not in the namespace of a registry."""
    return f"sum by ({by}) (rate({metric}[$__rate_interval]))"


ROWS: Final[tuple[tuple[str, tuple[Panel, ...]], ...]] = (
    (
        "Registry",
        (
            Panel(
                "Peers ready",
                ((f"sum by (namespace) ({_is('eureka_server_ready')})", "{{namespace}}"),),
                kind="stat",
                width=4,
            ),
            Panel(
                "Instances UP",
                ((f"max by (namespace) ({_is('eureka_server_instances_up')})", "{{namespace}}"),),
                kind="stat",
                width=4,
            ),
            Panel(
                "Self-preservation",
                (
                    (
                        f"max by (namespace) ({_is('eureka_server_self_preservation_active')})",
                        "{{namespace}}",
                    ),
                ),
                kind="stat",
                width=4,
                about="1: a peer keeps leases that have ended, as too few renewals come.",
            ),
            Panel(
                "Instances by status",
                (
                    (
                        _most("status", f"sum by (pod, status) ({_is('eureka_server_instances')})"),
                        "{{status}}",
                    ),
                ),
                width=12,
            ),
            Panel(
                "Renewals a minute",
                (
                    (f"sum by (pod) ({_is('eureka_server_renews_last_minute')})", "{{pod}}"),
                    (f"max({_is('eureka_server_renews_expected')})", "promised by leases"),
                ),
                about="Leases promise theirs to all peers together; each client renews at one.",
            ),
            Panel(
                "Registrations, cancellations, expired leases",
                (
                    (f"sum({_rate('eureka_server_register_total')})", "registered"),
                    (f"sum({_rate('eureka_server_cancel_total')})", "cancelled"),
                    (f"sum({_rate('eureka_server_expired_total')})", "expired"),
                ),
                unit="ops",
            ),
            Panel(
                "Renewals of unknown leases",
                ((f"sum by (pod) ({_rate('eureka_server_renew_not_found_total')})", "{{pod}}"),),
                unit="ops",
                about="Each makes its client register again.",
            ),
            Panel(
                "Requests",
                (
                    (
                        f"sum by (resource, status) ({_rate('eureka_server_requests_total')})",
                        "{{resource}} {{status}}",
                    ),
                ),
                unit="reqps",
            ),
            Panel(
                "Fetches: full and delta",
                (
                    (f"sum({_rate('eureka_server_get_all_total')})", "full"),
                    (f"sum({_rate('eureka_server_get_all_delta_total')})", "delta"),
                ),
                unit="reqps",
            ),
            Panel(
                "Bytes sent",
                (
                    (
                        f"sum by (resource) ({_rate('eureka_server_response_bytes_total')})",
                        "{{resource}}",
                    ),
                ),
                unit="Bps",
            ),
        ),
    ),
    (
        "Replication",
        (
            Panel(
                "Peers that take changes",
                ((f"sum by (pod) ({_is('eureka_server_peer_available')})", "{{pod}}"),),
                width=6,
            ),
            Panel(
                "Lag",
                (
                    (
                        f"max by (pod, peer) ({_is('eureka_server_peer_lag_seconds')})",
                        "{{pod}} to {{peer}}",
                    ),
                ),
                unit="s",
                width=6,
            ),
            Panel(
                "Changes that wait",
                (
                    (
                        f"max by (pod, peer) ({_is('eureka_server_peer_backlog')})",
                        "{{pod}} to {{peer}}",
                    ),
                ),
                width=6,
            ),
            Panel(
                "Applications that differ",
                (
                    (
                        f"max by (pod, peer) ({_is('eureka_server_peer_diverged_applications')})",
                        "{{pod}} and {{peer}}",
                    ),
                ),
                width=6,
            ),
        ),
    ),
    (
        "Processes of the peers",
        (
            Panel(
                "Memory",
                (
                    (
                        f"{_is('process_resident_memory_bytes')} {_OF_PEERS}",
                        "{{pod}}",
                    ),
                ),
                unit="bytes",
            ),
            Panel(
                "Processor",
                (
                    (
                        f"{_rate('process_cpu_seconds_total')} {_OF_PEERS}",
                        "{{pod}}",
                    ),
                ),
                unit="percentunit",
            ),
            Panel(
                "Requests refused, by rule",
                ((f"sum by (rule) ({_rate('eureka_requests_refused_total')})", "{{rule}}"),),
                unit="reqps",
            ),
        ),
    ),
    (
        "Operator",
        (
            Panel("Leaders", (("sum(eureka_operator_leader)", "leaders"),), kind="stat", width=4),
            Panel(
                "Pods without their sidecar",
                (("max(eureka_operator_pods_without_sidecar)", "pods"),),
                kind="stat",
                width=4,
            ),
            Panel(
                "EurekaClusters by condition",
                (
                    (
                        "max by (type, status) (eureka_operator_cluster_conditions)",
                        "{{type}} {{status}}",
                    ),
                ),
            ),
            Panel(
                "Passes over EurekaClusters",
                (
                    (
                        _paces("result", "eureka_operator_reconciles_total"),
                        "{{result}}",
                    ),
                ),
                unit="ops",
            ),
            Panel(
                "Drift put right, leases removed",
                (
                    (
                        "sum by (kind) (increase(eureka_operator_drift_corrected_total[1h]))",
                        "{{kind}} put right",
                    ),
                    (
                        "sum by (reason) (increase(eureka_operator_leases_removed_total[1h]))",
                        "lease removed: {{reason}}",
                    ),
                ),
                about="In the hour before.",
            ),
            Panel(
                "Requests to the API server",
                (
                    (
                        _paces("verb, code", "eureka_operator_api_requests_total"),
                        "{{verb}} {{code}}",
                    ),
                ),
                unit="reqps",
            ),
            Panel(
                "Certificates of EurekaClusters end in",
                (
                    (
                        f"{_most('exported_namespace, cluster', _CERTIFICATES)} - time()",
                        "{{exported_namespace}}/{{cluster}}",
                    ),
                ),
                unit="s",
            ),
        ),
    ),
    (
        "Injector",
        (
            Panel(
                "Pods",
                (
                    (
                        _paces("result, reason", "eureka_injector_answers_total"),
                        "{{result}} {{reason}}",
                    ),
                ),
                unit="ops",
            ),
            Panel(
                "Time to answer, 99 %",
                (
                    (
                        f"histogram_quantile(0.99, {_paces('le', _ANSWERS)})",
                        "p99",
                    ),
                ),
                unit="s",
            ),
            Panel(
                "Its certificate ends in",
                (("min(eureka_injector_certificate_expiry_timestamp_seconds) - time()", "time"),),
                unit="s",
                kind="stat",
            ),
        ),
    ),
)


def dashboard() -> str:
    """The dashboard as Grafana imports it."""
    document: dict[str, Any] = {
        "title": "Eurekube",
        "uid": "eurekube",
        "tags": ["eureka", "eurekube"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": _variables()},
        "panels": _panels(),
    }
    return json.dumps(document, indent=1) + "\n"


def queries() -> list[str]:
    """All queries of the panels."""
    return [query for _, row in ROWS for panel in row for query, _ in panel.queries]


def _variables() -> list[dict[str, Any]]:
    return [
        {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Source"},
        {
            "name": "namespace",
            "type": "query",
            "label": "Namespace",
            "datasource": _SOURCE,
            "query": "label_values(eureka_server_ready, namespace)",
            "refresh": 2,
            "multi": True,
            "includeAll": True,
            "allValue": ".*",
            "current": {"text": "All", "value": "$__all"},
        },
    ]


def _panels() -> list[dict[str, Any]]:
    """Rows one below the other, each filled from the left."""
    found: list[dict[str, Any]] = []
    top = 0
    for title, row in ROWS:
        place = {"x": 0, "y": top, "w": _COLUMNS, "h": 1}
        found.append({"type": "row", "title": title, "gridPos": place, "panels": []})
        top, left = top + 1, 0
        for panel in row:
            if left + panel.width > _COLUMNS:
                top, left = top + _HEIGHT, 0
            found.append(_panel(panel, {"x": left, "y": top, "w": panel.width, "h": _HEIGHT}))
            left += panel.width
        top += _HEIGHT
    return [{"id": number, **each} for number, each in enumerate(found, 1)]


def _panel(panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    targets = [
        {
            "refId": chr(ord("A") + number),
            "datasource": _SOURCE,
            "expr": query,
            "legendFormat": legend,
        }
        for number, (query, legend) in enumerate(panel.queries)
    ]
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": targets,
    }
