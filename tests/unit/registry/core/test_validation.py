"""Which documents may be registered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from eureka_registry.core.limits import (
    MAX_ADDRESS_LIST,
    MAX_ADDRESSES,
    MAX_APP_BYTES,
    MAX_ID_BYTES,
    MAX_METADATA,
    MAX_METADATA_ENTRIES,
    MAX_METADATA_KEY,
    MAX_METADATA_KEYS,
    MAX_NAME,
    MAX_URL,
)
from eureka_registry.core.model import DataCenter, Instance
from eureka_registry.core.validation import (
    beyond_bounds,
    beyond_short_bounds,
    display_text,
    is_short,
    problem,
    unsafe_characters,
)
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


def test_an_application_needs_a_name() -> None:
    """Also where the path agrees with the document that it has none."""
    assert problem(instance("i1", ""), "") == "Missing appName"


def test_takes_a_blank_that_is_not_empty() -> None:
    """Java's `isBlank` means empty here (case 222)."""
    assert problem(instance("i1", "FOO", ip_addr=" "), "FOO") is None


def test_names_the_first_of_several_faults() -> None:
    """Java checks in a fixed order and stops at the first fault."""
    bare = instance("i1", "BAR", instance_id=None, host_name="", ip_addr="", data_center=None)

    assert problem(bare, "FOO") == "Missing instanceId"


# -- Bounds


LONG_KEYS = {f"{n:02}{'k' * 1_022}": "" for n in range(MAX_METADATA_KEYS // 1_024)}
"""As many characters of keys as are accepted."""

MOST: list[tuple[str, object, object]] = [
    ("instance_id", "i" * MAX_ID_BYTES, "i" * (MAX_ID_BYTES + 1)),
    ("instance_id", "\u00fc" * (MAX_ID_BYTES // 2), "\u00fc" * (MAX_ID_BYTES // 2 + 1)),
    ("app", "A" * MAX_APP_BYTES, "A" * (MAX_APP_BYTES + 1)),
    ("host_name", "h" * MAX_NAME, "h" * (MAX_NAME + 1)),
    ("ip_addr", "1" * MAX_NAME, "1" * (MAX_NAME + 1)),
    ("sid", "1" * MAX_NAME, "1" * (MAX_NAME + 1)),
    ("app_group_name", "1" * MAX_NAME, "1" * (MAX_NAME + 1)),
    ("asg_name", "1" * MAX_NAME, "1" * (MAX_NAME + 1)),
    ("home_page_url", "u" * MAX_URL, "u" * (MAX_URL + 1)),
    ("status_page_url", "u" * MAX_URL, "u" * (MAX_URL + 1)),
    ("health_check_url", "u" * MAX_URL, "u" * (MAX_URL + 1)),
    ("secure_health_check_url", "u" * MAX_URL, "u" * (MAX_URL + 1)),
    ("vip_address", "v" * MAX_ADDRESS_LIST, "v" * (MAX_ADDRESS_LIST + 1)),
    ("secure_vip_address", "v" * MAX_ADDRESS_LIST, "v" * (MAX_ADDRESS_LIST + 1)),
    ("vip_address", "," * (MAX_ADDRESSES - 1), "," * MAX_ADDRESSES),
    ("secure_vip_address", "," * (MAX_ADDRESSES - 1), "," * MAX_ADDRESSES),
    ("metadata", {"k" * MAX_METADATA_KEY: ""}, {"k" * (MAX_METADATA_KEY + 1): ""}),
    ("metadata", {"k": "v" * (MAX_METADATA - 1)}, {"k": "v" * MAX_METADATA}),
    ("metadata", LONG_KEYS, LONG_KEYS | {"k": ""}),
    (
        "metadata",
        {str(n): "" for n in range(MAX_METADATA_ENTRIES)},
        {str(n): "" for n in range(MAX_METADATA_ENTRIES + 1)},
    ),
    (
        "data_center",
        DataCenter("Amazon", {"k" * MAX_METADATA_KEY: ""}),
        DataCenter("Amazon", {"k" * (MAX_METADATA_KEY + 1): ""}),
    ),
]


@pytest.mark.parametrize(("field", "most", "more"), MOST)
def test_every_field_has_a_bound(field: str, most: object, more: object) -> None:
    """What is at the bound is taken, what is beyond it is not."""
    assert beyond_bounds(changed(instance("i", "FOO"), **{field: most})) is None
    assert beyond_bounds(changed(instance("i", "FOO"), **{field: more})) is not None


def test_every_text_of_a_document_is_among_them() -> None:
    """A field added to the model needs a bound."""
    texts = {
        name
        for name, kind in Instance.__annotations__.items()
        if "str" in kind or name in ("metadata", "data_center")
    }

    assert texts == {field for field, _, _ in MOST}


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"metadata": {"k" * 1_048_576: ""}},
            f"metadata key '{'k' * 56}... is 1,048,576 characters long; at most 2,048 are accepted",
        ),
        ({"metadata": {"": "v"}}, "metadata has an empty key"),
        (
            {"metadata": LONG_KEYS | {"k": ""}},
            "metadata, its keys alone, is 65,537 characters long; at most 65,536 are accepted",
        ),
        (
            {"metadata": {"k": "v" * MAX_METADATA}},
            "metadata is 262,145 characters long; at most 262,144 are accepted",
        ),
        (
            {"metadata": {str(n): "" for n in range(1_025)}},
            "metadata has 1,025 entries; at most 1,024 are accepted",
        ),
        (
            {"data_center": DataCenter("Amazon", {"": "v"})},
            "dataCenterInfo.metadata has an empty key",
        ),
        (
            {"vip_address": "v," * 999},
            "vipAddress names 1,000 addresses; at most 100 are accepted",
        ),
        (
            {"secure_health_check_url": "u" * 8_193},
            "secureHealthCheckUrl is 8,193 characters long; at most 8,192 are accepted",
        ),
        (
            {"app": "\u00fc" * 257},
            "app '" + r"\xfc" * 14 + "... is 514 bytes long; at most 512 are accepted",
        ),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_says_what_is_too_long_and_how_much_is_accepted(
    fields: dict[str, object], sentence: str
) -> None:
    """Whoever reads it has the document before him, and not this code."""
    assert beyond_bounds(changed(instance(), **fields)) == sentence


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a\n\u00fc", r"'a\n\xfc'"),
        (5, "5"),
        (None, "None"),
        ("x" * 58, f"'{'x' * 58}'"),
        ("x" * 59, f"'{'x' * 56}..."),
        ("x" * 1_000_000, f"'{'x' * 56}..."),
    ],
    ids=["escaped", "number", "none", "whole", "cut", "large"],
)
def test_texts_are_shown_in_ascii_and_short(value: object, shown: str) -> None:
    """They come from anybody, and go into logs and answers."""
    assert display_text(value) == shown


@pytest.mark.parametrize(
    "name", ["host:orders:8080", "a/b", "a b", "%2F", "\u00fc", ".", "..", "i-0abc", "9f3c-uid"]
)
def test_what_a_path_can_hold_encoded_is_taken(name: str) -> None:
    """Spring's ids, Kubernetes' UIDs, and whatever `quote` makes a segment of."""
    assert beyond_bounds(instance(name)) is None
    assert unsafe_characters(instance(name)) is None


@pytest.mark.parametrize("character", "\x00\t\n\r\x1b\x85\u2028\ud800\uffff")
@pytest.mark.parametrize(
    "field", ["instance_id", "host_name", "app", "ip_addr", "vip_address", "secure_vip_address"]
)
def test_names_hold_no_control_characters(field: str, character: str) -> None:
    """A line feed in one forges lines of a log."""
    wrong = unsafe_characters(changed(instance(), **{field: f"a{character}"}))

    assert wrong is not None
    assert wrong.endswith(" holds a control character")


@pytest.mark.parametrize("character", "\x00\x1b\ud800\ufffe")
@pytest.mark.parametrize(
    ("fields", "where"),
    [
        (lambda text: {"metadata": {"k": text}}, "metadata value of key 'k'"),
        (lambda text: {"metadata": {text: "v"}}, "metadata key"),
        (lambda text: {"data_center": DataCenter("Amazon", {"k": text})}, "metadata value"),
        (lambda text: {"data_center": DataCenter("Amazon", {text: "v"})}, "metadata key"),
        (lambda text: {"home_page_url": text}, "homePageUrl"),
    ],
    ids=["value", "key", "Amazon's value", "Amazon's key", "URL"],
)
def test_no_text_holds_what_xml_cannot(
    fields: Callable[[str], dict[str, object]], where: str, character: str
) -> None:
    """One such document would make the list unreadable for every client."""
    wrong = unsafe_characters(changed(instance(), **fields(f"a{character}")))

    assert wrong is not None
    assert wrong.startswith(where)
    assert wrong.endswith(" holds a control character")


@pytest.mark.parametrize("text", ["a\tb\r\nc", "\x85", "\u2028", "\U0001f600"])
def test_metadata_may_hold_every_character_of_xml(text: str) -> None:
    """Certificates and JSON are in several lines."""
    assert unsafe_characters(instance(metadata={"k": text}, home_page_url=text)) is None


@pytest.mark.parametrize(("field", "most", "more"), MOST)
def test_short_documents_are_looked_at_quickly_and_no_less(
    field: str, most: object, more: object
) -> None:
    """What the quick look lets through has a text that is not short."""
    document = changed(instance("i", "FOO"), **{field: more})
    text = ascii(getattr(document, field)).encode()

    assert beyond_short_bounds(changed(instance("i", "FOO"), **{field: most})) is None
    assert beyond_short_bounds(document) is not None or not is_short(text)


def test_short_document_with_an_empty_key_is_refused() -> None:
    """However short it is, no list in XML can hold it."""
    assert beyond_short_bounds(instance(metadata={"": "v"})) == "metadata has an empty key"


def test_document_without_a_data_center_is_within_bounds() -> None:
    """That it lacks one is said elsewhere, in Java's words."""
    bare = changed(instance(), data_center=None)

    assert beyond_bounds(bare) is beyond_short_bounds(bare) is unsafe_characters(bare) is None
