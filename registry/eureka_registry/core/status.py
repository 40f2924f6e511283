"""Which status a registered instance gets.

Netflix `eureka-core`, package `registry.rule`; `docs/protocol/leases.md#status-rules`. The first
rule that matches wins:

1. The instance's own status is neither UP nor OUT_OF_SERVICE: its own (`DownOrStartingRule`).
2. An operator's override exists: the override (`OverrideExistsRule`).
3. Only with `sticky`: a client registers again and its lease is UP or OUT_OF_SERVICE: as it is
   (`LeaseExistsRule`). By default a client may take itself out of service and come back.
4. Its own (`AlwaysMatchInstanceStatusRule`).

The AWS rule (`AsgEnabledRule`) has no meaning outside Amazon's auto scaling groups.
"""

from __future__ import annotations

from typing import Final

from eureka_registry.core.model import Origin, Status

SWITCHABLE: Final = frozenset({Status.UP, Status.OUT_OF_SERVICE})


def resolve(
    own: Status,
    override: Status | None,
    former: Status | None,
    origin: Origin,
    *,
    sticky: bool,
) -> Status:
    """Decide the status of an instance that is being registered.

    Args:
        own: what the document says.
        override: the operator's decision, if there is one.
        former: the status of the lease that this registration replaces, if there is one.
        origin: who registers.
        sticky: whether rule 3 is on.
    """
    if own not in SWITCHABLE:
        return own
    if override is not None:
        return override
    if sticky and origin is Origin.CLIENT and former in SWITCHABLE and former is not None:
        return former
    return own
