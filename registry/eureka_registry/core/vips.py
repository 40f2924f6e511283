"""Which instances answer to a virtual address.

An address field may name several, separated by commas; each leads to the instance, the list as a
whole to nothing (`Applications.addInstancesToVIPMaps`). Matching is exact.
"""

from __future__ import annotations

from collections.abc import Iterable

from eureka_registry.core.model import Instance


class VipGroup:
    """The instances of one address, and the registry's version when they last changed."""

    __slots__ = ("members", "version")

    def __init__(self) -> None:
        self.version = 0
        self.members: dict[tuple[str, str], Instance] = {}


class VipIndex:
    """Instances by virtual address and by secure virtual address."""

    def __init__(self) -> None:
        self.plain: dict[str, VipGroup] = {}
        self.secure: dict[str, VipGroup] = {}

    def replace(self, before: Instance | None, after: Instance | None, version: int) -> None:
        """Let `after` take the place of `before`; either may be `None`."""
        _replace(
            self.plain,
            _names(before.vip_address if before else None),
            _names(after.vip_address if after else None),
            (before, after, version),
        )
        _replace(
            self.secure,
            _names(before.secure_vip_address if before else None),
            _names(after.secure_vip_address if after else None),
            (before, after, version),
        )


def _names(addresses: str | None) -> list[str]:
    return addresses.split(",") if addresses else []


def _replace(
    groups: dict[str, VipGroup],
    old_names: Iterable[str],
    new_names: Iterable[str],
    change: tuple[Instance | None, Instance | None, int],
) -> None:
    before, after, version = change
    if before is not None:
        for name in old_names:
            group = groups[name]
            group.members.pop((before.app, before.id), None)
            group.version = version
    if after is not None:
        for name in new_names:
            group = groups.setdefault(name, VipGroup())
            group.members[after.app, after.id] = after
            group.version = version
    for name in old_names:
        if name in groups and not groups[name].members:
            del groups[name]
