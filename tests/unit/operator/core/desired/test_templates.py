"""Pod templates and static settings of every revision, as users' peers run with them.

Each file in `templates/REVISION/` holds the spec of an EurekaCluster, and what was built of it when
that revision was released. So a new option of the spec changes none of them.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

import pytest

from eureka_operator.core.desired.common import TEMPLATE_REVISION, Environment
from eureka_operator.core.desired.configuration import LIVE, configuration
from eureka_operator.core.desired.statefulset import pod_template
from unit.operator.core.builders import EVERYTHING, cluster
from unit.operator.core.desired.golden import RENEW

_FOLDER: Final = Path(__file__).with_name("templates")
_SPECS: Final[dict[str, dict[str, Any]]] = {
    "minimal": {},
    "everything": EVERYTHING,
    "zones": {"topology": {"zones": [{"name": "a", "nodeZone": "eu-west-1a"}, {"name": "b"}]}},
    "volume": {"snapshot": {"enabled": True, "volume": {"size": "2Gi"}}},
    "snapshot": {"snapshot": {"enabled": True}, "topology": {"antiAffinity": "Required"}},
}
"""What a new revision begins with; of one that is there, its files tell."""


@pytest.mark.parametrize("name", _SPECS)
@pytest.mark.parametrize("revision", range(1, TEMPLATE_REVISION + 1))
def test_released_template_stays_as_it_is(revision: int, name: str) -> None:
    """An upgrade of the operator must restart nobody's peers."""
    file = _FOLDER / str(revision) / f"{name}.json"
    if not file.exists():
        _release(file, _SPECS[name], revision)
    before = json.loads(file.read_text())
    now = json.loads(json.dumps(_built(before["spec"], revision)))

    changed = [part for part in before if before[part] != now[part]]
    assert changed == [], (
        f"{', '.join(changed)} of {file.relative_to(_FOLDER)} changed: with this operator every"
        " peer of every user would restart. Raise TEMPLATE_REVISION in core/desired/common.py, and"
        f" go on building the former one where environment.template_revision is {revision}; only"
        f" if revision {revision} was never released, delete them: {RENEW} writes them anew"
    )


def _release(file: Path, spec: dict[str, Any], revision: int) -> None:
    """Write the file of a new revision; those that are there are never written anew."""
    if not os.environ.get("EUREKUBE_REWRITE"):
        pytest.fail(f"no {file.relative_to(_FOLDER)}: {RENEW} writes it", pytrace=False)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(_built(spec, revision), indent=2) + "\n", encoding="utf-8")


def _built(spec: dict[str, Any], revision: int) -> dict[str, Any]:
    """What a spec becomes: all that restarts a peer when it changes."""
    environment = Environment(
        registry_image="eurekube/registry:0.1.0", template_revision=revision, version="0.1.0"
    )
    owner = cluster(spec)
    references = {("ap", "eureka"): "http://eureka.ap.svc.cluster.local:8761/eureka/"}
    config = configuration(owner, environment, references)
    settings = json.loads(config.text).items()
    zone = next(iter(owner.spec.topology.zones), None)
    return {
        "spec": spec,
        "static settings": {name: value for name, value in settings if name not in LIVE},
        "static hash": config.static_hash,
        "template": pod_template(owner, environment, zone, config.static_hash),
    }
