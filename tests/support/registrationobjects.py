"""Good and bad `EurekaRegistration`s: one table for the API server and the operator."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from eureka_operator.api import registration as rules
from eureka_operator.api import selectors

Spec = dict[str, Any]

CLUSTER: Final[Spec] = {"clusterRef": {"name": "eureka"}}
SERVICE: Final[Spec] = {**CLUSTER, "service": "db"}
ENDPOINT: Final[Spec] = {"id": "a", "host": "db.example.com", "port": 5432}
FIXED: Final[Spec] = {**CLUSTER, "endpoints": [ENDPOINT]}


def document(spec: object, name: str = "db", **metadata: object) -> dict[str, Any]:
    """An object with this spec."""
    return {
        "apiVersion": "eurekube.io/v1alpha1",
        "kind": "EurekaRegistration",
        "metadata": {"name": name, **metadata},
        "spec": spec,
    }


class Bad(NamedTuple):
    """A spec that nobody takes; each reader names `field`, and says what it says."""

    field: str
    server: str
    operator: str
    spec: object


EVERY_FIELD: Final[Spec] = {
    "clusterRef": {"name": "eureka", "namespace": "platform"},
    "service": "db",
    "app": "ORDERS-DB",
    "vipAddress": "orders-db",
    "secureVipAddress": "orders-db-tls",
    "portName": "sql",
    "securePortName": "sql-tls",
    "paths": {"homePage": "/", "statusPage": "/info", "healthCheck": "/health"},
    "metadata": {"team": "storage"},
    "notReady": "Down",
    "address": "ServiceDNS",
    "lease": {"renewalIntervalSeconds": 10, "durationSeconds": 60},
}

GOOD: Final[dict[str, Spec]] = {
    "the least": SERVICE,
    "every field": EVERY_FIELD,
    "selected Services": {
        **CLUSTER,
        "appFrom": "AppLabel",
        "selector": {
            "matchLabels": {"tier": "data"},
            "matchExpressions": [
                {"key": "app", "operator": "In", "values": ["a", "b"]},
                {"key": "internal", "operator": "DoesNotExist"},
            ],
        },
    },
    "all Services": {**CLUSTER, "selector": {}},
    "a fixed endpoint": FIXED,
    "as many fixed endpoints as possible": {
        **CLUSTER,
        "endpoints": [{**ENDPOINT, "id": f"m-{number}"} for number in range(64)],
    },
    "an address of IPv6, with TLS": {
        **CLUSTER,
        "endpoints": [{"id": "::1", "host": "fd00::1", "port": 65535, "secure": True}],
    },
    "as much metadata as possible": {
        **SERVICE,
        "metadata": {f"{'k' * 120}{number}": "v" * 256 for number in range(28)},
    },
    "the longest lease": {
        **SERVICE,
        "lease": {"renewalIntervalSeconds": 300, "durationSeconds": 3600},
    },
}

BAD: Final = (
    Bad("spec.clusterRef", "Required value", "is missing", {"service": "db"}),
    Bad("spec.clusterRef.name", "Required value", "is missing", {**SERVICE, "clusterRef": {}}),
    Bad("spec", rules.ONE_SOURCE, rules.ONE_SOURCE, CLUSTER),
    Bad("spec", rules.ONE_SOURCE, rules.ONE_SOURCE, {**SERVICE, **FIXED}),
    Bad(
        "spec",
        rules.APP_OF_MANY,
        rules.APP_OF_MANY,
        {**CLUSTER, "selector": {}, "app": "ORDERS"},
    ),
    Bad(
        "spec", rules.ONE_APP, rules.ONE_APP, {**SERVICE, "app": "ORDERS", "appFrom": "ServiceName"}
    ),
    Bad("spec", rules.OF_SERVICES, rules.OF_SERVICES, {**FIXED, "notReady": "Down"}),
    Bad("spec", rules.OF_SERVICES, rules.OF_SERVICES, {**FIXED, "address": "PodIP"}),
    Bad(
        "spec",
        rules.TWO_RENEWALS,
        rules.TWO_RENEWALS,
        {**SERVICE, "lease": {"renewalIntervalSeconds": 61, "durationSeconds": 180}},
    ),
    Bad(
        "spec.lease.durationSeconds",
        "should be greater than or equal to 60",
        "60 to 3600",
        {**SERVICE, "lease": {"renewalIntervalSeconds": 10, "durationSeconds": 59}},
    ),
    Bad(
        "spec.lease.renewalIntervalSeconds",
        "should be less than or equal to 300",
        "10 to 300",
        {**SERVICE, "lease": {"renewalIntervalSeconds": 301, "durationSeconds": 3600}},
    ),
    Bad("spec.endpoints", "should have at least 1 items", "1 to 64", {**CLUSTER, "endpoints": []}),
    Bad(
        "spec.endpoints",
        "must have at most 64 items",
        "1 to 64",
        {**CLUSTER, "endpoints": [{**ENDPOINT, "id": f"m-{number}"} for number in range(65)]},
    ),
    Bad(
        "spec.endpoints",
        "duplicate entries for key",
        "twice",
        {**CLUSTER, "endpoints": [ENDPOINT, ENDPOINT]},
    ),
    Bad(
        "spec.endpoints[0].host",
        "should match",
        "matches",
        {**CLUSTER, "endpoints": [{**ENDPOINT, "host": "http://db"}]},
    ),
    Bad(
        "spec.endpoints[0].port",
        "should be greater than or equal to 1",
        "1 to 65535",
        {**CLUSTER, "endpoints": [{**ENDPOINT, "port": 0}]},
    ),
    Bad("spec.app", "should match", "matches", {**SERVICE, "app": "my app"}),
    Bad("spec.notReady", "Unsupported value", "OutOfService", {**SERVICE, "notReady": "Up"}),
    Bad(
        "spec.paths.healthCheck",
        "should match",
        "matches",
        {**SERVICE, "paths": {"healthCheck": "h"}},
    ),
    Bad(
        "spec.metadata",
        rules.METADATA_RESERVED,
        rules.METADATA_RESERVED,
        {**SERVICE, "metadata": {"pod-uid": "x"}},
    ),
    Bad(
        "spec.metadata",
        rules.METADATA_KEYS,
        rules.METADATA_KEYS,
        {**SERVICE, "metadata": {"1st": "x"}},
    ),
    Bad(
        "spec.metadata",
        rules.METADATA_KEYS,
        rules.METADATA_KEYS,
        {**SERVICE, "metadata": {"k" * 129: "x"}},
    ),
    Bad(
        "spec.metadata.key",
        "should match",
        "matches",
        {**SERVICE, "metadata": {"key": "a\nb"}},
    ),
    Bad(
        "spec.selector.matchLabels",
        selectors.NAMES,
        selectors.NAMES,
        {**CLUSTER, "selector": {"matchLabels": {"-": "x"}}},
    ),
    Bad(
        "spec.selector.matchLabels",
        selectors.NAMES,
        selectors.NAMES,
        {**CLUSTER, "selector": {"matchLabels": {"a\n": "x"}}},
    ),
    Bad(
        "spec.selector.matchExpressions[0]",
        selectors.VALUES_OF_OPERATOR,
        selectors.VALUES_OF_OPERATOR,
        {**CLUSTER, "selector": {"matchExpressions": [{"key": "a", "operator": "In"}]}},
    ),
    Bad(
        "spec.selector.matchExpressions[0]",
        selectors.VALUES_OF_OPERATOR,
        selectors.VALUES_OF_OPERATOR,
        {
            **CLUSTER,
            "selector": {"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]},
        },
    ),
)
