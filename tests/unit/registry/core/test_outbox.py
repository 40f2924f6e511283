"""What a peer is told, in which order and at which pace."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from eureka_registry.core.model import PeerAction
from eureka_registry.core.outbox import DropReason, Outbox, Task
from eureka_registry.core.pace import (
    LONGEST_PAUSE_MS,
    OPEN_AFTER,
    Congested,
    Delivered,
    Interrupted,
    Outcome,
    Refused,
    Unreachable,
)

REGISTER = PeerAction.REGISTER
HEARTBEAT = PeerAction.HEARTBEAT
CANCEL = PeerAction.CANCEL
SET = PeerAction.STATUS_UPDATE
CLEAR = PeerAction.DELETE_STATUS_OVERRIDE

AGE_MS = 30_000
REFUSED_CONNECTION = Unreachable("connection refused")


def outbox(batch_size: int = 250, limit: int = 10_000) -> Outbox:
    """An empty outbox."""
    return Outbox(batch_size, limit)


def add(
    box: Outbox, *actions: PeerAction, name: str = "a", at: int = 0, age_ms: int = AGE_MS
) -> None:
    """Queue changes of one instance."""
    for action in actions:
        box.add(action, "APP", name, at, age_ms)


def actions(tasks: list[Task]) -> list[PeerAction]:
    """What the tasks say, in order."""
    return [task.action for task in tasks]


def names(tasks: list[Task]) -> list[str]:
    """Of whom the tasks speak, in order."""
    return [task.id for task in tasks]


def fail(box: Outbox, outcome: Outcome, times: int, at: int = 0) -> int:
    """Let the next batches fail, each as soon as it may leave; the moment of the last failure."""
    for _ in range(times):
        add(box, REGISTER, name="probe", at=at, age_ms=10 * AGE_MS)
        at += box.wait_ms(at) or 0
        assert box.take(at)
        box.settle(outcome, at)
    return at


def test_first_change_leaves_at_once() -> None:
    """Waiting for a batch to fill is what makes the Java server half a second late."""
    box = outbox()
    add(box, REGISTER)

    assert box.wait_ms(0) == 0
    assert box.take(0) == [Task(REGISTER, "APP", "a", 0, AGE_MS)]


def test_changes_gather_while_a_batch_is_under_way() -> None:
    """One batch at a time is what keeps an instance's changes in order."""
    box = outbox()
    add(box, REGISTER)
    box.take(0)
    add(box, CANCEL, at=5)

    assert box.take(5) == []
    assert box.wait_ms(5) is None
    box.settle(Delivered(), 9)
    assert actions(box.take(9)) == [CANCEL]


def test_batches_are_no_larger_than_allowed_and_keep_the_order() -> None:
    """A Java peer is never sent more than 250 items at once."""
    box = outbox(batch_size=2)
    add(box, CANCEL, REGISTER, SET, name="a")
    add(box, HEARTBEAT, name="b")

    first = box.take(0)
    box.settle(Delivered(), 0)
    second = box.take(0)

    assert actions(first) == [CANCEL, REGISTER]
    assert [(task.id, task.action) for task in second] == [("a", SET), ("b", HEARTBEAT)]


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        ([HEARTBEAT, HEARTBEAT], [HEARTBEAT]),
        ([REGISTER, HEARTBEAT], [REGISTER]),
        ([HEARTBEAT, REGISTER], [REGISTER]),
        ([REGISTER, REGISTER], [REGISTER]),
        ([REGISTER, HEARTBEAT, SET, CANCEL], [CANCEL]),
        ([CANCEL, REGISTER], [CANCEL, REGISTER]),
        ([CANCEL, REGISTER, CANCEL, REGISTER], [CANCEL, REGISTER]),
        ([SET, CLEAR], [CLEAR]),
        ([CLEAR, SET], [SET]),
        ([SET, REGISTER, CLEAR], [REGISTER, CLEAR]),
        ([REGISTER, SET, REGISTER], [REGISTER, SET]),
        ([SET, REGISTER], [SET, REGISTER]),
        ([HEARTBEAT, SET, HEARTBEAT], [SET, HEARTBEAT]),
        ([CANCEL, REGISTER, SET], [CANCEL, REGISTER, SET]),
    ],
)
def test_one_instances_changes_are_merged(
    changes: list[PeerAction], left: list[PeerAction]
) -> None:
    """Contents are read when they are sent, so most of what waits would say the same twice."""
    box = outbox()
    add(box, *changes)

    assert box.backlog == len(left)
    assert actions(box.take(0)) == left


def test_instances_are_told_apart_by_application_and_id() -> None:
    """Two applications may use the same instance id."""
    box = outbox()
    box.add(HEARTBEAT, "ONE", "same", 0, AGE_MS)
    box.add(CANCEL, "TWO", "same", 0, AGE_MS)

    assert [(task.app, task.action) for task in box.take(0)] == [
        ("TWO", CANCEL),
        ("ONE", HEARTBEAT),
    ]


def test_renewal_keeps_a_pending_registration_alive() -> None:
    """It was not queued because the registration stands for it, so that must not expire first."""
    box = outbox()
    add(box, REGISTER, at=0)
    add(box, HEARTBEAT, at=20_000)

    assert actions(box.take(40_000)) == [REGISTER]


def test_failed_batch_goes_back_to_the_front() -> None:
    """What is oldest is what the peer has been without for longest."""
    box = outbox()
    add(box, REGISTER, name="a")
    add(box, REGISTER, name="b")
    box.take(0)
    add(box, REGISTER, name="c", at=1)
    box.settle(REFUSED_CONNECTION, 2)

    assert names(box.take(102)) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("sent", "newer", "left"),
    [
        ([HEARTBEAT], [HEARTBEAT], [HEARTBEAT]),
        ([HEARTBEAT], [REGISTER], [REGISTER]),
        ([REGISTER], [HEARTBEAT], [REGISTER]),
        ([REGISTER, SET], [CANCEL], [CANCEL]),
        ([CANCEL], [REGISTER], [CANCEL, REGISTER]),
        ([REGISTER, SET], [CLEAR], [REGISTER, CLEAR]),
        ([SET], [CLEAR, REGISTER], [CLEAR, REGISTER]),
    ],
)
def test_failed_batch_is_merged_with_what_came_meanwhile(
    sent: list[PeerAction], newer: list[PeerAction], left: list[PeerAction]
) -> None:
    """A retry must not bring back what something newer has replaced."""
    box = outbox()
    add(box, *sent)
    box.take(0)
    add(box, *newer, at=1)
    box.settle(REFUSED_CONNECTION, 2)

    assert box.backlog == len(left)
    assert actions(box.take(102)) == left


def test_expired_change_is_dropped_and_counted() -> None:
    """After a renewal interval the next renewal tells the same, and better."""
    box = outbox()
    add(box, HEARTBEAT, name="old", age_ms=1_000)
    add(box, CANCEL, name="long", age_ms=5_000)

    assert names(box.take(1_000)) == ["long"]
    assert box.dropped[DropReason.EXPIRED] == 1
    assert box.backlog == 0


def test_failed_change_that_expired_meanwhile_does_not_come_back() -> None:
    """Otherwise a slow peer would be sent ever older news."""
    box = outbox()
    add(box, HEARTBEAT, age_ms=1_000)
    box.take(0)
    box.settle(Congested("answered 503"), 1_000)

    assert box.backlog == 0
    assert box.dropped[DropReason.EXPIRED] == 1


def test_beyond_the_limit_the_oldest_is_dropped() -> None:
    """The newest changes are the ones nothing else repairs soon."""
    box = outbox(limit=2)
    for name in "abc":
        add(box, REGISTER, name=name)

    assert names(box.take(0)) == ["b", "c"]
    assert box.dropped[DropReason.OVERFLOW] == 1


def test_limit_counts_every_task_of_an_instance() -> None:
    """Three tasks of one instance take as much room as three instances."""
    box = outbox(limit=2)
    add(box, CANCEL, REGISTER, SET)

    assert actions(box.take(0)) == [REGISTER, SET]


def test_renewals_beyond_the_limit_are_dropped_the_oldest_first() -> None:
    """Changes stay: the next renewal brings what was lost, and nothing brings a Cancel."""
    box = outbox(limit=3)
    add(box, CANCEL, name="gone")
    for number in range(4):
        add(box, HEARTBEAT, name=f"n{number}")

    assert box.backlog == 3
    assert box.dropped[DropReason.OVERFLOW] == 2
    assert names(box.take(0)) == ["gone", "n2", "n3"]


def test_a_fifth_of_a_batch_is_for_renewals_that_wait() -> None:
    """A registry that copies for minutes must not let the leases of all others end."""
    box = outbox(batch_size=20)
    for number in range(30):
        add(box, REGISTER, name=f"new{number}")
    alone = names(box.take(0))
    box.settle(Interrupted(), 0)
    for number in range(5):
        add(box, HEARTBEAT, name=f"old{number}")
    shared = names(box.take(0))
    box.settle(Interrupted(), 0)
    on_top = names(box.take(0, renewals=4))

    new = [f"new{number}" for number in range(20)]
    assert alone == new
    assert shared == [*new[:16], "old0", "old1", "old2", "old3"]
    assert on_top == [*new, "old0", "old1", "old2", "old3"]
    assert box.renewals_taken == 4


def test_batch_ends_in_the_middle_of_an_instances_changes() -> None:
    """The rest of them is the beginning of the next one."""
    box = outbox(batch_size=3)
    for name in ("a", "b"):
        add(box, CANCEL, REGISTER, name=name)
    first = box.take(0)
    box.settle(Delivered(), 0)

    assert [(task.id, task.action) for task in first] == [
        ("a", CANCEL),
        ("a", REGISTER),
        ("b", CANCEL),
    ]
    assert actions(box.take(0)) == [REGISTER]


def test_renewal_that_comes_back_lives_as_long_as_a_newer_one() -> None:
    """And tells since when the peer is behind."""
    box = outbox()
    add(box, HEARTBEAT)
    box.take(0)
    add(box, HEARTBEAT, at=10_000)
    box.settle(Interrupted(), 10_000)

    assert box.lag_ms(10_000) == 10_000
    assert box.take(AGE_MS) == [Task(HEARTBEAT, "APP", "a", 0, 10_000 + AGE_MS)]


def test_limit_holds_when_a_batch_comes_back() -> None:
    """A peer that fails must not make the queue grow beyond its bound."""
    box = outbox(limit=2)
    add(box, REGISTER, name="a")
    box.take(0)
    add(box, REGISTER, name="b")
    add(box, REGISTER, name="c")
    box.settle(REFUSED_CONNECTION, 0)

    assert names(box.take(100)) == ["b", "c"]


@pytest.mark.parametrize(
    ("outcome", "pauses_ms"),
    [
        (Congested("answered 503"), [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]),
        (REFUSED_CONNECTION, [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000]),
        (Refused(401), [100, 200, 400, 800]),
    ],
)
def test_pause_doubles_with_every_failure_in_a_row(outcome: Outcome, pauses_ms: list[int]) -> None:
    """Constant retries are what turned overloaded Java peers into dead ones."""
    box, now_ms = outbox(), 0
    for pause_ms in pauses_ms:
        now_ms = fail(box, outcome, 1, at=now_ms)
        add(box, CANCEL, at=now_ms)

        assert box.wait_ms(now_ms) == pause_ms
        assert box.take(now_ms + pause_ms - 1) == []


def test_pause_is_longer_by_the_spread_given() -> None:
    """Peers that lost the same one should not all come back to it in one moment."""
    box = outbox()
    add(box, REGISTER)
    box.take(0)
    box.settle(Congested("answered 503"), 0, spread=0.5)

    assert box.wait_ms(0) == 1_500


def test_with_nothing_to_send_there_is_nothing_to_wait_for() -> None:
    """Also while a pause is on: what comes next is the next change."""
    box = outbox()
    before = box.wait_ms(0)
    add(box, REGISTER, age_ms=50)
    box.take(0)
    box.settle(REFUSED_CONNECTION, 60)

    assert before is None
    assert box.backlog == 0
    assert box.wait_ms(61) is None


def test_success_ends_the_pauses() -> None:
    """A peer that is back gets everything at once again."""
    box = outbox()
    now_ms = fail(box, REFUSED_CONNECTION, 3)
    box.take(now_ms + AGE_MS)
    box.settle(Delivered(), now_ms + AGE_MS)
    add(box, CANCEL, at=now_ms + AGE_MS)

    assert box.wait_ms(now_ms + AGE_MS) == 0
    assert box.reason(now_ms + AGE_MS) is None
    assert box.failing_since_ms is None
    assert box.last_delivered_ms == now_ms + AGE_MS


def test_peer_heard_from_is_tried_before_the_pause_is_over() -> None:
    """It stays failing until a batch arrives, but nothing is gained by waiting any longer."""
    box = outbox()
    now_ms = fail(box, REFUSED_CONNECTION, OPEN_AFTER)
    box.retry_now()

    assert box.wait_ms(now_ms) == 0
    assert box.is_open
    assert box.take(now_ms)


def test_peer_heard_from_is_available_when_nothing_can_be_tried() -> None:
    """In a quiet registry it would else be called unavailable until the next renewal."""
    box = outbox()
    now_ms = fail(box, REFUSED_CONNECTION, OPEN_AFTER)
    assert box.take(now_ms + 20 * AGE_MS) == []  # it waited for too long
    assert box.reason(now_ms + AGE_MS) is not None
    box.retry_now()

    assert box.reason(now_ms + AGE_MS) is None
    assert not box.is_open


def test_peer_heard_from_is_not_available_before_its_batch_arrived() -> None:
    """Its answer says whether it is."""
    box = outbox()
    at = fail(box, REFUSED_CONNECTION, 1)
    at += box.wait_ms(at) or 0
    box.take(at)
    box.retry_now()

    assert box.failing_since_ms is not None


def test_peer_that_refuses_is_unavailable_whatever_else_it_answers() -> None:
    """It takes nothing: that it is there does not help."""
    box = outbox()
    now_ms = fail(box, Refused(401), 1)
    box.retry_now()

    assert box.backlog == 0
    assert box.reason(now_ms) is not None


def test_refused_batch_is_dropped_and_counted() -> None:
    """A Java peer answers 400 to the whole batch for one bad item; a retry changes nothing."""
    box = outbox()
    add(box, REGISTER, SET)
    box.take(0)
    box.settle(Refused(400), 0)

    assert box.backlog == 0
    assert box.dropped[DropReason.REFUSED] == 2


def test_interrupted_batch_comes_back_without_a_pause() -> None:
    """That we stopped says nothing about the peer."""
    box = outbox()
    add(box, REGISTER)
    box.take(0)
    box.settle(Interrupted(), 1)

    assert actions(box.take(1)) == [REGISTER]
    assert box.failing_since_ms is None


def test_open_circuit_keeps_no_renewals() -> None:
    """A dead peer must cost nothing, and nearly all changes are renewals."""
    box = outbox()
    now_ms = fail(box, REFUSED_CONNECTION, OPEN_AFTER)
    backlog = box.backlog
    for number in range(1_000):
        add(box, HEARTBEAT, name=str(number), at=now_ms)

    assert box.is_open
    assert box.backlog == backlog
    assert box.dropped[DropReason.CIRCUIT_OPEN] == 1_000


def test_opening_circuit_drops_pending_renewals() -> None:
    """Those that came before it opened are worth no more than those that come after."""
    box = outbox()
    now_ms = fail(box, REFUSED_CONNECTION, OPEN_AFTER - 1)
    add(box, HEARTBEAT, at=now_ms)
    add(box, HEARTBEAT, SET, name="b", at=now_ms)
    now_ms = fail(box, REFUSED_CONNECTION, 1, at=now_ms)

    assert box.backlog == 2  # the register that failed, and the override
    assert box.dropped[DropReason.CIRCUIT_OPEN] == 2


def test_open_circuit_keeps_what_no_renewal_repairs() -> None:
    """A Java peer learns of cancels and overrides in no other way."""
    box = outbox()
    now_ms = fail(box, REFUSED_CONNECTION, OPEN_AFTER)
    add(box, CANCEL, REGISTER, HEARTBEAT, SET, at=now_ms)
    probe_ms = now_ms + (box.wait_ms(now_ms) or 0)

    assert [task.action for task in box.take(probe_ms) if task.id == "a"] == [
        CANCEL,
        REGISTER,
        SET,
    ]


def test_renewal_tries_a_dead_peer_when_nothing_else_was_kept() -> None:
    """Otherwise a circuit that opened on renewals alone would never close."""
    box, now_ms = outbox(), 0
    for _ in range(OPEN_AFTER):
        add(box, HEARTBEAT, at=now_ms)
        box.take(now_ms)
        box.settle(REFUSED_CONNECTION, now_ms)
        now_ms += box.wait_ms(now_ms) or 30_000

    assert box.backlog == 0
    add(box, HEARTBEAT, name="b", at=now_ms)
    assert names(box.take(now_ms)) == ["b"]


def test_no_renewal_gathers_behind_a_probe() -> None:
    """A peer that hangs keeps the probe for seconds; renewals must not pile up behind it."""
    box = outbox()
    now_ms = fail(box, REFUSED_CONNECTION, OPEN_AFTER)
    now_ms += box.wait_ms(now_ms) or 0
    assert box.take(now_ms)
    add(box, HEARTBEAT, at=now_ms)

    assert box.backlog == 0


def test_delivered_probe_closes_the_circuit() -> None:
    """One success is enough: its answer says more than the failures before it."""
    box = outbox()
    now_ms = fail(box, REFUSED_CONNECTION, OPEN_AFTER)
    now_ms += box.wait_ms(now_ms) or 0
    box.take(now_ms)
    box.settle(Delivered(), now_ms)
    add(box, HEARTBEAT, at=now_ms)

    assert not box.is_open
    assert box.take(now_ms)


def test_failed_probe_keeps_the_circuit_open() -> None:
    """It opens after failures in a row, and this is one more."""
    box = outbox()
    now_ms = fail(box, REFUSED_CONNECTION, OPEN_AFTER + 1)
    add(box, HEARTBEAT, at=now_ms)

    assert box.is_open
    assert box.wait_ms(now_ms) == 100 << OPEN_AFTER


def test_retained_tasks_alone_come_back() -> None:
    """A task whose lease is gone by now must not be tried again."""
    box = outbox()
    add(box, REGISTER, name="gone")
    add(box, REGISTER, name="here")
    taken = box.take(0)
    box.retain(taken[1:])
    box.settle(REFUSED_CONNECTION, 0)

    assert names(box.take(100)) == ["here"]


def test_tasks_for_later_wait_in_front() -> None:
    """A batch that would be too large is sent in parts, in the same order."""
    box = outbox()
    for name in ("a", "b", "c"):
        add(box, REGISTER, name=name)
    first, *rest = box.take(0)
    add(box, REGISTER, name="d")
    box.retain([first], rest)
    box.settle(Delivered(), 1)

    assert names(box.take(1)) == ["b", "c", "d"]


def test_nothing_retained_leaves_the_peer_unjudged() -> None:
    """No batch was sent, so nothing may close the circuit or begin a pause."""
    box = outbox()
    add(box, REGISTER)
    box.take(0)
    box.retain([])
    add(box, REGISTER, name="b")

    assert box.in_flight == 0
    assert box.last_delivered_ms is None
    assert names(box.take(0)) == ["b"]


def test_lag_is_the_age_of_the_oldest_change_the_peer_lacks() -> None:
    """A newer renewal in place of an older one must not make a stalled peer look up to date."""
    box = outbox()

    assert box.lag_ms(5) == 0
    add(box, HEARTBEAT, at=10)
    add(box, HEARTBEAT, at=40)
    assert box.lag_ms(50) == 40
    box.take(50)
    add(box, HEARTBEAT, at=55)
    assert box.lag_ms(60) == 50
    box.settle(Delivered(), 60)
    assert box.lag_ms(60) == 5
    add(box, REGISTER, name="b", at=52)
    add(box, SET, name="b", at=58)
    assert box.lag_ms(60) == 8


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Unreachable("connection refused"), "connection refused"),
        (Congested("answered 503"), "answered 503"),
        (Refused(401), "refused with status 401"),
    ],
)
def test_reason_says_what_is_wrong(outcome: Outcome, words: str) -> None:
    """The Java server shows an unavailable replica and leaves its operator to guess."""
    box = outbox()
    add(box, REGISTER)
    box.take(0)
    box.settle(outcome, 0)
    add(box, CANCEL)

    assert (box.reason(50) or "").startswith(f"{words} for 1 s, next try in 1 s")


def test_reason_says_since_when_and_what_comes_next() -> None:
    """Who reads it wants to know whether waiting helps."""
    box = outbox()
    add(box, REGISTER, age_ms=10**9)
    box.take(1_000)
    box.settle(REFUSED_CONNECTION, 1_000)

    assert box.reason(13_000) == "connection refused for 12 s, trying now"
    assert box.reason(301_000) == "connection refused for 5 min, trying now"
    assert box.reason(7_201_000 + 3_600_000) == "connection refused for 3 h, trying now"
    box.take(13_000)
    assert box.reason(13_000) == "connection refused for 12 s, trying now"
    box.retain([])
    assert box.reason(13_000) == "connection refused for 12 s, next try with the next change"


def test_settling_nothing_is_the_callers_mistake() -> None:
    """An outcome without a batch would count as a failure or a success nobody saw."""
    with pytest.raises(ValueError, match="no batch is under way"):
        outbox().settle(Delivered(), 0)


@pytest.mark.parametrize(("batch_size", "limit"), [(0, 1), (1, 0)])
def test_sizes_below_one_are_the_callers_mistake(batch_size: int, limit: int) -> None:
    """An outbox that can send or keep nothing would lose everything in silence."""
    with pytest.raises(ValueError, match="at least 1"):
        outbox(batch_size, limit)


def test_one_is_enough_for_a_batch_and_for_what_waits() -> None:
    """A slow way of sending, and a right one."""
    box = outbox(1, 1)
    add(box, REGISTER, name="a")
    add(box, REGISTER, name="b")

    assert names(box.take(0)) == ["b"]
    assert box.dropped[DropReason.OVERFLOW] == 1


class Content(NamedTuple):
    """What a registry holds of an instance, and what a task carries when it is sent."""

    version: int
    override: str | None


Registry = dict[str, Content]


def apply(registry: Registry, action: PeerAction, name: str, content: Content | None) -> bool:
    """Do to a peer's registry what Eureka does; `False` stands for 404."""
    held = registry.get(name)
    if action is CANCEL:
        registry.pop(name, None)
    elif action is REGISTER and content:
        registry[name] = Content(content.version, (held and held.override) or content.override)
    elif held is None:
        return False
    elif action is SET and content:
        registry[name] = Content(held.version, content.override)
    elif action is CLEAR:
        registry[name] = Content(held.version, None)
    return True


NAMES = st.sampled_from("ab")  # few, so that much happens to each
FAILURES = st.sampled_from([REFUSED_CONNECTION, Congested("answered 503"), Interrupted()])


class PeerStory(RuleBasedStateMachine):
    """A registry, a peer told through an outbox, and a peer told every single change at once.

    Batches get lost before or after they took effect. In the end all three agree.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now_ms = 0
        self.version = 0
        self.box = Outbox(batch_size=2, limit=10_000)
        self.here: Registry = {}
        self.peer: Registry = {}
        self.told_everything: Registry = {}
        self.batch: list[tuple[Task, Content | None]] = []
        self.peer_forgot = False

    def tell(self, action: PeerAction, name: str) -> None:
        """Queue a change of ours for the one peer, and apply it to the other."""
        apply(self.told_everything, action, name, self.here.get(name))
        self.box.add(action, "APP", name, self.now_ms, 10**12)

    @rule(name=NAMES)
    def register(self, name: str) -> None:
        """A client registers, for the first time or again."""
        self.version += 1
        held = self.here.get(name)
        self.here[name] = Content(self.version, held.override if held else None)
        self.tell(REGISTER, name)

    @rule(name=NAMES)
    def renew(self, name: str) -> None:
        """A client renews; without a lease it is told 404 and no peer hears of it."""
        if name in self.here:
            self.tell(HEARTBEAT, name)

    @rule(name=NAMES)
    def cancel(self, name: str) -> None:
        """A client leaves."""
        if self.here.pop(name, None):
            self.tell(CANCEL, name)

    @rule(name=NAMES, override=st.sampled_from(["DOWN", "OUT_OF_SERVICE"]))
    def set_override(self, name: str, override: str) -> None:
        """An operator overrides a status."""
        if name in self.here:
            self.here[name] = Content(self.here[name].version, override)
            self.tell(SET, name)

    @rule(name=NAMES)
    def clear_override(self, name: str) -> None:
        """An operator takes an override back."""
        if name in self.here:
            self.here[name] = Content(self.here[name].version, None)
            self.tell(CLEAR, name)

    @rule(ms=st.integers(0, 40_000))
    def wait(self, ms: int) -> None:
        """Time passes."""
        self.now_ms += ms

    @precondition(lambda self: not self.batch)
    @rule()
    def send(self) -> None:
        """A batch leaves as soon as it may, with the contents of that moment."""
        self.now_ms += self.box.wait_ms(self.now_ms) or 0
        self.batch = [(task, self.here.get(task.id)) for task in self.box.take(self.now_ms)]
        assert len(self.batch) <= 2

    @precondition(lambda self: self.batch)
    @rule(outcome=FAILURES, took_effect=st.booleans())
    def lose(self, outcome: Outcome, *, took_effect: bool) -> None:
        """A batch or its answer is lost."""
        if took_effect:
            self.arrive()
        self.batch = []
        self.box.settle(outcome, self.now_ms)

    @precondition(lambda self: not self.batch)
    @rule()
    def be_unreachable(self) -> None:
        """The peer is gone for long enough to be taken for dead."""
        for _ in range(OPEN_AFTER):
            self.send()
            if self.batch:
                self.lose(REFUSED_CONNECTION, took_effect=False)

    @precondition(lambda self: self.batch)
    @rule()
    def deliver(self) -> None:
        """A batch is answered; renewals the peer has no lease for become registrations."""
        lost = self.arrive()
        self.batch = []
        self.box.settle(Delivered(), self.now_ms)
        for name in lost:
            if name in self.here:
                self.box.add(REGISTER, "APP", name, self.now_ms, 10**12)

    def arrive(self) -> list[str]:
        """Apply the batch; whose renewal was answered 404."""
        found = [apply(self.peer, task.action, task.id, content) for task, content in self.batch]
        return [
            task.id
            for (task, _), ok in zip(self.batch, found, strict=True)
            if task.action is HEARTBEAT and not ok
        ]

    @rule()
    def restart_peer(self) -> None:
        """The peer loses all it had."""
        self.peer.clear()
        self.peer_forgot = True

    @invariant()
    def figures_agree(self) -> None:
        """Figures and queue are kept apart for speed, so they could drift apart."""
        pending = [*self.box._changes.values(), *((t,) for t in self.box._renewals.values())]
        assert self.box.backlog == sum(map(len, pending))
        assert self.box.in_flight == len(self.batch)
        assert all(1 <= len(tasks) <= 3 for tasks in pending)
        since = [task.queued_at_ms for tasks in pending for task in tasks]
        since += [task.queued_at_ms for task, _ in self.batch]
        assert self.box.lag_ms(self.now_ms) == self.now_ms - min(since, default=self.now_ms)

    def teardown(self) -> None:
        """Let everything arrive: all agree, though the peer saw only a part of the changes."""
        self.drain()
        if self.peer_forgot:  # the next renewals repair it, once the circuit lets them through
            self.now_ms += LONGEST_PAUSE_MS
            for name in self.here:
                self.tell(HEARTBEAT, name)
            self.drain()
        assert self.peer == self.here
        assert self.told_everything == self.here

    def drain(self) -> None:
        """Deliver until nothing waits."""
        while self.batch or self.box.backlog:
            if self.batch:
                self.deliver()
            self.send()


TestPeerStory = PeerStory.TestCase
TestPeerStory.settings = settings(max_examples=300, stateful_step_count=60)


def test_bounds_may_change_while_changes_wait() -> None:
    """A smaller limit drops the oldest at once, a smaller batch is the next one."""
    box = outbox()
    for number in range(5):
        add(box, REGISTER, name=f"n{number}")

    box.set_limits(2, 3)

    assert (box.backlog, box.dropped[DropReason.OVERFLOW]) == (3, 2)
    assert names(box.take(0)) == ["n2", "n3"]
    with pytest.raises(ValueError, match="at least 1"):
        box.set_limits(0, 1)
