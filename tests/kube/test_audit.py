"""The audit log that every cluster keeps."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime

from cluster import audit
from cluster.audit import Entry, Permission
from cluster.plan import Plan
from processes.cluster import until
from support.kubectl import Kubectl

ROLE = """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: writer}
rules:
- {apiGroups: [""], resources: [configmaps], verbs: [create, patch, watch]}
"""
CONFIG_MAP = """
apiVersion: v1
kind: ConfigMap
metadata: {name: one}
data: {key: value}
"""


def test_requests_of_an_account_are_there_with_the_permissions_they_took(
    cluster: Plan, kubectl: Kubectl
) -> None:
    """What it was granted and never used stands out, and so does what it was refused."""
    begun = datetime.now(UTC)
    user = audit.account(kubectl.namespace, "writer")
    kubectl.apply(ROLE)
    kubectl("create", "rolebinding", "writer", "--role=writer", f"--user={user}")
    writer = Kubectl([*kubectl.program, f"--as={user}"], kubectl.namespace)

    writer.apply(CONFIG_MAP)
    writer.apply(CONFIG_MAP)
    refused = writer.run_unchecked("delete", "configmap", "one")

    assert "cannot delete" in refused.stderr
    found = until(lambda: _up_to_the_end(audit.entries(cluster, begun), user))
    written = [(entry.verb, entry.name, entry.code) for entry in audit.writes(found, user)]
    assert written == [("patch", "one", 201), ("patch", "one", 200), ("delete", "one", 403)]
    granted = audit.granted(kubectl.get("role", "writer")["rules"])
    used = audit.used(found, user)
    assert granted - used == {Permission("", "configmaps", "watch")}
    assert {each.verb for each in used - granted} == {"delete"}


def test_watch_is_there_while_it_lasts(cluster: Plan, kubectl: Kubectl) -> None:
    """A controller's watches do not end before a test looks."""
    user = audit.account(kubectl.namespace, "watcher")
    binding = ("create", "rolebinding", "watcher", "--clusterrole=view", f"--user={user}")
    kubectl(*binding)
    path = f"/api/v1/namespaces/{kubectl.namespace}/configmaps?watch=1"
    words = [*kubectl.program, f"--as={user}", "get", "--raw", path]

    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as watch:
        try:
            found = until(lambda: [e for e in audit.entries(cluster) if e.user == user])
        finally:
            watch.kill()

    assert [(entry.verb, entry.resource) for entry in found] == [("watch", "configmaps")]


def _up_to_the_end(found: list[Entry], user: str) -> list[Entry]:
    """All requests once the user's last one is there."""
    return found if any(entry.verb == "delete" for entry in audit.writes(found, user)) else []
