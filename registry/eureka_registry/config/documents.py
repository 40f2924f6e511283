"""Reads YAML, JSON and plain text; errors name the file and the line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
import yaml

from eureka_registry.config.errors import ConfigurationError
from eureka_registry.config.files import content_of

_T = TypeVar("_T")
_MAX_DEPTH: Final = 50
_MAX_NODES: Final = 100_000


def read_text(path: Path, *, fallback: str | None = None) -> str:
    """Return the text of a file; see `read_bytes` and `text_of`."""
    return text_of(read_bytes(path), f"file {path}", fallback=fallback)


def read_bytes(path: Path) -> bytes:
    """Return a file's content as it is.

    Raises:
        ConfigurationError: the file cannot be read or is too large.
    """
    try:
        return content_of(path)
    except ValueError as error:
        raise ConfigurationError(f"file {path}", f"cannot be read: {error}") from None


def text_of(content: bytes, source: str, *, fallback: str | None = None) -> str:
    """Return a file's text without byte order mark, with a line feed at the end of each line.

    `source` names the file in messages, `fallback` the encoding of files that are not UTF-8; `None`
    refuses them.

    Raises:
        ConfigurationError: the content is not UTF-8.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if fallback is None:
            raise ConfigurationError(source, f"is not UTF-8 (byte {error.start})") from None
        text = content.decode(fallback)
    return text.replace("\r\n", "\n").replace("\r", "\n")


class _TypedLoader(yaml.SafeLoader):
    """YAML as PyYAML reads it, but a key that occurs twice is an error."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._checked: set[int] = set()
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:  # noqa: ANN401 - as inherited
        """Refuse deep nesting before the whole document is read."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise _too_large(self.get_mark())
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Refuse duplicate keys before `<<` adds those that may be overridden."""
        if id(node) not in self._checked:
            self._checked.add(id(node))
            _refuse_double_keys(node)
        super().flatten_mapping(node)
        _keep_last(node)


class _TextLoader(_TypedLoader):
    """YAML whose scalars stay texts as written: Spring converts them itself."""

    def check_plain(self) -> bool:
        """Allow a text to begin with `@`, as Maven's `@project.version@` does."""
        return self.peek() == "@" or super().check_plain()


_TextLoader.yaml_implicit_resolvers = {
    "<": [("tag:yaml.org,2002:merge", re.compile(r"<<\Z"))],
}


def _too_large(mark: yaml.Mark) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, "nested too deeply, or too large", mark)


def _refuse_double_keys(node: yaml.MappingNode) -> None:
    seen: set[str] = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
            continue
        if key.value in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"key {key.value!r} is there twice", key.start_mark
            )
        seen.add(key.value)


def _keep_last(node: yaml.MappingNode) -> None:
    """Keep the last of several equal keys: the override of a merged one.

    PyYAML 6.0.4 keeps the first when the mapping is merged in turn and the key has one letter.
    """
    last = {_name(pair[0]): pair for pair in node.value}
    node.value = list(last.values())


def _name(key: yaml.Node) -> object:
    """The identity of a key: the text of a scalar, any other node itself."""
    return (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else id(key)


def _refuse_boundless(root: yaml.Node | None) -> None:
    """Refuse a document that grows too large when aliases are followed, or never ends."""
    waiting = [(root, 1)] if root else []
    visited = 0
    while waiting:
        node, depth = waiting.pop()
        visited += 1
        if depth > _MAX_DEPTH or visited > _MAX_NODES:
            raise _too_large(node.start_mark)
        if isinstance(node, yaml.MappingNode):
            waiting += [(part, depth + 1) for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            waiting += [(part, depth + 1) for part in node.value]


def _construct_all(loader: _TypedLoader) -> list[object]:
    documents: list[object] = []
    while loader.check_node():
        node = loader.get_node()
        _refuse_boundless(node)
        documents.append(loader.construct_document(node))
    return documents


def _yaml_problem(error: yaml.YAMLError, text: str, source: str) -> ConfigurationError:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        line = error.problem_mark.line
        problem = error.problem or "is not YAML"
        written = text.split("\n")[line] if line < text.count("\n") + 1 else ""
        if "\t" in written[: len(written) - len(written.lstrip())]:
            problem = "a line begins with a tab, YAML wants blanks"
        return ConfigurationError(f"{source}, line {line + 1}", problem)
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position)
        return ConfigurationError(f"{source}, line {line + 1}", "holds a control character")
    return ConfigurationError(source, "is not YAML")


def yaml_documents(text: str, source: str, *, texts_only: bool = False) -> list[object]:
    """Read every document of a YAML text; empty ones are `None`, or an empty text.

    With `texts_only` every scalar stays a text, as `8761` or `on`.

    Raises:
        ConfigurationError: the text is not YAML, a key is there twice, or it nests too deeply.
    """
    try:
        return _construct_all(_TextLoader(text) if texts_only else _TypedLoader(text))
    except yaml.YAMLError as error:
        raise _yaml_problem(error, text, source) from None
    except RecursionError:
        raise ConfigurationError(source, "nested too deeply, or too large") from None
    except ValueError as error:
        raise ConfigurationError(source, f"holds a value that is none: {error}") from None


def convert_document(document: object, kind: type[_T], source: str) -> _T:
    """Convert a parsed document into a struct.

    Raises:
        ConfigurationError: a key is unknown, lacks its value or has one of another type.
    """
    if document in (None, ""):
        raise ConfigurationError(source, "is empty")
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$.")
        where = f"{source}: key {place.rstrip('`')}" if place else source
        raise ConfigurationError(
            where, "is empty" if "got `null`" in message else message
        ) from None


def _single_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"key {double!r} is there twice")
    return members


def json_document(text: str, source: str) -> object:
    """Read a JSON text.

    Raises:
        ConfigurationError: the text is not JSON, a key is there twice, or it nests too deeply.
    """
    try:
        document: object = json.loads(text, object_pairs_hook=_single_keys)
    except json.JSONDecodeError as error:
        raise ConfigurationError(f"{source}, line {error.lineno}", error.msg) from None
    except RecursionError:
        raise ConfigurationError(source, "nested too deeply, or too large") from None
    except ValueError as error:
        raise ConfigurationError(source, str(error)) from None
    return document
