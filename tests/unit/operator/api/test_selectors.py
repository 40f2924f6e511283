"""Label selectors select what those of Kubernetes do."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from eureka_operator.api.selectors import Selector


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ({}, True),
        ({"matchLabels": {"team": "shop"}}, True),
        ({"matchLabels": {"team": "other"}}, False),
        ({"matchExpressions": [{"key": "team", "operator": "In", "values": ["shop"]}]}, True),
        ({"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["shop"]}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["a"]}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["shop"]}]}, False),
        ({"matchExpressions": [{"key": "team", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, True),
        (
            {
                "matchLabels": {"team": "shop"},
                "matchExpressions": [{"key": "tier", "operator": "Exists"}],
            },
            False,
        ),
    ],
)
def test_selector_is_that_of_kubernetes(selector: dict[str, Any], found: bool) -> None:  # noqa: FBT001 - a table
    """`NotIn` selects what lacks the label, too; all conditions must be met."""
    read = msgspec.convert(selector, Selector)

    assert read.selects({"team": "shop"}) is found
