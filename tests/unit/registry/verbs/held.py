"""What servers hold, as tests need it."""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from eureka_registry.core.model import DataCenter, Instance, LeaseInfo, Port
from eureka_registry.verbs.listing import Listing
from eureka_registry.verbs.server import JSON, Answer

NOW_MS: Final = 1_795_000_000_000
BASE: Final = Instance(
    instance_id="orders-1",
    host_name="10.0.0.1",
    app="ORDERS",
    ip_addr="10.0.0.1",
    port=Port(8080, enabled=True),
    data_center=DataCenter("MyOwn"),
    lease=LeaseInfo(30, 90, NOW_MS - 3_600_000, NOW_MS - 10_000, 0, NOW_MS - 3_600_000),
    vip_address="orders",
    last_updated_ms=NOW_MS - 3_600_000,
    last_dirty_ms=NOW_MS - 3_600_000,
)
"""Nothing is wrong with it."""


def instance(**fields: object) -> Instance:
    """`BASE` with other fields."""
    return msgspec.structs.replace(BASE, **fields)


def listing(*instances: Instance, now_ms: int = NOW_MS) -> Listing:
    """What a server holds."""
    return Listing(now_ms=now_ms, instances=instances)


class Asked(NamedTuple):
    """A request."""

    method: str
    path: str
    accept: str


class Network:
    """Stands in for the network: answers by path, and what was asked."""

    name = "http://one:8761/eureka/"

    def __init__(self, answers: dict[str, tuple[int, bytes]]) -> None:
        self.answers = answers
        self.asked: list[Asked] = []

    async def ask(self, method: str, path: str, accept: str = JSON) -> Answer:
        """Give the answer, 404 if there is none."""
        self.asked.append(Asked(method, path, accept))
        status, body = self.answers.get(path, (404, b""))
        return Answer(status, body, NOW_MS)
