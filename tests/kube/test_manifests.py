"""Manifests before a real API server: what it would refuse, or silently drop."""

from __future__ import annotations

from pathlib import Path

from support.kubectl import Kubectl

PEERS = (Path(__file__).parents[1] / "e2e" / "peers.yaml").read_text()


def test_peers_by_hand_are_accepted_as_written(kubectl: Kubectl) -> None:
    """Every field is known, and applying them again changes nothing."""
    kubectl.apply(PEERS)
    first = _versions(kubectl)

    kubectl.apply(PEERS)

    assert {"eureka", "eureka-peers", "peer1", "peer2", "peer3"} <= set(first)
    assert _versions(kubectl) == first


def test_misspelt_field_is_refused(kubectl: Kubectl) -> None:
    """Or the test above would say nothing."""
    misspelt = PEERS.replace("podManagementPolicy", "podManagmentPolicy")

    refused = kubectl.run_unchecked(
        "apply", "--server-side", "--validate=strict", "-f", "-", given=misspelt
    )

    assert "podManagmentPolicy" in refused.stderr
    assert refused.returncode != 0


def test_peers_obey_the_restricted_pod_security_standard(kubectl: Kubectl) -> None:
    """A namespace that enforces it warns of nothing."""
    label = "pod-security.kubernetes.io/warn=restricted"
    kubectl("label", "namespace", kubectl.namespace, label)

    applied = kubectl.run_unchecked("apply", "--server-side", "-f", "-", given=PEERS)

    assert applied.returncode == 0, applied.stderr
    assert "PodSecurity" not in applied.stderr
    sloppy = PEERS.replace("allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true")
    warned = kubectl.run_unchecked("apply", "--server-side", "-f", "-", given=sloppy)
    assert "PodSecurity" in warned.stderr


def _versions(kubectl: Kubectl) -> dict[str, str]:
    """A write that changes nothing leaves an object's version alone."""
    found = kubectl.get("statefulsets,services")["items"]
    return {
        each["metadata"]["name"]: f"{each['kind']} {each['metadata']['resourceVersion']}"
        for each in found
    }
