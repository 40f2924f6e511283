"""Which certificate the injector serves, and why it serves none."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from eureka_operator.core.certificates import SETTLE_S
from eureka_operator.shell.served import ServedLeaf
from support.certified import HOST, SignedPair, configuration, secret


@pytest.mark.parametrize("missing", ["tls.crt", "tls.key"])
def test_half_a_secret_is_named(missing: str) -> None:
    """And nothing is served."""
    certified, leaf = SignedPair(), ServedLeaf(HOST)
    half = certified.secret()
    del half["data"][missing]

    leaf.consider(half, configuration(certified.bundle))

    assert leaf.problem == f"{missing} is missing in the Secret eurekube-injector-tls"
    assert leaf.ends_s == 0.0


def test_reason_why_a_leaf_is_not_trusted_is_in_words() -> None:
    """The probe's text is all that a person sees."""
    certified, other = SignedPair(), SignedPair()
    leaf = ServedLeaf(HOST)
    good = certified.secret()
    assert leaf.problem == "no certificate was read yet"
    cases = [
        (None, configuration(certified.bundle), "the Secret with the certificate is not there"),
        (good, None, "the MutatingWebhookConfiguration is not there"),
        (good, configuration(), "the MutatingWebhookConfiguration eurekube-injector has no web"),
        (good, configuration(certified.bundle, ""), "eurekube-injector has no caBundle for w1 yet"),
        (good, configuration(other.bundle), "caBundle does not trust the certificate of tls.crt"),
        (good, configuration("nonsense"), "caBundle cannot be used"),
        (
            secret(certified.leaf, other.key),
            configuration(certified.bundle),
            "tls.crt and tls.key of the Secret are no certificate and its key",
        ),
    ]

    for held, published, sentence in cases:
        leaf.consider(held, published)
        assert sentence in (leaf.problem or ""), sentence

    leaf.consider(good, configuration(certified.bundle))
    assert leaf.problem is None


def test_leaf_of_another_name_is_not_trusted() -> None:
    """The API server asks for the Service's name."""
    certified, leaf = SignedPair(), ServedLeaf("other.eurekube.svc")

    leaf.consider(certified.secret(), configuration(certified.bundle))

    assert "Hostname mismatch" in (leaf.problem or "")


def test_leaf_that_has_ended_makes_a_replica_unready() -> None:
    """Nothing changes then that would make anybody look."""
    now_s = datetime.now(UTC).timestamp()
    clock = [now_s]
    certified, leaf = SignedPair(), ServedLeaf(HOST, lambda: clock[0])
    leaf.consider(certified.secret(), configuration(certified.bundle))
    assert now_s + 89 * 86_400 < leaf.ends_s < now_s + 91 * 86_400

    clock[0] = leaf.ends_s

    assert (leaf.problem or "").startswith("the certificate that is served ended on 20")


def test_leaf_waits_while_its_ca_is_new_to_api_servers() -> None:
    """They learn of `caBundle` by their own watches, some later than this replica."""
    clock = [100.0]
    old, new = SignedPair(), SignedPair()
    leaf = ServedLeaf(HOST, clock=lambda: clock[0])
    assert leaf.consider(old.secret(), configuration(old.bundle)) == 0.0
    both = configuration(new.bundle + old.bundle)
    clock[0] += 10

    assert leaf.consider(secret(new.leaf, new.key), both) == SETTLE_S
    clock[0] += 1
    assert leaf.consider(secret(new.leaf, new.key), both) == SETTLE_S - 1
    assert leaf.problem is None
    assert _serves(leaf, old)

    clock[0] += SETTLE_S - 1
    assert leaf.consider(secret(new.leaf, new.key), both) == 0.0
    assert _serves(leaf, new)


def test_leaf_does_not_wait_when_the_one_before_is_trusted_no_more() -> None:
    """Then there is nothing to go on with."""
    old, new = SignedPair(), SignedPair()
    leaf = ServedLeaf(HOST, clock=lambda: 100.0)
    leaf.consider(old.secret(), configuration(old.bundle))

    assert leaf.consider(secret(new.leaf, new.key), configuration(new.bundle)) == 0.0

    assert _serves(leaf, new)


def test_key_is_not_left_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenSSL takes it from a file only."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    certified, leaf = SignedPair(), ServedLeaf(HOST)

    leaf.consider(certified.secret(), configuration(certified.bundle))

    assert leaf.problem is None
    assert [*tmp_path.iterdir()] == []


def _serves(leaf: ServedLeaf, certified: SignedPair) -> bool:
    """Whether it is what a new connection gets."""
    return leaf._served is not None and leaf._served.pair.leaf == certified.leaf
