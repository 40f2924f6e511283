"""What an instance is called."""

from __future__ import annotations

import pytest

from eureka_registry.core.model import DataCenter
from support.instances import instance


@pytest.mark.parametrize(
    ("instance_id", "amazon", "expected"),
    [
        ("i-1", None, "i-1"),
        ("i-1", {"instance-id": "i-9"}, "i-1"),
        (None, {"instance-id": "i-9"}, "i-9"),
        (None, {"instance-id": ""}, "host"),
        (None, {}, "host"),
        (None, None, "host"),
        ("", None, "host"),
    ],
)
def test_id_is_the_first_name_given(
    instance_id: str | None, amazon: dict[str, str] | None, expected: str
) -> None:
    """`InstanceInfo.getId` asks the instance id, then Amazon's, then the host name."""
    center = DataCenter("Amazon", amazon)
    document = instance(instance_id=instance_id, host_name="host", data_center=center)

    assert document.id == expected


def test_a_zone_may_be_amazons() -> None:
    """Metadata win."""
    amazon = DataCenter("Amazon", {"availability-zone": "us-east-1c"})

    assert instance(data_center=amazon).zone == "us-east-1c"
    assert instance(data_center=amazon, metadata={"zone": "a"}).zone == "a"
    assert instance(data_center=None).zone == ""
