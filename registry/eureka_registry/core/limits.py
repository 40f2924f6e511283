"""Bounds of what clients and peers may send, in one place, with their reasons.

Whoever sends, a peer's loop must not stand still for long, and what is kept for one sender must
be bounded (docs/security.md). What users may want to change is a setting instead.
"""

# -- Fields of a document

# -- Requests and answers

# -- Between peers

# -- Connections

# -- Passwords that wait to be checked, each for a quarter of a second of a thread

MAX_CHECKS_PER_USER = 8
"""For one user from one address: a client with an old password keeps no other user waiting."""

MAX_CHECKS_PER_SOURCE = 64
"""From one address: 16 s of work, more than clients wait. Beyond it the oldest is answered 503."""

MAX_CHECKS = 512
"""From all addresses: each holds a connection and a header of at most 8 KiB, so 4 MiB."""
