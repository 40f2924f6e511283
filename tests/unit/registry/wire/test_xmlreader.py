"""The tree of an XML document, and what is not let in (`design.md` 7)."""

import pytest

from eureka_registry.wire.fields import BadDocument
from eureka_registry.wire.xmlreader import parse

BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><instance>&b;</instance>'


def test_a_tree_of_names_attributes_and_texts() -> None:
    """Comments and CDATA are nothing special; texts are as written."""
    root = parse(
        b'<?xml version="1.0" encoding="utf-8"?>\n<a x="1"> <b>t<!-- c --><![CDATA[<&]]></b></a>',
        element_limit=2,
    )

    assert (root.name, root.attributes, root.text) == ("a", {"x": "1"}, " ")
    assert [(child.name, child.text) for child in root.children] == [("b", "t<&")]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (BOMB, "DOCTYPE"),
        (b'<!DOCTYPE x SYSTEM "http://x/"><instance/>', "DOCTYPE"),
        (b"<instance><?php x?></instance>", "processing instruction"),
        (b'<?xml version="1.0" encoding="ISO-8859-1"?><a/>', "UTF-8"),
        ("<a/>".encode("utf-16"), "malformed"),
        (b"<a>\xff</a>", "malformed"),
        (b"<a>&#1;</a>", "malformed"),
        (b"<a>&nbsp;</a>", "malformed"),
        (b"<a><b></a>", "malformed"),
        (b"<a/><b/>", "malformed"),
        (b"", "malformed"),
        (b"{}", "malformed"),
        (b"<a>" * 33 + b"</a>" * 33, "too deeply"),
        (b"<a>" * 100_000, "too deeply"),
        (b"<a>" + b"<b/>" * 100 + b"</a>", "too many elements"),
    ],
)
def test_what_no_client_sends_is_refused(body: bytes, reason: str) -> None:
    """None of it may cost more than reading the body once."""
    with pytest.raises(BadDocument, match=reason):
        parse(body, element_limit=100)


def test_nesting_is_allowed_up_to_the_limit() -> None:
    """A list of applications is 6 deep."""
    assert parse(b"<a>" * 32 + b"</a>" * 32, element_limit=100).name == "a"


def test_a_byte_order_mark_is_skipped() -> None:
    """Windows tools write one."""
    assert parse(b"\xef\xbb\xbf<a/>", element_limit=1).name == "a"
