"""The injector's certificates: made, kept in a Secret, and published in the webhook's `caBundle`.

A task of the leader. The API server trusts a new CA before anything is signed by it, and goes on
trusting the one before. Of the MutatingWebhookConfiguration nothing but `caBundle` is applied, by
a field manager of its own: everything else is the chart's.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from eureka_operator.core import certificates as core
from eureka_operator.core.certificates import SETTLE_S, Authority, Held, Leaf, Plan
from eureka_operator.core.events import NORMAL, WARNING, Event
from eureka_operator.core.injection.webhooks import is_selected
from eureka_operator.core.kinds import SECRET, WEBHOOK, Object
from eureka_operator.core.names import MANAGER
from eureka_operator.shell.client import ApiError, Client, UnavailableError, path_of
from eureka_operator.shell.mirror import Mirror

BUNDLE, AUTHORITY_KEY, LEAF, LEAF_KEY = "ca.crt", "ca.key", "tls.crt", "tls.key"
"""Keys of the Secret; cert-manager writes all of them but `ca.key`."""
BUNDLE_MANAGER: Final = f"{MANAGER}-certificates"
"""Owns `caBundle` of each webhook, and no other field."""

_APPLY: Final = "application/apply-patch+yaml"
_NOT_FOUND: Final = 404
_LOOK_S: Final = 60.0
_AGAIN_S: Final = 3.0
_PEM: Final = serialization.Encoding.PEM

_log = logging.getLogger(__name__)


Tell = Callable[[Object, str, str, str], Awaitable[None]]
"""Posts an event about an object: `Kube.post_event`."""


class Issuer(NamedTuple):
    """A CA that can sign."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


class Certificates:
    """Keeps the Secret `NAME-tls` and the webhooks of the configuration `NAME` right.

    `names` are what the leaf is valid for. `now` is the time of certificates, `clock` that of
    waiting.
    """

    def __init__(
        self,
        client: Client,
        namespace: str,
        name: str,
        names: Sequence[str],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._name = name
        self._names = names
        self._now = now
        self._clock = clock
        self._published_s: dict[str, float] = {}
        self._bundle = ""
        self._problem = ""
        self._events: list[Event] = []

    async def run(self, tell: Tell) -> None:
        """Look whenever one of the two objects changes, and once a minute; for ever."""
        changed = asyncio.Event()
        secret = Mirror(SECRET, _nothing, self._namespace, name=self._secret, tell=changed.set)
        webhook = Mirror(WEBHOOK, _nothing, name=self._name, tell=changed.set)
        async with asyncio.TaskGroup() as tasks:
            for mirror in (secret, webhook):
                tasks.create_task(mirror.follow(self._client))
            while True:
                changed.clear()
                pause_s = await self._try()
                await self.tell(tell)
                try:
                    async with asyncio.timeout(pause_s):
                        await changed.wait()
                except TimeoutError:
                    continue

    async def turn(self) -> float:
        """Bring both objects nearer to what they are to be; seconds until the next look.

        Raises:
            ApiError: It is tried again.
        """
        secret = await self._get(path_of(SECRET, self._namespace, self._secret))
        webhook = await self._get(path_of(WEBHOOK, None, self._name))
        held = None if secret is None else read(secret)
        published = published_authorities(webhook)
        plan = core.plan(held, published, self._trusted(), self._names, self._now())
        bundle = await self._keep(secret, plan, webhook)
        if webhook is None:
            raise UnavailableError(f"there is no {WEBHOOK.kind} {self._name}; waiting for it")
        await self._publish(webhook, bundle)
        return SETTLE_S if plan.waits else _LOOK_S

    async def tell(self, tell: Tell) -> None:
        """Tell what was done since it was told last; nothing if the Secret cannot be read."""
        if self._events:
            try:
                secret = await self._get(path_of(SECRET, self._namespace, self._secret))
            except ApiError:
                return
            while secret is not None and self._events:
                event = self._events.pop(0)
                await tell(secret, event.type, event.reason, event.message)

    @property
    def _secret(self) -> str:
        return f"{self._name}-tls"

    async def _try(self) -> float:
        try:
            pause_s = await self.turn()
        except ApiError as error:
            if str(error) != self._problem:
                _log.warning("the injector's certificates: %s", error)
            self._problem = str(error)
            return _AGAIN_S
        except Exception as error:  # noqa: BLE001 - a fault in here must not stop the operator
            _log.exception("the injector's certificates: %s", error)
            return _LOOK_S
        self._problem = ""
        return pause_s

    async def _get(self, path: str) -> Object | None:
        try:
            return await self._client.send("get", path)
        except ApiError as error:
            if error.status == _NOT_FOUND:
                return None
            raise

    async def _keep(self, secret: Object | None, plan: Plan, webhook: Object | None) -> str:
        """Write the Secret, if anything in it changes; the bundle it has then."""
        before = _decoded(secret)
        after = renew(before, plan, bundle_of(webhook), self._names, self._now())
        if after != before or secret is None:
            await self._write(secret, after)
            for what, why in (("CA", plan.authority), ("certificate", plan.leaf)):
                if why is not None:
                    said = f"a new {what} for the injector is in {self._secret}: {why}"
                    _log.info("%s", said)
                    self._events.append(Event(NORMAL, "CertificateMade", said))
        return after[BUNDLE]

    async def _write(self, secret: Object | None, texts: Mapping[str, str]) -> None:
        """Create or replace the Secret; its `resourceVersion` lets one writer of several win."""
        data = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
        if secret is not None:
            path = path_of(SECRET, self._namespace, self._secret)
            await self._client.send("put", path, secret | {"data": data}, field_manager=MANAGER)
            return
        body = {
            "apiVersion": SECRET.api_version,
            "kind": SECRET.kind,
            "metadata": {
                "namespace": self._namespace,
                "name": self._secret,
                "labels": {
                    "app.kubernetes.io/component": "injector",
                    "app.kubernetes.io/managed-by": MANAGER,
                    "app.kubernetes.io/part-of": "eurekube",
                },
            },
            "data": data,
        }
        path = path_of(SECRET, self._namespace)
        await self._client.send("post", path, body, field_manager=MANAGER)

    async def _publish(self, webhook: Object, bundle: str) -> None:
        """Have the bundle in each webhook, and remember since when its CAs are there."""
        wanted = base64.b64encode(bundle.encode()).decode()
        webhooks = _of_chart(webhook)
        if any(each["clientConfig"].get("caBundle") != wanted for each in webhooks):
            await self._client.send(
                "patch",
                path_of(WEBHOOK, None, self._name),
                _applied(webhook, wanted),
                content_type=_APPLY,
                field_manager=BUNDLE_MANAGER,
                force_conflicts=True,
            )
            _log.info("the injector's CAs are published in %s %s", WEBHOOK.kind, self._name)
            if bundle == self._bundle:
                said = f"caBundle of {WEBHOOK.kind} {self._name} was changed; it was put right"
                self._events.append(Event(WARNING, "CABundleRestored", said))
        self._bundle = bundle
        now_s = self._clock()
        there = {each.fingerprint for each in _authorities(_certificates(bundle))}
        self._published_s = {each: self._published_s.get(each, now_s) for each in there}

    def _trusted(self) -> set[str]:
        latest_s = self._clock() - SETTLE_S
        return {each for each, since_s in self._published_s.items() if since_s <= latest_s}


def read(secret: Object) -> Held:
    """What a Secret holds that can be used; whoever has written it."""
    texts = _decoded(secret)
    faults = [f"{key} is missing" for key in (BUNDLE, AUTHORITY_KEY, LEAF, LEAF_KEY)]
    faults = [each for each in faults if not texts.get(each.partition(" ")[0])]
    certificates = [each for each in _certificates(texts.get(BUNDLE, "")) if _is_ours(each)]
    if texts.get(BUNDLE) and not certificates:
        faults.append(f"{BUNDLE} holds no CA of the operator's")
    key = _key(texts.get(AUTHORITY_KEY, ""))
    signs = bool(certificates) and _belongs(certificates[0], key)
    if texts.get(AUTHORITY_KEY) and certificates and not signs:
        faults.append(f"{AUTHORITY_KEY} does not belong to the first certificate of {BUNDLE}")
    leaf = next(iter(_certificates(texts.get(LEAF, ""))), None)
    if leaf is not None and not _belongs(leaf, _key(texts.get(LEAF_KEY, ""))):
        leaf = None
    if texts.get(LEAF) and texts.get(LEAF_KEY) and leaf is None:
        faults.append(f"{LEAF} and {LEAF_KEY} do not belong together")
    return Held(
        _authorities(certificates),
        signs,
        None if leaf is None else _leaf(leaf, certificates),
        tuple(faults),
    )


def renew(
    texts: Mapping[str, str], plan: Plan, published: str, names: Sequence[str], now: datetime
) -> dict[str, str]:
    """The Secret's texts once the plan is carried out; those that are not ours are dropped.

    `published` is the bundle of the webhook, from which CAs may come that the Secret has lost.
    """
    known = {_fingerprint(each): each for each in _certificates(published)}
    known |= {_fingerprint(each): each for each in _certificates(texts.get(BUNDLE, ""))}
    others = [known[each] for each in plan.others]
    issuer = _held_issuer(texts) if plan.authority is None else None
    if issuer is None:
        issuer = make_authority(now)
    made = {
        BUNDLE: "".join(_text(each) for each in (issuer.certificate, *others)),
        AUTHORITY_KEY: _key_text(issuer.key),
        LEAF: texts.get(LEAF, ""),
        LEAF_KEY: texts.get(LEAF_KEY, ""),
    }
    if plan.leaf is not None:
        made[LEAF], made[LEAF_KEY] = make_leaf(issuer, names, now)
    return made


def make_authority(now: datetime) -> Issuer:
    """A new CA, which signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, core.AUTHORITY_NAME)])
    public = key.public_key()
    certificate = (
        _builder(name, name, public, now, core.AUTHORITY_LASTS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Issuer(certificate, key)


def make_leaf(issuer: Issuer, names: Sequence[str], now: datetime) -> tuple[str, str]:
    """A new certificate for the names, and its key; both as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    public, signer = key.public_key(), issuer.certificate
    certificate = (
        _builder(subject, signer.subject, public, now, core.LEAF_LASTS)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()),
            critical=False,
        )
        .sign(issuer.key, hashes.SHA256())
    )
    return _text(certificate), _key_text(key)


def bundle_of(webhook: Object | None) -> str:
    """The `caBundle` of a configuration's first webhook as PEM; empty if there is none."""
    webhooks = _of_chart(webhook)
    return _base64(webhooks[0]["clientConfig"].get("caBundle") or "") if webhooks else ""


def published_authorities(webhook: Object | None) -> tuple[Authority, ...]:
    """The CAs of the operator's that a configuration's first webhook trusts."""
    return _authorities([each for each in _certificates(bundle_of(webhook)) if _is_ours(each)])


def _applied(webhook: Object, bundle: str) -> Object:
    """What is applied: for this one configuration, `caBundle` of each webhook by its name."""
    return {
        "apiVersion": WEBHOOK.api_version,
        "kind": WEBHOOK.kind,
        "metadata": {"name": webhook["metadata"]["name"], "uid": webhook["metadata"]["uid"]},
        "webhooks": [
            {"name": each["name"], "clientConfig": {"caBundle": bundle}}
            for each in _of_chart(webhook)
        ],
    }


def _of_chart(webhook: Object | None) -> list[Object]:
    """The webhooks of the chart; those of chosen namespaces are copies, with their `caBundle`."""
    found = (webhook or {}).get("webhooks") or ()
    return [each for each in found if not is_selected(each)]


def _nothing(_: Object) -> None:
    """What is kept of an object between two looks: keys must not lie around."""


def _decoded(secret: Object | None) -> dict[str, str]:
    data = (secret or {}).get("data") or {}
    return {key: _base64(text) for key, text in data.items()}


def _base64(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return ""


def _certificates(text: str) -> list[x509.Certificate]:
    """The certificates of a PEM file; none at all if one of them is damaged."""
    try:
        return x509.load_pem_x509_certificates(text.encode())
    except ValueError:
        return []


def _key(text: str) -> ec.EllipticCurvePrivateKey | None:
    try:
        key = serialization.load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError):
        return None
    return key if isinstance(key, ec.EllipticCurvePrivateKey) else None


def _held_issuer(texts: Mapping[str, str]) -> Issuer | None:
    certificates = [each for each in _certificates(texts.get(BUNDLE, "")) if _is_ours(each)]
    key = _key(texts.get(AUTHORITY_KEY, ""))
    return Issuer(certificates[0], key) if certificates and key is not None else None


def _belongs(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey | None) -> bool:
    return key is not None and certificate.public_key() == key.public_key()


def _is_ours(certificate: x509.Certificate) -> bool:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return [each.value for each in names] == [core.AUTHORITY_NAME]


def _authorities(certificates: Sequence[x509.Certificate]) -> tuple[Authority, ...]:
    return tuple(
        Authority(_fingerprint(each), each.not_valid_before_utc, each.not_valid_after_utc)
        for each in certificates
    )


def _leaf(leaf: x509.Certificate, authorities: Sequence[x509.Certificate]) -> Leaf:
    issuers = [_fingerprint(each) for each in authorities if _is_signed(leaf, each)]
    return Leaf(
        issuers[0] if issuers else None,
        _names(leaf),
        leaf.not_valid_before_utc,
        leaf.not_valid_after_utc,
    )


def _is_signed(leaf: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _names(certificate: x509.Certificate) -> frozenset[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, ValueError):
        return frozenset()
    return frozenset(found.value.get_values_for_type(x509.DNSName))


def _fingerprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex()


def _text(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(_PEM).decode()


def _key_text(key: ec.EllipticCurvePrivateKey) -> str:
    form, open_ = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(_PEM, form, open_).decode()


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    now: datetime,
    lasts: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - core.CLOCKS_DIFFER)
        .not_valid_after(now + lasts)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )
