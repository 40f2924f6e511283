"""Limits of what clients and peers may send, in one place, with their reasons.

No sender may block a peer's event loop for long, and the memory for one sender must be limited
(docs/security.md). What users may want to change is a setting instead.
"""

from __future__ import annotations

from typing import Final

# -- Fields of a document

MAX_APP_BYTES: Final = 512
MAX_ID_BYTES: Final = 1_024
"""Application and id are parts of the path of every renewal, percent-encoded in three characters
a byte; with these both fit into a request line of 8,190 (`http.connection.MAX_LINE_BYTES`)."""

MAX_NAME: Final = 2_048
"""Characters of a host name, an address and a group; DNS allows 253. `validation.is_short` rests on
this: every other bound of characters is at least as large, every one of entries as `MAX_ADDRESSES`.
"""

MAX_URL: Final = 8_192
"""Characters of a URL; no browser and no proxy takes longer ones."""

MAX_ADDRESS_LIST: Final = 8_192
MAX_ADDRESSES: Final = 100
"""Characters and names of a list of VIP addresses: each name is an entry of an index."""

MAX_METADATA_KEY: Final = 2_048
MAX_METADATA_ENTRIES: Final = 1_024
MAX_METADATA_KEYS: Final = 65_536
MAX_METADATA: Final = 262_144
"""Metadata of one instance: characters of a key, entries, characters of all keys and of all keys
and values. Every client fetches them all; Kubernetes allows as much for the annotations of a pod.
Keys become names of XML, which costs up to a microsecond a character."""

MIN_LEASE_S: Final = 1
MAX_LEASE_S: Final = 86_400
"""Seconds that an interval or a duration of a lease counts for, whatever its document says: a lease
of 68 years would be expected to renew, and listed, for ever."""

# -- What a registry holds

MEAN_INSTANCE_BYTES: Final = 8_192
"""Room of a registry for documents, in bytes for each of `max_instances`; a usual one has 500 to
1,500 (`core.lease.content`). A few instances of a quarter of a MiB are fine, 100,000 are not."""

MIN_REGISTRY_BYTES: Final = 16_777_216
"""Room for documents however small `max_instances` is."""

MIN_APPLICATION_INSTANCES: Final = 1_000
"""One application may have so many, whatever its share: a registry that small is one team's."""

MOST_OF_ONE_ID: Final = 100
"""Applications of one instance id that a look-up by id looks into."""

VERDICT_AGE_MS: Final = 1_000
"""Look-ups may go by a verdict of self-preservation so old: it counts every lease there is."""

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

DENSE_BURST_BYTES: Final = 12_582_912
"""Bytes of lists that may be compressed densely at once (0.1 s, for 10,000 instances as JSON); the
rest is compressed fast."""

DENSE_BYTES_PER_S: Final = 4_194_304
"""Bytes of lists that may be compressed densely per second in the long run (4 % of a core)."""

NOTICES_A_MINUTE: Final = 20
MAX_NOTICED: Final = 1_000
"""Lines a minute that one kind of warning may write to the log, and how many names it remembers as
told: whoever sends faults must not fill disks."""

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

RENEWALS_EVERY_MS: Final = 100
"""Renewals go to the peers so often, so that a request carries many; leases last for seconds."""

NAME_LENGTH: Final = 256
"""Longest name of a peer that is taken over from its digest."""

PEERS_SEEN: Final = 1_000
"""Most peers of which a digest may say how it sees them."""

LONGEST_COPY: Final = 30
"""A copy that makes progress may take so many times `sync_timeout_s`."""

MAX_AHEAD_MS: Final = 86_400_000
"""A moment that a peer names and that is further ahead of our clock counts as the present: no
clock of a server is a day ahead, and the later change wins (`core.registry`)."""

ENCODED_AT_ONCE: Final = 250
"""Documents of a list that are encoded before others get their turn: 5 ms. Of a list that was read
before only those that changed since are encoded."""

ANSWER_PIECE_BYTES: Final = 262_144
"""Of a large answer so much is written before others get their turn: copying it takes 0.1 ms."""

AT_ONCE_BYTES: Final = 1_048_576
"""Of all bodies that are read and all large answers that are written so much passes in one turn of
the loop: 300 clients may be answered at once, and the system takes some MiB of each answer before
it makes anybody wait."""

# -- Connections

SHARE_OF_ONE_SOURCE: Final = 0.5
"""Of all connections. Only when there are as many as are allowed, those from an address that has
more than this share go before others: clients behind a proxy share one."""

HANDSHAKES: Final = 1024
"""TLS connections that have not finished their handshake; beyond it the oldest goes."""

HANDSHAKE_S: Final = 5.0
"""Seconds for a handshake: two round trips, and 2 ms of work."""

# -- Passwords that wait to be checked, each for a quarter of a second of a thread

MAX_CHECKS_PER_USER: Final = 8
"""For one user from one address: a client with an old password keeps no other user waiting."""

MAX_CHECKS_PER_SOURCE: Final = 64
"""From one address: 16 s of work, more than clients wait. Beyond it the oldest is answered 503."""

MAX_CHECKS: Final = 512
"""From all addresses: each holds a connection and a header of at most 8 KiB, so 4 MiB."""

# -- Dashboard and metrics

PAGE_SHARE: Final = 0.1
PAGE_BURST_S: Final = 0.5
"""Share of the processor, and seconds of it at once, for making one page of the size of the
registry (the dashboard's table, metrics, `/peers`) anew; beyond it the last one is shown again."""

METRIC_APPLICATIONS: Final = 1000
"""Applications with series of their own, the largest; others are one series, `other`."""
