"""Decides when expired leases are kept, because too many clients stopped renewing at once.

The rules here (Netflix's are in `JavaThreshold`):

* Every lease counts as one, however often it promised to renew: else a few that promise a renewal
  a second, and never come, would stand for thousands.
* On time are those whose renewal is not overdue (`Lease.is_missing`). A client that renews more
  often than it promised does not make up for one that is silent.
* If not more than `threshold` of all leases are on time, no lease expires for `patience_ms` beyond
  its end. It must be so of the others, too: one application alone, however large, is no reason to
  keep the leases of all. Peers' own instances are no others: they renew whatever the network does.
* If less than `application_threshold` of one application's are, its leases are kept for
  `application_patience_ms` beyond their end: a network mends, a scale-down does not.
* Fewer than `floor` missing leases are no reason for either: a fleet of two of which one died must
  lose the dead one (Netflix issue 722).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

_NAMED: Final = 5
"""How many applications a sentence names before it only counts them."""


class LeaseCount(msgspec.Struct, frozen=True):
    """The leases of one application: all, those overdue, and the renewals a minute they promise."""

    app: str
    leases: int
    missing: int
    promised: float = 0.0

    @property
    def on_time(self) -> int:
        """Leases that are not overdue."""
        return self.leases - self.missing


class Verdict(msgspec.Struct, frozen=True):
    """Whether leases may expire, and why.

    `expected`, `arriving` and `threshold` are leases, by Java's rules renewals a minute; `promised`
    are the renewals a minute that leases promise. `kept` holds the applications whose leases do not
    expire although the registry as a whole is healthy; `short` all that miss renewals.
    `patience_ms` is for how long beyond its end any lease is kept, `None` for ever,
    `application_patience_ms` for how long those of `kept`.
    """

    enabled: bool
    expiration_enabled: bool
    expected: float
    arriving: float
    threshold: float
    promised: float
    missing: int
    short: tuple[LeaseCount, ...]
    kept: frozenset[str]
    patience_ms: int | None
    application_patience_ms: int
    sentence: str

    @property
    def active(self) -> bool:
        """Whether any lease is being kept beyond its end."""
        return not self.expiration_enabled or bool(self.kept)

    def keeps(self, app: str, over_ms: int) -> bool:
        """Whether a lease of `app` is kept that has been over for so long."""
        if not self.expiration_enabled and (
            self.patience_ms is None or over_ms <= self.patience_ms
        ):
            return True
        return app in self.kept and over_ms <= self.application_patience_ms


class Preservation(msgspec.Struct, frozen=True):
    """The settings of self-preservation; shares are 0 to 1.

    `own_app` is the application of the peers themselves, empty if they are not registered.
    """

    enabled: bool = True
    threshold: float = 0.85
    patience_ms: int = 14_400_000
    application_threshold: float = 0.5
    application_patience_ms: int = 900_000
    floor: int = 3
    own_app: str = ""


def judge(counts: Sequence[LeaseCount], rules: Preservation) -> Verdict:
    """Decide from how each application renews whether leases may expire."""
    short = tuple(sorted((t for t in counts if t.missing), key=lambda t: (-t.missing, t.app)))
    expected = sum(count.leases for count in counts)
    missing = sum(count.missing for count in short)
    held = rules.enabled and missing >= rules.floor and _all_are_short(counts, short, rules)
    kept = frozenset(t.app for t in short if rules.enabled and _is_short(t, rules))
    verdict = Verdict(
        enabled=rules.enabled,
        expiration_enabled=not held,
        expected=expected,
        arriving=expected - missing,
        threshold=expected * rules.threshold,
        promised=sum(count.promised for count in counts),
        missing=missing,
        short=short,
        kept=kept,
        patience_ms=rules.patience_ms,
        application_patience_ms=rules.application_patience_ms,
        sentence="",
    )
    return msgspec.structs.replace(verdict, sentence=_sentence(verdict))


def _all_are_short(
    counts: Sequence[LeaseCount], short: Sequence[LeaseCount], rules: Preservation
) -> bool:
    """Whether too few leases are on time, also without the application that misses most."""
    worst = next((count.app for count in short if count.app != rules.own_app), "")
    others = [count for count in counts if count.app not in (worst, rules.own_app)]
    return _are_few(counts, rules.threshold) and _are_few(others, rules.threshold)


def _are_few(counts: Sequence[LeaseCount], threshold: float) -> bool:
    """Whether at most this share is on time; never true for zero leases."""
    on_time = sum(count.on_time for count in counts)
    return on_time <= threshold * sum(count.leases for count in counts)


def _is_short(count: LeaseCount, rules: Preservation) -> bool:
    few = count.on_time < count.leases * rules.application_threshold
    return few and count.missing >= rules.floor


def _sentence(verdict: Verdict) -> str:
    came = f"{verdict.arriving} of {verdict.expected} leases are renewed on time"
    if not verdict.enabled:
        return (
            f"Self-preservation is switched off: {came}, and every lease expires when it is over."
        )
    if not verdict.expiration_enabled:
        return (
            f"Self-preservation is on: {came}, and more than {int(verdict.threshold)} are "
            f"needed. Missing are {_application_list(verdict.short)}. Leases are kept for "
            f"{_minutes(verdict.patience_ms or 0)} beyond their end, unless enough renewals arrive "
            f"or the missing instances are removed by hand."
        )
    if verdict.kept:
        kept = [count for count in verdict.short if count.app in verdict.kept]
        return (
            f"Self-preservation is on for some applications: {_application_list(kept)}. Their"
            " leases are kept "
            f"for {_minutes(verdict.application_patience_ms)} beyond their end, unless more of "
            f"their renewals arrive or the missing instances are removed by hand; all others "
            f"expire as usual ({came})."
        )
    if verdict.missing:
        return (
            f"Self-preservation is not needed: {came}. Missing are"
            f" {_application_list(verdict.short)}; their leases expire when they are over."
        )
    return f"Self-preservation is not needed: {came}."


def _application_list(short: Sequence[LeaseCount]) -> str:
    names = [f"{t.app} ({t.missing} of {t.leases} overdue)" for t in short[:_NAMED]]
    more = len(short) - _NAMED
    if more > 0:
        names.append(f"{more} more application{'s' if more > 1 else ''}")
    return ", ".join(names)


def _minutes(ms: int) -> str:
    return f"{ms // 60_000} minutes"


class JavaThreshold:
    """Netflix's arithmetic: one interval for everybody (`PeerAwareInstanceRegistryImpl`).

    `expected_clients` grows by one with a new lease and shrinks by one with a cancelled or evicted
    one; `recount` sets it anew, every quarter of an hour there. Netflix recounts what its own
    discovery client holds; here it is the registry itself.
    """

    def __init__(self, clients: int, interval_s: float, rules: Preservation) -> None:
        self.expected_clients = clients
        self._per_minute = 60.0 / interval_s
        self._rules = rules

    @property
    def threshold(self) -> int:
        """Renewals a minute that must be exceeded (`numberOfRenewsPerMinThreshold`)."""
        return int(self.expected_clients * self._per_minute * self._rules.threshold)

    def count_new(self) -> None:
        """Count a new lease; not while no client is expected, as in Netflix's server."""
        if self.expected_clients > 0:
            self.expected_clients += 1

    def count_end(self) -> None:
        """Count a lease that was cancelled or evicted."""
        if self.expected_clients > 0:
            self.expected_clients -= 1

    def recount(self, clients: int) -> None:
        """Expect `clients` from now on, unless there are suspiciously few."""
        if clients > self._rules.threshold * self.expected_clients or not self._rules.enabled:
            self.expected_clients = clients

    def judge(self, renewals_last_minute: int) -> Verdict:
        """Decide whether leases may expire (`isLeaseExpirationEnabled`)."""
        threshold = self.threshold
        enough = threshold > 0 and renewals_last_minute > threshold
        expected = self.expected_clients * self._per_minute
        expire = enough or not self._rules.enabled
        return Verdict(
            enabled=self._rules.enabled,
            expiration_enabled=expire,
            expected=expected,
            arriving=float(renewals_last_minute),
            threshold=float(threshold),
            promised=expected,
            missing=0,
            short=(),
            kept=frozenset(),
            patience_ms=None,
            application_patience_ms=0,
            sentence=(
                f"By the Java server's rules: {renewals_last_minute} renewals came in the last "
                f"minute, {threshold} must be exceeded ({self.expected_clients} clients expected); "
                f"leases {'expire' if expire else 'do not expire'}."
            ),
        )
