"""Bounds of what clients and peers may send, in one place, with their reasons.

Whoever sends, a peer's loop must not stand still for long, and what is kept for one sender must
be bounded (docs/security.md). What users may want to change is a setting instead.
"""

from __future__ import annotations

from typing import Final

# -- Fields of a document

# -- Requests and answers

DENSE_BURST_BYTES: Final = 12_582_912
"""Bytes of lists that may be compressed densely at once (0.1 s, for 10,000 instances as JSON); the
rest is compressed fast."""

DENSE_BYTES_PER_S: Final = 4_194_304
"""Bytes of lists that may be compressed densely per second in the long run (4 % of a core)."""

# -- Between peers

# -- Connections
