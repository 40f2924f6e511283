"""Loads one peer's settings: from flags, then the environment, then a file; the first value wins.

Each value keeps its source until all sources are read, so that each error says where to look.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from eureka_registry.config.binding import compact
from eureka_registry.config.documents import json_document, read_bytes, text_of, yaml_documents
from eureka_registry.config.environment import from_environment
from eureka_registry.config.errors import ConfigurationError, nearest
from eureka_registry.config.flags import add_flags, from_arguments
from eureka_registry.config.layer import Layer
from eureka_registry.config.settings import Settings
from eureka_registry.config.table import SETTINGS
from eureka_registry.config.urls import redact
from eureka_registry.config.validate import validate
from eureka_registry.config.values import SettingValue, convert

__all__ = [
    "ConfigurationError",
    "LoadResult",
    "add_flags",
    "hash_of",
    "load",
    "redact",
    "settings_of",
    "validate",
]

_BY_COMPACT: Final[Mapping[str, str]] = {compact(name): name for name in SETTINGS}
_HASH_DIGITS: Final = 16
_SPRING_KEYS: Final = frozenset({"eureka", "spring", "server", "management", "logging"})


class LoadResult(msgspec.Struct, frozen=True):
    """Settings, and warnings about their sources, one line each.

    `hash` is the `hash_of` of the file that was read, empty without one.
    """

    settings: Settings
    warnings: list[str]
    hash: str = ""


def load(
    arguments: Mapping[str, object],
    environ: Mapping[str, str],
    file: Path | None,
    *,
    lenient: bool = False,
) -> LoadResult:
    """Put one peer's settings together: flags, else environment, else `file`, else defaults.

    `arguments` are those of a parser with `add_flags`; other names in it are skipped. `file` is
    JSON (`.json`) or YAML, a mapping of the settings' names; `None`: no file. A `lenient` reader
    warns of keys that it does not know: the file may be written for another version.

    Raises:
        ConfigurationError: a value is not possible, or the file cannot be read.
    """
    content = read_bytes(file) if file else b""
    layers = [
        _from_content(content, file, lenient=lenient) if file else Layer(),
        from_environment(environ),
        from_arguments(arguments),
    ]
    values = {name: given for layer in layers for name, given in layer.values.items()}
    warnings = [line for layer in layers for line in layer.warnings]
    return LoadResult(settings_of(values), warnings, hash_of(content) if file else "")


def hash_of(content: bytes) -> str:
    """Return the first 16 hex digits of the SHA-256 of a file's content."""
    return hashlib.sha256(content).hexdigest()[:_HASH_DIGITS]


def settings_of(values: Mapping[str, SettingValue]) -> Settings:
    """Return the settings with these values, defaults for the rest.

    Raises:
        ConfigurationError: values that are valid one by one contradict each other.
    """
    plain = {name: given.value for name, given in values.items()}
    settings = msgspec.structs.replace(Settings(), **plain)
    validate(settings, {name: given.source for name, given in values.items()})
    return settings


def _from_content(content: bytes, path: Path, *, lenient: bool) -> Layer:
    """Read a file of settings; a key without a value counts as not set.

    Raises:
        ConfigurationError: it is not a mapping, a key is unknown or a value not possible.
    """
    source = f"file {path}"
    document = _document(content, path, source)
    if document is None:
        return Layer()
    if not isinstance(document, dict):
        raise ConfigurationError(source, "is not a mapping of settings' names to values")
    values: dict[str, SettingValue] = {}
    warnings: list[str] = []
    for key, raw in document.items():
        name = _BY_COMPACT.get(compact(str(key)))
        if name is None and lenient:
            warnings.append(f"{_unknown(key, source, raw)}; ignored")
            continue
        if name is None:
            raise _unknown(key, source, raw)
        if name in values:
            raise ConfigurationError(source, f"{name} is there twice, in two spellings")
        if raw is not None:
            values[name] = _value(name, raw, f"{source}: key {key}")
    return Layer(values, warnings)


def _document(content: bytes, path: Path, source: str) -> object:
    text = text_of(content, source)
    if path.suffix.lower() == ".json":
        return json_document(text, source)
    documents = [document for document in yaml_documents(text, source) if document is not None]
    if len(documents) > 1:
        raise ConfigurationError(source, "holds several documents", "one mapping of settings")
    return documents[0] if documents else None


def _unknown(key: object, source: str, raw: object) -> ConfigurationError:
    """Say what a key that is not a setting may have been meant to be."""
    if str(key) in _SPRING_KEYS or "." in str(key):
        return ConfigurationError(
            f"{source}: key {key}",
            "is Spring's; `eureka-registry up -f` reads application.yml, this file holds settings",
        )
    if key in {"apiVersion", "kind"}:
        return ConfigurationError(
            f"{source}: key {key}",
            "is Kubernetes'; `eureka-registry up -f` reads an EurekaCluster, "
            "this file holds settings",
        )
    inner = raw if isinstance(raw, dict) else {}
    if found := next((each for each in inner if compact(str(each)) in _BY_COMPACT), None):
        message = f"is not a setting, but {found} below it is: settings stand at the top level"
        return ConfigurationError(f"{source}: key {key}", message)
    return ConfigurationError(f"{source}: key {key}", f"unknown{nearest(str(key), SETTINGS)}")


def _value(name: str, raw: object, source: str) -> SettingValue:
    """Convert a value; an error names the wrong member of a mapping."""
    if isinstance(raw, dict):
        for key, part in raw.items():
            convert(SETTINGS[name], {key: part}, f"{source}.{key}")
    return convert(SETTINGS[name], raw, source)
