"""Where the CAs of a registry are published, and what of them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eureka_operator.core.authorities import (
    MOST_TOLD,
    Place,
    Plan,
    certificates,
    config_map,
    newest_readers,
    places,
    plan,
)
from eureka_operator.core.injection.config import RegistryTarget
from eureka_operator.core.kinds import Object
from eureka_operator.core.pods import Pod
from support.authority import Authority

SECURE = RegistryTarget("infra", "eureka", (), tls=True)
PLAIN = RegistryTarget("infra", "plain", ())
NAME = "eurekube-ca-infra.eureka"
BUNDLE = "a bundle"


def pod(number: int = 1, namespace: str = "shop", **rest: Any) -> Pod:  # noqa: ANN401 - any field
    """A pod that reads the CAs of the secure registry."""
    fields = {"authorities": (NAME,), "created": datetime(2026, 11, 1, 0, number, tzinfo=UTC)}
    return Pod(uid=f"{number}", namespace=namespace, name=f"orders-{number}", **{**fields, **rest})


def live(*bodies: Object) -> dict[Place, Object]:
    """Objects as the API server has them."""
    return {(each["metadata"]["namespace"], each["metadata"]["name"]): each for each in bodies}


def test_they_are_needed_where_pods_read_them() -> None:
    """Each namespace once; not by pods that have ended, nor of a registry that has none."""
    pods = [
        pod(1),
        pod(2),
        pod(3, "billing"),
        pod(4, "jobs", phase="Succeeded"),
        pod(5, "plain", authorities=(PLAIN.authorities,)),
        pod(6, "none", authorities=()),
    ]

    assert places(pods, [SECURE, PLAIN]) == {("shop", NAME): SECURE, ("billing", NAME): SECURE}


def test_what_is_missing_or_changed_is_applied_and_the_rest_left_alone() -> None:
    """In a quiet minute nothing is written, whatever others have added."""
    wanted = places([pod(1, each) for each in ("a", "b", "c", "d", "e")], [SECURE])
    same = config_map("a", SECURE, BUNDLE)
    added = {**config_map("b", SECURE, BUNDLE), "data": {"ca.crt": BUNDLE, "theirs": "x"}}
    old = config_map("c", SECURE, "the former bundle")
    unlabelled = config_map("d", SECURE, BUNDLE)
    del unlabelled["metadata"]["labels"]["app.kubernetes.io/managed-by"]

    found = plan(wanted, {NAME: BUNDLE}, live(same, added, old, unlabelled))

    assert found.apply == tuple(config_map(each, SECURE, BUNDLE) for each in ("c", "d", "e"))
    assert found.remove == ()


def test_what_nobody_needs_any_more_is_removed() -> None:
    """Its pods are gone, or the registry is."""
    there = live(config_map("shop", SECURE, BUNDLE))

    assert plan({}, {NAME: BUNDLE}, there) == Plan(remove=(("shop", NAME),))
    assert plan(places([pod()], []), {}, there).remove == (("shop", NAME),)


def test_bundle_that_cannot_be_read_leaves_what_is_published() -> None:
    """A Secret that somebody has deleted stops nothing that runs."""
    wanted = places([pod()], [SECURE])

    for bundles in ({}, {NAME: ""}):
        assert plan(wanted, bundles, live(config_map("shop", SECURE, BUNDLE))) == Plan()
        assert plan(wanted, bundles, {}) == Plan()


def test_only_certificates_are_published(tmp_path: Path) -> None:
    """A Secret may have more in it than its name says, and everybody reads a ConfigMap."""
    one, two = Authority(tmp_path, "one"), Authority(tmp_path, "two")
    key = Path(one.issue("leaf")["tls_key"]).read_text()
    first, second = Path(one.path).read_text(), Path(two.path).read_text()

    found = certificates(f"# comment\n{first}{key}\n{second}")

    assert found == first + second
    assert certificates(key) == ""
    assert certificates("-----BEGIN CERTIFICATE-----\n" + key) == ""


def test_kubelets_of_the_newest_pods_are_told() -> None:
    """They wait for it; a thousand others need no request each."""
    pods = [pod(number) for number in range(60)]
    others = [pod(1, "billing"), pod(2, authorities=()), pod(3, phase="Failed")]

    found = newest_readers([*pods, *others], ("shop", NAME))

    assert len(found) == MOST_TOLD
    assert [each.name for each in found[:2]] == ["orders-59", "orders-58"]
    assert {each.namespace for each in found} == {"shop"}
    assert newest_readers([pod(created=None)], ("shop", NAME))
