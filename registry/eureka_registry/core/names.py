"""Which namespaces hold a name, as an application or as a VIP address, and which of them was first.

A lease belongs to the namespace that its metadata name, to "" if they name none. Names are compared
in upper case. Moments are those at which a client registered, by the clock of the peer that it
asked: peers tell each other, so that all of them come to the same answer
(docs/decisions/0024-who-held-a-name-first.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from eureka_registry.core.model import Instance

NAMESPACE: Final = "namespace"
"""The key of the metadata that names an instance's namespace; sidecars write it."""


class _NameUse:
    """How many leases of a namespace have a name, and since when there is at least one."""

    __slots__ = ("count", "since_ms")

    def __init__(self, since_ms: int) -> None:
        self.count = 0
        self.since_ms = since_ms


class NameIndex:
    """Namespaces by name."""

    def __init__(self) -> None:
        self._holdings: dict[str, dict[str, _NameUse]] = {}

    def owner(self, name: str) -> str | None:
        """The namespace that held a name (upper case) first; `None` if nobody holds it."""
        found = self._holdings.get(name)
        if found is None:
            return None
        if len(found) == 1:
            return next(iter(found))
        return min(found, key=lambda namespace: (found[namespace].since_ms, namespace))

    def replace(self, before: Instance | None, after: Instance | None, since_ms: int) -> None:
        """Let `after`, which was registered at a moment (epoch ms), take the place of `before`."""
        if after is not None:
            self._enter(after, since_ms)
        if before is not None:
            self._leave(before)

    def _enter(self, instance: Instance, since_ms: int) -> None:
        namespace = namespace_of(instance)
        for name in names_of(instance):
            found = self._holdings.setdefault(name, {})
            held = found.get(namespace)
            if held is None:
                held = found[namespace] = _NameUse(since_ms)
            held.count += 1
            held.since_ms = min(held.since_ms, since_ms)

    def _leave(self, instance: Instance) -> None:
        namespace = namespace_of(instance)
        for name in names_of(instance):
            found = self._holdings[name]
            found[namespace].count -= 1
            if not found[namespace].count:
                del found[namespace]
            if not found:
                del self._holdings[name]


def namespace_of(instance: Instance) -> str:
    """The namespace that an instance's metadata name, "" for none."""
    return instance.metadata.get(NAMESPACE, "")


def names_of(instance: Instance) -> Iterable[str]:
    """The names by which clients look an instance up, each once, in upper case."""
    app, plain, secure = instance.app, instance.vip_address, instance.secure_vip_address
    if plain == secure and plain is not None and plain.upper() == app:
        return (app,)  # as nearly all have it
    listed = f"{plain or ''},{secure or ''}".split(",")
    return {app, *(name for each in listed if (name := each.strip().upper()))}
