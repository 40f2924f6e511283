"""What the API server was asked, by whom and when: its audit log, read. Pure but for `entries`.

Rules:

* A request is noted when its answer is complete, which may be just after the client has it.
* A watch is noted when it begins, and again when it ends. It is one request: the first note counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from .plan import CONTROL, Plan

LOG: Final = "audit"
"""The part of `control` that the log is called after: `control/log/audit.log`."""
POLICY: Final[Mapping[str, object]] = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "None", "nonResourceURLs": ["*"]}, {"level": "Metadata"}],
}
"""Every request for a resource, without its body; none for a plain path such as /readyz."""

_WRITES: Final = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_CREATED: Final = 201
_POD: Final = "authentication.kubernetes.io/pod-name"


@dataclass(frozen=True)
class Entry:
    """One request for a resource."""

    verb: str
    """As in a Role: a server-side apply is a `patch`."""
    user: str
    """Who it was done as, where one user impersonates another."""
    group: str
    """The API group, empty for the core's."""
    resource: str
    subresource: str
    namespace: str
    """Empty for what has no namespace, and for requests in all of them."""
    name: str
    """Empty for requests for more than one object."""
    at: datetime
    """When the API server received it."""
    code: int
    user_agent: str
    pod: str = ""
    """Whose token was shown; empty for who has none that is bound to a pod."""

    @property
    def writes(self) -> bool:
        """Whether it asks for a change; it may have been refused, or have changed nothing."""
        return self.verb in _WRITES


@dataclass(frozen=True, order=True)
class Permission:
    """A verb on a resource, as a Role grants it and a request takes it."""

    group: str
    resource: str
    """With its subresource: `pods/status`."""
    verb: str


def account(namespace: str, name: str) -> str:
    """The user that a ServiceAccount is."""
    return f"system:serviceaccount:{namespace}:{name}"


def entries(plan: Plan, since: datetime | None = None) -> list[Entry]:
    """All requests of a cluster that were received at `since` or later, in the log's order."""
    text = plan.log(CONTROL, LOG).read_text()
    return [entry for entry in parsed(text) if since is None or entry.at >= since]


def parsed(text: str) -> Iterator[Entry]:
    """The requests of a log; a last line that is not finished yet is none."""
    seen = set[str]()
    whole, _, _ = text.rpartition("\n")
    for line in whole.splitlines():
        event = json.loads(line)
        if event["auditID"] not in seen:
            seen.add(event["auditID"])
            yield _entry(event)


def writes(found: Iterable[Entry], user: str, until: datetime | None = None) -> list[Entry]:
    """What a user has asked to be changed, up to a time."""
    return [
        entry
        for entry in found
        if entry.user == user and entry.writes and (until is None or entry.at <= until)
    ]


def used(found: Iterable[Entry], user: str) -> set[Permission]:
    """The permissions that a user's requests took; what was refused is asked for, too.

    A server-side apply that made the object takes `create` besides.
    """
    taken = set[Permission]()
    for entry in found:
        if entry.user != user:
            continue
        resource = "/".join(filter(None, (entry.resource, entry.subresource)))
        taken.add(Permission(entry.group, resource, entry.verb))
        if entry.verb == "patch" and entry.code == _CREATED:
            taken.add(Permission(entry.group, resource, "create"))
    return taken


def granted(rules: Iterable[Mapping[str, Any]]) -> set[Permission]:
    """The permissions that the `rules` of a Role or ClusterRole grant.

    Raises:
        ValueError: one grants everything by `*`, which no list of requests can equal.
    """
    given = set[Permission]()
    for rule in rules:
        given |= {
            Permission(group, resource, verb)
            for group in rule.get("apiGroups", [])
            for resource in rule.get("resources", [])
            for verb in rule["verbs"]
        }
    for each in given:
        if "*" in (each.group, each.resource, each.verb):
            raise ValueError(f"a rule grants {each}: name each group, resource and verb")
    return given


def _entry(event: Mapping[str, Any]) -> Entry:
    target = event.get("objectRef", {})
    return Entry(
        verb=event["verb"],
        user=event.get("impersonatedUser", event["user"])["username"],
        group=target.get("apiGroup", ""),
        resource=target.get("resource", ""),
        subresource=target.get("subresource", ""),
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        at=datetime.fromisoformat(event["requestReceivedTimestamp"]),
        code=event.get("responseStatus", {}).get("code", 0),
        user_agent=event.get("userAgent", ""),
        pod=next(iter(event["user"].get("extra", {}).get(_POD, ())), ""),
    )
