"""The table of all instances that the dashboard reads, made in slices and once for all readers.

With 50,000 instances it takes most of a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final

import msgspec

from eureka_registry.core.lease import Lease
from eureka_registry.core.registry import Registry
from eureka_registry.http.allowance import Allowance
from eureka_registry.wire.segments import Segment, compress, join

_SLICE: Final = 1000
_COLUMNS: Final = (
    "app", "id", "host", "ip", "port", "secure_port", "status", "overridden", "zone", "ami",
    "status_url", "home_url", "vip", "updated_ms", "registered_ms", "renewal_interval_s",
    "duration_s",
)  # fmt: skip


class Table(msgspec.Struct, frozen=True):
    """The encoded table, and the registry's version that it shows at least."""

    version: int
    content: bytes


class Rows:
    """Tables, plain and compressed, kept until the registry changes, or longer under load."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._allowance = Allowance()
        self._kept: dict[bool, Table] = {}
        self._under_way: dict[bool, asyncio.Task[Table]] = {}

    def recent_table(self, *, gzip: bool) -> Table | None:
        """The table that is recent enough to be shown; `None` if a new one must be made."""
        table = self._kept.get(gzip)
        if table is None or table.version == self._registry.version:
            return table
        return None if self._allowance.is_left else table

    async def new_table(self, *, gzip: bool) -> Table:
        """A new table, or the one that is being made."""
        if gzip not in self._under_way:
            task = asyncio.create_task(self._make(gzip=gzip))
            self._under_way[gzip] = task
            task.add_done_callback(lambda _: self._under_way.pop(gzip))
        # Its client may be gone, and others wait for the same table.
        return await asyncio.shield(self._under_way[gzip])

    async def _make(self, *, gzip: bool) -> Table:
        version = self._registry.version
        texts: list[bytes] = []
        segments: list[Segment] = []
        for text in self._texts(version):
            if gzip:
                with self._allowance.account():
                    segments.append(compress(text))
            else:
                texts.append(text)
            await asyncio.sleep(0)
        content = join(segments) if gzip else b"".join(texts)
        self._kept[gzip] = table = Table(version, content)
        return table

    def _texts(self, version: int) -> Iterator[bytes]:
        head = msgspec.json.encode({"version": version, "columns": _COLUMNS, "rows": ()})
        yield head.removesuffix(b"]}")
        separator = b""
        leases = list(self._registry.leases())
        for start in range(0, len(leases), _SLICE):
            with self._allowance.account():
                rows = [_row(lease) for lease in leases[start : start + _SLICE]]
                text = separator + msgspec.json.encode(rows)[1:-1]
            separator = b","
            yield text
        yield b"]}"


def _row(lease: Lease) -> tuple[object, ...]:
    instance = lease.instance
    amazon = instance.data_center.amazon if instance.data_center else None
    return (
        instance.app,
        instance.id,
        instance.host_name,
        instance.ip_addr,
        instance.port.number if instance.port.enabled else None,
        instance.secure_port.number if instance.secure_port.enabled else None,
        instance.status,
        lease.override,
        instance.zone or "defaultZone",
        (amazon or {}).get("ami-id"),
        instance.status_page_url,
        instance.home_page_url,
        instance.vip_address,
        instance.last_updated_ms,
        lease.registered_at_ms,
        lease.interval_ms // 1000,
        lease.duration_ms // 1000,
    )
