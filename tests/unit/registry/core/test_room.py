"""How much a registry holds, and who may take how much of it."""

from __future__ import annotations

import pytest

from eureka_registry.core import room
from eureka_registry.core.model import Origin
from eureka_registry.core.registry import Registry, Rules
from eureka_registry.core.room import Full, Room
from support.instances import APP, fleet, instance, register, registry

BIG = {"k": "v" * 20_000}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that a test can reach: ten instances of any application, 100,000 bytes."""
    monkeypatch.setattr(room, "MIN_APPLICATION_INSTANCES", 10)
    monkeypatch.setattr(room, "MIN_REGISTRY_BYTES", 100_000)
    monkeypatch.setattr(room, "MEAN_INSTANCE_BYTES", 1_000)


def holds(most: int, share: float = 1.0) -> Registry:
    """An empty registry with room for so many instances, and such a share for one application."""
    return registry(Rules(room=Room(most, share)))


@pytest.mark.parametrize("origin", Origin)
def test_one_more_than_the_limit_is_refused_whoever_tells(origin: Origin) -> None:
    """Batches of peers and clients count alike."""
    held = holds(3)
    fleet(held, 3)
    before = (held.version, held.size, list(held.last_registered))

    made = held.register(instance("x"), origin, 1)

    assert made == Full("this registry holds its 3 instances already")
    assert (held.version, held.size, list(held.last_registered)) == before


def test_a_copy_is_bounded_like_a_registration() -> None:
    """Copies of peers and snapshots."""
    held = holds(1)

    assert held.copy(instance("a"), 1) is None
    assert held.copy(instance("b"), 1) == Full("this registry holds its 1 instances already")
    assert held.copy(instance("a", metadata={"k": "v"}), 2) is None
    assert held.size == 1


def test_who_is_in_stays_in() -> None:
    """Registering again, metadata and overrides add nobody."""
    held = holds(2)
    fleet(held, 2)
    register(held, "0", at=5)
    held.cancel(APP, "1", 6)
    register(held, "new", at=7)

    assert held.size == 2


def test_one_application_takes_its_share_and_no_more() -> None:
    """Else whoever may write one fills the registry for all."""
    held = holds(40, share=0.5)
    fleet(held, 20)

    assert held.register(instance("x"), Origin.CLIENT, 1) == Full(
        "ORDERS has 20 instances already, as many as one application may have "
        "(max_application_share 0.5 of max_instances 40)"
    )
    fleet(held, 20, "OTHER")
    assert held.size == 40


def test_a_small_registry_is_one_applications_if_need_be() -> None:
    """Ten of ten here, a thousand really: that is one team's."""
    held = holds(10, share=0.1)
    fleet(held, 10)

    assert held.size == 10


def test_documents_have_room_by_their_size() -> None:
    """A hundred thousand documents of a quarter of a MiB are 26 GB."""
    held = holds(40)
    for number in range(4):
        register(held, str(number), f"APP{number}", metadata=BIG)

    assert held.register(instance("x", metadata=BIG), Origin.CLIENT, 1) == Full(
        "this registry holds 0 MiB of documents already"
    )
    register(held, "small")
    assert held.size == 5


def test_one_applications_documents_have_its_share() -> None:
    """By size as by number."""
    held = holds(40, share=0.5)
    register(held, "0", metadata=BIG)
    register(held, "1", metadata=BIG)

    made = held.register(instance("2", metadata=BIG), Origin.CLIENT, 1)

    assert made == Full("ORDERS has 0 MiB of documents already")
    register(held, "2", "OTHER", metadata=BIG)


def test_who_is_in_may_grow_to_a_usual_size_only() -> None:
    """A client that adds its management port must not be refused; one that adds 20 KB must."""
    held = holds(40)
    for number in range(4):
        register(held, str(number), f"APP{number}", metadata=BIG)
    register(held, "small", metadata={})
    register(held, "small", at=1, metadata={"k": "v" * 300})

    refused = held.update_metadata(APP, "small", BIG, 2)

    assert isinstance(refused, Full)
    assert held.applications[APP].leases["small"].instance.metadata == {"k": "v" * 300}


def test_who_has_its_share_may_register_again() -> None:
    """It adds nobody, though its application may have no more."""
    held = holds(40, share=0.5)
    fleet(held, 20)

    register(held, "0", at=5)
    assert held.size == 20


def nearly_full() -> Registry:
    """A registry whose documents take nearly all the room that there is."""
    held = holds(40)
    for number in range(4):
        register(held, str(number), f"APP{number}", metadata=BIG)
    room_left = 100_000 - held.bytes
    register(held, "last", "LAST", metadata={"k": "v" * (room_left - 500)})
    return held


def test_small_document_has_no_room_where_there_is_none() -> None:
    """Many small ones fill it as well."""
    made = nearly_full().register(instance("x", metadata={"k": "v" * 600}), Origin.CLIENT, 1)

    assert isinstance(made, Full)


def test_who_is_in_may_stay_as_it_is_when_there_is_less_room() -> None:
    """Another setting must not drive out those that register again; none may grow but to a mean."""
    held = holds(200)
    for number in range(7):
        register(held, str(number), f"APP{number}", metadata=BIG)
    register(held, "small")
    held.adopt(Rules(room=Room(40, 1.0)))

    register(held, "0", "APP0", at=1, metadata=BIG)
    register(held, "1", "APP1", at=1, metadata={"k": "v" * 15_000})
    register(held, "small", at=1, metadata={"k": "v" * 600})
    grown = {**BIG, "more": "v"}
    refused = held.register(instance("2", "APP2", metadata=grown), Origin.CLIENT, 2)

    assert held.bytes > 100_000
    assert isinstance(refused, Full)


def test_document_that_is_replaced_counts_no_more() -> None:
    """Only what one grows by has to have room."""
    held = nearly_full()

    register(held, "0", "APP0", at=1, metadata={"k": "v" * 20_100})
    refused = held.register(instance("0", "APP0", metadata={"k": "v" * 22_000}), Origin.CLIENT, 2)

    assert isinstance(refused, Full)
