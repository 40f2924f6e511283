"""All peers together: sends every change to each of them; peers may come and go."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import Final

import aiohttp
import msgspec

from eureka_registry.core.model import PeerAction
from eureka_registry.core.outbox import Key, Outbox, Task
from eureka_registry.core.registry import Registry
from eureka_registry.peers.client import Limits, Node, PeerClient
from eureka_registry.peers.discovery import Peer, PeerList
from eureka_registry.peers.exchange import ReplyOutcome, encode, renewal, take_reply
from eureka_registry.peers.identity import NodesSeen
from eureka_registry.peers.link import Link
from eureka_registry.peers.pause import pause
from eureka_registry.peers.rounds import Rounds
from eureka_registry.peers.sender import Hooks, Sender
from eureka_registry.wire.copies import Sight
from eureka_registry.wire.replication import Reply

_log = logging.getLogger(__name__)
_FLUSH_S: Final = 5.0
_ASK_SOON_S: Final = 1.0
_SELF_INTERVALS: Final = 5
"""How many comparisons with another peer there are to one look whether a URL is still our own."""


class Pace(msgspec.Struct, frozen=True):
    """How changes are replicated: see the settings of the same names."""

    batch_size: int
    queue_limit: int
    max_age_ms: int
    digest_interval_s: float
    limits: Limits
    most_instances: int
    """A peer's copy that holds more is none."""


class Mesh:
    """The links to all peers, kept by URL; needs a running `asyncio.TaskGroup` for its tasks."""

    def __init__(
        self,
        registry: Registry,
        node: Node,
        pace: Pace,
        session: aiohttp.ClientSession,
        now_ms: Callable[[], int],
    ) -> None:
        self.links: dict[str, Link] = {}
        self.generation = 0
        self.problem: str | None = None
        """Why the peer list cannot be read at present; the last good one holds."""
        self.own_name = ""
        """The name under which lists certainly mean this process; empty: its node id must tell."""
        self.started = False
        """Whether the start is over, after which what differs is taken over."""
        self.listed = asyncio.Event()
        self._registry = registry
        self.node = node
        self._pace = pace
        self._session = session
        self._now_ms = now_ms
        self._receivers: list[Sender] = []
        self._rounds = Rounds(self._tell_renewals)
        self._tasks: dict[str, list[asyncio.Task[None]]] = {}
        self._group: asyncio.TaskGroup | None = None

    def run_in(self, group: asyncio.TaskGroup) -> None:
        """Run the tasks for present and future peers in `group`."""
        self._group = group
        for link in self.links.values():
            self._start(link)

    def update(self, peers: PeerList) -> None:
        """Take over a new peer list: new peers get a link, those that left lose theirs."""
        wanted = {peer.url: peer for peer in peers.peers}
        self.generation = peers.generation
        for url in [url for url in self.links if url not in wanted]:
            self._drop(self.links.pop(url))
        for url, peer in wanted.items():
            known = self.links.get(url)
            link = self.links[url] = known or self._link(peer)
            link.peer = peer
            if peer.name == self.own_name:
                link.sender.mark_as_self()
            if known is None:
                shown = link.client.url
                _log.info("peer listed peer=%s url=%s state=%s", peer.name, shown, peer.state)
                self._start(link)
        self._choose_receivers()
        self.listed.set()

    def adopt(self, pace: Pace) -> None:
        """Take over other settings of replication."""
        self._pace = pace
        for link in self.links.values():
            link.client.set_limits(pace.limits)
            link.sender.outbox.set_limits(pace.batch_size, pace.queue_limit)

    def set_problem(self, problem: str | None) -> None:
        """Remember what is wrong with the peer list, `None` when it is right again.

        A start still waits for a list: without one there is no peer to copy from.
        """
        self.problem = problem
        if problem is not None:
            _log.warning("peer list not readable, the last good one stays reason=%s", problem)

    def other_links(self) -> Iterator[Link]:
        """Links to other peers; not to ourselves."""
        return (link for link in self.links.values() if link.counts)

    def publish(self, action: PeerAction, app: str, instance_id: str) -> None:
        """Tell every peer what a client did."""
        if not self._receivers:
            return
        if action is PeerAction.HEARTBEAT:
            self._rounds.add((app, instance_id))
            return
        max_age_ms = self._pace.max_age_ms
        if action is PeerAction.REGISTER:
            lease = self._registry.lease(app, instance_id)
            if lease is not None:
                max_age_ms = lease.interval_ms
        for sender in self._receivers:
            sender.add(action, app, instance_id, max_age_ms)

    def sees(self, now_ms: int) -> dict[str, Sight]:
        """How we see every other peer, by name."""
        return {link.name: link.sight(now_ms) for link in self.other_links()}

    def hear_stop(self, node: str | None) -> None:
        """Note that the process with that node id was told to stop."""
        for link in self.links.values():
            if node is not None and link.node == node:
                link.sender.peer_stops = True

    async def flush(self, timeout_s: float) -> bool:
        """Send what waits, for a clean stop; returns whether everything was sent."""
        self._rounds.hand_out()
        flushed = await asyncio.gather(
            *(link.sender.flush(timeout_s) for link in self.other_links())
        )
        return all(flushed)

    def stop(self) -> None:
        """End all tasks; nothing is sent any more."""
        for tasks in self._tasks.values():
            for task in tasks:
                task.cancel()

    # -- How

    def _tell_renewals(self, renewed: Iterable[Key]) -> None:
        """Queue renewals for every peer; the tasks are the same for all."""
        now_ms = self._now_ms()
        tasks = {}
        for key in renewed:
            lease = self._registry.lease(*key)
            if lease is not None:
                late_ms = now_ms + lease.interval_ms
                tasks[key] = Task(PeerAction.HEARTBEAT, *key, now_ms, late_ms, lease)
        for sender in self._receivers:
            sender.add_renewals(tasks)

    def _choose_receivers(self) -> None:
        """Keep a list of the peers that get changes, as there are many renewals."""
        self._receivers = [link.sender for link in self.links.values() if link.peer.takes_changes]

    def _link(self, peer: Peer, seen: NodesSeen | None = None) -> Link:
        client = PeerClient(self._session, peer.url, self.node, self._pace.limits, seen)

        def on_reply(task: Task, reply: Reply) -> None:
            self._on_reply(sender, task, reply)

        hooks = Hooks(
            encode=partial(encode, self._registry),
            renewal=partial(renewal, self._registry),
            on_reply=on_reply,
        )
        outbox = Outbox(self._pace.batch_size, self._pace.queue_limit)
        sender = Sender(client, outbox, hooks, self._now_ms)
        return Link(peer, client, sender, self._registry, self._pace.most_instances)

    def _on_reply(self, sender: Sender, task: Task, reply: Reply) -> None:
        if take_reply(self._registry, task, reply, self._now_ms()) is ReplyOutcome.MUST_REGISTER:
            sender.add(PeerAction.REGISTER, task.app, task.id, self._pace.max_age_ms)

    def _start(self, link: Link) -> None:
        if self._group is None:
            return
        self._tasks[link.peer.url] = [
            self._group.create_task(link.sender.run(), name=f"send to {link.client.url}"),
            self._group.create_task(self._compare(link), name=f"compare with {link.client.url}"),
        ]

    async def _compare(self, link: Link) -> None:
        while not link.sender.is_self:
            await link.compare(self._now_ms(), repair=self.started)
            self._recognise()
            await pause(lambda: self._until_next_comparison_s(link))
        if link.peer.name != self.own_name:
            await self._begin_anew_with_another(link)

    def _until_next_comparison_s(self, link: Link) -> float:
        interval_s = self._pace.digest_interval_s
        return interval_s if link.why_silent is None else min(interval_s, _ASK_SOON_S)

    async def _begin_anew_with_another(self, link: Link) -> None:
        """Wait until a URL that led to ourselves leads elsewhere: names and addresses can move."""
        own = True
        while own:
            await pause(lambda: _SELF_INTERVALS * self._pace.digest_interval_s)
            own = await link.leads_here()
        _log.info("peer is no longer this process peer=%s", link.client.url)
        self._end_tasks(link.peer.url)
        self.links[link.peer.url] = other = self._link(link.peer, link.client.seen)
        self._choose_receivers()
        self._start(other)

    def _recognise(self) -> None:
        """Give each peer a name of its own, and notice two URLs with one node id.

        Both get changes: a false claim of another's id must not cut that one off, and receiving a
        change twice does no harm (docs/decisions/0017-a-node-id-is-a-claim.md).
        """
        listed = Counter(link.peer.name for link in self.links.values())
        given: set[str] = set()
        nodes: dict[str, str] = {}
        for link in self.links.values():
            claimed = link.digest.name if link.digest is not None else link.peer.name
            others = listed[claimed] - (claimed == link.peer.name)
            link.may_name_itself = not others and claimed not in given
            given.add(link.name)
            link.alias_of = nodes.get(link.node) if link.node is not None else None
            if link.node is not None and link.is_heard:
                nodes.setdefault(link.node, link.name)

    def _drop(self, link: Link) -> None:
        _log.info("peer left the list peer=%s url=%s", link.name, link.client.url)
        self._end_tasks(link.peer.url)
        if self._group is not None and link.takes_changes:
            self._group.create_task(_flush(link))

    def _end_tasks(self, url: str) -> None:
        """Cancel the tasks of a URL, except the calling one."""
        for task in self._tasks.pop(url, []):
            if task is not asyncio.current_task():
                task.cancel()


async def _flush(link: Link) -> None:
    """Send the changes that still wait for a peer that leaves."""
    with suppress(TimeoutError):
        await link.sender.flush(_FLUSH_S)
