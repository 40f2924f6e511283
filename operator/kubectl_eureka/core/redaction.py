"""Removes secrets from the objects and texts of a report.

In doubt a value is left out. What was recognised as a secret in one place is removed wherever else
it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, Final
from urllib.parse import unquote

from eureka_registry.config.urls import redact

HIDDEN: Final = "***"

_WORD: Final = (
    r"(?:pass(?:word|wd|phrase)?|pwd|tokens?|secrets?|credentials?|authorization"
    r"|api[-_.]?keys?|private[-_.]?keys?|access[-_.]?keys?)"
)
_SECRET_NAME: Final = re.compile(rf"(?i).*{_WORD}[-_.]?\d*")
"""`secretName` is none: it says where a secret is, and not which."""
_PATTERNS: Final = (
    (
        re.compile(
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
            re.DOTALL,
        ),
        HIDDEN,
    ),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), HIDDEN),
    (re.compile(r"(?i)\b(basic|bearer)\s+[\w+/=.~-]{6,}"), rf"\1 {HIDDEN}"),
    (
        re.compile(
            rf"(?i)([\w.-]*{_WORD}[\w.-]*[\"']?\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|[^\s,;&}}\]]+)"
        ),
        rf"\1{HIDDEN}",
    ),
)
_URL_PASSWORD: Final = re.compile(r"://[^\s/@:]*:([^\s@]+)@")
_FLAG: Final = re.compile(rf"(?i)--?[\w.-]*{_WORD}[\w.-]*")
_SHORTEST: Final = 5
"""A shorter value is found in words that have nothing to do with it."""
_KEPT_DOMAINS: Final = ("eurekube.io", "kubernetes.io", "k8s.io", "helm.sh")
_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_KEPT_VARIABLES: Final = frozenset(
    {"EUREKA_POD_NAME", "EUREKA_POD_IP", "EUREKA_ZONE", "POD_NAME", "POD_NAMESPACE"}
)


class Redaction:
    """Remembers secrets that it has seen, and removes them from everything."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()

    def learn(self, documents: Iterable[object]) -> None:
        """Collect secrets from documents: values of variables, passwords of URLs."""
        for each in documents:
            self._learn(each)

    def document(self, document: object) -> Any:  # noqa: ANN401 - of any kind
        """A document without secrets, annotations of others, and managed fields."""
        return self._node(document)

    def text(self, text: str) -> str:
        """A text without secrets."""
        for pattern, instead in _PATTERNS:
            text = pattern.sub(instead, text)
        text = "".join(
            redact(line) if "@" in line else line for line in text.splitlines(keepends=True)
        )
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        return text

    def _learn(self, node: object) -> None:
        if isinstance(node, Mapping):
            self._learn_mapping(node)
        elif isinstance(node, list):
            for flag, value in pairwise(node):
                if _is_flag(flag) and isinstance(value, str):
                    self._remember(value)
            for each in node:
                self._learn(each)
        elif isinstance(node, str):
            for found in _URL_PASSWORD.findall(node):
                self._remember(found)
                self._remember(unquote(found))

    def _learn_mapping(self, node: Mapping[str, Any]) -> None:
        if _is_variable(node):
            self._remember(node["value"])
        for key, value in node.items():
            if isinstance(value, str) and _is_secret_name(key):
                self._remember(value)
            self._learn(value)

    def _remember(self, value: str) -> None:
        is_plain = value.isdecimal() or value.lower() in ("false", "true")
        if len(value) >= _SHORTEST and not is_plain:
            self._secrets.add(value)

    def _node(self, node: object) -> Any:  # noqa: ANN401 - of any kind
        if isinstance(node, Mapping):
            return self._mapping(node)
        if isinstance(node, list):
            return [
                HIDDEN if _is_flag(before) and isinstance(each, str) else self._node(each)
                for each, before in zip(node, ["", *node], strict=False)
            ]
        return self.text(node) if isinstance(node, str) else node

    def _mapping(self, node: Mapping[str, Any]) -> dict[str, Any]:
        if _is_variable(node):
            return {**node, "value": HIDDEN}
        found: dict[str, Any] = {}
        for key, value in node.items():
            if key == "managedFields":
                continue
            if key == "annotations" and isinstance(value, Mapping):
                found[key] = {name: self._annotation(name, text) for name, text in value.items()}
            elif isinstance(value, str) and _is_secret_name(key):
                found[key] = HIDDEN
            else:
                found[key] = self._node(value)
        return found

    def _annotation(self, name: str, value: object) -> object:
        domain = name.partition("/")[0]
        is_kept = any(domain == each or domain.endswith(f".{each}") for each in _KEPT_DOMAINS)
        if name == _LAST_APPLIED or not is_kept or not isinstance(value, str):
            return HIDDEN
        return self.text(value)


def _is_variable(node: Mapping[str, Any]) -> bool:
    """Whether a container's variable may hold a secret; Eurekube's own variables do not."""
    is_one = node.keys() == {"name", "value"} and isinstance(node["value"], str)
    return is_one and node["name"] not in _KEPT_VARIABLES


def _is_flag(value: object) -> bool:
    """Whether the value of this flag is a secret."""
    return isinstance(value, str) and bool(_FLAG.fullmatch(value))


def _is_secret_name(name: str) -> bool:
    return bool(_SECRET_NAME.fullmatch(name))
