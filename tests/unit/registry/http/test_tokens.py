"""Tokens of ServiceAccounts: which are taken, and why others are not."""

from __future__ import annotations

import base64
import hmac
import json
import time

import pytest

from eureka_registry.http.accounts import Invalid, Valid
from eureka_registry.http.tokens import Verifier
from support.issuer import AUDIENCE, ISSUER, Issuer, key_set

ISSUED = Issuer()
NOW_S = float(int(time.time()))
WHO = "system:serviceaccount:team-a:orders"


def token_of(issuer: Issuer = ISSUED, /, **claims: object) -> str:
    """A token that is valid at the moment of these tests."""
    return issuer.token(**{"nbf": NOW_S, "exp": NOW_S + 3600, **claims})


def verified(token: str, keys: str | None = None, now_s: float = NOW_S) -> Valid | Invalid:
    """What is said of a token."""
    verifier = Verifier((keys or key_set(ISSUED)).encode(), AUDIENCE, {ISSUER, "https://second"})
    return verifier.verify(token.encode(), now_s)


@pytest.mark.parametrize("algorithm", ["RS256", "RS512", "ES256", "ES384", "ES512"])
def test_a_token_names_its_account(algorithm: str) -> None:
    """By the algorithms that clusters sign with; also without `nbf` and with one audience alone."""
    issuer = Issuer("k", algorithm)
    valid = Valid(WHO, "team-a", NOW_S + 10)
    for claims in ({}, {"nbf": ...}, {"aud": AUDIENCE}, {"aud": ["x", AUDIENCE]}):
        token = token_of(issuer, **{"exp": NOW_S + 10, **claims})
        assert verified(token, key_set(ISSUED, issuer)) == valid


@pytest.mark.parametrize(
    ("claims", "why", "who"),
    [
        ({"exp": NOW_S}, "the token has expired", WHO),
        ({"exp": ...}, "the token is malformed, or signed in a way that is not accepted", ""),
        ({"exp": "9"}, "the token is malformed, or signed in a way that is not accepted", ""),
        ({"nbf": NOW_S + 61}, "the token is not valid yet", WHO),
        ({"aud": "api"}, "the token is not for the audience eureka", WHO),
        ({"aud": ["eurek", "eureka2"]}, "the token is not for the audience eureka", WHO),
        ({"aud": ...}, "the token is malformed, or signed in a way that is not accepted", ""),
        ({"iss": "https://other"}, "the token is of another issuer, or not of a ServiceAccount",
         ""),
        ({"sub": "system:node:a"}, "the token is of another issuer, or not of a ServiceAccount",
         ""),
        ({"sub": "system:serviceaccount:a:b:c"},
         "the token is of another issuer, or not of a ServiceAccount", ""),
        ({"sub": "system:serviceaccount::b"},
         "the token is of another issuer, or not of a ServiceAccount", ""),
    ],
)  # fmt: skip
def test_claims_that_are_not_right(claims: dict[str, object], why: str, who: str) -> None:
    """Who it was is told as far as a signature of our issuer proves it."""
    refused = verified(token_of(**claims))

    assert isinstance(refused, Invalid)
    assert (refused.why, refused.who) == (why, who)


def test_a_token_ends_at_its_second_and_may_begin_a_minute_early() -> None:
    """Clocks differ by seconds, and tokens are used as soon as they are made."""
    token = token_of(nbf=NOW_S + 60, exp=NOW_S + 100)

    assert isinstance(verified(token, now_s=NOW_S), Valid)
    assert isinstance(verified(token, now_s=NOW_S + 99.9), Valid)
    assert isinstance(verified(token, now_s=NOW_S + 100), Invalid)


def test_one_that_is_too_early_is_not_refused_for_ever() -> None:
    """All others are."""
    early, late = verified(token_of(nbf=NOW_S + 99)), verified(token_of(exp=NOW_S - 1))

    assert isinstance(early, Invalid)
    assert isinstance(late, Invalid)
    assert (early.lasts, late.lasts) == (False, True)


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def forged() -> dict[str, str]:
    """Tokens that nobody signed who may, by what was done."""
    good = token_of()
    head, claims, signature = good.split(".")
    public = json.dumps(ISSUED.jwk())
    other = Issuer()  # another cluster's, whose key has the same name
    by_secret = f"{_part({'alg': 'HS256', 'kid': ISSUED.name})}.{claims}"
    made = hmac.digest(public.encode(), by_secret.encode(), "sha256")
    secret = f"{by_secret}.{base64.urlsafe_b64encode(made).rstrip(b'=').decode()}"
    larger = json.loads(base64.urlsafe_b64decode(claims + "=="))
    larger["sub"] = "system:serviceaccount:team-b:orders"
    return {
        "signed by another": token_of(other),
        "without a name of the key": f"{_part({'alg': 'ES256'})}.{claims}.{signature}",
        "of a key that is not known": token_of(Issuer("key-2")),
        "with claims exchanged": f"{head}.{_part(larger)}.{signature}",
        "without a signature": f"{head}.{claims}.",
        "with half a signature": f"{head}.{claims}.{signature[:40]}",
        "alg none": f"{_part({'alg': 'none', 'kid': ISSUED.name})}.{claims}.",
        "alg none with a signature": f"{_part({'alg': 'none', 'kid': ISSUED.name})}.{claims}.aa",
        "signed by the public key as a secret": secret,
        "alg of another kind": f"{_part({'alg': 'RS256', 'kid': ISSUED.name})}.{claims}."
        + signature,
        "two parts": f"{head}.{claims}",
        "four parts": f"{good}.x",
        "empty": "",
        "dots": "..",
        "no base64": "a.b!.c",
        "head is a list": f"{_part([])}.{claims}.{signature}",
        "head nests": f"{_part({'kid': {'a': 1}})}.{claims}.{signature}",
        "not ASCII": "é.é.é",
        "too long": good + "a" * 9000,
    }


@pytest.mark.parametrize("how", forged())
def test_forged_tokens_are_refused(how: str) -> None:
    """Nobody is named, and nothing is raised."""
    refused = verified(forged()[how])

    assert isinstance(refused, Invalid)
    assert refused.who == ""


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("", "is not a JSON Web Key Set"),
        ("[]", "is not a JSON Web Key Set"),
        ('{"keys": [1]}', "is not a JSON Web Key Set"),
        ("[" * 100_000, "is not a JSON Web Key Set"),
        ('{"keys": []}', "holds no RSA or EC key"),
        ('{"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "a"}]}', "holds no RSA or EC key"),
        ('{"keys": [{"kty": "RSA", "kid": "a"}]}', "key 1 cannot be read"),
        ('{"keys": [{"kty": "EC", "kid": "a", "crv": "P-1", "x": "", "y": ""}]}', "key 1 cannot"),
        (json.dumps({"keys": [ISSUED.jwk()] * 101}), "more than 100 keys"),
        (json.dumps({"keys": [ISSUED.jwk()] * 2}), "key 2 has no kid of its own"),
        (json.dumps({"keys": [{**ISSUED.jwk(), "kid": ""}]}), "key 1 has no kid"),
        (json.dumps({"keys": [{**ISSUED.jwk(), "alg": "HS256"}]}), "key 1 "),
        (json.dumps({"keys": [{**ISSUED.jwk(), "d": "AAAA"}]}), "key 1 is a private key"),
    ],
)
def test_key_sets_that_cannot_be_used(keys: str, said: str) -> None:
    """In a sentence that repeats nothing of the content."""
    with pytest.raises(ValueError, match=said):
        Verifier(keys.encode(), AUDIENCE, {ISSUER})


def test_small_rsa_keys_are_refused() -> None:
    """They can be factored."""
    n = base64.urlsafe_b64encode(b"\xc1" * 128).decode().rstrip("=")
    keys = json.dumps({"keys": [{"kty": "RSA", "kid": "a", "n": n, "e": "AQAB"}]})
    with pytest.raises(ValueError, match="fewer than 2048 bits"):
        Verifier(keys.encode(), AUDIENCE, {ISSUER})


def test_keys_for_other_uses_are_left_out() -> None:
    """A set may hold keys for encryption."""
    other = {**Issuer("x").jwk(), "use": "enc"}
    keys = json.dumps({"keys": [other, ISSUED.jwk()]})

    assert isinstance(verified(token_of(), keys), Valid)
