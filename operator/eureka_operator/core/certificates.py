"""Decides which certificates of the operator are kept, renewed or replaced, and why.

One Secret holds a CA with its key and a leaf with its own. The bundle is the CA and the one before
it: whichever of the two signed what is served, it is trusted. So a new CA is published first, and
signs a leaf only when it is trusted. The injector's bundle is published in the webhook's
`caBundle`, that of an EurekaCluster in a ConfigMap (`core/tls.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

INJECTOR_AUTHORITY: Final = "eurekube injector CA"
"""The common name of each CA that the operator makes for the injector."""
AUTHORITY_LASTS: Final = timedelta(days=3650)
LEAF_LASTS: Final = timedelta(days=90)
SETTLE_S: Final = 3.0
"""How long after its publication a CA is trusted: API servers learn of it by their own watches."""
CLOCKS_DIFFER: Final = timedelta(hours=1)
"""How long before it is made a certificate begins to hold: another machine's clock may be slow."""


class Subject(NamedTuple):
    """What certificates are made for.

    `authority` is the common name of their CAs, by which the operator recognises its own; `names`
    are what the leaf is valid for. `is_client`: it proves a client's identity, too.
    """

    authority: str
    names: tuple[str, ...]
    is_client: bool = False


class Authority(NamedTuple):
    """A CA's certificate; the fingerprint is its SHA-256 in hex."""

    fingerprint: str
    not_before: datetime
    not_after: datetime


class Leaf(NamedTuple):
    """A certificate whose key is there.

    `issuer` is the fingerprint of the authority that signed it; `None`: none of those beside it.
    """

    issuer: str | None
    names: frozenset[str]
    not_before: datetime
    not_after: datetime


class SecretContent(NamedTuple):
    """What a Secret holds that can be used.

    `authorities` are newest first; `signs`: the key of the newest is there. `faults` say in words
    what is there and cannot be used.
    """

    authorities: tuple[Authority, ...] = ()
    signs: bool = False
    leaf: Leaf | None = None
    faults: tuple[str, ...] = ()


class Plan(NamedTuple):
    """What has to be done to a Secret.

    `authority` and `leaf` say why a new one is made; `None`: it is not. `others` are the
    fingerprints that stay in the bundle behind the CA that signs, be it new or not. `waits`: a leaf
    has to be made as soon as its CA is trusted.
    """

    authority: str | None
    leaf: str | None
    others: tuple[str, ...]
    waits: bool = False


class Publication:
    """Since when CAs are published; they are trusted `settle_s` later, by a monotonic clock."""

    def __init__(self, settle_s: float) -> None:
        self._settle_s = settle_s
        self._since_s: dict[str, float] = {}

    def note(self, fingerprints: Iterable[str], now_s: float) -> None:
        """Take over which CAs are published now."""
        self._since_s = {each: self._since_s.get(each, now_s) for each in fingerprints}

    def trusted_fingerprints(self, now_s: float) -> frozenset[str]:
        """The CAs that have been published for long enough to be trusted everywhere."""
        return frozenset(
            each for each, since_s in self._since_s.items() if since_s + self._settle_s <= now_s
        )


def service_names(service: str, namespace: str, domain: str) -> tuple[str, ...]:
    """The DNS names of a Service; the API server asks for the first one."""
    inner = f"{service}.{namespace}.svc"
    return (inner, f"{inner}.{domain}", f"{service}.{namespace}", service)


def plan(
    content: SecretContent | None,
    published: Sequence[Authority],
    trusted: Collection[str],
    names: Sequence[str],
    now: datetime,
) -> Plan:
    """What becomes of the Secret (`None`: there is none) so that its leaf is valid for `names`.

    `published` are the CAs of ours that are published now: if the Secret is lost, what one of them
    signed is still served. `trusted` are fingerprints of those that have been published for long
    enough to be trusted everywhere.
    """
    present = content or SecretContent()
    new_authority = _why_authority(content, now)
    others = _former_authorities(present, published, now, is_replaced=new_authority is not None)
    signer = None if new_authority else present.authorities[0].fingerprint
    if why := "; ".join(_faults(present, {signer, *others}, names, now)):
        return Plan(new_authority, why, others)
    why_renewed = _why_renewed(present.leaf, signer, now)
    if why_renewed is not None and signer not in trusted:
        return Plan(new_authority, None, others, waits=True)
    return Plan(new_authority, why_renewed, others)


def missing_names(names: Collection[str], wanted: Iterable[str]) -> list[str]:
    """Those of the names `wanted` for which a certificate of the names `names` is not valid.

    `*` stands for the first label of a name, whole, as clients see it (RFC 6125, 6.4.3).
    """
    valid = {each.lower() for each in names}
    return [
        each
        for each in wanted
        if each.lower() not in valid and f"*.{each.lower().partition('.')[2]}" not in valid
    ]


def renewal(not_before: datetime, not_after: datetime) -> datetime:
    """When a certificate is renewed: after two thirds of its time."""
    return not_before + (not_after - not_before) * 2 / 3


def _why_authority(content: SecretContent | None, now: datetime) -> str | None:
    if content is None:
        return "there is no Secret"
    if not content.authorities:
        return "; ".join(content.faults) or "the Secret holds no CA"
    newest = content.authorities[0]
    if not content.signs:
        return "the CA's key is not there: " + ("; ".join(content.faults) or "ca.key is empty")
    if not newest.not_before <= now < newest.not_after:
        return f"the CA holds from {newest.not_before:%Y-%m-%d} to {newest.not_after:%Y-%m-%d} only"
    if now >= renewal(newest.not_before, newest.not_after):
        return f"the CA ends on {newest.not_after:%Y-%m-%d}"
    return None


def _former_authorities(
    content: SecretContent, published: Sequence[Authority], now: datetime, *, is_replaced: bool
) -> tuple[str, ...]:
    """Those that stay behind the first: the one before it, and the one that signed the leaf."""
    former = content.authorities if is_replaced else content.authorities[1:]
    if is_replaced:
        former += tuple(each for each in published if each not in former)
    alive = [each.fingerprint for each in former if each.not_before <= now < each.not_after]
    signer = content.leaf.issuer if content.leaf else None
    return tuple(each for index, each in enumerate(alive) if index == 0 or each == signer)


def _why_renewed(leaf: Leaf | None, signer: str | None, now: datetime) -> str | None:
    if leaf is None:
        return None
    if leaf.issuer != signer:
        return "its CA was replaced"
    if now >= renewal(leaf.not_before, leaf.not_after):
        return f"it ends on {leaf.not_after:%Y-%m-%d}"
    return None


def _faults(
    content: SecretContent, bundle: Collection[str | None], names: Sequence[str], now: datetime
) -> Iterator[str]:
    """Yield the reasons why the leaf cannot be served or trusted; it is then replaced at once."""
    leaf = content.leaf
    if leaf is None:
        yield "; ".join(content.faults) or "there is none"
        return
    if leaf.issuer is None or leaf.issuer not in bundle:
        yield "no CA of the bundle signed it"
    if missing := [name for name in names if name not in leaf.names]:
        yield f"it is not valid for {', '.join(missing)}"
    if not leaf.not_before <= now < leaf.not_after:
        yield f"it holds from {leaf.not_before:%Y-%m-%d} to {leaf.not_after:%Y-%m-%d} only"
