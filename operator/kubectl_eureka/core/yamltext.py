"""Splits files of several YAML documents, reads them like kubectl, and writes them.

kubectl reads YAML by go-yaml, which differs from PyYAML: `2026-01-01` and `22:22` are texts there,
`1e3` and `08` are numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, Final

import msgspec
import yaml

_BEGIN: Final = re.compile(r"^---(?=\s|$)", re.MULTILINE)
"""A line that begins so begins a document, wherever it stands (YAML 1.2, `c-forbidden`)."""
_NOTHING: Final = re.compile(r"(\s*(#[^\n]*|%[^\n]*|\.\.\.|---)?(\n|$))*")
"""Comments, directives and marks."""
_HEAD: Final = re.compile(r"(---[ \t]*(#[^\n]*)?\n)?([ \t]*(#[^\n]*)?\n)*")
"""What stands before a document and can be kept."""
_DEEPEST: Final = 100
"""Levels: objects of Kubernetes have 30. The writer of YAML needs three calls for each."""
_MOST_NODES: Final = 2_000_000
"""Of a document with its anchors written out: they double with each line of a hostile file."""
_MOST_BITS: Final = 64
_PREFIX: Final = "tag:yaml.org,2002:"
_JSON: Final = ("map", "seq", "str", "int", "float", "bool", "null")
_NUMBER: Final = (
    r"[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_PLAIN: Final = {
    "bool": (
        "yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF",
        [*"yYnNtTfFoO"],
    ),
    "int": (
        r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0o?[0-7_]+|0|[1-9][0-9_]*)",
        [*"-+0123456789"],
    ),
    "float": (_NUMBER, [*"-+0123456789."]),
    "null": ("~|null|Null|NULL|", [*"~nN", ""]),
    "merge": ("<<", ["<"]),
}
"""What a text without quotes is, if it is not a text, and with what it begins."""
_BREAKS: Final = frozenset("\r\x85\u2028\u2029\ufeff")
"""They would be read as ends of lines, unless they are written as `\\N` and the like."""
_NO_TEXT: Final = r"[-+]?0[box][0-9a-fA-F_]+|[ynYN]"
"""Numbers and truth values of one of the many readers."""


class YamlError(ValueError):
    """A file that cannot be read; the text says what is wrong, and in which line."""


class Part(msgspec.Struct, frozen=True):
    """A document with the text it was read from; `None`: there is nothing but comments."""

    text: str
    document: Any = None


class _Loader(yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader):  # type: ignore[misc] # as it is built
    """Reads only the types that JSON has."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - filled below
    yaml_constructors: dict[str | None, Any] = {  # noqa: RUF012 - of a library
        None: yaml.SafeLoader.yaml_constructors[None],
        **{
            tag: yaml.SafeLoader.yaml_constructors[tag]
            for tag in (f"tag:yaml.org,2002:{each}" for each in _JSON)
        },
    }


class _Dumper(yaml.SafeDumper):
    """Writes texts line by line, without anchors; quotes what some reader takes for a number."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - of a library
        """Never write anchors: they make a diff hard to read."""
        return True


def _integer(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int | float | str:
    """An integer; as a text if it is larger than readers can hold."""
    text = str(node.value)
    if len(text) > _MOST_BITS + 3:
        return text
    if "o" in text:
        return int(text.replace("_", ""), 8)
    return int(loader.construct_yaml_int(node))


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    if not _BREAKS.isdisjoint(text):
        style = '"'
    return dumper.represent_scalar(f"{_PREFIX}str", text, style=style)


def _full_match(pattern: str) -> re.Pattern[str]:
    """For resolvers, which match at the beginning only."""
    return re.compile(f"(?:{pattern})$")


for _tag, (_pattern, _first) in _PLAIN.items():
    _Loader.add_implicit_resolver(f"{_PREFIX}{_tag}", _full_match(_pattern), _first)
_Loader.add_constructor(f"{_PREFIX}int", _integer)
_Dumper.add_implicit_resolver(f"{_PREFIX}float", _full_match(_NUMBER), [*"-+0123456789."])
_Dumper.add_implicit_resolver(f"{_PREFIX}bool", _full_match(_NO_TEXT), [*"-+0ynYN"])
_Dumper.add_representer(str, _text)


def parts(text: str) -> tuple[Part, ...]:
    """The documents of a file; joined, their texts are the file.

    Raises:
        YamlError: One of them cannot be read.
    """
    begins = [each.start() for each in _BEGIN.finditer(text)]
    cuts = [0, *(each for each in begins if each), len(text)]
    return tuple(
        Part(text[start:end], _document(text[start:end], text.count("\n", 0, start)))
        for start, end in pairwise(cuts)
        if start < end
    )


def yaml_text(document: object, before: str = "") -> str:
    """A document as YAML, in the order of its keys; `before`: the text that it was read from.

    Comments that stand before the document are kept, those in it are not.
    """
    text = yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=float("inf")
    )
    head = _HEAD.match(before)
    return (head.group() if head else "") + text


def join(texts: Iterable[str]) -> str:
    """Documents as one file."""
    found = ""
    for text in texts:
        if found and not _BEGIN.match(text):
            found += "---\n"
        found += text if text.endswith("\n") else f"{text}\n"
    return found


def _document(text: str, lines: int) -> Any:  # noqa: ANN401 - of any kind
    """The document of a text; `lines` is how many lines of the file come before it."""
    if _NOTHING.fullmatch(text):
        return None
    try:
        found = yaml.load(text, Loader=_Loader)  # noqa: S506 - of what JSON has
        _size(found, {})
    except yaml.YAMLError as error:
        raise YamlError(_error_text(error, lines)) from error
    except (ValueError, TypeError, RecursionError) as error:
        message = "it is nested too deep" if isinstance(error, RecursionError) else str(error)
        raise YamlError(f"the document of line {lines + 1} cannot be read: {message}") from error
    return found


def _error_text(error: yaml.YAMLError, lines: int) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        message = ": ".join(each for each in (error.context, error.problem) if each)
        return f"line {lines + error.problem_mark.line + 1}: not YAML: {message}"
    return f"the document of line {lines + 1} is not YAML: {error}"


def _size(node: object, sizes: dict[int, tuple[int, int]], depth: int = 0) -> tuple[int, int]:
    """The number of nodes of a document with its anchors resolved, and of its levels.

    Raises:
        ValueError: They are too many.
    """
    if not isinstance(node, dict | list):
        return 1, 0
    if id(node) not in sizes:
        if depth > _DEEPEST:
            raise ValueError(f"it is nested deeper than {_DEEPEST} levels")
        below = node.values() if isinstance(node, dict) else node
        found = [_size(each, sizes, depth + 1) for each in below]
        size = 1 + sum(each for each, _ in found)
        sizes[id(node)] = size, 1 + max((levels for _, levels in found), default=0)
    size, levels = sizes[id(node)]
    if size > _MOST_NODES or levels > _DEEPEST:
        raise ValueError(
            f"with its anchors written out it has more than {_MOST_NODES} parts, or more than"
            f" {_DEEPEST} levels"
        )
    return size, levels
