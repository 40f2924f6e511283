"""Which documents may be registered."""

from __future__ import annotations

from typing import Any

import pytest

from eureka_registry.core.model import DataCenter
from eureka_registry.core.validation import problem
from support.instances import changed, instance


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"instance_id": None, "host_name": ""}, "Missing instanceId"),
        ({"host_name": ""}, "Missing hostname"),
        ({"ip_addr": ""}, "Missing ip address"),
        ({"app": ""}, "Missing appName"),
        ({"app": "BAR"}, "Mismatched appName, expecting FOO but was BAR"),
        ({"data_center": None}, "Missing dataCenterInfo"),
        ({"data_center": DataCenter("")}, "Missing dataCenterInfo Name"),
    ],
)
def test_refuses_in_the_java_servers_words(fields: dict[str, Any], sentence: str) -> None:
    """Users search for these sentences (cases 5 to 12)."""
    document = changed(instance("i1", "FOO"), **fields)

    assert problem(document, "FOO") == sentence


def test_takes_a_blank_that_is_not_empty() -> None:
    """Java's `isBlank` means empty here (case 222)."""
    assert problem(instance("i1", "FOO", ip_addr=" "), "FOO") is None


def test_names_the_first_of_several_faults() -> None:
    """Java checks in a fixed order and stops at the first fault."""
    bare = instance("i1", "BAR", instance_id=None, host_name="", ip_addr="", data_center=None)

    assert problem(bare, "FOO") == "Missing instanceId"
