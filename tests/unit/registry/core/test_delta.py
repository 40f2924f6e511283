"""What a delta holds, in which order, and for how long."""

from __future__ import annotations

from eureka_registry.core.delta import MIN_DEPARTURES, Delta, sorted_changes
from eureka_registry.core.model import ActionType
from support.instances import instance

ADDED, MODIFIED, DELETED = ActionType.ADDED, ActionType.MODIFIED, ActionType.DELETED
RETENTION = 180_000


def delta(*changes: tuple[str, ActionType], app: str = "APP", at: int = 0) -> Delta:
    """A delta after so many changes at one moment."""
    made = Delta(RETENTION)
    add(made, *changes, app=app, at=at)
    return made


def add(made: Delta, *changes: tuple[str, ActionType], app: str = "APP", at: int = 0) -> None:
    """Note changes: id and what happened."""
    for name, action in changes:
        made.add(instance(name, app, action=action), at)


def changes_of(made: Delta, app: str = "APP") -> list[tuple[str, ActionType | None]]:
    """One application's part, in the order of the document."""
    application = made.applications.get(app)
    if application is None:
        return []
    return [(r.instance.id, r.instance.action) for r in sorted_changes([application])]


def test_shows_each_instance_once_with_its_latest_state() -> None:
    """Java's queue may hold several states; clients apply them in whatever order they come."""
    made = delta(("a", ADDED), ("b", ADDED), ("a", MODIFIED))

    assert sorted(changes_of(made)) == [("a", MODIFIED), ("b", ADDED)]


def test_a_departure_is_a_cancellation_unless_it_is_said_to_be_none() -> None:
    """Peers are told of a cancellation that they missed, of an eviction they are not."""
    made = delta(("a", DELETED))
    made.add(instance("b", "APP", action=DELETED), 0, expired=True)

    found = {name: change.expired for name, change in made.applications["APP"].changes.items()}
    assert found == {"a": False, "b": True}


def test_departures_come_last() -> None:
    """A Java client that does not know the application adopts it with its departures."""
    made = delta(("a", ADDED), ("b", DELETED), ("c", ADDED), ("d", DELETED), ("e", MODIFIED))

    assert changes_of(made) == [
        ("a", ADDED), ("c", ADDED), ("e", MODIFIED), ("b", DELETED), ("d", DELETED)
    ]  # fmt: skip


def test_who_comes_back_is_no_departure() -> None:
    """Case 137: registered, cancelled, registered again is one arrival."""
    made = delta(("a", ADDED), ("a", DELETED), ("a", ADDED))

    assert changes_of(made) == [("a", ADDED)]
    assert not made._departures


def test_changes_stay_for_the_retention_and_not_longer() -> None:
    """A client that polls every 30 s may miss five polls (case 138)."""
    made = delta(("a", ADDED))
    made.forget_old(RETENTION)
    kept = changes_of(made)
    made.forget_old(RETENTION + 1)

    assert kept == [("a", ADDED)]
    assert made.applications == {}


def test_a_new_change_of_an_old_entry_starts_its_time_anew() -> None:
    """The latest state must be there for the whole retention."""
    made = delta(("a", ADDED), ("b", ADDED))
    add(made, ("a", MODIFIED), at=100_000)
    made.forget_old(RETENTION + 1)

    assert changes_of(made) == [("a", MODIFIED)]


def test_version_grows_with_every_change_and_with_every_removal() -> None:
    """py_eureka_client skips a delta whose version and hash it has seen."""
    made = delta()
    versions = [made.version]
    add(made, ("a", ADDED))
    versions.append(made.version)
    add(made, ("a", ADDED))
    versions.append(made.version)
    made.forget_old(RETENTION + 1)
    versions.append(made.version)

    assert versions == sorted(set(versions))


def test_version_stays_while_nothing_changes() -> None:
    """The encoded delta is kept by it."""
    made = delta(("a", ADDED))
    before = made.version
    made.forget_old(RETENTION)
    made.trim(1)

    assert made.version == before


def test_an_application_has_the_version_of_its_own_last_change() -> None:
    """Another application's change must not spoil its encoded part."""
    made = delta(("a", ADDED), app="ONE")
    before = made.applications["ONE"].version
    add(made, ("b", ADDED), app="TWO")

    assert made.applications["ONE"].version == before
    assert made.applications["TWO"].version > before


def test_departures_do_not_outgrow_a_full_document() -> None:
    """Spring's WebClient reads 256 KiB: a delta of departures only stops it."""
    made = Delta(RETENTION)
    for number in range(1_000):
        add(made, (str(number), DELETED), at=number)
        made.trim(10)

    assert changes_of(made) == [(str(n), DELETED) for n in range(1_000 - MIN_DEPARTURES, 1_000)]


def test_departures_that_are_less_than_a_full_document_are_kept() -> None:
    """Whoever missed one would have to fetch everything, which is more."""
    made = Delta(RETENTION)
    for number in range(300):
        add(made, (str(number), DELETED), at=number)
        made.trim(300)

    assert len(changes_of(made)) == 300
    made.trim(299)
    assert len(changes_of(made)) == 299


def test_few_departures_are_kept_whatever_is_registered() -> None:
    """Clients that apply deltas without a hash (js) only ever learn of them this way."""
    made = delta(*((str(n), DELETED) for n in range(MIN_DEPARTURES)))
    made.trim(0)

    assert len(changes_of(made)) == MIN_DEPARTURES


def test_arrivals_are_never_given_up_for_brevity() -> None:
    """They are in the full document as well, so they never make the delta the longer one."""
    made = delta(*((f"new{n}", ADDED) for n in range(300)))
    add(made, *((f"gone{n}", DELETED) for n in range(300)))
    made.trim(300)

    assert sum(action is ADDED for _, action in changes_of(made)) == 300
    assert sum(action is DELETED for _, action in changes_of(made)) == MIN_DEPARTURES


def test_says_what_happened_to_one_instance() -> None:
    """Peers that compare contents ask whether they cancelled an instance themselves."""
    made = Delta(RETENTION)
    made.add(instance("a", "APP", action=DELETED), 5, expired=True)
    recent = made.get("APP", "a")

    assert recent is not None
    assert (recent.departed, recent.expired, recent.at_ms) == (True, True, 5)
    assert made.get("APP", "b") is made.get("NONE", "a") is None
