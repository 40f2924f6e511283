from __future__ import annotations

import pytest
from msgspec.structs import replace

from eureka_operator.core.desired.common import child
from eureka_operator.core.kinds import CERTIFICATE, SERVICE, SERVICE_MONITOR, Kind
from unit.operator.core.builders import ENVIRONMENT, cluster


def test_child_of_a_cluster_that_does_not_exist_yet_has_no_owner() -> None:
    """`plan -f` shows it; a reference without a uid is refused by the API server."""
    owned = child(cluster(), SERVICE, "eureka")
    free = child(cluster(uid=""), SERVICE, "eureka")

    assert [each["uid"] for each in owned["metadata"]["ownerReferences"]] == ["the-uid"]
    assert "ownerReferences" not in free["metadata"]


@pytest.mark.parametrize(
    ("monitors", "certificates", "kind", "found"),
    [
        (False, False, SERVICE, True),
        (True, False, SERVICE_MONITOR, True),
        (False, True, SERVICE_MONITOR, False),
        (False, True, CERTIFICATE, True),
        (True, False, CERTIFICATE, False),
    ],
)
def test_only_some_kinds_may_be_missing(
    monitors: bool,  # noqa: FBT001 - a column of the table
    certificates: bool,  # noqa: FBT001
    kind: Kind,
    found: bool,  # noqa: FBT001
) -> None:
    """Those of the Prometheus operator and of cert-manager: the rest is Kubernetes' own."""
    environment = replace(ENVIRONMENT, monitors=monitors, certificates=certificates)

    assert environment.has(kind) is found
