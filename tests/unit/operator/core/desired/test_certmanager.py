from __future__ import annotations

from msgspec.structs import replace

from eureka_operator.core.desired.certmanager import certificate
from unit.operator.core.builders import ENVIRONMENT, cluster
from unit.operator.core.desired import golden

_ISSUER = {"issuerRef": {"name": "shop"}}


def test_certificate() -> None:
    """With every field, and a Secret of another name."""
    tls = {
        "certManager": {
            "issuerRef": {
                "name": "shop",
                "kind": "AWSPCAIssuer",
                "group": "awspca.cert-manager.io",
            },
            "duration": "720h",
            "renewBefore": "240h30m",
        },
        "secretName": "mine",
        "extraSANs": ["192.0.2.1", "*.example.com"],
    }
    golden.check("certificate", certificate(cluster({"tls": tls}), ENVIRONMENT))


def test_nothing_is_asked_for_that_is_up_to_cert_manager() -> None:
    """Its own defaults hold, and its webhook refuses empty lists."""
    body = certificate(cluster({"tls": {"certManager": _ISSUER}}), ENVIRONMENT)

    assert body is not None
    assert body["metadata"]["name"] == body["spec"]["secretName"] == "eureka-certificate"
    assert not {"duration", "renewBefore", "ipAddresses"} & body["spec"].keys()


def test_no_certificate_unless_wished_and_known() -> None:
    """An API server without that CRD would refuse it on every pass."""
    wished = cluster({"tls": {"certManager": _ISSUER}})

    assert certificate(cluster(), ENVIRONMENT) is None
    assert certificate(cluster({"tls": {}}), ENVIRONMENT) is None
    assert certificate(wished, replace(ENVIRONMENT, certificates=False)) is None
