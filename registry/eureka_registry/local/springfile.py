"""Peers from the files that Eureka tutorials write: `application.yml` with its profiles.

A profile that sets a port, a host name or service URLs is a peer, as in
`java -jar eureka.jar --spring.profiles.active=peer1`. A configuration without such profiles is
one peer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import javaproperties
import msgspec

from eureka_registry.config.documents import read_text, yaml_documents
from eureka_registry.config.environment import is_of_java
from eureka_registry.config.errors import ConfigurationError, nearest
from eureka_registry.config.placeholders import Resolution, resolve, variables
from eureka_registry.config.properties import flat
from eureka_registry.local import springfolder
from eureka_registry.local.profiles import (
    DEFAULT,
    Document,
    Profiles,
    Property,
    canonical,
    split_list,
)

_SEPARATOR: Final = re.compile(r"^[#!]---[ \t]*$", re.MULTILINE)
_INDEXED: Final = re.compile(r"(.+)\[([0-9]{1,4})\]")
_PEER_NAMES: Final = ("server.port", "eureka.instance.hostname")
_PEER_FAMILY: Final = "eureka.client.serviceurl."
_ACTIVE: Final = "spring.profiles.active"
_PLATFORM: Final = "spring.config.activate.oncloudplatform"
_ROOTS: Final = ("eureka.", "server.", "spring.")


class SpringPeer(msgspec.Struct, frozen=True):
    """One peer: its profile's name, and its properties as they count for it.

    Placeholders are replaced, except those without a value. `used` are the properties that others'
    placeholders use, as they are written there.
    """

    name: str
    properties: dict[str, str]
    used: frozenset[str] = frozenset()


class SpringSource(msgspec.Struct, frozen=True):
    """The peers of Spring's files, and notes on how they were read.

    `chosen` names the peers to run; the others are known because service URLs lead to them.
    """

    path: str
    peers: list[SpringPeer]
    chosen: list[str]
    lines: list[str]


def read(path: Path, environ: Mapping[str, str], profiles: Sequence[str] = ()) -> SpringSource:
    """Read a file, with `application-<profile>` files beside it, or a folder of such files.

    `environ` is for placeholders only. `profiles` names the peers to run, none: all; a profile
    among them that is not a peer is active at every peer.

    Raises:
        ConfigurationError: a file cannot be read, or a profile does not exist.
    """
    files = springfolder.files(path)
    found = [document for file, profile in files for document in _documents(file, profile)]
    documents = [document for document in found if not document.value(_PLATFORM)]
    configuration = Configuration(path, documents, environ)
    wanted = profiles or springfolder.profile_of(path)
    peers, chosen = configuration.peers(wanted)
    platforms = dict.fromkeys(document.value(_PLATFORM) for document in found)
    lines = [
        *springfolder.skipped_file_notes(path),
        *_ignored_variables(environ),
        *(f"left out: what is for the cloud platform {name}" for name in platforms if name),
        *configuration.lines,
    ]
    return SpringSource(str(path), peers, chosen, lines)


def _ignored_variables(environ: Mapping[str, str]) -> list[str]:
    names = sorted(name for name, value in environ.items() if is_of_java(name, value))
    if not names:
        return []
    message = "they would count for every peer; variables only fill the file's placeholders"
    return [f"not applied: {', '.join(names)} of the environment: {message}"]


def _documents(path: Path, profile: str) -> Iterator[Document]:
    if path.suffix == ".properties":
        text = read_text(path, fallback="iso-8859-1")
        parts = [_properties(part, f"file {path}") for part in _SEPARATOR.split(text)]
    else:
        parts = list(_yaml(read_text(path), f"file {path}"))
    for part in parts:
        properties = {canonical(name): Property(name, value) for name, value in part}
        if properties:
            yield Document(profile, properties)


def _properties(text: str, source: str) -> Iterator[tuple[str, str]]:
    try:
        pairs = javaproperties.loads(text)
    except ValueError as error:
        raise ConfigurationError(source, f"is not a properties file: {error}") from None
    indexed: dict[str, dict[int, str]] = {}
    for name, value in pairs.items():
        if match := _INDEXED.fullmatch(name):
            indexed.setdefault(match[1], {})[int(match[2])] = value
        else:
            yield name, value
    for name, items in indexed.items():
        yield name, ",".join(items[place] for place in sorted(items))


def _yaml(text: str, source: str) -> Iterator[Iterator[tuple[str, str]]]:
    for number, document in enumerate(yaml_documents(text, source, texts_only=True), 1):
        if isinstance(document, dict):
            yield flat(document)
        elif document not in ("", None):
            raise ConfigurationError(f"{source}: document {number}", "is not a mapping")


# What it means


class Configuration:
    """Documents, and the peers in them; `lines` says what was chosen and left out."""

    def __init__(
        self, path: Path, documents: Sequence[Document], environ: Mapping[str, str]
    ) -> None:
        self._source = f"file {path}"
        self._profiles = Profiles(documents)
        self._variables = variables(environ)
        self.lines: list[str] = []
        names = [name for document in documents for name in document.properties]
        if not any(name.startswith(_ROOTS) for name in names):
            if empty := next((name for name in names if f"{name}." in _ROOTS), ""):
                raise ConfigurationError(f"{self._source}: key {empty}", "is empty")
            raise ConfigurationError(
                self._source, "holds nothing of eureka, server or spring", "Spring's properties"
            )

    def peers(self, wanted: Sequence[str]) -> tuple[list[SpringPeer], list[str]]:
        """Return all peers that the profiles describe, or the only one; and which of them run."""
        try:
            return self._peers(wanted)
        except ConfigurationError:
            raise
        except ValueError as error:
            raise ConfigurationError(self._source, str(error)) from None

    def _peers(self, wanted: Sequence[str]) -> tuple[list[SpringPeer], list[str]]:
        candidates = self._candidates()
        self._check(wanted)
        overlays = [name for name in wanted if name not in candidates]
        if not candidates:
            lone = self._single_peer(wanted)
            return [lone], [lone.name]
        chosen = [name for name in dict.fromkeys(wanted) if name in candidates] or candidates
        self._explain(chosen, overlays, wanted)
        peers = [self._peer(name, [name, *overlays]) for name in candidates]
        base = self._base_peer(peers)
        if base is None:
            return peers, chosen
        return [base, *peers], chosen if wanted else [base.name, *chosen]

    def _candidates(self) -> list[str]:
        parts = self._profiles.parts()
        names = dict.fromkeys([*self._profiles.names(), *self._profiles.groups()])
        return [name for name in names if name not in parts and self._is_peer(name)]

    def _is_peer(self, profile: str) -> bool:
        return any(
            found.value.strip() and (name in _PEER_NAMES or name.startswith(_PEER_FAMILY))
            for document in self._profiles.own_documents(profile)
            for name, found in document.properties.items()
        )

    def _check(self, wanted: Iterable[str]) -> None:
        known = [*self._profiles.names(), *self._profiles.groups()]
        for name in wanted:
            if name not in known:
                raise ConfigurationError(
                    self._source,
                    f"has no profile {name}{nearest(name, known)}",
                    ", ".join(known) or "none, it has no profiles",
                )

    def _single_peer(self, wanted: Sequence[str]) -> SpringPeer:
        base = self._effective([])
        written = next((base[name] for name in base if canonical(name) == _ACTIVE), "")
        active = list(wanted) or split_list(written)
        return self._peer(_host_name(self._effective(active)) or "peer1", active)

    def _peer(self, name: str, active: Sequence[str]) -> SpringPeer:
        filled = self._resolved_properties(active)
        used = {canonical(each) for resolved in filled.values() for each in resolved.used}
        return SpringPeer(
            name,
            {each: resolved.text for each, resolved in filled.items()},
            frozenset(each for each in filled if canonical(each) in used),
        )

    def _explain(
        self, chosen: Sequence[str], overlays: Sequence[str], wanted: Sequence[str]
    ) -> None:
        left_out = [name for name in self._profiles.names() if name not in (*chosen, *overlays)]
        left_out = [name for name in left_out if name not in self._profiles.parts()]
        self.lines.append(
            f"peers: the profiles {', '.join(chosen)}"
            + (f", each with {', '.join(overlays)}" if overlays else "")
        )
        if left_out and not wanted:
            self.lines.append(
                f"left out: the profiles {', '.join(left_out)} set no port, host name or service "
                "URL; --profile lays them over the peers"
            )
        active = _value(self._effective([]), _ACTIVE)
        if active and not wanted:
            self.lines.append(
                f"spring.profiles.active ({active}) does not choose here: all peers of the file "
                "run, --profile names single ones"
            )

    def _effective(self, active: Sequence[str]) -> dict[str, str]:
        """Return the properties that count while `active` are, with placeholders replaced."""
        return {name: resolved.text for name, resolved in self._resolved_properties(active).items()}

    def _resolved_properties(self, active: Sequence[str]) -> dict[str, Resolution]:
        merged: dict[str, Property] = {}
        for document in self._profiles.active_documents(self._profiles.expand(active)):
            merged |= document.properties

        def lookup(name: str) -> str | None:
            found = merged.get(canonical(name))
            return found.value if found else self._variables(name)

        return {found.name: resolve(found.value, lookup) for found in merged.values()}

    def _base_peer(self, peers: Sequence[SpringPeer]) -> SpringPeer | None:
        """Return the peer of the configuration without profiles, if other peers list it.

        In some tutorials the first server is `application.yml` and the second is a profile.
        """
        base = self._effective([])
        port, host = (_value(base, name) for name in _PEER_NAMES)
        own = f"{host or 'localhost'}:{port}"
        taken = {_address(peer.properties) for peer in peers}
        if not port or own in taken:
            return None
        urls = (
            url
            for peer in peers
            for name, text in peer.properties.items()
            if canonical(name).startswith(_PEER_FAMILY)
            for url in split_list(text)
        )
        if not any(f"//{own}/" in f"{url}/" or f"@{own}/" in f"{url}/" for url in urls):
            return None
        self.lines.append(f"a peer lists {own}: the part without a profile is a peer, too")
        name = _host_name(base)
        taken_names = {"", *(peer.name for peer in peers)}
        return self._peer(DEFAULT if name in taken_names else name, [])


def _value(properties: Mapping[str, str], canonical_name: str) -> str:
    found = (text for name, text in properties.items() if canonical(name) == canonical_name)
    return next(found, "").strip()


def _host_name(properties: Mapping[str, str]) -> str:
    """Return a host name that only one peer has, or an empty text."""
    name = _value(properties, "eureka.instance.hostname")
    return "" if name == "localhost" or "$" in name or "@" in name else name


def _address(properties: Mapping[str, str]) -> str:
    port, host = (_value(properties, name) for name in _PEER_NAMES)
    return f"{host or 'localhost'}:{port}"
