"""Peers from an `EurekaCluster`: the part of the document that matters on one machine."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import UNSET, inspect

from eureka_registry.config import urls
from eureka_registry.config.documents import json_document, read_text, yaml_documents
from eureka_registry.config.errors import ConfigurationError, nearest
from eureka_registry.config.table import SETTINGS
from eureka_registry.config.values import Given, convert, shown
from eureka_registry.local.clusterschema import REASON, Cluster, RemoteRegion, Spec

API_VERSION: Final = "eurekube.io/v1alpha1"
KIND: Final = "EurekaCluster"

_AT: Final = re.compile(r"(.*?)(?: - at `\$(?:\.(.*))?`)?", re.DOTALL)
_SETTINGS: Final[tuple[tuple[str, str], ...]] = (
    ("peers.replication.batchSize", "replication_batch_size"),
    ("peers.replication.maxDelaySeconds", "replication_max_age_s"),
    ("topology.region", "region"),
    ("registry.lease.expectedRenewalIntervalSeconds", "expected_renewal_interval_s"),
    ("registry.lease.evictionIntervalSeconds", "eviction_interval_s"),
    ("registry.selfPreservation.enabled", "self_preservation"),
    ("registry.selfPreservation.renewalPercentThreshold", "renewal_threshold"),
    ("registry.responseCache.updateIntervalSeconds", "read_only_cache_s"),
    ("registry.responseCache.deltaRetentionSeconds", "delta_retention_s"),
    ("registry.rateLimit.enabled", "rate_limit"),
    ("registry.rateLimit.burst", "rate_limit_burst"),
    ("registry.rateLimit.fetchPerSecond", "rate_limit_fetches_per_s"),
    ("registry.rateLimit.fullFetchPerSecond", "rate_limit_full_fetches_per_s"),
    ("snapshot.intervalSeconds", "snapshot_interval_s"),
)
"""Fields that are settings of every peer, by their path below `spec`."""

_PERCENT: Final = frozenset({"renewal_threshold"})


class ClusterSource(msgspec.Struct, frozen=True, kw_only=True):
    """What an `EurekaCluster` says of its peers.

    `context_path` is that of `Settings`, `zones` are empty if none are named, `snapshots` says
    whether peers keep one. `values` are the settings that all peers share, `lines` what a person
    should know of how the file was read.
    """

    path: str
    name: str
    replicas: int = 1
    port: int = 8761
    context_path: str = ""
    dns_prefix: str = "peer"
    extra_peer_urls: list[str] = []
    zones: list[str] = []
    snapshots: bool = False
    values: dict[str, Given] = {}
    lines: list[str] = []


def _documents(path: Path) -> list[object]:
    text, source = read_text(path), f"file {path}"
    if path.suffix.lower() == ".json":
        return [json_document(text, source)]
    return [document for document in yaml_documents(text, source) if document is not None]


def is_kubernetes(document: object) -> bool:
    """Whether a document is meant as an object of Kubernetes, and so none of Spring's."""
    return isinstance(document, dict) and bool({"apiVersion", "kind"} & document.keys())


def read(path: Path) -> ClusterSource:
    """Read the one `EurekaCluster` of a file; objects of other kinds are passed over.

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
    return _source(str(path), _without_nulls(clusters[0]), lines)


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


def _source(path: str, document: dict[str, Any], lines: list[str]) -> ClusterSource:
    source = f"file {path}"
    if document.get("apiVersion") != API_VERSION:
        problem = f"{shown(document.get('apiVersion'))} is not known"
        raise ConfigurationError(f"{source}: key apiVersion", problem, API_VERSION)
    spec_node = document.get("spec", {})
    elsewhere = _elsewhere(document, inspect.type_info(Cluster), "", source)
    reasons: dict[str, list[str]] = {}
    for reason, field in elsewhere:
        reasons.setdefault(reason, []).append(field)
    cluster = _cluster(document, source)
    _check_topology(cluster.spec, source)
    spec = cluster.spec
    return ClusterSource(
        path=path,
        name=cluster.metadata.name,
        replicas=spec.replicas,
        port=spec.peers.port,
        context_path=urls.context_path(spec.peers.context_path),
        dns_prefix=spec.peers.dns_prefix,
        extra_peer_urls=[urls.service_url(url) for url in spec.peers.extra_peer_urls],
        zones=[zone.name for zone in spec.topology.zones],
        snapshots=spec.snapshot.enabled,
        values={**_values(spec_node, source), **_regions(spec.registry.remote_regions, source)},
        lines=[*lines, *(f"{reason}: {', '.join(paths)}" for reason, paths in reasons.items())],
    )


def _cluster(document: dict[str, Any], source: str) -> Cluster:
    try:
        return msgspec.convert(document, Cluster)
    except msgspec.ValidationError as error:
        match = _AT.fullmatch(str(error))
        said, path = (match[1], match[2]) if match else (str(error), None)
        where = f"{source}: key {path}" if path else source
        raise ConfigurationError(where, said) from None


def _elsewhere(
    node: object, kind: inspect.Type, path: str, source: str
) -> Iterator[tuple[str, str]]:
    """Yield reason and path of each field without meaning here; refuse unknown fields."""
    match kind:
        case inspect.Metadata(type=inner, extra=extra):
            if extra and REASON in extra:
                yield str(extra[REASON]), path
            yield from _elsewhere(node, inner, path, source)
        case inspect.ListType(item_type=item) if isinstance(node, list):
            for place, part in enumerate(node):
                yield from _elsewhere(part, item, f"{path}[{place}]", source)
        case inspect.StructType() if isinstance(node, dict):
            yield from _elsewhere_in_struct(node, kind, path, source)


def _elsewhere_in_struct(
    node: Mapping[Any, object], kind: inspect.StructType, path: str, source: str
) -> Iterator[tuple[str, str]]:
    fields = {field.encode_name: field.type for field in kind.fields}
    for key, value in node.items():
        here = f"{path}.{key}" if path else str(key)
        if key in fields:
            yield from _elsewhere(value, fields[key], here, source)
        elif kind.forbid_unknown_fields:
            said = f"unknown{nearest(str(key), fields)}"
            raise ConfigurationError(f"{source}: key {here}", said)


def _check_topology(spec: Spec, source: str) -> None:
    zones = [zone.name for zone in spec.topology.zones]
    if len(set(zones)) < len(zones):
        raise ConfigurationError(f"{source}: key spec.topology.zones", "names a zone twice")
    if 0 < spec.replicas < len(zones):
        said = f"{spec.replicas} are fewer than the {len(zones)} of spec.topology.zones"
        raise ConfigurationError(f"{source}: key spec.replicas", said)


def _values(spec: Mapping[str, Any], source: str) -> dict[str, Given]:
    values: dict[str, Given] = {}
    for path, name in _SETTINGS:
        value: Any = spec
        for key in path.split("."):
            value = value.get(key, UNSET) if isinstance(value, dict) else UNSET
        if value is not UNSET:
            raw = value / 100 if name in _PERCENT else value
            values[name] = convert(SETTINGS[name], raw, f"{source}: key spec.{path}")
    return values


def _regions(regions: list[RemoteRegion], source: str) -> dict[str, Given]:
    by_url = {region.name: region.url for region in regions if isinstance(region.url, str)}
    if not by_url:
        return {}
    here = [region for region in regions if region.name in by_url]
    raw = {
        "remote_regions": by_url,
        "remote_region_applications": {region.name: region.apps for region in here if region.apps},
        "remote_region_fetch_interval_s": min(region.fetch_interval_seconds for region in here),
    }
    where = f"{source}: key spec.registry.remoteRegions"
    return {name: convert(SETTINGS[name], value, where) for name, value in raw.items()}
