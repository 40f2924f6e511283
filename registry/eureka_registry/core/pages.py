"""The order in which a registry is read in pages, and where a page begins.

Applications and ids in the order of their text. A page goes on behind the last lease of the one
before, whether or not that is still there; so changes between two pages harm nothing, and what
came behind the cursor is found by the comparison of digests.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from heapq import nsmallest
from typing import Final

from eureka_registry.core.application import Application
from eureka_registry.core.lease import Lease

Cursor = tuple[str, str]
"""Application and instance id of the last lease read."""

BEGIN: Final[Cursor] = ("", "")


def leases_after(
    applications: Mapping[str, Application], after: Cursor, most: int
) -> Iterator[Lease]:
    """At most `most` leases that come behind `after`."""
    name, instance_id = after
    left = most
    begun = [name] if name in applications else []
    for each in (*begun, *names_after(applications, name, most)):
        leases = applications[each].leases
        ids = names_after(leases, instance_id if each == name else "", left)
        left -= len(ids)
        yield from (leases[each_id] for each_id in ids)
        if left <= 0:
            return


def names_after(names: Collection[str], after: str, most: int) -> list[str]:
    """The first `most` of the names that come behind `after`, in order."""
    if not after and len(names) <= most:
        return sorted(names)
    return nsmallest(most, (name for name in names if name > after))
