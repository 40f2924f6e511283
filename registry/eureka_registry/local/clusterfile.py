"""Reads peers from an `EurekaCluster`: the fields that matter on one machine."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Set
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import UNSET, inspect

from eureka_registry.config import urls
from eureka_registry.config.documents import json_document, read_text, yaml_documents
from eureka_registry.config.errors import ConfigurationError, nearest
from eureka_registry.config.settings import Rules
from eureka_registry.config.table import SETTINGS
from eureka_registry.config.values import SettingValue, convert, display_text
from eureka_registry.local.clusterrules import violations
from eureka_registry.local.clusterschema import REASON, UNIQUE, Cluster, RemoteRegion

API_VERSION: Final = "eurekube.io/v1alpha1"
KIND: Final = "EurekaCluster"

_MISSING: Final = re.compile("Object missing required field `(.*)`")
_AT: Final = re.compile(r"(.*?)(?: - at `\$(?:\.(.*))?`)?", re.DOTALL)


def _same(value: object) -> object:
    return value


def _share(percent: float) -> float:
    return percent / 100


def _rules(java: bool) -> Rules:  # noqa: FBT001 - the field's value
    return Rules.JAVA if java else Rules.EUREKUBE


def _opposite(value: bool) -> bool:  # noqa: FBT001 - the field's value
    return not value


_SETTINGS: Final[tuple[tuple[str, str, Callable[[Any], object]], ...]] = (
    ("peers.replication.batchSize", "replication_batch_size", _same),
    ("peers.replication.maxDelaySeconds", "replication_max_age_s", _same),
    ("topology.region", "region", _same),
    ("registry.selfPreservation.enabled", "self_preservation", _same),
    ("registry.selfPreservation.renewalPercentThreshold", "renewal_threshold", _share),
    ("registry.responseCache.updateIntervalSeconds", "read_only_cache_s", _same),
    ("registry.responseCache.deltaRetentionSeconds", "delta_retention_s", _same),
    ("registry.rateLimit.enabled", "rate_limit", _same),
    ("registry.rateLimit.burst", "rate_limit_burst", _same),
    ("registry.rateLimit.fetchPerSecond", "rate_limit_fetches_per_s", _same),
    ("registry.rateLimit.fullFetchPerSecond", "rate_limit_full_fetches_per_s", _same),
    ("registry.remoteRegionFetchIntervalSeconds", "remote_region_fetch_interval_s", _same),
    ("registry.appName", "app_name", _same),
    ("registry.java.leaseExpiry", "lease_expiry", _rules),
    ("registry.java.selfPreservation", "self_preservation_rules", _rules),
    ("registry.java.stickyOutOfService", "sticky_out_of_service", _same),
    ("registry.java.wholeDepartures", "short_departures", _opposite),
    ("registry.java.waitWhenSyncEmptySeconds", "wait_when_sync_empty_s", _same),
    ("registry.java.expectedRenewalIntervalSeconds", "expected_renewal_interval_s", _same),
    ("registry.lease.evictionIntervalSeconds", "eviction_interval_s", _same),
    ("snapshot.intervalSeconds", "snapshot_interval_s", _same),
    ("logging.level", "log_level", _same),
    ("logging.format", "log_format", _same),
    ("dashboard.enabled", "dashboard", _same),
    ("dashboard.actions", "dashboard_actions", _same),
    ("dashboard.allowedHosts", "allowed_hosts", _same),
)
"""Fields that are settings of every peer: path below `spec`, setting, conversion of the value.

`tests/unit/operator/api/test_settings.py` holds it equal to what the operator gives to peers.
"""


class ClusterSource(msgspec.Struct, frozen=True, kw_only=True):
    """The peers of an `EurekaCluster`.

    `context_path` stands before `/eureka/` in URLs and is empty if there is none, `zones` are empty
    if none are named, `snapshots` says whether peers keep one. `values` are the settings that all
    peers share, `lines` are notes on how the file was read.
    """

    path: str
    name: str
    replicas: int = 3
    port: int = 8761
    context_path: str = ""
    dns_prefix: str = "peer"
    extra_peer_urls: list[str] = []
    zones: list[str] = []
    snapshots: bool = False
    values: dict[str, SettingValue] = {}
    lines: list[str] = []


def _documents(path: Path) -> list[object]:
    text, source = read_text(path), f"file {path}"
    if path.suffix.lower() == ".json":
        return [json_document(text, source)]
    return [document for document in yaml_documents(text, source) if document is not None]


def is_kubernetes(document: object) -> bool:
    """Whether a document is an object of Kubernetes, and not one of Spring's."""
    return isinstance(document, dict) and bool({"apiVersion", "kind"} & document.keys())


def read(path: Path) -> ClusterSource:
    """Read the one `EurekaCluster` of a file; objects of other kinds are skipped.

    Raises:
        ConfigurationError: there is none or more than one, or a field is unknown or wrong.
    """
    source = f"file {path}"
    found = _documents(path)
    clusters = [item for item in found if isinstance(item, dict) and item.get("kind") == KIND]
    others = [_kind(item) for item in found if not any(item is cluster for cluster in clusters)]
    if len(clusters) != 1:
        held = ", ".join([*others, *(KIND for _ in clusters)]) or "nothing"
        raise ConfigurationError(source, f"holds {held}", f"one {KIND} of {API_VERSION}")
    lines = [f"passed over: {', '.join(others)}"] if others else []
    empty = set(_nulls(clusters[0], ""))
    return _source(str(path), _without_nulls(clusters[0]), lines, empty)


def _kind(document: object) -> str:
    kind = document.get("kind") if isinstance(document, dict) else None
    return str(kind or "a document without kind")


def _without_nulls(node: Any) -> Any:  # noqa: ANN401 - a document as it was read
    """Drop what is null, as the API server does."""
    if isinstance(node, dict):
        return {key: _without_nulls(value) for key, value in node.items() if value is not None}
    if isinstance(node, list):
        return [_without_nulls(value) for value in node]
    return node


def _nulls(node: object, path: str) -> Iterator[str]:
    """Yield the paths of sections that are empty, as `.spec.peers` or `.spec.list[0].name`."""
    if node is None:
        yield path
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from _nulls(value, f"{path}.{key}")
    elif isinstance(node, list):
        for place, value in enumerate(node):
            yield from _nulls(value, f"{path}[{place}]")


def _source(
    path: str, document: dict[str, Any], lines: list[str], empty: Set[str]
) -> ClusterSource:
    source = f"file {path}"
    if document.get("apiVersion") != API_VERSION:
        problem = f"{display_text(document.get('apiVersion'))} is not known"
        raise ConfigurationError(f"{source}: key apiVersion", problem, API_VERSION)
    spec_node = document.get("spec", {})
    reasons: dict[str, list[str]] = {}
    for reason, field in _ignored_fields(document, inspect.type_info(Cluster), "", source):
        reasons.setdefault(reason, []).append(field)
    cluster = _cluster(document, source, empty)
    for field, sentence in violations(cluster):
        raise ConfigurationError(f"{source}: key {field}", sentence)
    spec = cluster.spec
    return ClusterSource(
        path=path,
        name=cluster.metadata.name,
        replicas=spec.replicas,
        port=spec.peers.port,
        context_path=spec.peers.context_path or "",
        dns_prefix=spec.peers.dns_prefix,
        extra_peer_urls=[urls.service_url(url) for url in spec.peers.extra_peer_urls],
        zones=[zone.name for zone in spec.topology.zones],
        snapshots=spec.snapshot.enabled,
        values={**_values(spec_node, source), **_regions(spec.registry.remote_regions, source)},
        lines=[*lines, *(f"{reason}: {', '.join(paths)}" for reason, paths in reasons.items())],
    )


def _cluster(document: dict[str, Any], source: str, empty: Set[str]) -> Cluster:
    try:
        return msgspec.convert(document, Cluster)
    except msgspec.ValidationError as error:
        match = _AT.fullmatch(str(error))
        message, path = (match[1], match[2]) if match else (str(error), None)
        if missing := _MISSING.fullmatch(message):
            lacking = ".".join(filter(None, (path, missing[1])))
            path, message = (lacking, "is empty") if f".{lacking}" in empty else (path, message)
        where = f"{source}: key {path}" if path else source
        raise ConfigurationError(where, message) from None


def _ignored_fields(
    node: object, kind: inspect.Type, path: str, source: str
) -> Iterator[tuple[str, str]]:
    """Yield reason and path of fields without effect here; refuse unknown and duplicate fields."""
    match kind:
        case inspect.Metadata(type=inner, extra=extra):
            if extra and REASON in extra:
                yield str(extra[REASON]), path
            if extra and UNIQUE in extra:
                _check_unique(node, extra[UNIQUE], f"{source}: key {path}")
            yield from _ignored_fields(node, inner, path, source)
        case inspect.ListType(item_type=item) if isinstance(node, list):
            for place, part in enumerate(node):
                yield from _ignored_fields(part, item, f"{path}[{place}]", source)
        case inspect.StructType() if isinstance(node, dict):
            yield from _ignored_fields_of_struct(node, kind, path, source)


def _ignored_fields_of_struct(
    node: Mapping[Any, object], kind: inspect.StructType, path: str, source: str
) -> Iterator[tuple[str, str]]:
    fields = {field.encode_name: field.type for field in kind.fields}
    for key, value in node.items():
        here = f"{path}.{key}" if path else str(key)
        if key in fields:
            yield from _ignored_fields(value, fields[key], here, source)
        elif kind.forbid_unknown_fields:
            message = f"unknown{nearest(str(key), fields) or _suggestion(str(key))}"
            raise ConfigurationError(f"{source}: key {here}", message)


def _suggestion(key: str) -> str:
    """Return `; did you mean X?` for a field that belongs elsewhere: a line is indented wrongly."""
    root = inspect.type_info(Cluster)
    found = [path for path in _fields(root, "") if path.rpartition(".")[2] == key]
    nearest_root = min(found, key=lambda path: path.count("."), default="")
    return f"; did you mean {nearest_root}?" if found else ""


def _fields(kind: inspect.Type, path: str) -> Iterator[str]:
    match kind:
        case inspect.Metadata(type=inner):
            yield from _fields(inner, path)
        case inspect.ListType(item_type=item):
            yield from _fields(item, f"{path}[]")
        case inspect.UnionType(types=types):
            for each in types:
                yield from _fields(each, path)
        case inspect.StructType(fields=fields):
            for field in fields:
                here = f"{path}.{field.encode_name}" if path else field.encode_name
                yield here
                yield from _fields(field.type, here)


def _check_unique(node: object, key: str, where: str) -> None:
    items = node if isinstance(node, list) else []
    names = [item.get(key) if key and isinstance(item, dict) else item for item in items]
    for name in names:
        if isinstance(name, str) and names.count(name) > 1:
            raise ConfigurationError(where, f"has {display_text(name)} twice")


def _values(spec: Mapping[str, Any], source: str) -> dict[str, SettingValue]:
    values: dict[str, SettingValue] = {}
    for path, name, conversion in _SETTINGS:
        value: Any = spec
        for key in path.split("."):
            value = value.get(key, UNSET) if isinstance(value, dict) else UNSET
        if value is not UNSET:
            where = f"{source}: key spec.{path}"
            values[name] = convert(SETTINGS[name], conversion(value), where)
    return values


def _regions(regions: list[RemoteRegion], source: str) -> dict[str, SettingValue]:
    by_url = {region.name: region.url for region in regions if isinstance(region.url, str)}
    apps = {region.name: region.apps for region in regions if region.name in by_url and region.apps}
    raw = {"remote_regions": by_url, "remote_region_applications": apps}
    where = f"{source}: key spec.registry.remoteRegions"
    return {name: convert(SETTINGS[name], value, where) for name, value in raw.items() if value}
