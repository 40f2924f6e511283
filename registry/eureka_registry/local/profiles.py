"""Spring's profiles: which documents of a configuration are active together.

Rules of Spring Boot's `ConfigDataEnvironment`, as far as servers' files use them: expressions with
`!`, `&`, `|`, parentheses and commas; `default` while no profile is active; groups and includes;
documents in the order of the file, then the files of the profiles; what comes later wins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

import msgspec

DEFAULT: Final = "default"
"""The profile that is active while no other is (Spring's `getDefaultProfiles`)."""

_TOKEN: Final = re.compile(r"\s*([!&|(),]|[^\s!&|(),]+)")
_GROUP: Final = "spring.profiles.group."
_CONDITIONS: Final = ("spring.profiles", "spring.config.activate.onprofile")
_OPERATORS: Final = frozenset("!&|(),")
_MAX_TOKENS: Final = 200


class Property(msgspec.Struct, frozen=True):
    """A property's name as it was written, and its value with its placeholders."""

    name: str
    value: str


class Document(msgspec.Struct, frozen=True):
    """One document of a file: properties by their canonical name.

    `profile` is that of the file's name (`application-<profile>.yml`), empty if there is none.
    """

    profile: str
    properties: Mapping[str, Property]

    def value(self, canonical_name: str) -> str:
        """Return the value of a property, empty if it is missing."""
        found = self.properties.get(canonical_name)
        return found.value.strip() if found else ""

    @property
    def condition(self) -> str:
        """The expression of profiles under which the document counts; empty: always."""
        return next((text for name in _CONDITIONS if (text := self.value(name))), "")


def canonical(name: str) -> str:
    """Return the canonical name of a property, by which properties override each other."""
    return re.sub(r"[-_]", "", name.replace("[", ".").replace("]", "")).lower()


def split_list(text: str) -> list[str]:
    """Return the parts of a list with commas, without blanks and empty ones."""
    return [word for part in text.split(",") if (word := part.strip())]


def _tokens(expression: str) -> list[str]:
    return _TOKEN.findall(expression)


def matches(expression: str, active: Iterable[str]) -> bool:
    """Whether an expression of profiles holds while `active` are; an empty one always does.

    Raises:
        ValueError: the expression cannot be read.
    """
    tokens = _tokens(expression)
    if not tokens:
        return True
    if len(tokens) > _MAX_TOKENS:
        raise ValueError("an expression of profiles is too long")
    holds = _any(tokens, frozenset(active) or frozenset({DEFAULT}))
    if tokens:
        raise ValueError(f"{expression!r} is not an expression of profiles")
    return holds


def _any(tokens: list[str], active: frozenset[str]) -> bool:
    """Read operands joined by `|` and `,`, and take them from `tokens`."""
    holds = _all(tokens, active)
    while tokens and tokens[0] in {"|", ","}:
        tokens.pop(0)
        holds = _all(tokens, active) or holds
    return holds


def _all(tokens: list[str], active: frozenset[str]) -> bool:
    """Read operands joined by `&`, and take them from `tokens`."""
    holds = _single(tokens, active)
    while tokens and tokens[0] == "&":
        tokens.pop(0)
        holds = _single(tokens, active) and holds
    return holds


def _single(tokens: list[str], active: frozenset[str]) -> bool:
    first = tokens.pop(0) if tokens else ")"
    if first == "!":
        return not _single(tokens, active)
    if first == "(":
        holds = _any(tokens, active)
        if not tokens or tokens.pop(0) != ")":
            raise ValueError("a parenthesis of an expression of profiles is not closed")
        return holds
    if first in _OPERATORS:
        raise ValueError("an expression of profiles lacks a name")
    return first in active


def _profiles_of(document: Document) -> list[str]:
    """Return the profiles that a document is for, that of its file's name first."""
    words_of = _tokens(document.condition)
    negated = {after for before, after in pairwise(words_of) if before == "!"}
    names = [word for word in words_of if word not in negated | _OPERATORS]
    return [document.profile, *names] if document.profile else names


class Profiles:
    """The documents of a configuration, seen by profile.

    Its first documents are the files without a profile in their name, in Spring's order.
    """

    def __init__(self, documents: Sequence[Document]) -> None:
        self._documents = documents

    def names(self) -> list[str]:
        """Return every profile that documents or files name, in their order."""
        names = (name for document in self._documents for name in _profiles_of(document))
        return [name for name in dict.fromkeys(names) if name != DEFAULT]

    def parts(self) -> set[str]:
        """Return the profiles that are active only through others, as members or included."""
        return {
            name
            for document in self._documents
            for key, found in document.properties.items()
            if key.startswith(_GROUP) or key == "spring.profiles.include"
            for name in split_list(found.value)
        }

    def groups(self) -> list[str]:
        """Return the profiles that are defined as groups of others, in their order."""
        return list(self._groups())

    def _groups(self) -> dict[str, list[str]]:
        return {
            found.name[len(_GROUP) :].strip("[]"): split_list(found.value)
            for document in self._documents
            for key, found in document.properties.items()
            if key.startswith(_GROUP)
        }

    def expand(self, active: Iterable[str]) -> list[str]:
        """Return `active` with what they include before them and their groups' members behind."""
        ordered: dict[str, None] = {}
        groups = self._groups()
        base = (document for document in self._documents if not _profiles_of(document))
        waiting = [*_includes(base), *active]
        while waiting:
            name = waiting.pop(0)
            if name in ordered:
                continue
            own = (document for document in self._documents if _profiles_of(document) == [name])
            included = [other for other in _includes(own) if other not in ordered]
            ordered |= dict.fromkeys([*included, name])
            waiting = [*groups.get(name, []), *waiting]
        return list(ordered)

    def active_documents(self, active: Sequence[str]) -> list[Document]:
        """Return the documents that count while `active` (expanded) are; the last one wins."""
        order = {name: place for place, name in enumerate(active or [DEFAULT])}
        fitting = [
            document
            for document in self._documents
            if (not document.profile or document.profile in order)
            and matches(document.condition, active)
        ]
        return sorted(fitting, key=lambda document: order.get(document.profile, -1))

    def own_documents(self, profile: str) -> Iterator[Document]:
        """Return the documents that count because of `profile` alone."""
        always = self.active_documents(self.expand([]))
        for document in self.active_documents(self.expand([profile])):
            if not any(document is other for other in always):
                yield document


def _includes(documents: Iterable[Document]) -> list[str]:
    return [
        name
        for document in documents
        for name in split_list(document.value("spring.profiles.include"))
    ]
