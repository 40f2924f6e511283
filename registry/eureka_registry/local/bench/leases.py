"""The instances of a benchmark: their documents, and which of them a server may hold.

They are made so that nobody calls them and everybody can tell what they are:

* one application, `EUREKA-BENCH-` and a random end; no other is ever written to;
* `OUT_OF_SERVICE`, which clients do not call (they keep to `UP`);
* addresses of 192.0.2.0/24, which are routed nowhere (RFC 5737), names below `.invalid` (RFC 2606);
* a metadata entry that says who made them.
"""

from __future__ import annotations

from enum import Enum
from http import HTTPStatus
from typing import Final

import msgspec

from eureka_registry.local.bench.plan import DURATION_S, INTERVAL_S
from eureka_registry.local.client import fields_of

PREFIX: Final = "EUREKA-BENCH-"
_HOSTS: Final = 254
_DISCARD_PORT: Final = 9  # RFC 863; nothing listens there


class Kind(Enum):
    """What a request is for."""

    REGISTER = "register"
    RENEW = "renew"
    READ = "read"
    CANCEL = "cancel"


class Operation(msgspec.Struct, frozen=True):
    """One request below a service URL; `number` is that of the instance, `None` for a read.

    If it `may_miss`, 404 is a good answer: a cancellation of what is gone, or a look-up at a peer
    that has not heard of the instance yet.
    """

    kind: Kind
    method: str
    path: str
    body: bytes | None = None
    number: int | None = None
    may_miss: bool = False

    def is_good(self, status: int) -> bool:
        """Whether this is a right answer to it."""
        if self.may_miss and status == HTTPStatus.NOT_FOUND:
            return True
        return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


ALL: Final = Operation(Kind.READ, "GET", "apps")
DELTA: Final = Operation(Kind.READ, "GET", "apps/delta")


class Leases:
    """The instances that we have registered, as far as we can know.

    An instance counts as held from before its registration is sent until its cancellation is
    answered: a registration without an answer may have been carried out.
    """

    def __init__(self, token: str, began_ms: int, origin: str) -> None:
        """Prepare.

        Args:
            token: random, of this run only, usable in a name.
            began_ms: epoch milliseconds; later documents have larger `lastDirtyTimestamp`s.
            origin: who runs this and where, for people who find the instances.
        """
        self.app = PREFIX + token.upper()
        self._origin = origin
        self._next_dirty_ms = began_ms
        self._dirty_ms: dict[int, int] = {}
        self._sent_dirty_ms: dict[int, int] = {}
        self._prolonged_at: dict[int, float] = {}

    @property
    def held_numbers(self) -> list[int]:
        """The numbers of those that a server may hold."""
        return list(self._prolonged_at)

    def id(self, number: int) -> str:
        """The instance's id."""
        return f"{self.app.lower()}-{number}"

    def registration(self, number: int, note: str = "") -> Operation:
        """Register an instance, or change it; `note` tells one change from others."""
        self._next_dirty_ms += 1
        self._sent_dirty_ms[number] = self._next_dirty_ms
        lease = (INTERVAL_S, DURATION_S)
        document = fields_of(self.app, self.id(number), lease, self._next_dirty_ms) | {
            "hostName": f"{self.id(number)}.invalid",
            "ipAddr": f"192.0.2.{number % _HOSTS + 1}",
            "status": "OUT_OF_SERVICE",
            "port": {"$": _DISCARD_PORT, "@enabled": "true"},
            "metadata": {"made-by": f"eureka-registry bench, {self._origin}", "change": note},
        }
        body = msgspec.json.encode({"instance": document})
        return Operation(Kind.REGISTER, "POST", f"apps/{self.app}", body, number)

    def renewal(self, number: int) -> Operation:
        """Renew a lease, as clients do: with the document's status and time-stamp.

        The time-stamp is the last one known to have arrived: a newer one would be answered 404,
        as it means that the server has missed a change (`InstanceResource.renewLease`).
        """
        query = f"status=OUT_OF_SERVICE&lastDirtyTimestamp={self._dirty_ms.get(number, 0)}"
        return Operation(
            Kind.RENEW, "PUT", f"apps/{self.app}/{self.id(number)}?{query}", number=number
        )

    def cancellation(self, number: int) -> Operation:
        """End a lease."""
        path = f"apps/{self.app}/{self.id(number)}"
        return Operation(Kind.CANCEL, "DELETE", path, number=number, may_miss=True)

    def look_up(self, number: int) -> Operation:
        """Read one instance; Netflix's server does not answer this from its cache."""
        return Operation(Kind.READ, "GET", f"apps/{self.app}/{self.id(number)}", may_miss=True)

    @property
    def own_list(self) -> Operation:
        """Read our application."""
        return Operation(Kind.READ, "GET", f"apps/{self.app}")

    def note_request(self, operation: Operation, now_s: float) -> None:
        """Note that an operation is sent."""
        if operation.kind is Kind.REGISTER and operation.number is not None:
            self._prolonged_at[operation.number] = now_s

    def note_answer(self, operation: Operation, status: int, sent_at_s: float) -> None:
        """Note that an operation was answered, or has failed (0)."""
        number = operation.number
        if number is None:
            return
        good = operation.is_good(status)
        if operation.kind is Kind.CANCEL and good:
            self._prolonged_at.pop(number, None)
        elif operation.kind is Kind.REGISTER and good:
            self._dirty_ms[number] = self._sent_dirty_ms[number]
        elif (
            operation.kind is Kind.REGISTER and _is_refusal(status) and number not in self._dirty_ms
        ):
            self._prolonged_at.pop(number, None)
        elif operation.kind is Kind.RENEW and good and number in self._prolonged_at:
            self._prolonged_at[number] = sent_at_s

    def due(self, now_s: float) -> list[int]:
        """Instances that were not renewed for an interval."""
        return [n for n, at in self._prolonged_at.items() if now_s - at >= INTERVAL_S]

    def ends_in_s(self, now_s: float) -> float:
        """Seconds until the last lease that is held ends by itself; 0 if none is held."""
        last = max(self._prolonged_at.values(), default=now_s - DURATION_S)
        return max(last + DURATION_S - now_s, 0.0)


def _is_refusal(status: int) -> bool:
    """Whether the server refused: then it holds nothing."""
    return HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
