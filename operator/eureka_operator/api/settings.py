"""The settings of the registry that an `EurekaCluster` gives to all of its peers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from eureka_operator.api.spec import RemoteRegion, Spec


def _same(value: object) -> object:
    return value


def _share(percent: int) -> float:
    return percent / 100


def _rules(java: bool) -> str:  # noqa: FBT001 - the field's value
    return "java" if java else "eurekube"


def _opposite(value: bool) -> bool:  # noqa: FBT001 - the field's value
    return not value


class Row(NamedTuple):
    """A field that is a setting: path below `spec`, setting, conversion of the value."""

    field: str
    setting: str
    conversion: Callable[[Any], object] = _same


SETTINGS: Final = (
    Row("peers.replication.batchSize", "replication_batch_size"),
    Row("peers.replication.maxDelaySeconds", "replication_max_age_s"),
    Row("topology.region", "region"),
    Row("registry.selfPreservation.enabled", "self_preservation"),
    Row("registry.selfPreservation.renewalPercentThreshold", "renewal_threshold", _share),
    Row("registry.responseCache.updateIntervalSeconds", "read_only_cache_s"),
    Row("registry.responseCache.deltaRetentionSeconds", "delta_retention_s"),
    Row("registry.rateLimit.enabled", "rate_limit"),
    Row("registry.rateLimit.burst", "rate_limit_burst"),
    Row("registry.rateLimit.fetchPerSecond", "rate_limit_fetches_per_s"),
    Row("registry.rateLimit.fullFetchPerSecond", "rate_limit_full_fetches_per_s"),
    Row("registry.remoteRegionFetchIntervalSeconds", "remote_region_fetch_interval_s"),
    Row("registry.appName", "app_name"),
    Row("registry.java.leaseExpiry", "lease_expiry", _rules),
    Row("registry.java.selfPreservation", "self_preservation_rules", _rules),
    Row("registry.java.stickyOutOfService", "sticky_out_of_service"),
    Row("registry.java.wholeDepartures", "short_departures", _opposite),
    Row("registry.java.waitWhenSyncEmptySeconds", "wait_when_sync_empty_s"),
    Row("registry.java.expectedRenewalIntervalSeconds", "expected_renewal_interval_s"),
    Row("registry.lease.evictionIntervalSeconds", "eviction_interval_s"),
    Row("snapshot.intervalSeconds", "snapshot_interval_s"),
    Row("logging.level", "log_level"),
    Row("logging.format", "log_format"),
    Row("dashboard.enabled", "dashboard"),
    Row("dashboard.actions", "dashboard_actions"),
    Row("dashboard.allowedHosts", "allowed_hosts"),
)


def settings(spec: Spec) -> dict[str, Any]:
    """Return the settings that somebody chose, as `config.json` has them; others have none.

    Of remote regions it has those with a URL. Port, context path and what differs between peers or
    depends on where they run is not among them.
    """
    document = msgspec.to_builtins(spec)
    values = {row.setting: (row, _at(document, row.field)) for row in SETTINGS}
    chosen = {
        setting: row.conversion(value)
        for setting, (row, value) in values.items()
        if value is not None
    }
    return chosen | _regions(spec.registry.remote_regions)


def _at(document: Mapping[str, Any], field: str) -> object:
    node: Any = document
    for name in field.split("."):
        node = node[name]
    return node


def _regions(regions: list[RemoteRegion]) -> dict[str, Any]:
    urls = {region.name: region.url for region in regions if region.url is not None}
    apps = {region.name: region.apps for region in regions if region.name in urls and region.apps}
    values = {"remote_regions": urls, "remote_region_applications": apps}
    return {setting: value for setting, value in values.items() if value}
