"""Decides what a ServiceAccount of Kubernetes may write, by its namespace. Pure.

1. Instances whose metadata name their namespace, and no others.
2. Names (of applications, and VIP addresses) that were given to the namespace. One that was given
   only to others is refused. One that was given to nobody is its own while it holds it, or nobody
   does: whoever held it first keeps it as long as it has a lease.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from fnmatch import translate
from itertools import chain
from typing import Final, NamedTuple

import msgspec

from eureka_registry.core.lease import Lease
from eureka_registry.core.model import Instance
from eureka_registry.core.names import NAMESPACE, NameIndex, names_of, namespace_of
from eureka_registry.core.validation import display_text
from eureka_registry.http.rules import Refusal, Rule

_WILD: Final = re.compile(r"[*?\[]")
_MOST_KNOWN: Final = 4096
_LONGEST_KNOWN: Final = 256
"""Characters of a namespace and a name together, whose standing is remembered."""


class Valid(NamedTuple):
    """A ServiceAccount's name and namespace, and when its token ends (epoch s)."""

    name: str
    namespace: str
    until_s: float


class Invalid(NamedTuple):
    """Why a token is not accepted.

    `who` is its ServiceAccount as far as a signature proves it. `lasts`: the same token will be
    refused later, too, as long as the keys are the same.
    """

    why: str
    who: str = ""
    lasts: bool = True


class NameOwnership(Enum):
    """Whether a name belongs to a namespace."""

    GIVEN = "to it"
    OTHERS = "only to others"
    NOBODY = "to nobody"


class _Patterns:
    """Shell patterns as one: there may be thousands, and a registration has up to 201 names."""

    def __init__(self, patterns: Iterable[str]) -> None:
        wanted = {pattern.upper() for pattern in patterns}
        wild = sorted(pattern for pattern in wanted if _WILD.search(pattern))
        self._exact = wanted.difference(wild)
        self._wild = re.compile("|".join(map(translate, wild))) if wild else None

    def match(self, name: str) -> bool:
        """Whether one of them matches a name (upper case)."""
        return name in self._exact or bool(self._wild and self._wild.match(name))


class Names:
    """The patterns of names that belong to each namespace; case does not matter."""

    def __init__(self, given: Mapping[str, Sequence[str]]) -> None:
        self._given = {namespace: _Patterns(patterns) for namespace, patterns in given.items()}
        self._all = _Patterns(chain.from_iterable(given.values()))
        self._known: dict[tuple[str, str], NameOwnership] = {}

    def ownership(self, namespace: str, name: str) -> NameOwnership:
        """Whether a name (upper case) belongs to a namespace, to another one, or to none."""
        key = namespace, name
        known = self._known.get(key)
        if known is None:
            known = self._look(namespace, name)
            if len(namespace) + len(name) <= _LONGEST_KNOWN:
                if len(self._known) >= _MOST_KNOWN:
                    self._known.clear()
                self._known[key] = known
        return known

    def _look(self, namespace: str, name: str) -> NameOwnership:
        own = self._given.get(namespace)
        if own is not None and own.match(name):
            return NameOwnership.GIVEN
        return NameOwnership.OTHERS if self._all.match(name) else NameOwnership.NOBODY


class Account(msgspec.Struct, frozen=True):
    """The namespace of a ServiceAccount, and the names of all namespaces."""

    namespace: str
    names: Names

    def refusal_of_name(self, name: str) -> Refusal | None:
        """Why it may not write `name` (upper case), whoever holds it; `None` if it may."""
        if self.names.ownership(self.namespace, name) is not NameOwnership.OTHERS:
            return None
        return Refusal(
            Rule.GIVEN, f"the name {display_text(name)} is given to other namespaces only"
        )

    def refusal_of_registration(
        self, instance: Instance, held: Lease | None, index: NameIndex
    ) -> Refusal | None:
        """Why it may not register `instance` in the place of `held`; `None` if it may."""
        namespace = namespace_of(instance)
        if namespace != self.namespace:
            message = f"metadata {NAMESPACE} of the instance is {display_text(namespace)}"
            return Refusal(Rule.NAMESPACE, f"{message}, and must be {display_text(self.namespace)}")
        if held is not None and (refusal := self._refusal_of_lease(held)) is not None:
            return refusal
        return self._refusal_of_names(instance, index)

    def refusal_of_change(self, held: Lease, index: NameIndex) -> Refusal | None:
        """Why it may not renew or change a lease; `None` if it may."""
        return self._refusal_of_lease(held) or self._refusal_of_names(held.instance, index)

    def refusal_of_metadata(self, added: Mapping[str, str]) -> Refusal | None:
        """Why it may not add such metadata to a lease of its own; `None` if it may."""
        if added.get(NAMESPACE, self.namespace) == self.namespace:
            return None
        return Refusal(Rule.NAMESPACE, f"metadata {NAMESPACE} of an instance cannot be changed")

    def _refusal_of_lease(self, held: Lease) -> Refusal | None:
        namespace = namespace_of(held.instance)
        if namespace == self.namespace:
            return None
        owner = f"of namespace {display_text(namespace)}" if namespace else "of no namespace"
        return Refusal(Rule.NAMESPACE, f"the registered instance is {owner}")

    def _refusal_of_names(self, instance: Instance, index: NameIndex) -> Refusal | None:
        for name in names_of(instance):
            ownership = self.names.ownership(self.namespace, name)
            if ownership is NameOwnership.GIVEN:
                continue
            if ownership is NameOwnership.OTHERS:
                return self.refusal_of_name(name)
            owner = index.owner(name)
            if owner is not None and owner != self.namespace:
                whose = (
                    f"namespace {display_text(owner)}" if owner else "an instance of no namespace"
                )
                return Refusal(Rule.HELD, f"the name {display_text(name)} is held by {whose}")
        return None
