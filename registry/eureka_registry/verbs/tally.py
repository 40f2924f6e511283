"""Counts of what clients met during a `drill`, for both programs."""

from __future__ import annotations

import msgspec


class Tally(msgspec.Struct):
    """The counts of all clients together.

    `retried`: sent again to another peer. A request has failed if no peer answered it rightly.
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
        """Look-ups and renewals that were sent again to another peer."""
        return self.lookups_retried + self.renewals_retried

    def since(self, before: Tally) -> Tally:
        """The counts since an earlier state of them."""
        return Tally(
            **{name: getattr(self, name) - getattr(before, name) for name in self.__struct_fields__}
        )


class ClientsReport(msgspec.Struct):
    """The line of JSON that `eureka-registry clients` prints at intervals.

    `troubles`: the first sentences about what failed or was lost; later ones are only counted.
    """

    clients: int
    tally: Tally
    troubles: list[str] = []
