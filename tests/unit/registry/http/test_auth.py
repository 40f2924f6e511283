"""The rule for every request, and passwords."""

from __future__ import annotations

import pytest

from eureka_registry.http import auth
from eureka_registry.http.accounts import Account, Names
from eureka_registry.http.auth import Identity, Request
from eureka_registry.http.routes import Resource, Route
from eureka_registry.http.rules import Rule

SALT = b"0123456789abcdef"
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH", "INVENTED")
READS = METHODS[:3]


def rules(
    identity: Identity, *, from_peer: bool = False
) -> dict[tuple[str, Resource], Rule | None]:
    """Which rule stands against every method of every resource, of `FOO` where one is named."""
    asked = {
        (method, resource): auth.refusal(
            identity, Request(method, Route(resource, ("FOO", "i1")), from_peer)
        )
        for method in METHODS
        for resource in Resource
    }
    return {key: refusal and refusal.rule for key, refusal in asked.items()}


def test_nobody_may_do_anything() -> None:
    """What is not allowed is refused, be it invented tomorrow."""
    for name in ("", "a"):
        assert None not in rules(Identity(name, read=False)).values()


def test_a_reader_reads_all_but_what_is_between_peers() -> None:
    """And changes nothing."""
    allowed = {key for key, rule in rules(Identity("a")).items() if rule is None}
    between_peers = {Resource.BATCH, Resource.RENEWALS, Resource.DIGEST, Resource.COPY}

    assert allowed == {(m, r) for m in READS for r in Resource if r not in between_peers}


OF_APPLICATIONS = {Resource.APP, Resource.INSTANCE, Resource.STATUS_OVERRIDE, Resource.METADATA}


def test_a_writer_changes_its_applications_only() -> None:
    """Whatever the method is."""
    own, other = Identity("a", ("foo",), read=False), Identity("a", ("foo-*", "F"), read=False)
    allowed = {resource for (_, resource), rule in rules(own).items() if rule is None}

    assert allowed == OF_APPLICATIONS
    assert None not in rules(other).values()


def test_a_service_account_changes_no_name_that_is_given_to_others_only() -> None:
    """The rest depends on the lease; between peers it never may anything."""
    given = {"own": ["FOO*"], "other": ["BAR"]}
    identities = [
        Identity("x", account=Account(namespace, Names(given)), read=False)
        for namespace in ("own", "other", "third")
    ]
    allowed = [{r for (_, r), rule in rules(each).items() if rule is None} for each in identities]

    assert allowed == [OF_APPLICATIONS, set(), set()]
    assert set(rules(identities[0], from_peer=True).values()) == {Rule.PEER}


def test_only_a_peer_speaks_for_other_peers() -> None:
    """Not even to read, and not for applications that it may write."""
    writer = Identity("a", ("*",))

    assert set(rules(writer, from_peer=True).values()) == {Rule.PEER}
    assert set(rules(Identity("p", peer=True), from_peer=True).values()) == {None}


@pytest.mark.parametrize(
    "header",
    ["", "Basic", "Basic !", "Basic YQ==", "Basic YTpi=x", "Basic /zpi", "Digest YTpi", "YTpi"],
)
def test_malformed_credentials_are_none(header: str) -> None:
    """No base64, no colon, no UTF-8, another scheme."""
    assert auth.parse_credentials(header) is None


def test_credentials_are_read_as_sent() -> None:
    """A password may hold colons; a scheme's case does not matter."""
    assert auth.parse_credentials("basic YTpiOmM=") == auth.Basic("a", b"b:c")
    assert auth.parse_credentials("BEARER  x ") == auth.Bearer(b"x")


def test_a_password_is_kept_as_what_cannot_be_turned_back() -> None:
    """With salt, so that equal ones differ."""
    stored = auth.hash_password(b"secret", SALT)

    assert auth.problem(stored) is None
    assert auth.is_password(stored, b"secret")
    assert not auth.is_password(stored, b"Secret")
    assert "secret" not in stored
    assert stored != auth.hash_password(b"secret", SALT[::-1])


@pytest.mark.parametrize(
    "stored",
    ["", "secret", "scrypt$1", "scrypt$a$8$1$aGk=$aGk=", "scrypt$14$8$5$!$aGk=", "x$14$8$5$a$a"],
)
def test_what_is_no_kept_password_is_said(stored: str) -> None:
    """A password in clear, above all."""
    assert auth.problem(stored) == "is not what `eureka-registry hash-password` prints"


def test_names_of_a_certificate_are_its_alternatives_else_its_own() -> None:
    """A CN beside alternative names counts for nothing (RFC 6125)."""
    subject = ((("countryName", "DE"),), (("commonName", "Peer1"),))
    alternatives = (("DNS", "A.example"), ("IP Address", "10.0.0.1"), ("URI", "spiffe://a/b"))

    assert auth.certificate_names({"subject": subject}) == ("peer1",)
    named = auth.certificate_names({"subject": subject, "subjectAltName": alternatives})
    assert named == ("a.example", "spiffe://a/b")
    assert auth.certificate_names({}) == ()


def test_a_decoy_costs_the_same_and_is_nobodys_password() -> None:
    """Users who are not there are checked against it."""
    stored = auth.hash_password(b"secret", b"0123456789abcdef").replace("$14$8$5$", "$2$4$3$")
    decoys = {auth.decoy(stored, bytes([n] * 32)) for n in range(3)}

    assert len(decoys) == 3
    for decoy in decoys:
        assert auth.problem(decoy) is None
        assert decoy.split("$")[:5] == stored.split("$")[:5]
        assert len(decoy) == len(stored)
        assert not auth.is_password(decoy, b"secret")
