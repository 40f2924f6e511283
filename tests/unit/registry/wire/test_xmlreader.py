"""The tree of an XML document, and what is not let in."""

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
        (BOMB.decode().encode("utf-16"), "DOCTYPE"),
        (b'<?xml version="1.0" encoding="GBK"?>' + BOMB, "DOCTYPE"),
        (b"<?x?><!DOCTYPE x><a/>", "DOCTYPE"),
        (b'<?xml version="1.0" encoding="punycode"?><a/>', "encoding is not known.*punycode"),
        (b'<?xml version="1.0" encoding="utf-7"?><a/>', "encoding is not known"),
        (b'<?xml version="1.0" encoding="rot13"?><a/>', "encoding is not known"),
        (b'<?xml version="1.0" encoding="UTF-16"?><a/>', "encoding is not known here: 'UTF-16'"),
        (b'<?xml version="1.0" encoding="klingon"?><a/>', "encoding is not known here: 'klingon'"),
        (b'<?xml version="1.0" encoding="US-ASCII"?><a>\xfc</a>', "malformed"),
        (b'<?xml version="1.0" encoding="GBK"?><a>\xfc</a>', "malformed"),
        (b'<?xml version="1.0" encoding="windows-1252"?><a>&#1;</a>', "malformed"),
        (" <a/>".encode("utf-16-le"), "malformed XML: it holds a NUL"),
        (BOMB.decode().encode("utf-16-be"), "DOCTYPE"),
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


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("UTF-8", "ü€\u4e2d"),
        ("utf8", "ü€\u4e2d"),
        ("ISO-8859-1", "ü"),
        ("iso-8859-15", "€"),
        ("US-ASCII", "u"),
        ("windows-1252", "ü€"),
        ("GBK", "\u4e2d\u6587"),
        ("GB18030", "ü€\u4e2d"),
        ("Shift_JIS", "\u30a2"),
    ],
)
def test_a_document_is_read_in_the_encoding_it_names(name: str, text: str) -> None:
    """As Java's parsers read it; libraries of many languages write their machine's encoding."""
    for quote in "'\"":
        prolog = f"<?xml version={quote}1.0{quote} encoding={quote}{name}{quote}?>\n"
        body = f"{prolog}<a b={quote}{text}{quote}>{text}</a>".encode(name)
        root = parse(body, element_limit=1)

        assert (root.text, root.attributes["b"]) == (text, text)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("prolog", ["", '<?xml version="1.0" encoding="{}"?>'])
def test_a_byte_order_mark_names_the_encoding(encoding: str, prolog: str) -> None:
    """Or the first bytes do; they win over the prolog, which nobody could read without them."""
    body = f"{prolog.format(encoding.removesuffix('-sig'))}<a>ü\u4e2d</a>".encode(encoding)

    assert parse(body, element_limit=1).text == "ü\u4e2d"


def test_processing_instructions_say_nothing() -> None:
    """Tools write one for a style sheet before the root; Java passes over all of them."""
    body = b'<?xml version="1.0"?><?xml-stylesheet href="a.xsl"?><?x?><a>1<?php y ?>2</a><?z?>'

    assert parse(body, element_limit=1).text == "12"


def test_nesting_is_allowed_up_to_the_limit() -> None:
    """A list of applications is 6 deep."""
    assert parse(b"<a>" * 32 + b"</a>" * 32, element_limit=100).name == "a"


def test_a_byte_order_mark_is_skipped() -> None:
    """Windows tools write one."""
    assert parse(b"\xef\xbb\xbf<a/>", element_limit=1).name == "a"
