"""Bounds of what clients and peers may send, in one place, with their reasons.

Whoever sends, a peer's loop must not stand still for long, and what is kept for one sender must
be bounded (docs/security.md). What users may want to change is a setting instead.
"""

# -- Fields of a document

# -- Requests and answers

# -- Between peers

# -- Connections
