"""YAML taken apart, read as kubectl reads it, and written so that every reader agrees."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kubectl_eureka.core.yamltext import YamlError, join, parts, yaml_text

_TEXTS = st.text(max_size=20) | st.sampled_from(
    ["1e3", "08", "0o17", "0x1F", "12:30", "2026-01-01", "y", "no", "on", "null", "~", "=", "<<",
     "1_000", ".5", "---", "a\nb", "a: b", "# c", "{}", " x ", "true", "$(A)", "+1", "0812345",
     "12e45", "-", "a\rb", "a\x85", "\u2028", "\ufeffa"]
)  # fmt: skip
_DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=20,
)


def test_texts_of_the_parts_are_the_file() -> None:
    """What is not injected is printed as it was, to the byte."""
    text = "# licence\n---\n# one\na: 1 # why\n---\n---\nb: |\n  --- no\n  x\n...\n--- \nc: ü\n"

    found = parts(text)

    assert "".join(each.text for each in found) == text
    assert [each.document for each in found] == [
        None,
        {"a": 1},
        None,
        {"b": "--- no\nx\n"},
        {"c": "ü"},
    ]


@given(st.lists(_DOCUMENTS, min_size=1, max_size=4))
def test_what_is_written_is_read_again(documents: list[Any]) -> None:
    """Whatever it is made of: a text stays a text."""
    text = join(f"---\n{yaml_text(each)}" for each in documents)

    assert [each.document for each in parts(text)] == documents


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-01-01", "2026-01-01"),
        ("22:22", "22:22"),
        ("=", "="),
        ("1e3", 1000.0),
        ("0644", 420),
        ("0o17", 15),
        ("0x1f", 31),
        ("yes", True),
        ("y", "y"),
        ("1_000", 1000),
        (f"-0b{'1' * 64}", 1 - 2**64),
        ("1" * 67, int("1" * 67)),
        ("1" * 68, "1" * 68),
        ("~", None),
        ("", None),
        ("'1e3'", "1e3"),
    ],
)
def test_plain_texts_are_what_kubectl_takes_them_for(text: str, value: object) -> None:
    """By go-yaml, which PyYAML is not: dates and `22:22` are texts there."""
    (found,) = parts(f"a: {text}\n")

    assert found.document == {"a": value}
    assert type(found.document["a"]) is type(value)


@pytest.mark.parametrize(
    "text", ["1e3", "08", "0812345", "12e45", "0o17", "y", "N", "1_000", "22:22"]
)
def test_text_that_some_reader_takes_for_a_number_is_written_in_quotes(text: str) -> None:
    """A label `0812345` would be refused by the API server as a number."""
    assert yaml_text({"label": text}) == f"label: '{text}'\n"


def test_long_texts_stay_in_one_line() -> None:
    """A difference in Git is one line then."""
    text = "word " * 100 + "end"

    assert yaml_text({"a": text}) == f"a: {text}\n"


def test_letters_of_all_languages_stay_readable() -> None:
    """An escape is no letter to a person."""
    assert yaml_text({"name": "\u00fc"}) == "name: \u00fc\n"


def test_a_hundred_levels_are_read() -> None:
    """No object of Kubernetes has as many."""
    (found,) = parts("[" * 100 + "]" * 100)

    assert found.document
    with pytest.raises(YamlError, match="100 levels"):
        parts("[" * 101 + "]" * 101)


def test_an_empty_file_has_no_parts() -> None:
    """And one of comments has one."""
    assert parts("") == ()
    assert [each.document for each in parts("# nothing\n")] == [None]


def test_anchors_are_written_out() -> None:
    """A difference in Git shows what is there, not where it is said first."""
    (found,) = parts("a: &x {b: [1]}\nc: *x\nd:\n  <<: *x\n  e: 2\n")

    assert (
        yaml_text(found.document) == "a:\n  b:\n  - 1\nc:\n  b:\n  - 1\nd:\n  b:\n  - 1\n  e: 2\n"
    )


def test_comments_before_a_document_are_kept() -> None:
    """A licence or a heading is about the whole file."""
    (_, found) = parts("# licence\n--- # one\n\n# heading\n  # more\na: 1 # lost\n")

    assert yaml_text({"a": 2}, found.text) == "--- # one\n\n# heading\n  # more\na: 2\n"


def test_documents_of_several_files_are_kept_apart() -> None:
    """A file often has neither a mark at its beginning nor an end of line at its end."""
    assert join(["a: 1", "--- # two\nb: 2\n", "c: 3\n"]) == "a: 1\n--- # two\nb: 2\n---\nc: 3\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\n---\nb: [\n", "line 4: not YAML"),
        ("a: 1\n---\nb: c: d\n", "line 3: not YAML: mapping values are not allowed"),
        ("a: !!binary aGk=\n", "could not determine a constructor"),
        ("a: !Secret x\n", "could not determine a constructor"),
        ("{[1]: 2}\n", "unhashable key"),
        ("a: *b\n", "undefined alias"),
        ("a: \x07\n", "control characters"),
        ("a: " + "[" * 200 + "]" * 200, "deeper than 100 levels"),
        ("a: " + "[" * 100_000, "nesting depth"),
        ("a: &a [*a]\n", "deeper than 100 levels"),
    ],
)
def test_file_that_cannot_be_read_is_said_with_its_line(text: str, said: str) -> None:
    """Of several hundred lines in a dozen documents."""
    with pytest.raises(YamlError, match="line ") as caught:
        parts(text)

    assert said in str(caught.value)


def test_anchors_that_double_are_no_bomb() -> None:
    """Nine lines would be two thousand million words when they are written out."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]

    with pytest.raises(YamlError, match="more than 2000000 parts"):
        parts("\n".join(lines))


@given(st.text(alphabet="ab:-#&*!|>{}[]'\"\n \t%?,\\0", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Never with another exception, and nothing of it is lost."""
    try:
        found = parts(text)
    except YamlError:
        return
    assert "".join(each.text for each in found) == text
    for each in found:
        yaml_text(each.document, each.text)


@given(_DOCUMENTS)
def test_every_reader_finds_the_same(document: Any) -> None:  # noqa: ANN401 - of any kind
    """PyYAML's own one among them."""
    assert json.dumps(yaml.safe_load(yaml_text(document))) == json.dumps(document)
