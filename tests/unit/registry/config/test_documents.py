from pathlib import Path

import pytest

from eureka_registry.config.documents import json_document, read_text, yaml_documents
from eureka_registry.config.errors import ConfigurationError

BILLION_LAUGHS = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
)


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("a:\n\tb: 1", "file x, line 2", "tab"),
        ("a: 1\nb: 2\na: 3", "file x, line 3", "key 'a' is there twice"),
        ("a: {b: 1, b: 2}", "file x, line 1", "twice"),
        ("a: b: c", "file x, line 1", "not allowed here"),
        ("a: *b", "file x, line 1", "undefined alias"),
        ("a: 1\nb: \x01", "file x, line 2", "control character"),
        ("a: !!python/object:os.system x", "file x, line 1", "tag"),
        ("a: &a [*a]", "file x, line 1", "nested too deeply"),
        ("[" * 5000, "file x", "nested too deeply"),
        (BILLION_LAUGHS, "file x", "too large"),
        ("? {a: 1}\n: b", "file x, line 1", "unhashable"),
    ],
)
@pytest.mark.parametrize("texts_only", [True, False])
def test_bad_yaml_is_refused_with_its_line(
    text: str, where: str, what: str, *, texts_only: bool
) -> None:
    """Hand-written files are wrong in many ways, some of them dangerous."""
    with pytest.raises(ConfigurationError) as caught:
        yaml_documents(text, "file x", texts_only=texts_only)

    assert caught.value.source.startswith(where)
    assert what in caught.value.problem


def test_a_date_that_is_none_is_refused() -> None:
    """PyYAML lets the ValueError of `datetime` out."""
    with pytest.raises(ConfigurationError, match="file x"):
        yaml_documents("a: 2024-13-45", "file x")


def test_texts_stay_as_they_are_written() -> None:
    """Spring converts by itself: `010`, `on` and `1:30` are not 8, True and 90."""
    text = "a: 010\nb: on\nc: 1:30\nd: ~\ne:\nf: 1.10"

    documents = yaml_documents(text, "file x", texts_only=True)

    assert documents == [{"a": "010", "b": "on", "c": "1:30", "d": "~", "e": "", "f": "1.10"}]


@pytest.mark.parametrize("texts_only", [True, False])
def test_merged_keys_may_be_overridden(*, texts_only: bool) -> None:
    """`<<` is the usual way to share settings; its keys are not there twice."""
    text = "x: &x {k: a, l: b}\ny: &y\n  <<: *x\n  k: c\nz:\n  <<: *y\n  l: d"

    (document,) = yaml_documents(text, "file x", texts_only=texts_only)

    assert document == {"x": {"k": "a", "l": "b"}, "y": {"k": "c", "l": "b"}} | {
        "z": {"k": "c", "l": "d"}
    }


def test_every_document_is_read() -> None:
    """Empty ones included, for documents are counted in messages."""
    assert yaml_documents("---\na: 1\n---\n---\nb: 2\n", "file x") == [{"a": 1}, None, {"b": 2}]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('{"a": 1,}', "line 1"),
        ('{"a": 1, "a": 2}', "twice"),
        ("[" * 100_000, "nested"),
        ('{"a": ' + "9" * 5000 + "}", "file x"),
    ],
)
def test_bad_json_is_refused(text: str, what: str) -> None:
    """JSON has its own traps: double keys win silently, deep nesting ends the stack."""
    with pytest.raises(ConfigurationError, match=what):
        json_document(text, "file x")


def test_bom_and_carriage_returns_are_no_content(tmp_path: Path) -> None:
    """Editors on Windows write both."""
    path = tmp_path / "x"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r")

    assert read_text(path) == "a: 1\nb: 2\n"


def test_another_encoding_needs_to_be_expected(tmp_path: Path) -> None:
    """`.properties` may be ISO 8859-1, YAML may not."""
    path = tmp_path / "x"
    path.write_bytes("a: é".encode("iso-8859-1"))

    assert read_text(path, fallback="iso-8859-1") == "a: é"
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        read_text(path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """The commonest mistake of all."""
    with pytest.raises(ConfigurationError, match="cannot be read: no such file"):
        read_text(tmp_path / "x")


def test_a_boundless_file_is_not_read(tmp_path: Path) -> None:
    """A device or a log named by mistake."""
    path = tmp_path / "x"
    with path.open("wb") as file:
        file.truncate(5_000_000)

    with pytest.raises(ConfigurationError, match="larger than"):
        read_text(path)
