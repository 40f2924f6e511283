"""Reads, makes and renews certificates and keys as PEM in Secrets.

Keys are made here, so this is no part of the core; what is to be made says `core/certificates.py`.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import ssl
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from eureka_operator.core import certificates as core
from eureka_operator.core.certificates import Authority, Leaf, Plan, SecretContent, Subject
from eureka_operator.core.kinds import Object

BUNDLE, AUTHORITY_KEY, LEAF, LEAF_KEY = "ca.crt", "ca.key", "tls.crt", "tls.key"
"""Keys of the Secret; cert-manager writes all of them but `ca.key`."""

_PEM: Final = serialization.Encoding.PEM


class Issuer(NamedTuple):
    """A CA that can sign."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def texts_of(secret: Object | None) -> dict[str, str]:
    """The texts of a Secret; a value that is not text is empty."""
    data = (secret or {}).get("data") or {}
    return {key: decode_base64(text) for key, text in data.items()}


def decode_base64(text: str) -> str:
    """The ASCII text of a base64 one; empty if it is none."""
    try:
        return base64.b64decode(text, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return ""


def encode_base64(texts: Mapping[str, str]) -> dict[str, str]:
    """Texts as a Secret's `data` has them."""
    return {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}


def read(texts: Mapping[str, str], authority: str) -> SecretContent:
    """The usable contents of an operator's Secret, with CAs of this common name."""
    faults = _missing_keys(texts, (BUNDLE, AUTHORITY_KEY, LEAF, LEAF_KEY))
    certificates = _ours(texts.get(BUNDLE, ""), authority)
    if texts.get(BUNDLE) and not certificates:
        faults.append(f"{BUNDLE} holds no CA of the operator's")
    key = _key(texts.get(AUTHORITY_KEY, ""))
    signs = bool(certificates) and _is_key_pair(certificates[0], key)
    if texts.get(AUTHORITY_KEY) and certificates and not signs:
        faults.append(f"{AUTHORITY_KEY} does not belong to the first certificate of {BUNDLE}")
    return _secret_content(texts, certificates, faults, signs=signs)


def read_external(texts: Mapping[str, str]) -> SecretContent:
    """The contents of somebody else's Secret that peers can use."""
    faults = _missing_keys(texts, (BUNDLE, LEAF, LEAF_KEY))
    certificates = _certificates(texts.get(BUNDLE, ""))
    if texts.get(BUNDLE) and not certificates:
        faults.append(f"{BUNDLE} holds no certificate")
    held = _secret_content(texts, certificates, faults, signs=False)
    chain = _certificates(texts.get(LEAF, ""))
    if held.leaf is not None and not _serves_both_ways(chain[0]):
        why = f"the extended key usage of {LEAF} must have both serverAuth and clientAuth, or none"
        return held._replace(faults=(*held.faults, why))
    return held


def renew(
    texts: Mapping[str, str], plan: Plan, published: str, subject: Subject, now: datetime
) -> dict[str, str]:
    """The Secret's texts after the plan was carried out; texts that are not ours are dropped.

    `published` is the published bundle: CAs that the Secret has lost come from there.
    """
    known = {_fingerprint(each): each for each in _certificates(published)}
    known |= {_fingerprint(each): each for each in _certificates(texts.get(BUNDLE, ""))}
    others = [known[each] for each in plan.others]
    issuer = _issuer_in(texts, subject.authority) if plan.authority is None else None
    if issuer is None:
        issuer = make_authority(subject.authority, now)
    made = {
        BUNDLE: "".join(_text(each) for each in (issuer.certificate, *others)),
        AUTHORITY_KEY: _key_text(issuer.key),
        LEAF: texts.get(LEAF, ""),
        LEAF_KEY: texts.get(LEAF_KEY, ""),
    }
    if plan.leaf is not None:
        made[LEAF], made[LEAF_KEY] = make_leaf(issuer, subject, now)
    return made


def make_authority(name: str, now: datetime) -> Issuer:
    """A new self-signed CA of this common name."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    public = key.public_key()
    certificate = (
        _builder(subject, subject, public, now, core.AUTHORITY_LASTS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Issuer(certificate, key)


def make_leaf(issuer: Issuer, subject: Subject, now: datetime) -> tuple[str, str]:
    """A new certificate for the subject's names, and its key; both as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject.names[0][:64])])
    public, signer = key.public_key(), issuer.certificate
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH]
    if subject.is_client:
        purposes.append(ExtendedKeyUsageOID.CLIENT_AUTH)
    certificate = (
        _builder(name, signer.subject, public, now, core.LEAF_LASTS)
        .add_extension(
            x509.SubjectAlternativeName([_general_name(each) for each in subject.names]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()),
            critical=False,
        )
        .sign(issuer.key, hashes.SHA256())
    )
    return _text(certificate), _key_text(key)


def authorities(bundle: str, authority: str) -> tuple[Authority, ...]:
    """The CAs of this common name in a bundle."""
    return _authorities(_ours(bundle, authority))


def load_pair(context: ssl.SSLContext, leaf: str, key: str) -> None:
    """Load a certificate into a context; OpenSSL reads files only, so they exist for a moment.

    Raises:
        ValueError: They are no certificate and its key.
    """
    with tempfile.TemporaryDirectory(prefix="eurekube-") as folder:
        leaf_file, key_file = Path(folder, LEAF), Path(folder, LEAF_KEY)
        leaf_file.write_text(leaf)
        key_file.write_text(key)
        try:
            context.load_cert_chain(leaf_file, key_file, password="")
        except ssl.SSLError as error:
            raise ValueError(str(error)) from error


def _missing_keys(texts: Mapping[str, str], keys: Sequence[str]) -> list[str]:
    return [f"{key} is missing" for key in keys if not texts.get(key)]


def _secret_content(
    texts: Mapping[str, str],
    certificates: Sequence[x509.Certificate],
    faults: Sequence[str],
    *,
    signs: bool,
) -> SecretContent:
    chain = _certificates(texts.get(LEAF, ""))
    leaf = chain[0] if chain and _is_key_pair(chain[0], _key(texts.get(LEAF_KEY, ""))) else None
    if texts.get(LEAF) and texts.get(LEAF_KEY) and leaf is None:
        faults = [*faults, f"{LEAF} and {LEAF_KEY} do not belong together"]
    return SecretContent(
        _authorities(certificates),
        signs,
        None if leaf is None else _leaf(chain, certificates),
        tuple(faults),
    )


def _certificates(text: str) -> list[x509.Certificate]:
    """The certificates of a PEM file; none at all if one of them is damaged."""
    try:
        return x509.load_pem_x509_certificates(text.encode())
    except ValueError:
        return []


def _ours(bundle: str, authority: str) -> list[x509.Certificate]:
    return [each for each in _certificates(bundle) if _common_names(each) == [authority]]


def _key(text: str) -> PrivateKeyTypes | None:
    try:
        return serialization.load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError):
        return None


def _issuer_in(texts: Mapping[str, str], authority: str) -> Issuer | None:
    certificates = _ours(texts.get(BUNDLE, ""), authority)
    key = _key(texts.get(AUTHORITY_KEY, ""))
    if not certificates or not isinstance(key, ec.EllipticCurvePrivateKey):
        return None
    return Issuer(certificates[0], key)


def _is_key_pair(certificate: x509.Certificate, key: PrivateKeyTypes | None) -> bool:
    return key is not None and certificate.public_key() == key.public_key()


def _common_names(certificate: x509.Certificate) -> list[str | bytes]:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return [each.value for each in names]


def _authorities(certificates: Sequence[x509.Certificate]) -> tuple[Authority, ...]:
    return tuple(
        Authority(_fingerprint(each), each.not_valid_before_utc, each.not_valid_after_utc)
        for each in certificates
    )


def _leaf(chain: Sequence[x509.Certificate], authorities: Sequence[x509.Certificate]) -> Leaf:
    leaf = chain[0]
    issuer = _issuer(chain, authorities)
    return Leaf(
        None if issuer is None else _fingerprint(issuer),
        _names(leaf),
        leaf.not_valid_before_utc,
        leaf.not_valid_after_utc,
    )


def _issuer(
    chain: Sequence[x509.Certificate], authorities: Sequence[x509.Certificate]
) -> x509.Certificate | None:
    """The CA at the end of the chain; `None`: the chain leads to none of them."""
    current = chain[0]
    for _ in chain:
        found = next((each for each in authorities if _is_signed(current, each)), None)
        if found is not None:
            return found
        between = next((each for each in chain[1:] if _is_signed(current, each)), None)
        if between is None:
            return None
        current = between
    return None


def _is_signed(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _names(certificate: x509.Certificate) -> frozenset[str]:
    """The DNS names and addresses that a certificate is valid for."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return frozenset()
    addresses = found.get_values_for_type(x509.IPAddress)
    return frozenset((*found.get_values_for_type(x509.DNSName), *map(str, addresses)))


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _serves_both_ways(certificate: x509.Certificate) -> bool:
    try:
        found = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return True
    return {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH} <= set(found)


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
