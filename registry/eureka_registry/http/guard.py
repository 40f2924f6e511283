"""Who asks: `auth_file` read and watched, credentials checked, verified ones remembered.

A password takes a quarter of a second to check (`passwords`); once verified it is known by its
digest, so that renewals do not pay for it again.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from eureka_registry.config.documents import (
    convert_document,
    json_document,
    read_text,
    yaml_documents,
)
from eureka_registry.config.errors import ConfigurationError
from eureka_registry.config.files import load_or_refuse
from eureka_registry.http import auth
from eureka_registry.http.auth import Basic, Bearer, Identity, Request, Verdict
from eureka_registry.http.files import Watched, secret
from eureka_registry.http.messages import Answer
from eureka_registry.http.passwords import Claim, Passwords

_MOST_REMEMBERED: Final = 1024
_BUSY: Final = Answer(503, headers=(("Retry-After", "1"),))
_REFUSALS: Final = {
    Verdict.UNAUTHORISED: Answer(401, headers=(("WWW-Authenticate", 'Basic realm="eureka"'),)),
    Verdict.FORBIDDEN: Answer(403),
}
_NOBODY: Final = auth.kept(secrets.token_bytes(16), secrets.token_bytes(32))
"""A password that nobody has, where no user has a hashed one that could be imitated."""


class Sender(NamedTuple):
    """Who sends a request, as far as it says: `Authorization`, the certificate, the address."""

    authorization: str | None
    certificate: Mapping[str, Any] | None
    source: str


class _Rights(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    applications: tuple[str, ...] = ()
    vips: tuple[str, ...] | None = None
    peer: bool = False
    read: bool = True

    def identity(self, name: str) -> Identity:
        return Identity(name, self.applications, self.vips, self.peer, self.read)


class _User(_Rights, frozen=True, kw_only=True, forbid_unknown_fields=True):
    password: str = ""
    password_file: str = ""


class _Token(_Rights, frozen=True, kw_only=True, forbid_unknown_fields=True):
    token_file: str


class _Anonymous(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    read: bool = False


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    users: dict[str, _User] = {}
    tokens: dict[str, _Token] = {}
    certificates: dict[str, _Rights] = {}
    anonymous: _Anonymous = _Anonymous()


class _Policy(msgspec.Struct, frozen=True):
    """The file made ready: `known` and `tokens` by digest; `refused` remembers wrong passwords.

    `decoys` cost as much to check as the users' passwords, and are nobody's.
    """

    file: _File
    decoys: list[str]
    tokens: list[tuple[bytes, Identity]]
    known: dict[bytes, Identity]
    refused: set[bytes]


class Guard:
    """Judges requests by `auth_file`.

    Raises:
        ConfigurationError: the file, or one that it names, cannot be used.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._key = secrets.token_bytes(32)
        self._file = _File()
        """As it was read last; what it names may not be there yet."""
        self._policy = _Policy(self._file, [_NOBODY], [], {}, set())
        self._passwords = Passwords()
        self.watched = load_or_refuse(
            lambda: Watched("auth_file and what it names", self._paths, self._load),
            "setting auth_file",
        )

    async def admit(self, sender: Sender, request: Request) -> Identity | Answer:
        """Who asks, if that is allowed, else the answer: 401, 403, or 503 for too many at once."""
        policy = self._policy
        if sender.authorization is None:
            identity: Identity | None = _certified(policy, sender.certificate)
        else:
            try:
                identity = await self._identify(policy, sender.authorization, sender.source)
            except asyncio.QueueFull:
                return _BUSY
        if identity is None:
            return _REFUSALS[Verdict.UNAUTHORISED]
        verdict = auth.authorise(identity, request)
        return identity if verdict is Verdict.ALLOWED else _REFUSALS[verdict]

    def close(self) -> None:
        """Check no more passwords."""
        self._passwords.close()

    # -- How

    async def _identify(self, policy: _Policy, header: str, source: str) -> Identity | None:
        match auth.parse_credentials(header):
            case Basic(user, password):
                return await self._user(policy, Basic(user, password), source)
            case Bearer(token):
                digest = self._digest(token)
                found = [i for known, i in policy.tokens if hmac.compare_digest(known, digest)]
                return found[0] if found else None
            case _:
                return None

    async def _user(self, policy: _Policy, sent: Basic, source: str) -> Identity | None:
        """The user with that password.

        Whoever is not known or remembered as wrong waits for a check, also users who are not there
        or have no hashed password: how long it takes must not tell who is.
        """
        digest = self._digest(sent.user.encode() + b":" + sent.password)
        if digest in policy.known:
            return policy.known[digest]
        if digest in policy.refused:
            return None
        listed = policy.file.users.get(sent.user)
        stored = listed.password if listed is not None else ""
        claim = Claim(source, sent.user, stored or self._decoy(policy, sent.user), sent.password)
        key = hashlib.sha256(digest + claim.stored.encode()).digest()
        right = await self._passwords.check(key, claim)
        if not right or listed is None or not stored:
            if len(policy.refused) >= _MOST_REMEMBERED:
                policy.refused.clear()
            policy.refused.add(digest)
            return None
        return policy.known.setdefault(digest, listed.identity(sent.user))

    def _decoy(self, policy: _Policy, user: str) -> str:
        """What a user without a hashed password is checked against: always the same one."""
        number = int.from_bytes(self._digest(user.encode()))
        return policy.decoys[number % len(policy.decoys)]

    def _digest(self, text: bytes) -> bytes:
        return hmac.digest(self._key, text, "sha256")

    # -- The file

    def _load(self) -> None:
        file = self._file = _read(self._path)
        known = {
            self._digest(f"{name}:{secret(self._beside(user.password_file))}".encode()): (
                user.identity(name)
            )
            for name, user in file.users.items()
            if user.password_file
        }
        tokens = [
            (self._digest(secret(self._beside(token.token_file)).encode()), token.identity(name))
            for name, token in file.tokens.items()
        ]
        hashed = [user.password for user in file.users.values() if user.password]
        decoys = [auth.decoy(each, self._key) for each in hashed] or [_NOBODY]
        self._policy = _Policy(file, decoys, tokens, known, set())

    def _paths(self) -> Iterator[Path]:
        yield self._path
        file = self._file
        named = [user.password_file for user in file.users.values() if user.password_file]
        named += [token.token_file for token in file.tokens.values()]
        yield from map(self._beside, named)

    def _beside(self, name: str) -> Path:
        return self._path.parent / name


def _certified(policy: _Policy, certificate: Mapping[str, Any] | None) -> Identity:
    """The identity of a client that sends no credentials: by its certificate, else anybody."""
    names = auth.certificate_names(certificate) if certificate else ()
    for pattern, rights in policy.file.certificates.items():
        for name in names:
            if auth.matches(name, (pattern,)):
                return rights.identity(name)
    return Identity(read=policy.file.anonymous.read)


def _read(path: Path) -> _File:
    text, source = read_text(path), f"file {path}"
    if path.suffix == ".json":
        document = json_document(text, source)
    else:
        document = next(iter(yaml_documents(text, source)), None)
    file = convert_document(document, _File, source)
    for name, user in file.users.items():
        if bool(user.password) == bool(user.password_file) or not name or ":" in name:
            said = f"user {name!r} needs a name without colon, and password or password_file"
            raise ConfigurationError(source, said)
        if user.password and (wrong := auth.problem(user.password)):
            raise ConfigurationError(source, f"password of user {name!r} {wrong}")
    return file
