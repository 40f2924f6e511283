"""Moves fields from ownership by POST to ownership by server-side apply. Pure.

A POST leaves an entry `operation: Update` in `managedFields`; an apply by the same manager makes a
second one. A field left out of a later apply would then stay for ever, owned by the first. So the
entry becomes one of `operation: Apply` (client-go's `util/csaupgrade`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eureka_operator.core.kinds import Object


def as_applier(entries: Sequence[Object], manager: str) -> list[Object] | None:
    """The entries with all that `manager` owns in one `Apply`; `None` if there is nothing to do.

    Entries of a subresource stay as they are: a status is no field of an applied object.
    """
    ours = [entry for entry in entries if _is_ours(entry, manager)]
    if all(entry["operation"] == "Apply" for entry in ours):
        return None
    owned: dict[str, Any] = {}
    for entry in ours:
        owned = _union(owned, entry["fieldsV1"])
    merged = ours[-1] | {"operation": "Apply", "fieldsV1": owned}
    return [*(entry for entry in entries if not _is_ours(entry, manager)), merged]


def patch(entries: Sequence[Object], resource_version: str) -> list[Object]:
    """The JSON patch that sets the entries if the object is still in this version."""
    return [
        {"op": "replace", "path": "/metadata/managedFields", "value": list(entries)},
        {"op": "replace", "path": "/metadata/resourceVersion", "value": resource_version},
    ]


def _is_ours(entry: Object, manager: str) -> bool:
    return entry.get("manager") == manager and not entry.get("subresource")


def _union(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """All paths of both sets (`FieldsV1`: a tree whose leaves are empty)."""
    joined = dict(one)
    for key, below in other.items():
        joined[key] = _union(joined.get(key, {}), below)
    return joined
