"""Bounds of what clients and peers may send, in one place, with their reasons.

Whoever sends, a peer's loop must not stand still for long, and what is kept for one sender must
be bounded (docs/security.md). What users may want to change is a setting instead.
"""

from typing import Final

# -- Fields of a document

# -- Requests and answers

# -- Between peers

COPIED_AT_ONCE: Final = 500
"""Leases in one page of a copy: encoded in 5 ms, decoded and merged in 25 ms."""

COPY_PAGE_BYTES: Final = 2_097_152
"""A page of a copy ends beyond so many bytes, whatever it holds: one lease at least."""

LEASES_AT_ONCE: Final = 100
"""Leases decoded, merged or written before the loop turns again."""

APPLICATIONS_AT_ONCE: Final = 5_000
"""Applications in one page of digests."""

PAGES_KEPT: Final = 8
"""Encoded pages kept for a second, so that many who ask alike cost little."""

DIGEST_ANSWER_BYTES: Final = 8_388_608
"""Largest page of digests read: 5,000 applications with names of 1,000 characters have room."""

COPY_ANSWER_BYTES: Final = 16_777_216
"""Largest page of a copy read. Pages of ours end at 2 MiB and one lease more."""

BATCH_ANSWER_BYTES: Final = 16_777_216
"""Largest answer to a batch read; most say 200 and nothing else."""

LIST_ANSWER_BYTES: Final = 67_108_864
"""Largest list of a Java server or of another region read, after decompression."""

BATCH_BYTES: Final = 1_048_576
"""A batch ends before so many bytes, or holds one item; a peer accepts 16 MiB by default."""

RENEWALS_AT_ONCE: Final = 2_000
"""Renewals in one batch to a Eurekube peer, which applies one in 3 us."""

RENEWALS_ACCEPTED: Final = 10_000
"""Renewals in one batch of a peer: 30 ms of work."""

RENEWALS_EVERY_MS: Final = 50
"""Renewals wait for each other so long, so that a request carries many; leases last for seconds."""

ENTITY_BYTES: Final = 4_194_304
"""Newer documents in the answer to a batch of renewals; beyond, the next renewal brings them."""

NAME_LENGTH: Final = 256
"""Longest name of a peer that is taken over from its digest."""

PEERS_SEEN: Final = 1_000
"""Most peers of which a digest may say how it sees them."""

LONGEST_COPY: Final = 30
"""A copy that makes progress may take so many times `sync_timeout_s`."""

# -- Connections
