"""What we hold of another region: what counts as a change, and whose instance is shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eureka_registry.core.application import hashcode
from eureka_registry.core.delta import MIN_DEPARTURES, sorted_changes
from eureka_registry.core.limits import MOST_OF_ONE_ID
from eureka_registry.core.mirror import Mirror
from eureka_registry.core.model import (
    ActionType,
    DataCenter,
    Instance,
    LeaseInfo,
    Origin,
    Status,
)
from eureka_registry.core.registry import Registry, Rules

NOW_MS = 1_700_000_000_000
RETENTION_MS = 180_000


def instance(instance_id: str = "i1", app: str = "FOO", /, **fields: object) -> Instance:
    """An instance of another region."""
    plain = Instance(
        instance_id=instance_id,
        host_name="h",
        app=app,
        ip_addr="10.0.0.1",
        data_center=DataCenter("MyOwn"),
        vip_address=app.lower(),
        last_dirty_ms=NOW_MS,
    )
    return msgspec.structs.replace(plain, **fields)


def mirror_of(*instances: Instance, applications: Sequence[str] | None = None) -> Mirror:
    """A mirror that has fetched these."""
    mirror = Mirror(RETENTION_MS, applications)
    mirror.replace(instances, NOW_MS)
    return mirror


def visible(mirror: Mirror) -> dict[tuple[str, str], Instance]:
    """All that the mirror shows."""
    return {
        (name, each.id): each
        for name, application in mirror.applications.items()
        for each in application.instances()
    }


def departed(mirror: Mirror, app: str = "FOO") -> list[str]:
    """Ids that the mirror's delta says have left."""
    application = mirror.delta.applications.get(app)
    changes = sorted_changes([application]) if application else []
    return [change.instance.id for change in changes if change.departed]


def test_region_is_ready_once_it_was_fetched_even_if_it_is_empty() -> None:
    """An empty region is no reason to answer 403 for ever."""
    mirror = Mirror(RETENTION_MS)

    assert not mirror.ready
    mirror.replace([], NOW_MS)
    assert mirror.ready


def test_unchanged_instances_stay_the_same_objects_and_out_of_the_delta() -> None:
    """Encoded forms are kept by identity; what each peer stamps by itself is no change."""
    mirror = mirror_of(instance("i1"), instance("i2"))
    before, version, changes = visible(mirror), mirror.version, mirror.delta.version
    later = LeaseInfo(renewed_at_ms=NOW_MS + 9, registered_at_ms=NOW_MS + 9, service_up_at_ms=9)

    stamped = {
        "lease": later,
        "last_updated_ms": NOW_MS + 9,
        "action": ActionType.MODIFIED,
        "is_coordinating": True,
    }
    mirror.replace([instance("i1", **stamped), instance("i2")], NOW_MS + 9)

    assert all(visible(mirror)[key] is document for key, document in before.items())
    assert (mirror.version, mirror.delta.version) == (version, changes)


@pytest.mark.parametrize(
    "changed",
    [
        {"status": Status.DOWN},
        {"metadata": {"a": "b"}},
        {"last_dirty_ms": NOW_MS + 1},
        {"lease": LeaseInfo(duration_s=7)},
        {"vip_address": "other"},
    ],
)
def test_only_what_changed_enters_the_delta(changed: dict[str, object]) -> None:
    """A region of thousands must not fill every client's delta at each fetch."""
    mirror = mirror_of(instance("i1"), instance("i2"))
    mirror.delta.forget_old(NOW_MS + RETENTION_MS + 1)

    mirror.replace([instance("i1", **changed), instance("i2")], NOW_MS + RETENTION_MS + 1)

    changes = mirror.delta.applications["FOO"].changes
    assert list(changes) == ["i1"]
    assert changes["i1"].instance.action is ActionType.MODIFIED  # js overlooks a second ADDED


def test_who_is_missing_from_a_full_fetch_has_departed() -> None:
    """Clients learn of it by the delta, not by a full fetch of their own."""
    mirror = mirror_of(instance("i1"), instance("i2"))

    mirror.replace([instance("i2")], NOW_MS + 1)

    assert departed(mirror) == ["i1"]
    assert list(visible(mirror)) == [("FOO", "i2")]


def test_last_departure_takes_the_application_along() -> None:
    """An application without instances would answer E3 with nothing instead of 404."""
    mirror = mirror_of(instance("i1"))

    mirror.apply([instance("i1", action=ActionType.DELETED)], "", NOW_MS + 1)

    assert mirror.applications == {}
    assert mirror.vips.plain == {}
    assert (mirror.size, mirror.known, +mirror.counts) == (0, 0, Counter())


def test_delta_that_is_fetched_again_changes_nothing() -> None:
    """A region repeats a change for three minutes."""
    mirror = mirror_of(instance("i1"))
    delta = [
        instance("i2", action=ActionType.ADDED),
        instance("i1", action=ActionType.DELETED),
        instance("i9", action=ActionType.DELETED),
    ]
    assert mirror.apply(delta, "UP_1_", NOW_MS + 1)
    version, changes = mirror.version, mirror.delta.version

    assert mirror.apply(delta, "UP_1_", NOW_MS + 30_000)

    assert (mirror.version, mirror.delta.version) == (version, changes)


def test_delta_tells_whether_it_led_to_the_regions_hash() -> None:
    """Only then is a full fetch needed."""
    mirror = mirror_of(instance("i1"))

    assert not mirror.apply([instance("i2", status=Status.DOWN)], "UP_2_", NOW_MS)
    assert mirror.apply([], "DOWN_1_UP_1_", NOW_MS)


def test_applications_that_are_not_wanted_count_only_for_the_regions_hash() -> None:
    """`appWhiteList` leaves out what the region's own hash counts."""
    wanted, other = instance("i1", "FOO"), instance("i2", "BAR")
    mirror = mirror_of(wanted, other, applications=["foo"])

    assert list(visible(mirror)) == [("FOO", "i1")]
    assert mirror.counts == {Status.UP: 1}
    assert mirror.apply([], "UP_2_", NOW_MS)
    assert mirror.apply([instance("i2", "BAR", action=ActionType.DELETED)], "UP_1_", NOW_MS)


def test_instances_without_a_name_are_left_out() -> None:
    """Nobody could renew, cancel or even fetch them."""
    mirror = mirror_of(instance("", host_name=""), instance("i1", ""))

    assert mirror.known == 0


def test_addresses_lead_to_the_instances() -> None:
    """E12 looks into regions, too."""
    mirror = mirror_of(instance("i1", vip_address="a,b"))
    mirror.replace([instance("i1", vip_address="b,c")], NOW_MS)

    assert sorted(mirror.vips.plain) == ["b", "c"]


@pytest.mark.parametrize(
    "change",
    [instance("i1", status=Status.DOWN), instance("i3"), instance("i2", action=ActionType.DELETED)],
    ids=["modified", "added", "deleted"],
)
def test_version_of_an_application_changes_with_it_alone(change: Instance) -> None:
    """Encoded lists are kept for as long as it is the same."""
    mirror = mirror_of(instance("i1"), instance("i2"), instance("i1", "BAR"))
    before = {name: each.version for name, each in mirror.applications.items()}

    mirror.apply([change], "", NOW_MS)

    after = {name: each.version for name, each in mirror.applications.items()}
    assert after["FOO"] == mirror.version > before["FOO"]
    assert after["BAR"] == before["BAR"]


@pytest.mark.parametrize(
    "fetch",
    [
        lambda mirror, now_ms: mirror.apply([], "UP_1_", now_ms),
        lambda mirror, now_ms: mirror.replace([instance("i1")], now_ms),
    ],
    ids=["delta", "full"],
)
def test_changes_age_out_of_the_delta(fetch: Callable[[Mirror, int], object]) -> None:
    """Else it only grows in a region that nobody asks for."""
    mirror = mirror_of(instance("i1"))

    fetch(mirror, NOW_MS + RETENTION_MS + 1)

    assert mirror.delta.applications == {}


def test_memory_is_bounded_by_what_there_is() -> None:
    """Applications come and go for months, each under a name of its own."""
    mirror, earlier = mirror_of(), mirror_of()
    for number in range(100):
        now_ms = NOW_MS + number * (RETENTION_MS + 1)
        mirror.replace([instance("i1", f"A{number}")], now_ms)
        mirror.defer_to([earlier], now_ms)

    assert len(mirror._settled) <= 2


def test_departures_are_bounded() -> None:
    """A region that goes away as a whole must not make deltas longer than a full document."""
    mirror = mirror_of(*(instance(f"i{number}") for number in range(MIN_DEPARTURES + 9)))

    mirror.replace([], NOW_MS)

    assert len(departed(mirror)) == MIN_DEPARTURES


def test_look_up_by_an_id_of_very_many_applications_is_bounded() -> None:
    """Anybody may register one id in every application."""
    mirror = mirror_of(*(instance("i1", f"A{number}") for number in range(MOST_OF_ONE_ID + 9)))

    assert len(mirror.by_id("i1")) == MOST_OF_ONE_ID


def test_look_ups_find_instances_by_application_and_by_id() -> None:
    """E5 and E11 fall back to regions."""
    mirror = mirror_of(instance("i1", "FOO"))

    found = mirror.get("FOO", "i1")
    assert found is not None
    assert mirror.by_id("i1") == [found]
    assert mirror.get("FOO", "i2") is mirror.get("BAR", "i1") is None
    assert mirror.by_id("i2") == []


def test_instance_that_registers_here_hides_the_regions_one_and_is_no_departure() -> None:
    """`web-0` may live in two regions: a client holds one of them, and its hash counts one."""
    registry, mirror = Registry(Rules(), NOW_MS), mirror_of(instance("i1"), instance("i2"))

    registry.register(instance("i1"), Origin.CLIENT, NOW_MS)
    mirror.defer_to([registry], NOW_MS)

    assert list(visible(mirror)) == [("FOO", "i2")]
    assert mirror.counts[Status.UP] == mirror.size == 1
    assert mirror.delta.get("FOO", "i1") is None
    assert mirror.apply([], "UP_2_", NOW_MS)


def test_instance_that_comes_up_in_the_region_after_ours_is_hidden_at_once() -> None:
    """Nothing has changed here that would make us look."""
    registry, mirror = Registry(Rules(), NOW_MS), mirror_of(instance("i2"))
    registry.register(instance("i1"), Origin.CLIENT, NOW_MS)
    mirror.defer_to([registry], NOW_MS)

    mirror.apply([instance("i1"), instance("i3")], "UP_3_", NOW_MS)
    mirror.defer_to([registry], NOW_MS)

    assert sorted(visible(mirror)) == [("FOO", "i2"), ("FOO", "i3")]


def test_hidden_instance_that_leaves_the_region_does_not_come_back() -> None:
    """It is gone from both when it leaves here."""
    registry, mirror = Registry(Rules(), NOW_MS), mirror_of(instance("i1"))
    registry.register(instance("i1"), Origin.CLIENT, NOW_MS)
    mirror.defer_to([registry], NOW_MS)

    assert mirror.apply([instance("i1", action=ActionType.DELETED)], "", NOW_MS + 1)
    registry.cancel("FOO", "i1", NOW_MS + 2)
    mirror.defer_to([registry], NOW_MS + 2)

    assert visible(mirror) == {}
    assert departed(mirror) == []


def test_hidden_instance_is_shown_again_as_it_then_is() -> None:
    """The region went on changing it meanwhile."""
    registry, mirror = Registry(Rules(), NOW_MS), mirror_of(instance("i1"))
    registry.register(instance("i1"), Origin.CLIENT, NOW_MS)
    mirror.defer_to([registry], NOW_MS)

    mirror.replace([instance("i1", status=Status.DOWN)], NOW_MS + 1)
    assert visible(mirror) == {}
    registry.cancel("FOO", "i1", NOW_MS + 2)
    mirror.defer_to([registry], NOW_MS + 2)

    assert visible(mirror)["FOO", "i1"].status is Status.DOWN
    assert mirror.delta.get("FOO", "i1") is not None


def test_departure_in_the_region_does_not_undo_a_registration_here() -> None:
    """An instance that moves here is still in the region's delta as departed."""
    registry, mirror = Registry(Rules(), NOW_MS), mirror_of(instance("i1"))
    mirror.replace([], NOW_MS)
    assert departed(mirror) == ["i1"]

    registry.register(instance("i1"), Origin.CLIENT, NOW_MS)
    mirror.defer_to([registry], NOW_MS)

    assert departed(mirror) == []


def test_earlier_region_hides_a_later_one() -> None:
    """Also two mirrors together may list an id but once."""
    registry, first, second = (
        Registry(Rules(), NOW_MS),
        mirror_of(instance("i1")),
        mirror_of(instance("i1"), instance("i2")),
    )

    first.defer_to([registry], NOW_MS)
    second.defer_to([registry, first], NOW_MS)

    assert list(visible(first)) == [("FOO", "i1")]
    assert list(visible(second)) == [("FOO", "i2")]


# -- Whole stories

Step = tuple[str, bool, str, str, Status]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["register", "cancel", "set_status", "fetch", "read"]),
        st.booleans(),
        st.sampled_from(["FOO", "BAR"]),
        st.sampled_from(["i1", "i2", "i3"]),
        st.sampled_from(list(Status)[:4]),
    ),
    max_size=40,
)


def act(registry: Registry, step: Step, now_ms: int) -> None:
    """Let a client do something."""
    what, _, app, instance_id, status = step
    if what == "register":
        registry.register(
            instance(instance_id, app, status=status, last_dirty_ms=now_ms), Origin.CLIENT, now_ms
        )
    elif what == "cancel":
        registry.cancel(app, instance_id, now_ms)
    elif what == "set_status":
        registry.set_status(app, instance_id, status, now_ms)


def documents(registry: Registry) -> list[Instance]:
    """A full document."""
    return [lease.instance for lease in registry.leases()]


def changes_of(sources: Sequence[Registry | Mirror]) -> list[Instance]:
    """A delta document, as bodies are assembled."""
    names = dict.fromkeys(name for source in sources for name in source.delta.applications)
    return [
        change.instance
        for name in names
        for source in sources
        if name in source.delta.applications
        for change in sorted_changes([source.delta.applications[name]])
    ]


def contents(mirror: Mirror) -> dict[tuple[str, str], tuple[Status, int]]:
    """What the mirror shows, but for stamps."""
    return {key: (shown.status, shown.last_dirty_ms) for key, shown in visible(mirror).items()}


@given(STEPS)
def test_deltas_lead_where_full_fetches_lead(steps: list[Step]) -> None:
    """The delta is only a shorter way to say the same."""
    region = Registry(Rules(), NOW_MS)
    by_delta, by_full = mirror_of(), mirror_of()

    for now_ms, step in enumerate(steps, NOW_MS):
        act(region, step, now_ms)
        if step[0] == "fetch":
            assert by_delta.apply(changes_of([region]), region.hashcode(), now_ms)
            by_full.replace(documents(region), now_ms)

            assert contents(by_delta) == contents(by_full)
            assert by_delta.counts == by_full.counts
            assert len(visible(by_delta)) == by_delta.size == by_delta.known == region.size
            assert sorted(by_delta.vips.plain) == sorted(by_full.vips.plain)


@given(STEPS)
def test_client_that_follows_deltas_of_us_and_a_region_always_has_the_hash(
    steps: list[Step],
) -> None:
    """Ids may be in both, come, go and move: else clients fetch everything at every poll."""
    here, there, mirror = Registry(Rules(), NOW_MS), Registry(Rules(), NOW_MS), mirror_of()
    client: dict[tuple[str, str], Status] = {}

    for now_ms, step in enumerate(steps, NOW_MS):
        act(here if step[1] else there, step, now_ms)
        if step[0] == "fetch":
            mirror.apply(changes_of([there]), there.hashcode(), now_ms)
        if step[0] == "read":
            mirror.defer_to([here], now_ms)
            for change in changes_of([here, mirror]):
                client.pop((change.app, change.id), None)
                if change.action is not ActionType.DELETED:
                    client[change.app, change.id] = change.status

            assert hashcode(Counter(client.values()).items()) == hashcode(
                (here.counts + mirror.counts).items()
            )


def test_another_choice_of_applications_hides_at_once_and_shows_with_the_next_fetch() -> None:
    """The region's hash counts everything all the while."""
    far, near = instance("a", "FAR"), instance("b", "NEAR")
    mirror = mirror_of(far, near)
    before = mirror.hashcode()

    assert mirror.show(["far"], NOW_MS)
    assert visible(mirror).keys() == {("FAR", "a")}
    assert departed(mirror, "NEAR") == ["b"]
    assert mirror.hashcode() == before
    assert not mirror.show(["FAR"], NOW_MS)

    assert mirror.show(None, NOW_MS)
    mirror.replace([far, near], NOW_MS)
    assert visible(mirror).keys() == {("FAR", "a"), ("NEAR", "b")}


def test_hidden_instance_that_is_no_longer_chosen_stays_away() -> None:
    """Its place is not given back when the earlier source lets go of it."""
    mirror, earlier = mirror_of(instance()), Registry(Rules(), NOW_MS)
    earlier.register(instance(), Origin.CLIENT, NOW_MS)
    mirror.defer_to([earlier], NOW_MS)

    mirror.show(["OTHER"], NOW_MS)
    earlier.cancel("FOO", "i1", NOW_MS)
    mirror.defer_to([earlier], NOW_MS)

    assert visible(mirror) == {}


def test_other_earlier_sources_are_looked_at_anew() -> None:
    """Their versions may be those of the ones before by chance."""
    mirror, one, other = mirror_of(instance("i1"), instance("i2")), mirror_of(), mirror_of()
    one.replace([instance("i1")], NOW_MS)
    other.replace([instance("i2")], NOW_MS)
    assert one.applications["FOO"].version == other.applications["FOO"].version
    mirror.defer_to([one], NOW_MS)
    assert visible(mirror).keys() == {("FOO", "i2")}

    mirror.forget_listings()
    mirror.defer_to([other], NOW_MS)

    assert visible(mirror).keys() == {("FOO", "i1")}
