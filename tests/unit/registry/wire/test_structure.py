"""A bound of the number of values in a text, without reading it."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eureka_registry.wire.structure import structure

_JSON = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def values(found: object) -> int:
    """How many values a document holds, itself among them."""
    if isinstance(found, dict):
        return 1 + sum(map(values, found.values()))
    if isinstance(found, list):
        return 1 + sum(map(values, found))
    return 1


@settings(max_examples=50)
@given(_JSON)
def test_json_never_holds_more_values(document: object) -> None:
    """Whatever its texts hold; but for the one it is."""
    assert values(document) <= 1 + structure(json.dumps(document).encode())


@pytest.mark.parametrize(
    "text", ["<a/>", "<a b='1' c='2'><d/><d e='f'>x</d></a>", "<a>" * 9 + "</a>" * 9]
)
def test_xml_never_holds_more_elements_and_attributes(text: str) -> None:
    """Attributes cost as much as elements."""
    elements = list(ET.fromstring(text).iter())  # noqa: S314 - ours
    assert len(elements) + sum(len(each.attrib) for each in elements) <= structure(text.encode())


def test_a_text_that_cannot_hold_too_many_is_not_looked_at() -> None:
    """A registration of a KiB needs no time for it."""
    assert structure(b"abc", enough=3) == 3
    assert structure(b"abc,", enough=3) == 1
