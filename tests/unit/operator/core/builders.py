"""Values that the tests of the operator's core begin with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from eureka_operator.api.cluster import Cluster, read
from eureka_operator.core import names
from eureka_operator.core.desired.common import Environment
from eureka_operator.core.kinds import CONFIG_MAP, SERVICE, STATEFUL_SET, Kind, Object
from eureka_operator.core.observed import (
    Certificate,
    Observed,
    Pod,
    Ref,
    Report,
    View,
    read_report,
)
from support.clusterobjects import EVERY_FIELD, document

NOW: Final = datetime(2026, 11, 28, 12, tzinfo=UTC)
NOW_TEXT: Final = "2026-11-28T12:00:00Z"
ENVIRONMENT: Final = Environment(
    registry_image="eurekube/registry:0.1.0",
    namespace="eurekube-system",
    monitors=True,
    certificates=True,
    version="0.1.0",
)
DOMAIN: Final = ENVIRONMENT.domain
CERTIFICATE: Final = Certificate(
    secret="eureka-tls",  # noqa: S106 - its name
    bundle="CA\n",
    digest="one",
    ends=NOW + timedelta(days=90),
)
"""What the Secret of a cluster with `spec.tls` holds."""
EVERYTHING: Final = EVERY_FIELD | {
    "pod": EVERY_FIELD["pod"] | {"annotations": {"example.com/note": "short enough to be read"}}
}
"""A spec with every field that there is."""
ZONES: Final = {"topology": {"zones": [{"name": "a"}, {"name": "b"}]}}


def cluster(spec: object = None, name: str = "eureka", **rest: object) -> Cluster:
    """An object as the API server would have it; `rest` is of its metadata, or its `status`."""
    whole: dict[str, Any] = document(spec or {}, name)
    whole["status"] = rest.pop("status", {})
    whole["metadata"] |= {"namespace": "prod", "uid": "the-uid", "generation": 1, **rest}
    found = read(whole, strict=True)
    assert isinstance(found, Cluster), found
    return found


def pod(name: str, **rest: Any) -> Pod:  # noqa: ANN401 - fields of different types
    """A pod that is ready unless something else is said."""
    return Pod(**{"name": name, "uid": f"uid-of-{name}", "ip": "10.0.0.1", "ready": True, **rest})


def pods(*found: Pod) -> dict[str, Pod]:
    """Pods by name, as they are observed."""
    return {each.name: each for each in found}


def own(kind: Kind, name: str, body: Object | None = None) -> tuple[Ref, Object]:
    """A child whose fields are all on record as the operator's own."""
    body = body or {}
    fields: Object = {
        f"f:{key}": {f"f:{each}": {} for each in value} for key, value in body.items()
    }
    record = {"manager": names.MANAGER, "operation": "Apply", "fieldsV1": fields}
    metadata = {"name": name, "uid": f"uid-of-{name}", "resourceVersion": "1"}
    return (kind, name), {"metadata": {**metadata, "managedFields": [record]}, **body}


def alias(number: int, pod_name: str, prefix: str = "peer") -> tuple[Ref, Object]:
    """The Service `peerK` of a pod."""
    return own(
        SERVICE, f"{prefix}{number}", {"spec": {"selector": {names.POD_NAME_LABEL: pod_name}}}
    )


def stateful_set(replicas: int, zone: str = "", status: Object | None = None) -> tuple[Ref, Object]:
    """A StatefulSet of the cluster `eureka`."""
    ref, body = own(STATEFUL_SET, names.stateful_set("eureka", zone), {"spec": {"replicas": 0}})
    body["spec"]["replicas"] = replicas
    return ref, {**body, "status": status or {}}


def config_map(peers: Mapping[str, object] | str) -> tuple[Ref, Object]:
    """The ConfigMap with this `peers.json`."""
    text = peers if isinstance(peers, str) else json.dumps(peers)
    return own(CONFIG_MAP, "eureka-config", {"data": {"peers.json": text}})


def listed(number: int, state: str = "active", zone: str = "") -> dict[str, str]:
    """One of the peers in a `peers.json`."""
    return {"name": f"peer{number}", "url": url(number), "zone": zone, "state": state}


def url(number: int) -> str:
    """The URL of a peer of the cluster `eureka`."""
    return f"http://peer{number}.prod.svc.cluster.local:8761/eureka/"


def observed(owner: Cluster, *children: tuple[Ref, Object], **rest: Any) -> Observed:  # noqa: ANN401
    """What is seen of a cluster."""
    return Observed(**{"cluster": owner, "now": NOW, "children": dict(children), **rest})


def report(**rest: object) -> Report:
    """What a peer says of itself in `/peers`."""
    found = read_report({"name": "peer1", **rest})
    assert isinstance(found, Report), found
    return found


def view(number: int, **rest: Any) -> View:  # noqa: ANN401 - fields of different types
    """How a peer sees peer `number`: well unless something else is said."""
    fields = {"url": url(number), "available": True}
    return View(**{**fields, "agreement": "agreed", **rest})


def numbers(seats: Sequence[Any]) -> dict[str, int]:
    """Peers' numbers by pod."""
    return {seat.pod: seat.number for seat in seats}
