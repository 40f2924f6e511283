"""Bounds of what clients and peers may send, in one place, with their reasons.

Whoever sends, a peer's loop must not stand still for long, and what is kept for one sender must
be bounded (docs/security.md). What users may want to change is a setting instead.
"""

from typing import Final

# -- Fields of a document

# -- Requests and answers

DOCUMENT_STRUCTURE: Final = 65_536
"""Structural bytes (wire/structure.py) of one document: each is at most one value, and
a value costs at most 1 us to read. A registration of 4 KiB has some 150."""

BATCH_STRUCTURE: Final = 250_000
"""Structural bytes of one batch: they are looked over at once, for 0.2 us each, and read in slices
later. A batch of 6,000 registrations of 1 KiB has so many; peers send 250 at once."""

BATCH_ITEMS: Final = 10_000
"""Items of one batch, as many as may wait for a peer by default (`replication_queue_limit`)."""

SLICE_ITEMS: Final = 64
"""Items of a batch that are carried out before others get their turn: some 3 ms."""

SLICE_BYTES: Final = 262_144
"""Bytes that are inflated, read or compressed before others get their turn: some 2 ms."""

REPLIES_BYTES: Final = 4_194_304
"""Newer documents sent back in answer to one batch; beyond it their items are answered 409 without
one, and digests repair what differs. Else renewals of 100 bytes could ask for any number of
documents."""

EXPANSION_FREE_BYTES: Final = 1_048_576
EXPANSION: Final = 100
"""How many times as large as it was sent a body may be, once inflated to more than the bytes above.
Real batches are inflated 10 to 40 times, what is made to hurt up to 1,000 times."""

LINGER_BYTES: Final = 16_777_216
"""What is read, and dropped, of a body after its request was refused: a client that sends without
listening learns why, up to the largest batch. A MiB costs 0.2 ms. Beyond it nothing is read."""

MAX_HEAD_BYTES: Final = 65_536
"""A request's head. Tomcat, which Java servers run in, takes 8 KiB."""

# -- Memory for requests and answers on their way

BODIES_BYTES: Final = 67_108_864
"""All requests that have come in part, or wait for their answer, at least four batches of the
largest size. Beyond it the largest are ended with 503."""

ANSWERS_BYTES: Final = 134_217_728
"""All large answers that clients have not read yet; one body that many are sent counts once.
Beyond it those that have waited longest are cut off."""

LARGE_ANSWER_BYTES: Final = 65_536
"""Answers from here on are counted, and never copied for a connection; of smaller ones a connection
holds no more than this, as it is written no further answer before."""

# -- Between peers

ANSWER_PIECE_BYTES: Final = 1_048_576
"""Of a large answer so much is written before others get their turn: copying it takes 0.3 ms."""

# -- Connections

SHARE_OF_ONE_SOURCE: Final = 0.5
"""Of all connections. Only when there are as many as are allowed, those from an address that has
more than this share go before others: clients behind a proxy share one."""

HANDSHAKES: Final = 1024
"""TLS connections that have not finished their handshake; beyond it the oldest goes."""

HANDSHAKE_S: Final = 5.0
"""Seconds for a handshake: two round trips, and 2 ms of work."""

# -- Dashboard and metrics

PAGE_SHARE: Final = 0.1
PAGE_BURST_S: Final = 0.5
"""Share of the processor, and seconds of it at once, for making one page of the size of the
registry (the dashboard's table, metrics, `/peers`) anew; beyond it the last one is shown again."""

METRIC_APPLICATIONS: Final = 1000
"""Applications with series of their own, the largest; others are one series, `other`."""
