"""The registry against a naive model of it, through whatever may happen in whatever order.

The model is a dictionary of plain values and the rules of `docs/protocol/leases.md` in their
plainest form: it counts anew what the registry keeps counted, and knows no indices or versions.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import reduce
from operator import xor

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from eureka_registry.core.application import hashcode
from eureka_registry.core.delta import sorted_changes
from eureka_registry.core.lease import content, content_digest
from eureka_registry.core.model import Instance, Origin, Status
from eureka_registry.core.registry import Registry, Renewal, Rules
from eureka_registry.core.selfpreservation import Preservation
from support.instances import changed, in_order, instance, registry

RETENTION_MS = 180_000
SERVING = (Status.UP, Status.OUT_OF_SERVICE)

apps = st.sampled_from(["ONE", "TWO"])
names = st.sampled_from(["a", "b"])
statuses = st.sampled_from(Status)
moments = st.integers(min_value=1, max_value=5)
addresses = st.sampled_from([None, "x", "y", "x,y", "y,x", "x,x", "a,b,c"])
origins = st.sampled_from(Origin)

Key = tuple[str, str]
Client = dict[Key, tuple[Status, str | None, tuple[tuple[str, str], ...]]]
"""What a polling client knows of each instance."""


@dataclass
class ModelInstance:
    """One instance as the model sees it."""

    own: Status
    """What the client's document says, or a decision of the server since."""
    dirty: int
    ends_at_ms: int
    duration_ms: int
    vip: str | None
    override: Status | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    changed_ms: int = 0
    must_register: bool = False
    asked_about: Status | None = None

    @property
    def status(self) -> Status:
        """What is shown."""
        return self.own


def shown_by(document: Instance) -> tuple[Status, str | None, tuple[tuple[str, str], ...]]:
    """What a client sees of one document."""
    return document.status, document.vip_address, tuple(sorted(document.metadata.items()))


def full_copy(held: Registry) -> Client:
    """What a client has after a full fetch."""
    return {
        (lease.instance.app, lease.instance.id): shown_by(lease.instance) for lease in held.leases()
    }


def client_hash(client: Client) -> str:
    """The hash as the client computes it of its own copy."""
    return hashcode(Counter(status for status, _, _ in client.values()).items())


class RegistryMachine(RuleBasedStateMachine):
    """Drives both, and compares them after each step."""

    @initialize(preservation=st.booleans())
    def begin(self, *, preservation: bool) -> None:
        """An empty registry, with self-preservation or without."""
        self.now_ms = 1_000
        rules = Rules(
            preservation=Preservation(enabled=preservation, floor=2),
            delta_retention_ms=RETENTION_MS,
        )
        self.registry = registry(rules, self.now_ms)
        self.model: dict[Key, ModelInstance] = {}
        self.client: Client = {}
        self.fetched_at_ms = self.now_ms
        self.seen = self.versions()

    def snapshot(self) -> dict[Key, Instance]:
        """Every document that clients see."""
        return {(x.instance.app, x.instance.id): x.instance for x in self.registry.leases()}

    def versions(self) -> tuple[int, dict[str, tuple[int, list[int]]]]:
        """The version of everything and of each application, with the identities of documents."""
        documents = self.snapshot()  # kept, or an identity could be given to another one
        self.kept = (*getattr(self, "kept", ())[-1:], documents)
        return self.registry.version, {
            name: (application.version, [id(each) for each in application.instances()])
            for name, application in self.registry.applications.items()
        }

    # -- What happens

    @rule(
        app=apps,
        name=names,
        status=statuses,
        override=st.sampled_from([Status.UNKNOWN] * 3 + [Status.UP, Status.OUT_OF_SERVICE]),
        dirty=moments,
        vip=addresses,
        origin=origins,
        duration_s=st.sampled_from([15, 90]),
        changed_ms=st.integers(min_value=1, max_value=200_000),
    )
    def register(  # noqa: PLR0913 - what a document may differ in
        self,
        *,
        app: str,
        name: str,
        status: Status,
        override: Status,
        dirty: int,
        vip: str | None,
        origin: Origin,
        duration_s: int,
        changed_ms: int,
    ) -> None:
        """A client or a peer registers."""
        document = instance(
            name,
            app,
            status=status,
            overridden_status=override,
            last_dirty_ms=dirty,
            vip_address=vip,
            interval_s=5 if duration_s == 15 else 30,
            duration_s=duration_s,
            last_updated_ms=changed_ms,
        )
        self.registry.register(document, origin, self.now_ms)

        held = self.model.get((app, name))
        if held is None or self.is_taken(held, dirty, changed_ms, origin):
            new = ModelInstance(status, dirty, 0, 0, vip, held.override if held else None)
            new.dirty = max(dirty, held.dirty) if held else dirty
            new.changed_ms = self.now_ms
            if origin is Origin.PEER:
                new.changed_ms = changed_ms
            elif held is not None:
                new.changed_ms = max(self.now_ms, held.changed_ms + 1)
        else:
            new, override = held, Status.UNKNOWN
        if held is not None and held.asked_about != status:
            new.asked_about = held.asked_about
        new.must_register = held is not None and held.must_register and origin is Origin.PEER
        new.duration_ms = duration_s * 1000
        new.ends_at_ms = self.now_ms + new.duration_ms
        if new.override is None and override is not Status.UNKNOWN:
            new.override = override
        if new.own in SERVING and new.override is not None:
            new.own = new.override
        self.model[app, name] = new

    def is_taken(self, held: ModelInstance, dirty: int, changed_ms: int, origin: Origin) -> bool:
        """Whether a document takes the place of the one that is held."""
        if origin is Origin.CLIENT:
            return dirty >= held.dirty or held.must_register
        return (dirty, changed_ms) >= (held.dirty, held.changed_ms)

    @rule(
        app=apps, name=names, dirty=st.none() | moments, said=st.none() | statuses, origin=origins
    )
    def renew(
        self, app: str, name: str, dirty: int | None, said: Status | None, origin: Origin
    ) -> None:
        """A client or a peer renews."""
        renewal = self.registry.renew(app, name, self.now_ms, dirty, said, origin=origin)

        held = self.model.get((app, name))
        if held is None:
            assert renewal == Renewal(found=False, renewed=False)
            return
        if held.own is Status.UNKNOWN:
            assert renewal == Renewal(found=False, renewed=False)
            held.must_register |= origin is Origin.CLIENT
            return
        held.ends_at_ms = self.now_ms + held.duration_ms
        assert renewal.renewed
        found = dirty is None or dirty <= held.dirty
        if dirty in (None, held.dirty):
            found = not self.is_asked(held, said, origin)
        held.must_register |= not found and origin is Origin.CLIENT
        assert renewal.found is found
        assert (renewal.newer_here is not None) is (dirty is not None and dirty < held.dirty)

    def is_asked(self, held: ModelInstance, said: Status | None, origin: Origin) -> bool:
        """Whether a renewal that says another status is answered 404."""
        if said in (None, Status.UNKNOWN, held.own) or held.override is not None:
            return False
        if origin is Origin.PEER:
            return True
        before, held.asked_about = held.asked_about, said
        return before is not said or held.must_register

    @rule(app=apps, name=names)
    def cancel(self, app: str, name: str) -> None:
        """A client leaves."""
        assert self.registry.cancel(app, name, self.now_ms) is ((app, name) in self.model)
        self.model.pop((app, name), None)

    def findable(self, key: Key) -> ModelInstance | None:
        """Single look-ups do not find what is over and may expire."""
        held = self.model.get(key)
        if held is None or self.now_ms <= held.ends_at_ms:
            return held
        over_ms = self.now_ms - held.ends_at_ms
        kept = self.registry.recent_verdict(self.now_ms).keeps(key[0], over_ms)
        return held if kept else None

    @rule(app=apps, name=names, status=statuses, dirty=st.none() | moments)
    def set_status(self, app: str, name: str, status: Status, dirty: int | None) -> None:
        """An operator overrides."""
        held = self.findable((app, name))
        done = self.registry.set_status(app, name, status, self.now_ms, dirty)

        assert done is (held is not None)
        if held is None:
            return
        held.ends_at_ms = self.now_ms + held.duration_ms
        if held.own is not status:
            held.own = held.override = status
            held.changed_ms = max(self.now_ms, held.changed_ms + 1)

    @rule(app=apps, name=names, status=statuses, dirty=st.none() | moments)
    def clear_status(self, app: str, name: str, status: Status, dirty: int | None) -> None:
        """An operator takes an override back."""
        held = self.findable((app, name))
        done = self.registry.clear_status(app, name, status, self.now_ms, dirty)

        assert done is (held is not None)
        if held is None:
            return
        held.ends_at_ms = self.now_ms + held.duration_ms
        if held.override is not None:
            held.own, held.override = status, None
            held.changed_ms = max(self.now_ms, held.changed_ms + 1)

    @rule(app=apps, name=names, status=statuses)
    def adopt(self, app: str, name: str, status: Status) -> None:
        """A peer's renewal brings an override."""
        self.registry.adopt_override(app, name, status, self.now_ms)

        held = self.model.get((app, name))
        if held is None or status is Status.UNKNOWN:
            return
        if held.override is not status:
            held.override = status
            held.own = status if held.own in SERVING else held.own

    @rule(app=apps, name=names, key=names, value=names)
    def metadata(self, app: str, name: str, key: str, value: str) -> None:
        """Somebody adds metadata."""
        held = self.findable((app, name))
        done = self.registry.update_metadata(app, name, {key: value}, self.now_ms)

        assert (done is not None) is (held is not None)
        if held is None:
            return
        held.metadata = held.metadata | {key: value}
        held.changed_ms = max(self.now_ms, held.changed_ms + 1)
        held.must_register = False
        if held.asked_about is held.own:
            held.asked_about = None
        held.ends_at_ms = self.now_ms + held.duration_ms
        if held.own in SERVING and held.override is not None:
            held.own = held.override

    @rule(seconds=st.sampled_from([0, 1, 15, 30, 31, 60, 90, 91, 120]))
    def wait(self, seconds: int) -> None:
        """Time passes."""
        self.now_ms += seconds * 1000
        self.registry.tick(self.now_ms)

    @rule()
    def evict(self) -> None:
        """The registry looks for expired leases."""
        verdict = self.registry.verdict(self.now_ms)
        before = len(self.model)
        left = [(gone.app, gone.id) for gone in self.registry.evict(self.now_ms, in_order)]

        over = {key: self.now_ms - held.ends_at_ms for key, held in self.model.items()}
        ended = {key: over_ms for key, over_ms in over.items() if over_ms > 0}
        may_go = {key for key, over_ms in ended.items() if not verdict.keeps(key[0], over_ms)}
        assert set(left) <= may_go
        assert len(left) <= before - int(before * 0.85)
        for key in left:
            del self.model[key]

    @rule()
    def fetch(self) -> None:
        """A client fetches everything."""
        self.client = full_copy(self.registry)
        self.fetched_at_ms = self.now_ms

    @precondition(lambda self: self.now_ms - self.fetched_at_ms <= RETENTION_MS)
    @rule()
    def poll(self) -> None:
        """A client that is not too late applies the delta: then it has what a full fetch gives."""
        for application in self.registry.delta.applications.values():
            for change in sorted_changes([application]):
                key = (change.instance.app, change.instance.id)
                if change.departed:
                    self.client.pop(key, None)
                else:
                    self.client[key] = shown_by(change.instance)

        assert self.client == full_copy(self.registry)
        assert client_hash(self.client) == self.registry.hashcode()
        self.fetched_at_ms = self.now_ms

    # -- What is always so

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        """Every rule led to the same status, override, timestamp and end."""
        shown = {
            key: (
                document.status,
                document.overridden_status,
                document.last_dirty_ms,
                document.last_updated_ms,
            )
            for key, document in self.snapshot().items()
        }
        assert shown == {
            key: (held.status, held.override or Status.UNKNOWN, held.dirty, held.changed_ms)
            for key, held in self.model.items()
        }
        assert {
            (lease.instance.app, lease.instance.id): lease.ends_at_ms(java=False)
            for lease in self.registry.leases()
        } == {key: held.ends_at_ms for key, held in self.model.items()}

    @invariant()
    def counts_what_it_holds(self) -> None:
        """Counters are kept, never recounted; they must not drift."""
        documents = self.snapshot().values()
        assert +self.registry.counts == Counter(document.status for document in documents)
        assert self.registry.size == len(documents)
        assert self.registry.bytes == sum(len(content(document)) for document in documents)
        assert self.registry.bytes == sum(a.bytes for a in self.registry.applications.values())
        assert all(application.leases for application in self.registry.applications.values())

    @invariant()
    def finds_by_address_what_it_holds(self) -> None:
        """The index is what walking through all documents gives."""
        expected: dict[str, set[Key]] = {}
        for key, document in self.snapshot().items():
            for name in (document.vip_address or "").split(","):
                if name:
                    expected.setdefault(name, set()).add(key)
        plain = self.registry.vips.plain
        assert {name: set(group.members) for name, group in plain.items()} == expected
        for group in plain.values():
            for (app, name), document in group.members.items():
                lease = self.registry.lease(app, name)
                assert lease is not None
                assert document is lease.instance

    @invariant()
    def finds_by_id_what_it_holds(self) -> None:
        """In every application that holds the id, and in no other."""
        held = self.snapshot()
        for name in ("a", "b"):
            expected = {app for app, instance_id in held if instance_id == name}
            assert set(self.registry.ids.applications(name)) == expected

    @invariant()
    def sums_up_what_it_holds(self) -> None:
        """A digest is that of the documents, whatever happened before."""
        for application in self.registry.applications.values():
            assert application.digest == reduce(xor, map(content_digest, application.instances()))

    @invariant()
    def tells_every_visible_change_by_its_version(self) -> None:
        """And never goes back."""
        before, self.seen = self.seen, self.versions()
        version, applications = self.seen
        assert version >= before[0]
        assert (version == before[0]) is (applications == before[1])
        for name, (its_version, documents) in applications.items():
            if name in before[1]:
                assert (its_version == before[1][name][0]) is (documents == before[1][name][1])

    @invariant()
    def agrees_with_a_peer_that_holds_the_same(self) -> None:
        """A peer that took everything over in another order, at another time, has its digests."""
        twin = registry(Rules(), 0)
        for document in reversed(self.snapshot().values()):
            twin.copy(changed(document, last_updated_ms=1), 7)
        mine = {name: each.digest for name, each in self.registry.applications.items()}
        assert {name: each.digest for name, each in twin.applications.items()} == mine

    @invariant()
    def shows_departures_last(self) -> None:
        """And each instance once, with its present document."""
        for name, application in self.registry.delta.applications.items():
            changes = sorted_changes([application])
            departed = [change.departed for change in changes]
            assert departed == sorted(departed)
            assert len({change.instance.id for change in changes}) == len(changes)
            for change in changes:
                lease = self.registry.lease(name, change.instance.id)
                assert (lease is None) is change.departed
                assert lease is None or lease.instance is change.instance


TestRegistryMachine = RegistryMachine.TestCase
TestRegistryMachine.settings = settings(
    max_examples=400, stateful_step_count=50, deadline=None, derandomize=True
)
