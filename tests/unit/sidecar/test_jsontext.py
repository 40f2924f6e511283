"""JSON as the standard library reads and writes it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eureka_sidecar import jsontext

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_written_value_is_read_back(value: object) -> None:
    """By us and by others."""
    text = jsontext.dumps(value)
    assert json.loads(text) == value
    assert jsontext.loads(text) == value


@given(VALUES, st.sampled_from([None, 0, 2]))
def test_what_others_write_is_read(value: object, indent: int | None) -> None:
    """Indented, or with escapes for everything beyond ASCII."""
    text = f"\n {json.dumps(value, indent=indent)} \t"
    assert jsontext.loads(text.encode()) == value


@pytest.mark.parametrize(
    "text",
    ["", " ", "{", "[1,", '{"a"}', '{"a":}', "[1] 2", "nul", "NaN", "-Infinity", "[" * 100_000,
     '"\t"', b"\xff"],
)  # fmt: skip
def test_what_is_no_json_is_refused(text: str | bytes) -> None:
    """With a ValueError, whatever it is."""
    with pytest.raises(ValueError):  # noqa: PT011 - the words are the C code's
        jsontext.loads(text)


@pytest.mark.parametrize("text", ["{", '{"a":"x', '{"a" 1}', '"\\u12"'])
def test_broken_syntax_is_refused_where_json_was_never_loaded(text: str) -> None:
    """There the C code does not find the error that it would raise."""
    program = (
        "import sys; from eureka_sidecar import jsontext\n"
        "assert 'json' not in sys.modules\n"
        "try: jsontext.loads(sys.argv[1])\n"
        "except ValueError as error: print(error)"
    )
    command = [sys.executable, "-c", program, text]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert said == "it breaks JSON's syntax\n"


def test_value_that_is_nested_without_end_is_refused() -> None:
    """An answer must not end the process."""
    nested: list[Any] = []
    nested.append(nested)
    with pytest.raises(ValueError, match="nested too deeply"):
        jsontext.dumps(nested)


def test_python_without_the_c_code_reads_and_writes_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`_json` is no public name."""
    monkeypatch.setitem(sys.modules, "_json", ModuleType("_json"))
    source = Path(jsontext.__file__).read_text()
    slow = ModuleType("slow")
    exec(source, slow.__dict__)  # noqa: S102 - our own module, a second time

    value = {"a": [1, 2.5, True, None, 'ä"\n'], "b": {}}
    assert slow.loads(slow.dumps(value)) == value
    assert slow.dumps(value) == jsontext.dumps(value)
    with pytest.raises(ValueError, match="NaN"):
        slow.loads("NaN")
