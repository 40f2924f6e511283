"""When certificates end, held against what `cryptography` reads."""

from __future__ import annotations

import datetime as dt
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from eureka_registry.http.validity import end_of

KEY = ec.generate_private_key(ec.SECP256R1())
ENDS = dt.datetime(2027, 2, 3, 4, 5, 6, tzinfo=dt.UTC)
_VERSION_3 = b"\xa0\x03\x02\x01\x02"


def certificate(ends: dt.datetime = ENDS, name: str = "peer1", count: int = 1) -> x509.Certificate:
    """One that ends then, of an issuer whose name has so many parts."""
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] * count)
    return (
        x509.CertificateBuilder()
        .subject_name(issuer)
        .issuer_name(issuer)
        .public_key(KEY.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(ends, ENDS) - dt.timedelta(days=90))
        .not_valid_after(ends)
        .sign(KEY, hashes.SHA256())
    )


def pem(found: x509.Certificate) -> str:
    """As text."""
    return found.public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.parametrize(
    "ends",
    [
        ENDS,
        dt.datetime(1999, 12, 31, 23, 59, 59, tzinfo=dt.UTC),
        dt.datetime(2049, 12, 31, 23, 59, 59, tzinfo=dt.UTC),
        dt.datetime(2050, 1, 1, tzinfo=dt.UTC),
        dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.UTC),
    ],
    ids=str,
)
def test_end_is_read_of_times_of_both_kinds(ends: dt.datetime) -> None:
    """From 2050 on years have four digits."""
    assert end_of(pem(certificate(ends))) == ends.timestamp()


@pytest.mark.parametrize("count", [1, 3, 12])
def test_end_is_read_behind_names_of_any_length(count: int) -> None:
    """Lengths over 127 and over 255 bytes are written in more bytes."""
    assert end_of(pem(certificate(name="x" * 60, count=count))) == ENDS.timestamp()


def test_end_is_read_of_a_certificate_without_a_version() -> None:
    """Old tools still make X.509 v1."""
    data = certificate().public_bytes(serialization.Encoding.DER)
    assert _VERSION_3 in data
    text = ssl.DER_cert_to_PEM_cert(data.replace(_VERSION_3, b"", 1))

    assert end_of(text) == ENDS.timestamp()


def test_first_of_a_chain_is_ours() -> None:
    """Notes of people may stand before it."""
    other = certificate(ENDS + dt.timedelta(days=1000))

    assert end_of(f"Bag Attributes\n{pem(certificate())}{pem(other)}") == ENDS.timestamp()


@pytest.mark.parametrize("kept", [0, 1, 2, 30, 60, 80])
def test_end_of_what_is_cut_off_is_not_known(kept: int) -> None:
    """It never fails: OpenSSL decides what can be served."""
    data = certificate().public_bytes(serialization.Encoding.DER)

    assert end_of(ssl.DER_cert_to_PEM_cert(data[:kept])) is None
    assert end_of("none") is None
