"""Edits of children as people make them, and what the API server then has on record.

`PYTHONPATH=tests python -m unit.operator.core.edits KUBECONFIG` makes the edits on a real API
server, in a namespace of its own, and writes `edits.json`; needs kubectl and the CRD.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from eureka_operator.api.cluster import Cluster, read
from eureka_operator.core import names
from eureka_operator.core.kinds import Object
from eureka_operator.core.observed import Observed
from eureka_operator.core.plan import plan
from support.clusterobjects import document
from support.kubectl import Kubectl
from unit.operator.core.builders import ENVIRONMENT, NOW

FILE: Final = Path(__file__).with_name("edits.json")
_SPEC: Final = {"snapshot": {"enabled": True}}
_CONTAINER: Final = "spec.template.spec.containers[name=registry]"
_HASH: Final = f"{names.GROUP}/template-hash"


class Edit(NamedTuple):
    """One edit: the object, kubectl's words, and the drift that is expected, as it reads.

    Who has removed a field owns nothing of it afterwards, so the API server has no record of them.
    """

    about: str
    target: str
    commands: Sequence[Sequence[str]]
    drift: Sequence[str] = ()


def _patch(kind: str, document: object) -> list[str]:
    return ["patch", f"--type={kind}", "--field-manager=intruder", "-p", json.dumps(document)]


def _json(op: str, path: str, value: object = None) -> dict[str, object]:
    return {"op": op, "path": path, **({} if op == "remove" else {"value": value})}


CREATED: Final = "made by a POST, not taken over yet"
_POD: Final = "/spec/template/spec"
_SIDECAR: Final = {"name": "sidecar", "image": "sidecar:1"}

EDITS: Final = (
    *(
        Edit(f"nothing: {target}", target, [])
        for target in (
            "sts/eureka-peer",
            "service/eureka",
            "service/eureka-peers",
            "service/peer1",
            "configmap/eureka-config",
            "pdb/eureka",
            "networkpolicy/eureka",
            "serviceaccount/eureka",
        )
    ),
    Edit(CREATED, "sts/eureka-peer", []),
    Edit(
        "scaled",
        "sts/eureka-peer",
        [["scale", "--replicas=5"]],
        ["spec.replicas (by kubectl)"],
    ),
    Edit(
        "another image",
        "sts/eureka-peer",
        [["set", "image", "registry=other:1"]],
        [f"{_CONTAINER}.image (by kubectl-set)"],
    ),
    Edit(
        "an argument of a list that is owned as a whole",
        "sts/eureka-peer",
        [_patch("json", [_json("add", f"{_POD}/containers/0/args/-", "--port=1")])],
        [f"{_CONTAINER}.args (by intruder)"],
    ),
    Edit(
        "a toleration added to ours",
        "sts/eureka-peer",
        [_patch("json", [_json("add", f"{_POD}/tolerations/-", {"operator": "Exists"})])],
        ["spec.template.spec.tolerations (by intruder)"],
    ),
    Edit(
        "a variable with another value",
        "sts/eureka-peer",
        [
            _patch(
                "json",
                [
                    _json(
                        "replace",
                        f"{_POD}/containers/0/env/0",
                        {"name": "EUREKA_POD_NAME", "value": "me"},
                    )
                ],
            )
        ],
        [f"{_CONTAINER}.env[name=EUREKA_POD_NAME].valueFrom (by intruder)"],
    ),
    Edit(
        "a variable removed",
        "sts/eureka-peer",
        [["set", "env", "EUREKA_IP_ADDRESS-"]],
        [f"{_CONTAINER}.env[name=EUREKA_IP_ADDRESS]"],
    ),
    Edit("a variable added", "sts/eureka-peer", [["set", "env", "MORE=1"]]),
    Edit(
        "a container added",
        "sts/eureka-peer",
        [_patch("json", [_json("add", f"{_POD}/containers/-", _SIDECAR)])],
    ),
    Edit(
        "a volume and its mount removed",
        "sts/eureka-peer",
        [
            _patch(
                "json",
                [
                    _json("remove", f"{_POD}/containers/0/volumeMounts/1"),
                    _json("remove", f"{_POD}/volumes/1"),
                ],
            )
        ],
        [
            f"{_CONTAINER}.volumeMounts[name=snapshot]",
            "spec.template.spec.volumes[name=snapshot]",
        ],
    ),
    Edit(
        "a probe's period",
        "sts/eureka-peer",
        [_patch("json", [_json("replace", f"{_POD}/containers/0/startupProbe/periodSeconds", 9)])],
        [f"{_CONTAINER}.startupProbe.periodSeconds (by intruder)"],
    ),
    Edit("peers restarted by hand", "sts/eureka-peer", [["rollout", "restart"]]),
    Edit(
        "our annotation removed",
        "sts/eureka-peer",
        [["annotate", f"{_HASH}-"]],
        [f"metadata.annotations[{_HASH}]"],
    ),
    Edit(
        "forced by an applier",
        "sts/eureka-peer",
        [["apply", "--server-side", "--force-conflicts", "--field-manager=argocd", "-f", "-"]],
        ["spec.minReadySeconds (by argocd)"],
    ),
    Edit(
        "a label with another value",
        "service/peer1",
        [["label", "--overwrite", "app.kubernetes.io/part-of=mine"]],
        ["metadata.labels[app.kubernetes.io/part-of] (by kubectl-label)"],
    ),
    Edit(
        "a label removed",
        "service/peer1",
        [["label", "app.kubernetes.io/part-of-"]],
        ["metadata.labels[app.kubernetes.io/part-of]"],
    ),
    Edit(
        "a label and an annotation added",
        "service/peer1",
        [["label", "team=a"], ["annotate", "example.com/note=b"]],
    ),
    Edit(
        "another pod selected",
        "service/peer2",
        [_patch("merge", {"spec": {"selector": {names.POD_NAME_LABEL: "eureka-peer-1"}}})],
        ["spec.selector (by intruder)"],
    ),
    Edit(
        "another port",
        "service/eureka",
        [_patch("json", [_json("replace", "/spec/ports/0/port", 80)])],
        ["spec.ports (by intruder)"],
    ),
    Edit(
        "another target of a port",
        "service/eureka",
        [_patch("json", [_json("replace", "/spec/ports/0/targetPort", 1)])],
        ["spec.ports[port=8761,protocol=TCP].targetPort (by intruder)"],
    ),
    Edit(
        "a port removed",
        "service/eureka-peers",
        [_patch("json", [_json("remove", "/spec/ports/1")])],
        ["spec.ports[name=management]"],
    ),
    Edit(
        "a port added",
        "service/eureka-peers",
        [_patch("json", [_json("add", "/spec/ports/-", {"name": "more", "port": 1})])],
    ),
    Edit(
        "another type",
        "service/eureka",
        [_patch("merge", {"spec": {"type": "NodePort"}})],
        ["spec.type (by intruder)"],
    ),
    Edit(
        "a file edited",
        "configmap/eureka-config",
        [_patch("merge", {"data": {"config.json": "{}"}})],
        ["data[config.json] (by intruder)"],
    ),
    Edit(
        "a file removed",
        "configmap/eureka-config",
        [_patch("merge", {"data": {"peers.json": None}})],
        ["data[peers.json]"],
    ),
    Edit("a file added", "configmap/eureka-config", [_patch("merge", {"data": {"more": ""}})]),
    Edit(
        "changes of two managers",
        "configmap/eureka-config",
        [
            _patch("merge", {"data": {"config.json": "{}"}}),
            ["label", "--overwrite", "app.kubernetes.io/name=mine"],
        ],
        [
            "metadata.labels[app.kubernetes.io/name] (by kubectl-label)",
            "data[config.json] (by intruder)",
        ],
    ),
    Edit(
        "more peers at once",
        "pdb/eureka",
        [_patch("merge", {"spec": {"maxUnavailable": 2}})],
        ["spec.maxUnavailable (by intruder)"],
    ),
    Edit(
        "rules of ingress",
        "networkpolicy/eureka",
        [_patch("merge", {"spec": {"ingress": [{}]}})],
        ["spec.ingress (by intruder)"],
    ),
    Edit(
        "token mounted",
        "serviceaccount/eureka",
        [_patch("merge", {"automountServiceAccountToken": True})],
        ["automountServiceAccountToken (by intruder)"],
    ),
    Edit(
        "the same by another applier",
        "serviceaccount/eureka",
        [["apply", "--server-side", "--field-manager=argocd", "-f", "-"]],
    ),
    Edit(
        "record of managers removed",
        "pdb/eureka",
        [_patch("json", [_json("replace", "/metadata/managedFields", [{}])])],
        [
            "metadata",
            "spec",
        ],
    ),
)
"""What people do to children; without drift: they may."""

_APPLIED: Final[dict[str, Object]] = {
    "forced by an applier": {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "eureka-peer"},
        "spec": {"minReadySeconds": 0},
    },
    "the same by another applier": {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "eureka"},
        "automountServiceAccountToken": False,
    },
}
"""What an edit by `kubectl apply` reads."""


def _children(owner: Cluster) -> list[Object]:
    return list(plan(Observed(cluster=owner, now=NOW), ENVIRONMENT).objects)


def _target(body: Object) -> str:
    short = {"StatefulSet": "sts", "PodDisruptionBudget": "pdb"}
    return f"{short.get(body['kind'], body['kind'].lower())}/{body['metadata']['name']}"


def record(api: Kubectl) -> dict[str, Any]:
    """Make each edit on an object of its own."""
    with api.in_a_namespace("edits") as kubectl:
        kubectl("apply", "-f", "-", given=json.dumps(document(_SPEC)))
        owner = read(kubectl.get("eurekacluster/eureka"))
        assert isinstance(owner, Cluster)
        bodies = {_target(body): body for body in _children(owner)}
        edits = {edit.about: _edited(kubectl, edit, bodies[edit.target]) for edit in EDITS}
    used = {edit.target for edit in EDITS}
    return {"children": {key: bodies[key] for key in bodies if key in used}, "edits": edits}


def _edited(kubectl: Kubectl, edit: Edit, body: Object) -> Any:  # noqa: ANN401 - JSON
    """Who owns what after an edit."""
    kubectl("delete", "--ignore-not-found", edit.target)
    made = ("create",) if edit.about == CREATED else ("apply", "--server-side")
    kubectl(*made, "--field-manager=eureka-operator", "-f", "-", given=json.dumps(body))
    for verb, *words in edit.commands:
        _run(kubectl, edit, verb, words)
    return kubectl.get(edit.target, "--show-managed-fields")["metadata"].get("managedFields", [])


def _run(kubectl: Kubectl, edit: Edit, verb: str, words: Sequence[str]) -> None:
    if verb == "apply":
        kubectl(verb, *words, given=json.dumps(_APPLIED[edit.about]))
        return
    deep = verb in {"set", "rollout"}
    kubectl(verb, *([words[0]] if deep else []), edit.target, *words[deep:])


def main() -> None:
    """Write the file."""
    words = ["kubectl", f"--kubeconfig={sys.argv[1]}"]
    lines = {
        part: [f"    {json.dumps(key)}: {json.dumps(value)}" for key, value in rows.items()]
        for part, rows in record(Kubectl(words)).items()
    }
    parts = [f'  "{part}": {{\n' + ",\n".join(rows) + "\n  }" for part, rows in lines.items()]
    FILE.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
