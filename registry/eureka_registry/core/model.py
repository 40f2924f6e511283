"""Values of the registry: an instance, its lease as clients see it, and a change of it.

The Eureka document is the domain here, so `Instance` holds its fields one to one; the
names and types they have on the wire are the codecs' business (`eureka_registry.wire`).
Every value is frozen: two documents are the same one exactly if they are the same object,
and the encoded forms that the codecs keep rest on that. None can hold itself, so the garbage
collector need not look at them (`gc=False`): it saves 16 bytes for each and the time of looking.
"""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import Final

import msgspec

DEFAULT_RENEWAL_INTERVAL_S: Final = 30
"""Netflix `LeaseInfo.DEFAULT_LEASE_RENEWAL_INTERVAL`, in seconds."""

DEFAULT_DURATION_S: Final = 90
"""Netflix `LeaseInfo.DEFAULT_LEASE_DURATION`, in seconds."""

DEFAULT_SID: Final = "na"
"""Netflix `InstanceInfo.SID_DEFAULT`; no document shows it."""


class Status(StrEnum):
    """An instance's status: its own, or an operator's override (Netflix `InstanceStatus`)."""

    UP = "UP"
    DOWN = "DOWN"
    STARTING = "STARTING"
    OUT_OF_SERVICE = "OUT_OF_SERVICE"
    UNKNOWN = "UNKNOWN"

    __hash__ = str.__hash__  # that of Enum is in Python; members are as equal as their texts


class ActionType(StrEnum):
    """The last change of an instance, as deltas show it (Netflix `ActionType`)."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"


class Origin(Enum):
    """Who wrote: a client, whose writes are replicated, or a peer, whose writes are not."""

    CLIENT = "client"
    PEER = "peer"


class PeerAction(StrEnum):
    """An action that is replicated (Netflix `PeerRegistryHandler.Action`)."""

    REGISTER = "Register"
    HEARTBEAT = "Heartbeat"
    CANCEL = "Cancel"
    STATUS_UPDATE = "StatusUpdate"
    DELETE_STATUS_OVERRIDE = "DeleteStatusOverride"


class Port(msgspec.Struct, frozen=True, gc=False):
    """A port number and whether it is in use."""

    number: int
    enabled: bool


class DataCenter(msgspec.Struct, frozen=True, gc=False):
    """Where an instance runs.

    `name` is `MyOwn`, `Netflix` or `Amazon`, or empty when the document named none.
    `amazon` is `None` for Netflix's `DefaultDataCenterInfo`, and for an `AmazonInfo` its metadata.
    """

    name: str
    amazon: dict[str, str] | None = None


class LeaseInfo(msgspec.Struct, frozen=True, gc=False):
    """A lease as documents show it: lengths in seconds, moments in epoch milliseconds, 0 = never.

    `renewed_at_ms` is the moment of the last renewal. The Java server shows that moment plus one
    lease duration (`Lease.renew`); no client reads it.
    """

    renewal_interval_s: int = DEFAULT_RENEWAL_INTERVAL_S
    duration_s: int = DEFAULT_DURATION_S
    registered_at_ms: int = 0
    renewed_at_ms: int = 0
    evicted_at_ms: int = 0
    service_up_at_ms: int = 0


class Instance(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One instance's document.

    `None` means that the field was not given and is not shown. A document with an empty
    `host_name`, `app` or `ip_addr` is refused by `validation.problem`. Moments are epoch
    milliseconds.
    """

    instance_id: str | None = None
    host_name: str
    app: str
    ip_addr: str
    sid: str = DEFAULT_SID
    status: Status = Status.UP
    overridden_status: Status = Status.UNKNOWN
    port: Port = Port(7001, enabled=True)
    secure_port: Port = Port(7002, enabled=False)
    country_id: int = 1
    data_center: DataCenter | None
    lease: LeaseInfo = LeaseInfo()
    metadata: dict[str, str] = {}
    app_group_name: str | None = None
    home_page_url: str | None = None
    status_page_url: str | None = None
    health_check_url: str | None = None
    secure_health_check_url: str | None = None
    vip_address: str | None = None
    secure_vip_address: str | None = None
    is_coordinating: bool = False
    last_updated_ms: int = 0
    last_dirty_ms: int = 0
    action: ActionType | None = None
    asg_name: str | None = None

    @property
    def id(self) -> str:
        """The name of the lease (Netflix `InstanceInfo.getId`).

        The instance id, else Amazon's, else the host name; empty if there is none of them.
        """
        if self.instance_id:
            return self.instance_id
        if self.data_center and self.data_center.amazon:
            return self.data_center.amazon.get("instance-id") or self.host_name
        return self.host_name

    @property
    def zone(self) -> str:
        """The zone by which clients prefer it: its metadata's, else Amazon's; empty: none.

        Spring's clients read the metadata first (`DomainExtractingServer`).
        """
        amazon = self.data_center.amazon if self.data_center else None
        return self.metadata.get("zone") or (amazon or {}).get("availability-zone", "")
