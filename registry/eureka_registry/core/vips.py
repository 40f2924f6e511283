"""Which instances answer to a virtual address.

An address field may name several, separated by commas; each leads to the instance, the list as a
whole to nothing (`Applications.addInstancesToVIPMaps`). Matching is exact.
"""

from __future__ import annotations

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
        """Put `after` in the place of `before`, which has the same name; either may be `None`."""
        if after is not None:
            key = after.app, after.id  # one for both: ten thousand of them are half a MiB
            _enter(self.plain, after.vip_address, key, after, version)
            _enter(self.secure, after.secure_vip_address, key, after, version)
        if before is not None:
            kept = after.vip_address if after else None
            _leave(self.plain, before.vip_address, kept, before, version)
            kept = after.secure_vip_address if after else None
            _leave(self.secure, before.secure_vip_address, kept, before, version)


def _enter(
    groups: dict[str, VipGroup],
    addresses: str | None,
    key: tuple[str, str],
    instance: Instance,
    version: int,
) -> None:
    for name in _names(addresses):
        group = groups.get(name)
        if group is None:
            group = groups[name] = VipGroup()
        group.members[key] = instance
        group.version = version


def _leave(
    groups: dict[str, VipGroup],
    addresses: str | None,
    kept: str | None,
    instance: Instance,
    version: int,
) -> None:
    """Take `instance` out of the groups of `addresses` that are not among those `kept`."""
    if addresses == kept:
        return
    for name in set(_names(addresses)).difference(_names(kept)):
        group = groups[name]
        del group.members[instance.app, instance.id]
        group.version = version
        if not group.members:
            del groups[name]


def _names(addresses: str | None) -> list[str]:
    return addresses.split(",") if addresses else []
