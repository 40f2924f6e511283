"""Clients that poll, with the habits of real ones (`docs/protocol/clients.md`)."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

from eureka_registry.core.application import hashcode
from eureka_registry.core.delta import sorted_changes
from eureka_registry.core.model import ActionType, Instance
from eureka_registry.core.registry import Registry

Copy = dict[str, dict[str, Instance]]
"""Instances by application and id."""


class Client(Protocol):
    """Something that fetches a registry and keeps a copy of it."""

    copy: Copy

    def fetch(self, registry: Registry) -> None:
        """Fetch everything."""

    def poll(self, registry: Registry) -> str:
        """Fetch the delta, and say what came of it."""


class JavaClient:
    """Merges like Netflix's `DiscoveryClient.updateDelta`, then compares the hash."""

    def __init__(self) -> None:
        self.copy: Copy = {}

    def fetch(self, registry: Registry) -> None:
        """Fetch everything."""
        self.copy = _all(registry)

    def poll(self, registry: Registry) -> str:
        """Apply the delta; an application it does not know is adopted with all it has."""
        for name, application in registry.delta.applications.items():
            changes = [change.instance for change in sorted_changes([application])]
            for instance in changes:
                if instance.action is ActionType.DELETED:
                    self._remove(instance)
                    continue
                if name not in self.copy:
                    self.copy[name] = {each.id: each for each in changes}
                self.copy[name][instance.id] = instance
        mine, theirs = self._hash(), registry.hashcode()
        if mine == theirs:
            return f"hash {mine or 'empty'} as the peer says"
        self.fetch(registry)
        return f"hash {mine or 'empty'} where the peer says {theirs or 'empty'}: fetches everything"

    def _remove(self, instance: Instance) -> None:
        known = self.copy.get(instance.app)
        if known is None:
            return
        known.pop(instance.id, None)
        if not known:
            del self.copy[instance.app]

    def _hash(self) -> str:
        held = (i.status for instances in self.copy.values() for i in instances.values())
        return hashcode(Counter(held).items())


class JsClient:
    """Merges like eureka-js-client: no hash, and `ADDED` of a known instance is ignored."""

    def __init__(self) -> None:
        self.copy: Copy = {}

    def fetch(self, registry: Registry) -> None:
        """Fetch everything, which it does once."""
        self.copy = _all(registry)

    def poll(self, registry: Registry) -> str:
        """Apply the delta and believe it."""
        for name, application in registry.delta.applications.items():
            known = self.copy.setdefault(name, {})
            for change in sorted_changes([application]):
                instance = change.instance
                if change.departed:
                    known.pop(instance.id, None)
                elif instance.action is ActionType.MODIFIED or instance.id not in known:
                    known[instance.id] = instance
            if not known:
                del self.copy[name]
        return "never compares a hash"


def _all(registry: Registry) -> Copy:
    return {
        name: {instance.id: instance for instance in application.instances()}
        for name, application in registry.applications.items()
    }
