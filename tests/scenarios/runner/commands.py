"""The commands of the stories; each gives the lines of its output."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import msgspec

from eureka_registry.core.model import DataCenter, Instance, LeaseInfo, PeerAction, Status
from eureka_registry.core.registry import Registry, Rules
from eureka_registry.core.selfpreservation import Preservation
from scenarios.runner.clients import Client, JavaClient, JsClient
from scenarios.runner.cluster import Cluster, Key, Peer, Trouble
from scenarios.runner.tables import delta_table, lease_table, pending_table, span
from support.instances import in_order

_SPAN = re.compile(r"(\d+)(ms|s|m)")
_UNITS = {"ms": 1, "s": 1_000, "m": 60_000}
_EVICTION_INTERVAL_MS = 5_000
_KNOWN = frozenset({"status", "dirty", "interval", "duration", "vip", "override"})

Operation = Callable[[Registry, Key, int], bool]
"""What is done to one lease at a moment; false if there is no such lease."""


class Stage:
    """One story's peers and clients."""

    def __init__(self) -> None:
        self._cluster = Cluster([], Rules())
        self._clients: dict[str, Client] = {}
        self._documents: dict[Key, Instance] = {}
        """What each client would register."""

    def do(self, command: str) -> list[str]:
        """Carry out one command; `ValueError` for one that nobody understands."""
        name, *words = command.split()
        action = getattr(self, f"do_{name}", None)
        if action is None:
            message = f"unknown command: {command}"
            raise ValueError(message)
        plain = [word for word in words if "=" not in word]
        options = dict(word.split("=", 1) for word in words if "=" in word)
        output: list[str] = action(*plain, **options) if options else action(*plain)
        return output

    # -- What clients and operators do

    def do_peers(self, *numbers: str, **options: str) -> list[str]:
        """Begin with so many peers, and the rules named."""
        self._cluster = Cluster([f"peer{number}" for number in numbers], _rules(options))
        return []

    def do_register(self, peer: str, name: str, **options: str) -> list[str]:
        """A client registers; options that are no field of the document are metadata."""
        for key in _keys(name):
            self._documents[key] = document = _document(key, options, self._documents.get(key))
            self._cluster.register(self._peer(peer), document)
        return ["204"]

    def do_renew(self, peer: str, name: str, dirty: str | None = None) -> list[str]:
        """A client renews."""
        answers = {self._renew(self._peer(peer), key, dirty) for key in _keys(name)}
        return sorted(answers)

    def do_cancel(self, peer: str, name: str) -> list[str]:
        """A client leaves."""
        return self._each(
            peer, name, PeerAction.CANCEL, lambda held, key, now_ms: held.cancel(*key, now_ms)
        )

    def do_status(self, peer: str, name: str, status: str, dirty: str | None = None) -> list[str]:
        """An operator overrides a status."""
        moment = int(dirty) if dirty else None
        wanted = Status(status)
        return self._each(
            peer,
            name,
            PeerAction.STATUS_UPDATE,
            lambda held, key, now_ms: held.set_status(*key, wanted, now_ms, moment),
        )

    def do_clear(
        self, peer: str, name: str, status: str = "UNKNOWN", dirty: str | None = None
    ) -> list[str]:
        """An operator ends an override."""
        moment = int(dirty) if dirty else None
        wanted = Status(status)
        return self._each(
            peer,
            name,
            PeerAction.DELETE_STATUS_OVERRIDE,
            lambda held, key, now_ms: held.clear_status(*key, wanted, now_ms, moment),
        )

    def do_metadata(self, peer: str, name: str, **added: str) -> list[str]:
        """Somebody adds metadata."""
        return self._each(
            peer,
            name,
            PeerAction.REGISTER,
            lambda held, key, now_ms: held.update_metadata(*key, added, now_ms) is not None,
        )

    # -- Time and network

    def do_wait(self, length: str) -> list[str]:
        """Let time pass, and nothing else happen."""
        self._cluster.wait(_span_ms(length))
        return []

    def do_live(self, length: str, **clients: str) -> list[str]:
        """Let time pass while clients renew (peer=APP/ids), changes travel and leases expire."""
        told: list[str] = []
        for second in range(1, _span_ms(length) // 1_000 + 1):
            self._cluster.wait(1_000)
            happened = self._second(second, clients)
            told += [f"after {second}s: {line}" for line in happened]
        return told or ["nothing noteworthy"]

    def do_cut(self, one: str, other: str) -> list[str]:
        """Let two peers not reach each other."""
        self._cluster.cuts.add(frozenset({self._peer(one).name, self._peer(other).name}))
        return []

    def do_heal(self) -> list[str]:
        """Let every peer reach every other."""
        self._cluster.cuts.clear()
        for peer in self._cluster.peers.values():
            peer.overloaded = False
        return []

    def do_overload(self, peer: str) -> list[str]:
        """Let a peer answer 503 until `heal`."""
        self._peer(peer).overloaded = True
        return []

    def do_lose(self, *words: str) -> list[str]:
        """Lose the next batch (or the answer to it): `lose next batch|answer from|to peer1`."""
        _, what, _, peer = words
        trouble = Trouble.REQUEST_LOST if what == "batch" else Trouble.ANSWER_LOST
        self._peer(peer).troubles.append(trouble)
        return []

    def do_deliver(self, source: str | None = None, target: str | None = None) -> list[str]:
        """Bring what is pending where it is to go, perhaps only from one peer, or to one."""
        events = [str(event) for event in self._cluster.deliver(source, target)]
        return events or self._why_nothing(source, target)

    def do_evict(self, *peers: str) -> list[str]:
        """Let peers look for expired leases; without a name all of them."""
        told = [line for peer in self._peers(peers) for line in self._evict(peer)]
        return told or ["nobody is evicted"]

    # -- Looking

    def do_list(self, *peers: str) -> list[str]:
        """What peers hold."""
        return lease_table(self._peers(peers), self._cluster.now_ms)

    def do_delta(self, peer: str) -> list[str]:
        """What a peer's delta holds, in the order of the document."""
        return delta_table(self._peer(peer).registry)

    def do_hash(self, *peers: str) -> list[str]:
        """The hash by which clients compare."""
        return [f"{p.name}  {p.registry.hashcode() or 'empty'}" for p in self._peers(peers)]

    def do_why(self, *peers: str) -> list[str]:
        """What self-preservation says."""
        now_ms = self._cluster.now_ms
        return [f"{p.name}  {p.registry.verdict(now_ms).sentence}" for p in self._peers(peers)]

    def do_pending(self, *peers: str) -> list[str]:
        """What peers have not been told yet."""
        return pending_table(self._peers(peers), self._cluster.now_ms)

    def do_agree(self) -> list[str]:
        """Whether the peers' digests are equal."""
        digests = {
            peer.name: {n: a.digest for n, a in peer.registry.applications.items()}
            for peer in self._cluster.peers.values()
        }
        first = next(iter(digests.values()))
        differ = {app for other in digests.values() for app, _ in first.items() ^ other.items()}
        return [f"peers differ in {', '.join(sorted(differ))}" if differ else "all peers agree"]

    def do_client(self, name: str, kind: str, peer: str) -> list[str]:
        """A client of that kind (java, js) fetches everything from a peer."""
        self._clients[name] = client = JavaClient() if kind == "java" else JsClient()
        client.fetch(self._peer(peer).registry)
        return _lease_lines(client)

    def do_poll(self, name: str, peer: str) -> list[str]:
        """A client fetches the delta."""
        client = self._clients[name]
        return [client.poll(self._peer(peer).registry), *_lease_lines(client)]

    # -- How

    def _peer(self, name: str) -> Peer:
        return self._cluster.peers[name]

    def _peers(self, names: Iterable[str]) -> list[Peer]:
        return [self._peer(name) for name in names] or list(self._cluster.peers.values())

    def _renew(self, peer: Peer, key: Key, dirty: str | None) -> str:
        moment = int(dirty) if dirty else self._documents[key].last_dirty_ms
        return "200" if self._cluster.renew(peer, key, moment) else "404"

    def _each(self, peer: str, name: str, action: PeerAction, do: Operation) -> list[str]:
        """Do one thing to each instance named, and tell the peers of what was done."""
        at, found = self._peer(peer), True
        for key in _keys(name):
            done = do(at.registry, key, self._cluster.now_ms)
            found = found and done
            if done:
                self._cluster.publish(at, action, key)
        return ["200" if found else "404"]

    def _second(self, second: int, clients: dict[str, str]) -> list[str]:
        told = [
            line
            for peer, names in clients.items()
            for key in _keys(names)
            for line in self._live(self._peer(peer), key, second)
        ]
        open_before = self._open_circuits()
        self._cluster.deliver()
        told += [f"{link} taken for dead" for link in sorted(self._open_circuits() - open_before)]
        told += [f"{link} reached again" for link in sorted(open_before - self._open_circuits())]
        if not second * 1_000 % _EVICTION_INTERVAL_MS:
            told += [line for peer in self._peers(()) for line in self._evict(peer)]
        return told

    def _live(self, peer: Peer, key: Key, second: int) -> list[str]:
        document = self._documents[key]
        if second % document.lease.renewal_interval_s:
            return []
        if self._renew(peer, key, None) == "200":
            return []
        self._cluster.register(peer, document)
        return [f"{key[0]}/{key[1]} is not found at {peer.name} and registers there"]

    def _open_circuits(self) -> set[str]:
        links = self._cluster.links(None, None)
        return {f"{peer.name} -> {other.name}" for peer, other, outbox in links if outbox.is_open}

    def _evict(self, peer: Peer) -> list[str]:
        gone = peer.registry.evict(self._cluster.now_ms, in_order)
        return [f"{peer.name} evicts {left.app}/{left.id}" for left in gone]

    def _why_nothing(self, source: str | None, target: str | None) -> list[str]:
        told = []
        for peer, other, outbox in self._cluster.links(source, target):
            wait_ms = outbox.wait_ms(self._cluster.now_ms)
            if wait_ms:
                told.append(f"{peer.name} -> {other.name}  tries again in {span(wait_ms)}")
        return told or ["nothing to deliver"]


def _keys(names: str) -> list[Key]:
    """`APP/a` is one lease; `APP/1..3` is three; `A/1,B/2` is two."""
    keys = []
    for name in names.split(","):
        app, _, instance_id = name.partition("/")
        first, dots, last = instance_id.partition("..")
        ids = map(str, range(int(first), int(last) + 1)) if dots else [instance_id]
        keys += [(app, each) for each in ids]
    return keys


def _span_ms(length: str) -> int:
    match = _SPAN.fullmatch(length)
    if match is None:
        message = f"not a length of time: {length}"
        raise ValueError(message)
    return int(match[1]) * _UNITS[match[2]]


def _rules(options: dict[str, str]) -> Rules:
    java = options.get("judge") == "java"
    return Rules(
        preservation=Preservation(
            enabled=options.get("preservation") != "off",
            floor=int(options.get("floor", "3")),
        ),
        java_interval_s=30.0 if java else None,
        lease_expiry_java=options.get("leases") == "java",
        sticky_out_of_service=options.get("sticky") == "yes",
    )


def _document(key: Key, options: dict[str, str], before: Instance | None) -> Instance:
    """The client's document: what it was before, with the options changed."""
    app, instance_id = key
    plain = before or Instance(
        instance_id=instance_id,
        host_name=instance_id,
        app=app,
        ip_addr="10.0.0.1",
        data_center=DataCenter("MyOwn"),
        last_dirty_ms=1_000,
    )
    lease = LeaseInfo(
        int(options.get("interval", plain.lease.renewal_interval_s)),
        int(options.get("duration", plain.lease.duration_s)),
    )
    extra = {name: value for name, value in options.items() if name not in _KNOWN}
    return msgspec.structs.replace(
        plain,
        status=Status(options.get("status", plain.status)),
        overridden_status=Status(options.get("override", plain.overridden_status)),
        last_dirty_ms=int(options.get("dirty", plain.last_dirty_ms)),
        vip_address=options.get("vip", plain.vip_address),
        lease=lease,
        metadata=plain.metadata | extra,
    )


def _lease_lines(client: Client) -> list[str]:
    held = [
        f"{name}/{instance.id} {instance.status}"
        + "".join(f" {key}={value}" for key, value in instance.metadata.items())
        for name, instances in sorted(client.copy.items())
        for instance in sorted(instances.values(), key=lambda each: each.id)
    ]
    return [f"knows {', '.join(held)}" if held else "knows nobody"]
