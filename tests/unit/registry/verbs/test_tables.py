"""Times in words, and columns that nobody needs."""

from __future__ import annotations

import pytest

from eureka_registry.verbs.tables import quantity, since, span, table


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0s"),
        (0, "0s"),
        (119.9, "119s"),
        (120, "2m"),
        (330, "5m30s"),
        (610, "10m"),
        (660, "11m"),
        (3 * 3600, "3h"),
        (3 * 3600 + 300, "3h5m"),
        (8 * 3600 + 300, "8h"),
        (47 * 3600, "47h"),
        (48 * 3600, "2d"),
    ],
)
def test_a_span_is_written_as_kubectl_writes_ages(seconds: float, words: str) -> None:
    """By `HumanDuration` of apimachinery."""
    assert span(int(seconds * 1000)) == words


def test_the_moment_0_means_never() -> None:
    """A document need not have every moment."""
    assert (since(1_000, 61_000), since(0, 61_000)) == ("60s", "")


def test_an_optional_column_is_there_if_a_row_has_something_in_it() -> None:
    """Outside Kubernetes nothing has a namespace."""
    assert table(("a", "b"), [("1", ""), ("2", "")], ("b",)) == (("a",), (("1",), ("2",)))
    assert table(("a", "b"), [("1", ""), ("2", "x")], ("b",)).titles == ("a", "b")
    assert table(("a", "b"), [("1", "")]).titles == ("a", "b")


def test_a_noun_follows_its_number() -> None:
    """Only one is singular."""
    assert [quantity(number, "peer") for number in (0, 1, 2)] == ["0 peers", "1 peer", "2 peers"]
