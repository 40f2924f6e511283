"""Finds the registries with which a pod registers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from eureka_operator.api.spec import Injection
from eureka_operator.core.injection import pods, reasons
from eureka_operator.core.injection.config import Config, RegistryTarget
from eureka_operator.core.injection.reasons import Finding
from eureka_operator.core.injection.selection import covers


class Registries(msgspec.Struct, frozen=True):
    """URLs of each registry, and which sidecars the first EurekaCluster among them wants.

    `zones` are those of its first URLs, for each registry, as `RegistryTarget` has them.
    `is_foreign`: one of them is not an EurekaCluster, and may have caches that ours do not have.
    `targets` are the EurekaClusters, for each registry; `None`: it is none.
    """

    urls: tuple[tuple[str, ...], ...]
    injection: Injection = Injection()
    is_foreign: bool = False
    zones: tuple[tuple[str, ...], ...] = ()
    targets: tuple[RegistryTarget | None, ...] = ()


def registries(
    names: tuple[str | tuple[str, ...], ...], namespace: Mapping[str, Any], config: Config
) -> Registries | Finding:
    """The registries of the annotation, else that of the namespace, or why none is found."""
    if not names:
        found = _of_namespace(namespace, config)
        return found if isinstance(found, Finding) else _registries([found])
    chosen: list[RegistryTarget | tuple[str, ...]] = []
    for each in names:
        entry = _registry(each, namespace, config)
        if isinstance(entry, Finding):
            return entry
        chosen.append(entry)
    return _registries(chosen)


def _registries(targets: list[RegistryTarget | tuple[str, ...]]) -> Registries:
    known = [each for each in targets if isinstance(each, RegistryTarget)]
    return Registries(
        tuple(each.urls if isinstance(each, RegistryTarget) else each for each in targets),
        known[0].injection if known else Injection(),
        len(known) < len(targets),
        tuple(each.zones if isinstance(each, RegistryTarget) else () for each in targets),
        tuple(each if isinstance(each, RegistryTarget) else None for each in targets),
    )


def _registry(
    name: str | tuple[str, ...], namespace: Mapping[str, Any], config: Config
) -> RegistryTarget | tuple[str, ...] | Finding:
    if isinstance(name, tuple):
        return name if config.allow_urls else Finding(reasons.URLS_NOT_ALLOWED, own=True)
    place, _, name = name.rpartition("/")
    wanted = f"{place or pods.name(namespace)}/{name}"
    for each in config.registries:
        if str(each) == wanted:
            return each
    return Finding(reasons.UNKNOWN_REGISTRY, wanted, own=True)


def _of_namespace(namespace: Mapping[str, Any], config: Config) -> RegistryTarget | Finding:
    """The only one of the namespace, else the only one whose `spec.injection` is for it."""
    name = pods.name(namespace)
    found = [each for each in config.registries if each.namespace == name]
    found = found or [each for each in config.registries if covers(each, namespace)]
    if len(found) == 1:
        return found[0]
    if found:
        return Finding(reasons.AMBIGUOUS_REGISTRY, _name_list(found))
    return Finding(reasons.NO_REGISTRY, name)


def _name_list(targets: Iterable[RegistryTarget]) -> str:
    names = sorted(str(each) for each in targets)
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""  # noqa: PLR2004
    return ", ".join(names[:5]) + more
