"""Finds who sent a request: reads and watches `auth_file`, checks credentials, remembers results.

A password takes a quarter of a second to check (`passwords`), a token a tenth of a millisecond
(`tokens`). Once verified, the header that brought it is known by its digest, so that renewals do
not pay for it again: until the file or one that it names changes, or what was proven ends.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import msgspec
from msgspec import Meta

from eureka_registry.config.documents import (
    convert_document,
    json_document,
    read_text,
    yaml_documents,
)
from eureka_registry.config.errors import ConfigurationError
from eureka_registry.config.files import load_or_refuse
from eureka_registry.http import auth, denials
from eureka_registry.http.accounts import Account, Invalid, Names
from eureka_registry.http.auth import Basic, Bearer, Identity, Request
from eureka_registry.http.files import WatchedFiles, read, secret
from eureka_registry.http.messages import Answer
from eureka_registry.http.passwords import Claim, Passwords
from eureka_registry.http.rules import ANONYMOUS

if TYPE_CHECKING:
    from eureka_registry.http.tokens import Verifier

GRACE_S: Final = 600.0
"""A password or token that was replaced in its file is taken for so long: clients and peers read
theirs from other files, or get them from people."""

_MOST_KNOWN: Final = 20_000
"""Headers that are known to be right: as many clients as have a token of their own each. An entry
takes 0.3 KiB."""
_MOST_REFUSED: Final = 1024
_MOST_FORMER: Final = 8
"""Former passwords of one user that are taken at once."""
_FOREVER: Final = float("inf")
_BUSY: Final = Answer(503, headers=(("Retry-After", "1"),))
_NOBODY: Final = auth.encode_hash(secrets.token_bytes(16), secrets.token_bytes(32))
"""A password that nobody has, where no user has a hashed one that could be imitated."""

_WRONG: Final = "user or password is not right"
_NONE_SENT: Final = "credentials are needed: a user and a password, or a token"
_SEVERAL: Final = "more than one Authorization header"
_NEITHER: Final = "credentials must be of the kind Basic or Bearer, and well formed"
_NO_TOKEN: Final = "the token is not known"  # noqa: S105 - a sentence


class Sender(NamedTuple):
    """The sender of a request: its `Authorization`, certificate and address."""

    authorizations: Sequence[str]
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


class _ServiceAccounts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    audience: Annotated[str, Meta(pattern=r"^[!#-\[\]-~]+$")] = "eureka"
    issuers: Annotated[frozenset[str], Meta(min_length=1)]
    keys_file: str
    names: dict[str, tuple[str, ...]] = {}


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    users: dict[str, _User] = {}
    tokens: dict[str, _Token] = {}
    certificates: dict[str, _Rights] = {}
    anonymous: _Anonymous = _Anonymous()
    service_accounts: _ServiceAccounts | None = None


class _CachedIdentity(NamedTuple):
    """An identity, and until when it is proven (epoch s)."""

    identity: Identity
    until_s: float = _FOREVER


class _Rejection(NamedTuple):
    """Why credentials are not accepted; `who` of a token is what its signature proves."""

    why: str
    is_token: bool = False
    who: str = ""
    lasts: bool = True


class _Secret(NamedTuple):
    """A secret by its entry in the file: that of a user or of a token, by name."""

    is_token: bool
    name: str


class _Former(NamedTuple):
    """A secret that was replaced, by its digest, and until when it is accepted (epoch s)."""

    owner: _Secret
    digest: bytes
    until_s: float


class _Accounts(NamedTuple):
    """ServiceAccounts: the verifier of their tokens, and what they may write."""

    verifier: Verifier
    names: Names


class _Policy(msgspec.Struct, frozen=True):
    """The file, prepared: `secrets` are those of files, by digest.

    `decoys` cost as much to check as the users' passwords, and belong to nobody. `known` and
    `refused` remember headers by digest, the oldest first.
    """

    file: _File
    decoys: list[str] = msgspec.field(default_factory=lambda: [_NOBODY])
    current: dict[_Secret, bytes] = {}
    former: list[_Former] = []
    passwords: dict[bytes, _CachedIdentity] = {}
    tokens: list[tuple[bytes, _CachedIdentity]] = []
    accounts: _Accounts | None = None
    known: dict[bytes, _CachedIdentity] = msgspec.field(default_factory=dict)
    refused: dict[bytes, _Rejection] = msgspec.field(default_factory=dict)


class Guard:
    """Judges requests by `auth_file`.

    Raises:
        ConfigurationError: the file, or one that it names, cannot be used.
    """

    def __init__(
        self,
        path: str,
        on_accounts: Callable[[], None] = lambda: None,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        """Read the file.

        Args:
            path: of `auth_file`.
            on_accounts: called when the file gives ServiceAccounts rights: they need the registry's
                index of names.
            now_s: the machine's clock, by which tokens end.
        """
        self._path = Path(path)
        self._on_accounts = on_accounts
        self._now_s = now_s
        self._key = secrets.token_bytes(32)
        self._file = _File()
        """As it was read last; what it names may not be there yet."""
        self._policy = _Policy(self._file)
        self._passwords = Passwords()
        self.watched = load_or_refuse(
            lambda: WatchedFiles("auth_file and what it names", self._paths, self._load),
            "setting auth_file",
        )

    async def admit(self, sender: Sender, request: Request) -> Identity | Answer:
        """The sender's identity if it may ask, else the answer: 401, 403, or 503 (too many)."""
        asked = request.method, request.route
        found = await self._identify(sender)
        if isinstance(found, Answer):
            return found
        if isinstance(found, _Rejection):
            if found.is_token:
                return denials.untrusted(*asked, found.why, found.who)
            return denials.unknown(*asked, found.why)
        refusal = auth.refusal(found, request)
        if refusal is None:
            return found
        if not found.name:
            return denials.unknown(*asked, _NONE_SENT, ANONYMOUS)
        return denials.forbidden(found.name, *asked, refusal)

    def cached_identity(self, authorization: bytes) -> Identity | None:
        """The identity of a header that was checked and is valid; `None`: it must be checked."""
        found = self._policy.known.get(self._mark(authorization))
        return found.identity if found is not None and self._now_s() < found.until_s else None

    def close(self) -> None:
        """Check no more passwords."""
        self._passwords.close()

    # -- How

    async def _identify(self, sender: Sender) -> Identity | _Rejection | Answer:
        policy = self._policy
        if not sender.authorizations:
            return _identity_of_certificate(policy, sender.certificate)
        if len(sender.authorizations) > 1:
            return _Rejection(_SEVERAL)
        header = sender.authorizations[0]
        sent = header.encode("utf-8", "surrogateescape")
        identity = self.cached_identity(sent)
        if identity is not None:
            return identity
        mark = self._mark(sent)
        if mark in policy.refused:
            return policy.refused[mark]
        try:
            found = await self._check(policy, header, sender.source)
        except asyncio.QueueFull:
            return _BUSY
        if isinstance(found, _CachedIdentity):
            _remember(policy.known, mark, found, _MOST_KNOWN)
            return found.identity
        if found.lasts:
            _remember(policy.refused, mark, found, _MOST_REFUSED)
        return found

    async def _check(
        self, policy: _Policy, header: str, source: str
    ) -> _CachedIdentity | _Rejection:
        match auth.parse_credentials(header):
            case Basic(user, password):
                return await self._user(policy, Basic(user, password), source)
            case Bearer(token):
                return self._token(policy, token)
            case _:
                return _Rejection(_NEITHER)

    async def _user(
        self, policy: _Policy, sent: Basic, source: str
    ) -> _CachedIdentity | _Rejection:
        """Find the user with that password.

        Unless the result is remembered, there is a check, also for users who do not exist or have
        no hashed password: the time that it takes must not show which users exist.
        """
        digest = self._digest(sent.user.encode() + b":" + sent.password)
        proven = policy.passwords.get(digest)
        if proven is not None and self._now_s() < proven.until_s:
            return proven
        listed = policy.file.users.get(sent.user)
        stored = listed.password if listed is not None else ""
        claim = Claim(source, sent.user, stored or self._decoy(policy, sent.user), sent.password)
        key = hashlib.sha256(digest + claim.stored.encode()).digest()
        right = await self._passwords.check(key, claim)
        if not right or listed is None or not stored:
            return _Rejection(_WRONG)
        return _CachedIdentity(listed.identity(sent.user))

    def _token(self, policy: _Policy, token: bytes) -> _CachedIdentity | _Rejection:
        digest, now_s = self._digest(token), self._now_s()
        found = [proven for each, proven in policy.tokens if hmac.compare_digest(each, digest)]
        for proven in found:
            if now_s < proven.until_s:
                return proven
        if policy.accounts is None:
            return _Rejection(_NO_TOKEN, is_token=True)
        verified = policy.accounts.verifier.verify(token, now_s)
        if isinstance(verified, Invalid):
            return _Rejection(verified.why, is_token=True, who=verified.who, lasts=verified.lasts)
        account = Account(verified.namespace, policy.accounts.names)
        return _CachedIdentity(Identity(verified.name, account=account), verified.until_s)

    def _decoy(self, policy: _Policy, user: str) -> str:
        """The hash for users without a hashed password: for one user always the same."""
        number = int.from_bytes(self._digest(user.encode()))
        return policy.decoys[number % len(policy.decoys)]

    def _digest(self, text: bytes) -> bytes:
        return hmac.digest(self._key, text, "sha256")

    def _mark(self, authorization: bytes) -> bytes:
        """The key of a remembered header; each renewal needs it, and HMAC costs 2 us more."""
        return hashlib.sha256(self._key + authorization).digest()

    # -- The file

    def _load(self) -> None:
        file = self._file = _read(self._path)
        current = dict(self._secrets(file))
        accounts = self._accounts(file.service_accounts)
        former = self._former_secrets(current)
        holders: list[tuple[_Secret, bytes, float]] = [
            *((owner, digest, _FOREVER) for owner, digest in current.items()),
            *former,
        ]
        hashed = [user.password for user in file.users.values() if user.password]
        decoys = [auth.decoy(each, self._key) for each in hashed] or [_NOBODY]
        passwords = {
            digest: _CachedIdentity(file.users[owner.name].identity(owner.name), until_s)
            for owner, digest, until_s in holders
            if not owner.is_token
        }
        tokens = [
            (digest, _CachedIdentity(file.tokens[owner.name].identity(owner.name), until_s))
            for owner, digest, until_s in holders
            if owner.is_token
        ]
        self._policy = _Policy(file, decoys, current, former, passwords, tokens, accounts)
        if accounts is not None:
            self._on_accounts()

    def _secrets(self, file: _File) -> Iterator[tuple[_Secret, bytes]]:
        """The secrets that files hold, by digest."""
        for name, user in file.users.items():
            if user.password_file:
                text = f"{name}:{secret(self._path_of(user.password_file))}"
                yield _Secret(is_token=False, name=name), self._digest(text.encode())
        for name, token in file.tokens.items():
            text = secret(self._path_of(token.token_file))
            yield _Secret(is_token=True, name=name), self._digest(text.encode())

    def _former_secrets(self, current: Mapping[_Secret, bytes]) -> list[_Former]:
        """The secrets that were replaced, of entries that still exist."""
        now_s = self._now_s()
        before = self._policy
        replaced = [
            _Former(owner, digest, now_s + GRACE_S)
            for owner, digest in before.current.items()
            if current.get(owner, digest) != digest
        ]
        left = [
            each
            for each in (*replaced, *before.former)
            if now_s < each.until_s and current.get(each.owner, each.digest) != each.digest
        ]
        # The latest come first, and the oldest beyond the bound go.
        ranks: Counter[_Secret] = Counter()
        kept = []
        for each in left:
            ranks[each.owner] += 1
            if ranks[each.owner] <= _MOST_FORMER:
                kept.append(each)
        return kept

    def _accounts(self, given: _ServiceAccounts | None) -> _Accounts | None:
        if given is None:
            return None
        from eureka_registry.http.tokens import Verifier  # noqa: PLC0415 - 9 MiB, only if needed

        path = self._path_of(given.keys_file)
        keys = read(path)
        try:
            verifier = Verifier(keys, given.audience, given.issuers)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        return _Accounts(verifier, Names(given.names))

    def _paths(self) -> Iterator[Path]:
        yield self._path
        file = self._file
        named = [user.password_file for user in file.users.values() if user.password_file]
        named += [token.token_file for token in file.tokens.values()]
        if file.service_accounts is not None:
            named.append(file.service_accounts.keys_file)
        yield from map(self._path_of, named)

    def _path_of(self, name: str) -> Path:
        return self._path.parent / name


def _remember(kept: dict[bytes, Any], mark: bytes, what: object, most: int) -> None:
    """Keep something, and forget the oldest beyond a number."""
    if len(kept) >= most:
        del kept[next(iter(kept))]
    kept[mark] = what


def _identity_of_certificate(policy: _Policy, certificate: Mapping[str, Any] | None) -> Identity:
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
            message = f"user {name!r} needs a name without colon, and password or password_file"
            raise ConfigurationError(source, message)
        if user.password and (wrong := auth.problem(user.password)):
            raise ConfigurationError(source, f"password of user {name!r} {wrong}")
    return file
