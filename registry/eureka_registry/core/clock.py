"""How a peer's clock follows the clock of its machine.

A peer counts on a clock that is never set: what it adds to that is corrected here, a little at each
look. The machine's own clock may be set by hand or by NTP, and a virtual machine that was suspended
finds itself hours behind.

* Time never goes back. Where the machine's clock is behind, ours goes slower.
* Ours is corrected by at most an eighth of the time that passes. A lease of three renewals, which
  is the default of every client, ends an eighth sooner then: still two renewals may be lost.
* A suspension does not count as time that passed: no client could renew meanwhile. So leases have
  after it as long to go as before it, and do not end together.
"""

from __future__ import annotations

from typing import Final

SLOWNESS: Final = 8
"""How many milliseconds pass for one of correction: an hour is made up for in eight."""


def correction_ms(ahead_ms: int, elapsed_ms: int) -> int:
    """Milliseconds by which to set a clock forward, or back if negative.

    `ahead_ms` is how far the machine's clock is ahead of ours (negative: behind), `elapsed_ms` how
    long ago ours was last corrected, by a clock that is never set. A clock that is set back must
    stand still until it has caught up with its former value.
    """
    most_ms = max(0, elapsed_ms) // SLOWNESS
    return max(-most_ms, min(most_ms, ahead_ms))
