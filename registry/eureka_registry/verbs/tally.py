"""Counts of what clients met during a `drill`, for both programs."""

from __future__ import annotations

import msgspec


class Tally(msgspec.Struct):
    """What all clients together met.

    `retried`: made again at another peer. Only what no peer answered as it should has failed.
    """

    lookups: int = 0
    lookups_retried: int = 0
    lookups_failed: int = 0
    renewals: int = 0
    renewals_retried: int = 0
    renewals_failed: int = 0
    leases_lost: int = 0
    """Renewals answered 404: the server did not know the lease any more."""

    @property
    def loses(self) -> bool:
        """Whether a look-up or a renewal failed, or a lease was lost."""
        return bool(self.lookups_failed or self.renewals_failed or self.leases_lost)

    @property
    def retried(self) -> int:
        """Look-ups and renewals that were made again at another peer."""
        return self.lookups_retried + self.renewals_retried

    def since(self, before: Tally) -> Tally:
        """What was counted after an earlier state of the same counts."""
        return Tally(
            **{name: getattr(self, name) - getattr(before, name) for name in self.__struct_fields__}
        )


class ClientsReport(msgspec.Struct):
    """What `eureka-registry clients` prints as one line of JSON, again and again.

    `troubles`: the first sentences about what failed or was lost; later ones are only report.
    """

    clients: int
    tally: Tally
    troubles: list[str] = []
