"""What a certificate of peers is to be, and what is said of one that is otherwise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from eureka_operator.core import tls
from eureka_operator.core.certificates import (
    Authority,
    Leaf,
    Publication,
    SecretContent,
    missing_names,
)
from eureka_operator.core.kinds import CONFIG_MAP, Object
from eureka_operator.core.observed import Observed, Trouble
from eureka_operator.core.plan import Apply, Refresh
from unit.operator.core.builders import CERTIFICATE, DOMAIN, cluster, observed, own
from unit.operator.core.world import World

DAY = timedelta(days=1)
BEGAN = datetime(2026, 11, 1, tzinfo=UTC)
NAMES = frozenset(f"{name}.prod.svc.cluster.local" for name in ("eureka", "peer1", "peer2"))
SECOND = f"peer2.prod.svc.{DOMAIN}"
TWO = cluster({"replicas": 2, "tls": {"secretName": "mine"}})
ISSUED = cluster({"tls": {"certManager": {"issuerRef": {"name": "shop"}}}})
AUTHORITY = Authority("a", BEGAN, BEGAN + 3650 * DAY)
LEAF = Leaf("a", NAMES, BEGAN, BEGAN + 90 * DAY)
GOOD = SecretContent((AUTHORITY,), leaf=LEAF)


def reason(held: SecretContent | None, now: datetime = BEGAN + DAY) -> str:
    """The word for what is wrong; empty: nothing."""
    found = tls.trouble(held, TWO, DOMAIN, now)
    return found.reason if found is not None else ""


def test_names_are_all_by_which_peers_and_services_are_asked() -> None:
    """Those of peers that there may be one day are among them: scaling makes no certificate."""
    names = tls.subject(cluster({"tls": {"extraSANs": ["eureka.example.com"]}}), DOMAIN).names

    assert names[0] == "eureka.prod.svc.cluster.local"
    assert {
        "eureka",
        "peer1",
        "peer9.prod.svc.cluster.local",
        "peer2.prod.svc",
        "*.eureka-peers.prod.svc.cluster.local",
        "eureka.example.com",
    } <= set(names)
    assert len(names) == len(set(names)) == 43
    assert tls.subject(cluster({"tls": {}}), DOMAIN).is_client


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, "eureka-tls"),
        ({"tls": {}}, "eureka-tls"),
        ({"tls": {"secretName": "mine"}}, "mine"),
        ({"tls": {"certManager": {"issuerRef": {"name": "shop"}}}}, "eureka-certificate"),
    ],
)
def test_secret_is_that_of_whoever_makes_it(spec: Object, expected: str) -> None:
    """The operator never writes into one that others write."""
    assert tls.secret_name(cluster(spec)) == expected


def test_good_certificate_has_no_problem() -> None:
    """For two peers no third one's name is asked for."""
    assert reason(GOOD) == ""
    assert reason(GOOD._replace(leaf=LEAF._replace(not_before=BEGAN + DAY))) == ""


def test_names_that_people_add_are_needed() -> None:
    """Clients ask for the registry by them."""
    spec = {"replicas": 2, "tls": {"secretName": "mine", "extraSANs": ["eureka.example.com"]}}
    found = tls.trouble(GOOD, cluster(spec), DOMAIN, BEGAN + DAY)

    assert found is not None
    assert "not valid for eureka.example.com:" in found.message


def test_wildcard_stands_for_one_label() -> None:
    """As every client reads it."""
    wanted = ["eureka.prod.svc.cluster.local", "a.b.example.com", "Example.com", "*.example.com"]

    assert missing_names({"*.prod.svc.cluster.local", "*.example.com", "example.com"}, wanted) == [
        "a.b.example.com"
    ]
    assert missing_names({"a.example.com"}, ["*.example.com"]) == ["*.example.com"]


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        (None, "SecretMissing"),
        (SecretContent(), "Invalid"),
        (GOOD._replace(faults=("tls.key is missing",)), "Invalid"),
        (GOOD._replace(leaf=LEAF._replace(issuer=None)), "Invalid"),
        (GOOD._replace(leaf=LEAF._replace(names=NAMES - {SECOND})), "SANMismatch"),
        (GOOD._replace(leaf=LEAF._replace(not_before=BEGAN + 2 * DAY)), "Invalid"),
    ],
)
def test_problem_has_a_word(held: SecretContent | None, expected: str) -> None:
    """And a sentence that names the Secret."""
    assert reason(held) == expected
    found = tls.trouble(held, TWO, DOMAIN, BEGAN + DAY)
    assert found is not None
    assert "mine" in found.message


def issued(**conditions: tuple[str, str, str]) -> Object:
    """A Certificate of cert-manager with these conditions: status, reason, message."""
    said = [
        {"type": kind, "status": status, "reason": reason, "message": message}
        for kind, (status, reason, message) in conditions.items()
    ]
    return {"status": {"conditions": said}} if said else {}


NOT_READY = ("False", "DoesNotExist", "there is no Secret")
READY = ("True", "Ready", "up to date")


@pytest.mark.parametrize(
    ("live", "said"),
    [
        (None, ""),
        (issued(Ready=READY), ""),
        (issued(Ready=READY, Issuing=("False", "Failed", "no")), ""),
        (issued(), "is it running?"),
        (issued(Issuing=("True", "New", "x")), "is it running?"),
        (issued(Ready=NOT_READY), "is not ready: there is no Secret; kubectl describe"),
        (
            issued(Ready=NOT_READY, Issuing=("False", "Failed", "no such issuer")),
            "there is no Secret; no such issuer; kubectl describe",
        ),
        (issued(Ready=("False", "x", "y" * 1000)), f" {'y' * 400}; kubectl describe"),
    ],
)
def test_what_cert_manager_says_comes_first(live: Object | None, said: str) -> None:
    """It is why a Secret is not as it should be."""
    found = tls.with_issuer(CERTIFICATE, ISSUED, live, has_kind=True)

    assert found is not None
    if not said:
        assert found is CERTIFICATE
    else:
        assert found.trouble is not None
        assert found.trouble.reason == "CertificateNotReady"
        assert said in found.trouble.message


def test_missing_cert_manager_is_told_where_it_is_wanted() -> None:
    """And nowhere else."""
    missed = tls.with_issuer(CERTIFICATE, ISSUED, None, has_kind=False)
    given = tls.with_issuer(CERTIFICATE, TWO, None, has_kind=False)

    assert missed is not None
    assert missed.trouble is not None
    assert missed.trouble.reason == "CertManagerMissing"
    assert given is CERTIFICATE
    assert tls.with_issuer(None, cluster(), None, has_kind=False) is None


@pytest.mark.parametrize(
    ("held", "cure"),
    [
        (None, "cert-manager writes it when its Certificate is ready"),
        (SecretContent(faults=("ca.crt is missing",)), "Use an issuer that writes ca.crt"),
        (GOOD._replace(leaf=LEAF._replace(issuer=None)), "Use an issuer that writes ca.crt"),
    ],
)
def test_nobody_is_told_to_write_the_secret_of_cert_manager(
    held: SecretContent | None, cure: str
) -> None:
    """It would be overwritten."""
    found = tls.trouble(held, ISSUED, DOMAIN, BEGAN + DAY)

    assert found is not None
    assert "Secret eureka-certificate" in found.message
    assert cure in found.message


def test_missing_name_is_named() -> None:
    """So that it can be copied."""
    found = tls.trouble(GOOD._replace(leaf=LEAF._replace(names=frozenset())), TWO, DOMAIN, BEGAN)

    assert found is not None
    assert "peer1.prod.svc.cluster.local, peer2.prod.svc.cluster.local" in found.message


def test_end_is_told_when_five_sixths_are_over() -> None:
    """Whoever renews has done so long before."""
    assert reason(GOOD, BEGAN + 75 * DAY - timedelta(seconds=1)) == ""
    assert reason(GOOD, BEGAN + 75 * DAY) == "ExpiresSoon"
    assert reason(GOOD, BEGAN + 90 * DAY) == "Expired"


def test_ca_is_trusted_when_it_was_published_for_long_enough() -> None:
    """One that went and came back begins anew."""
    found = Publication(120)
    found.note(["a"], 0)
    found.note(["a", "b"], 100)

    assert found.trusted_fingerprints(119) == set()
    assert found.trusted_fingerprints(120) == {"a"}
    assert found.trusted_fingerprints(220) == {"a", "b"}
    found.note(["b"], 230)
    found.note(["a", "b"], 240)
    assert found.trusted_fingerprints(250) == {"b"}


def test_status_and_condition_say_until_when() -> None:
    """For people and for the metric."""
    world = World({"tls": {}})
    world.settle()

    assert world.status["tls"] == {"secretName": "eureka-tls", "notAfter": "2027-02-26T12:00:00Z"}
    assert world.condition("TLSReady")["status"] == "True"
    assert "2027-02-26" in world.condition("TLSReady")["message"]


def test_cluster_without_tls_says_nothing_of_it() -> None:
    """Its status stays as it was."""
    world = World()
    world.settle()

    assert world.condition("TLSReady") == {}
    assert "tls" not in world.status
    assert (CONFIG_MAP, "eureka-ca") not in world.objects


def test_what_is_known_of_a_certificate_says_nothing_without_tls() -> None:
    """The Secret may still be there; and with TLS there may be none yet."""
    left = observed(cluster(), certificate=CERTIFICATE)
    none_yet = observed(cluster({"tls": {}}))

    assert tls.status(left) == tls.status(none_yet) == {}
    assert tls.trust(left) is tls.trust(none_yet) is None


def test_problem_is_told_once_and_its_end_too() -> None:
    """What runs keeps running: `Ready` stays."""
    world = World({"tls": {}})
    world.settle()
    world.events.clear()
    world.certificate = replace(
        CERTIFICATE, bundle="", digest="", ends=None, trouble=Trouble("SecretMissing", "create it")
    )
    plans = [world.reconcile() for _ in range(3)]

    assert [plan.steps for plan in plans] == [()] * 3
    assert world.condition("TLSReady")["reason"] == "SecretMissing"
    assert world.condition("Ready")["status"] == "True"
    assert "tls" not in world.status
    world.certificate = CERTIFICATE
    world.reconcile()
    assert [(each.type, each.reason) for each in world.events] == [
        ("Warning", "SecretMissing"),
        ("Normal", "TLSReady"),
    ]


def test_problem_is_named_while_peers_cannot_start() -> None:
    """Who waits for Ready reads that condition."""
    world = World({"tls": {}})
    world.certificate = replace(CERTIFICATE, trouble=Trouble("SecretMissing", "create it"))
    world.reconcile()
    world.tick()
    world.reconcile()

    assert "create it" in world.condition("Degraded")["message"]


def test_new_certificate_is_mounted_at_once_and_restarts_nobody() -> None:
    """The kubelet looks at a pod whose annotation changes."""
    world = World({"tls": {}})
    world.settle()
    world.certificate = replace(CERTIFICATE, digest="two")

    steps = world.reconcile().steps

    assert [type(step) for step in steps] == [Refresh] * 3
    assert world.reconcile().steps == ()


def test_new_ca_is_published_for_clients() -> None:
    """In the ConfigMap beside the registry."""
    world = World({"tls": {}})
    world.settle()
    world.certificate = replace(CERTIFICATE, bundle="NEW\nCA\n", digest="two")
    (step,) = [step for step in world.reconcile().steps if isinstance(step, Apply)]

    assert step.body["metadata"]["name"] == "eureka-ca"
    assert step.body["data"] == {"ca.crt": "NEW\nCA\n"}


def test_clients_certificates_are_vouched_for_by_both() -> None:
    """By their own authority, and for peers by that of the cluster."""
    world = World({"tls": {"clientAuth": "Require", "caSecretName": "clients"}})
    world.certificate = replace(CERTIFICATE, clients="CLIENTS\n")
    world.settle()
    data = world.objects[CONFIG_MAP, "eureka-config"]["data"]

    assert data["client-ca.crt"] == "CA\nCLIENTS\n"
    world.certificate = replace(CERTIFICATE, clients="")
    world.settle()
    assert world.objects[CONFIG_MAP, "eureka-config"]["data"]["client-ca.crt"] == "CA\nCLIENTS\n"


CLIENTS = {"tls": {"clientAuth": "Require", "caSecretName": "clients"}}
KEPT = own(CONFIG_MAP, "eureka-config", {"data": {"client-ca.crt": "OLD\n"}})


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (observed(cluster({"tls": {}}), certificate=CERTIFICATE), None),
        (observed(cluster(CLIENTS)), None),
        (observed(cluster(CLIENTS), certificate=CERTIFICATE), "CA\n"),
        (observed(cluster(CLIENTS), certificate=replace(CERTIFICATE, clients="X\n")), "CA\nX\n"),
        (observed(cluster(CLIENTS), KEPT), "OLD\n"),
        (observed(cluster(CLIENTS), KEPT, certificate=CERTIFICATE), "OLD\n"),
        (
            observed(
                cluster(CLIENTS), KEPT, certificate=replace(CERTIFICATE, bundle="", clients="X\n")
            ),
            "OLD\n",
        ),
    ],
)
def test_clients_authorities_stay_until_both_are_known(
    seen: Observed, expected: str | None
) -> None:
    """Half of them would shut out peers, or all clients; none are asked for: there is no file."""
    assert tls.files(seen) == ({} if expected is None else {"client-ca.crt": expected})
