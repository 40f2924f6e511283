"""JSON without the `json` package, whose `re` costs each pod 0.4 MiB and a fifth of its start.

The C code that `json` itself uses is used: `_json`. Where it is missing, `json` takes its place.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

MOST_NESTED = 64
_BLANKS = " \t\n\r"


def loads(text: str | bytes) -> Any:  # noqa: ANN401 - as `json.loads`
    """The value of a JSON text.

    Raises:
        ValueError: it is none, has anything behind its value, or is nested too deeply.
    """
    if isinstance(text, bytes):
        text = text.decode()
    try:
        value, end = _scan(text, len(text) - len(text.lstrip(_BLANKS)))
    except StopIteration as stop:
        raise ValueError(f"no value at character {stop.value}") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except SystemError:  # it looks for json's JSONDecodeError, which is not loaded
        raise ValueError("it breaks JSON's syntax") from None
    if text[end:].strip(_BLANKS):
        raise ValueError(f"something follows the value at character {end}")
    return value


def dumps(value: object) -> str:
    """A value of dicts, lists, texts, numbers, booleans and `None` as JSON, without blanks."""
    return "".join(_pieces(value, MOST_NESTED))


def _pieces(value: object, room: int) -> Iterator[str]:
    if not room:
        raise ValueError("it is nested too deeply")
    if isinstance(value, str):
        yield _quoted(value)
    elif value is None or isinstance(value, bool):
        yield _WORDS[value]
    elif isinstance(value, dict):
        begin = "{"
        for key, each in value.items():
            yield f"{begin}{_quoted(key)}:"
            yield from _pieces(each, room - 1)
            begin = ","
        yield "}" if value else "{}"
    elif isinstance(value, list | tuple):
        begin = "["
        for each in value:
            yield begin
            yield from _pieces(each, room - 1)
            begin = ","
        yield "]" if value else "[]"
    else:
        yield repr(value)  # as `json` writes numbers, but for infinity, which there is none of


_WORDS = {None: "null", True: "true", False: "false"}


def _refuse(word: str) -> float:
    raise ValueError(f"{word} is not JSON")


class _Options:
    """What the scanner asks of a `json.JSONDecoder`."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = staticmethod(_refuse)
    memo: dict[str, str] = {}  # noqa: RUF012 - emptied by the scanner itself


try:
    import _json as _fast

    _scan: Callable[[str, int], tuple[Any, int]] = _fast.make_scanner(_Options)  # type: ignore[arg-type] # it has what a JSONDecoder has
    _quoted: Callable[[str], str] = _fast.encode_basestring
except (ImportError, AttributeError):
    import json

    _scan = json.JSONDecoder(parse_constant=_refuse).raw_decode
    _quoted = json.JSONEncoder(ensure_ascii=False).encode
