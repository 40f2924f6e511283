"""Names and texts of XML (`docs/protocol/documents.md#metadata-keys-in-xml`)."""

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eureka_registry.wire.xmltext import escape, key_of, name_of

ANY_TEXT = st.text(st.characters(), min_size=1)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("a_b", "a__b"),
        ("c$d", "c_-d"),
        ("1 a", "_.0031_.0020a"),
        ("management.port", "management.port"),
        ("x-y1", "x-y1"),
        ("-x", "_.002dx"),
        ("git:commit", "git_.003acommit"),
        ("ключ", "ключ"),
        ("😀", "_.d83d_.de00"),
        ("_", "__"),
    ],
)
def test_metadata_keys_as_names(key: str, name: str) -> None:
    """Case 218; an unescaped colon is an unbound prefix to Python's and Go's readers."""
    assert name_of(key) == name
    assert key_of(name) == key


@pytest.mark.parametrize(
    ("name", "key"),
    [("a__b", "a_b"), ("e_-f", "e$f"), ("x_y", "x_y"), ("x_", "x_"), ("_.00", "_.00")],
)
def test_names_as_metadata_keys(name: str, key: str) -> None:
    """Case 219: a lone underscore is kept."""
    assert key_of(name) == key


@given(st.text(min_size=1))
def test_every_key_comes_back(key: str) -> None:
    """A Java peer's reader undoes what we write."""
    assert key_of(name_of(key)) == key


@given(ANY_TEXT, ANY_TEXT)
def test_no_key_or_text_makes_xml_malformed(key: str, text: str) -> None:
    """One bad value costs every client the whole document."""
    name = name_of(key)

    root = ET.fromstring(f"<{name}>{escape(text)}</{name}>")  # noqa: S314 - our own text

    assert root.tag == name


@pytest.mark.parametrize("script", ["ÀÖØöøÿ", "ΑΡΣώ", "АЯая", "ぁゔァヺ", "一龥", "가힣"])
def test_letters_of_living_scripts_stay_readable(script: str) -> None:
    """XStream leaves them alone, too; expat must take every one of them."""
    assert name_of(script) == script
    assert ET.fromstring(f"<{script}/>").tag == script  # noqa: S314


def test_texts_are_escaped_as_xstream_does() -> None:
    """A bare carriage return would come back as a line feed."""
    assert escape("&<>\"'\r\n\t") == "&amp;&lt;&gt;&quot;&apos;&#xd;\n\t"
    assert escape("a\x00\ud800\uffffb") == "a\ufffd\ufffd\ufffdb"
