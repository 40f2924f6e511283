from __future__ import annotations

import hashlib

from eureka_operator.core import names


def test_selector_is_part_of_the_labels() -> None:
    """A StatefulSet whose template did not fit its selector would be refused."""
    assert names.selector("eureka").items() <= names.labels("eureka").items()


def test_pods_of_two_clusters_are_told_apart() -> None:
    """They may be in one namespace."""
    assert not names.selector("a").items() <= names.labels("b").items()


def test_document_has_one_digest_whatever_its_order() -> None:
    """Else a restart of the operator could restart peers."""
    assert names.object_digest({"a": 1, "b": 2}) == names.object_digest({"b": 2, "a": 1})
    assert names.object_digest({"a": 1}) != names.object_digest({"a": "1"})


def test_digest_is_the_beginning_of_a_sha_256() -> None:
    """Peers compute the same over the file that they read."""
    assert names.digest("é") == hashlib.sha256("é".encode()).hexdigest()[:16]


def test_longest_name_fits_a_label() -> None:
    """Cluster 32, zone 12, revision hash 10: the StatefulSet controller's label has at most 63."""
    assert len(names.stateful_set("c" * 32, "z" * 12)) + len("-0123456789") <= 63


def test_host_and_urls() -> None:
    """Clients' URLs have the context path, peers' have none."""
    host = names.host("peer1", "prod", "cluster.local")

    assert host == "peer1.prod.svc.cluster.local"
    assert names.service_url(host, 8761) == f"http://{host}:8761/eureka/"
    assert names.service_url(host, 8761, "/a") == f"http://{host}:8761/a/eureka/"
