from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from eureka_sidecar.records import record, replace


@record
class Point:
    """A record with all that one can have."""

    x: int
    y: int = 0
    names: Mapping[str, str] = {}

    @property
    def total(self) -> int:
        """Not a field."""
        return self.x + self.y


@record
class Other:
    """Another record with the same values."""

    x: int
    y: int = 0
    names: Mapping[str, str] = {}


def test_fields_are_given_by_place_or_by_name() -> None:
    """As those of a dataclass, which it stands for; type checkers take it for one."""
    point = Point(1, names={"a": "b"}, y=2)

    assert (point.x, point.y, point.names, point.total) == (1, 2, {"a": "b"}, 3)
    assert Point(1, 2, {"a": "b"}) == point


def test_field_that_is_not_given_has_its_default() -> None:
    """It is in the record itself, so that `replace` and comparisons see it."""
    assert vars(Point(1)) == {"x": 1, "y": 0, "names": {}}


@pytest.mark.parametrize(
    "make",
    [
        Point,
        lambda: Point(y=1),  # type: ignore[call-arg]
        lambda: Point(1, 2, {}, 4),  # type: ignore[call-arg]
        lambda: Point(1, z=3),  # type: ignore[call-arg]
        lambda: Point(1, x=1),  # type: ignore[misc]
        lambda: Point(1, total=3),  # type: ignore[call-arg]
    ],
)
def test_missing_and_wrong_fields_are_errors(make: Callable[[], Point]) -> None:
    """Code that no type checker has seen must not make half a record."""
    with pytest.raises(TypeError, match="Point has the fields x, y, names"):
        make()


def test_records_are_equal_by_kind_and_values() -> None:
    """A lease compares what is wished with what the registry holds."""
    assert Point(1) == Point(1, 0, {})
    assert Point(1) != Point(2)
    others: list[object] = [Other(1), (1, 0, {}), None]
    assert Point(1) not in others


def test_record_has_no_hash() -> None:
    """A field may be a mapping; a hash by identity would break sets of equal records in silence."""
    with pytest.raises(TypeError, match="unhashable"):
        hash(Point(1))


def test_replace_gives_a_copy_and_leaves_the_record() -> None:
    """Records are shared between tasks."""
    point = Point(1, 2)

    assert replace(point, y=3) == Point(1, 3)
    assert point == Point(1, 2)


def test_replace_refuses_a_field_that_there_is_not() -> None:
    """Type checkers do not see its arguments."""
    with pytest.raises(TypeError, match="Point has the fields"):
        replace(Point(1), z=3)


def test_repr_names_all_fields() -> None:
    """Failed tests show it."""
    assert repr(Point(1)) == "Point(x=1, y=0, names={})"
