from __future__ import annotations

from typing import Any

import pytest

from eureka_operator.core.injection import status
from eureka_operator.core.injection.status import INJECTED_LABEL, STATUS, Status


def _pod(text: str, **labels: str) -> dict[str, Any]:
    return {"metadata": {"annotations": {STATUS: text}, "labels": labels}, "spec": {}}


def test_what_is_written_is_read() -> None:
    """Everything that takes an injection back is in it."""
    given = Status(
        version="0.1.0",
        result="injected",
        hash="abc",
        reasons=("drain_cut",),
        drain="granted 10 of 20",
        hooks=("orders",),
        default=True,
        own_label=True,
        was={"volumes": None, "orders.lifecycle": {}},
    )

    assert status.of(_pod(status.encode(given))) == given


@pytest.mark.parametrize(
    "text",
    [
        "fine",
        "{}",
        "[" * 500,
        '{"version":1,"result":"injected"}',
        '{"version":"1","result":"injected","was":{"volumes":[1]}}',
        '{"version":"1","result":"injected","hash":"' + "x" * 512 + '"}',
    ],
)
def test_what_is_none_of_ours_is_seen(text: str) -> None:
    """Whatever is taken out of a pod because of it would be somebody's own."""
    assert status.of(_pod(text)) is None
    assert status.is_foreign(_pod(text))


def test_status_of_ours_is_not_foreign_nor_is_none() -> None:
    """A foreign one keeps a pod from being injected."""
    assert not status.is_foreign(_pod('{"version":"1","result":"skipped"}'))
    assert not status.is_foreign({"metadata": {}, "spec": {}})


@pytest.mark.parametrize(("spare", "is_read"), [(0, True), (-1, False)])
def test_status_is_read_up_to_its_greatest_length(spare: int, is_read: bool) -> None:  # noqa: FBT001 - a column of the table
    """What `encode` may write."""
    rest = len(status.encode(Status(version="1", result="skipped", hash="x"))) - 1
    text = status.encode(
        Status(version="1", result="skipped", hash="x" * (status.MAX_BYTES - rest - spare))
    )

    assert len(text) == status.MAX_BYTES - spare
    assert (status.of(_pod(text)) is not None) is is_read


def test_status_of_a_newer_version_is_read() -> None:
    """Two versions run side by side while the injector is rolled."""
    assert status.of(_pod('{"version":"9","result":"skipped","new":1}')) is not None


def test_copy_for_debugging_has_annotations_and_no_labels() -> None:
    """So it is told from a second admission, and stays a copy when it is looked at again."""
    injected = status.encode(Status(version="1", result="injected"))
    copied = status.encode(Status(version="1", result="skipped", reasons=("debug_copy",)))

    assert status.is_copy(_pod(injected))
    assert status.is_copy(_pod(copied))
    assert not status.is_copy(_pod(injected, **{INJECTED_LABEL: "true"}))
    assert not status.is_copy({"metadata": {}, "spec": {}})
