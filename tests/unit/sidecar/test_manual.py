"""What the README and docs/sidecar.md say of the sidecar, against the sidecar."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from eureka_sidecar.core import settings
from eureka_sidecar.core.downward import METADATA, PAUSED, ZONE

ROOT = Path(__file__).parents[3]
TEXTS = {name: (ROOT / name).read_text() for name in ("README.md", "docs/sidecar.md")}
FACTS = settings.Facts(host="here", ip="10.0.0.1")


@pytest.mark.parametrize("name", TEXTS)
def test_every_flag_that_is_named_is_there(name: str) -> None:
    """A flag that was renamed is no use to its reader."""
    known = {each.flag for each in settings.SETTINGS} | {"--config", "--"}
    lines = [line for line in TEXTS[name].splitlines() if "eureka-sidecar" in line or "`--" in line]
    named = set(re.findall(r"(?<![\w-])--[a-z-]+", "\n".join(lines)))

    assert named
    assert named <= known | {"--set", "--namespace", "--create-namespace"}


def test_metrics_and_annotations_that_are_named_are_there() -> None:
    """So are names of what others write or read."""
    page = TEXTS["docs/sidecar.md"]
    for annotation in (PAUSED, f"{METADATA}KEY", ZONE):
        assert f"`{annotation}: " in page
    source = (ROOT / "sidecar" / "eureka_sidecar" / "core" / "metrics.py").read_text()
    rows = page.partition("| metric, each")[2].partition("\n\n")[0]
    names = re.findall(
        r"`([a-z_]+)`(?=[,` |])", "\n".join(r.split("|")[1] for r in rows.splitlines()[2:])
    )
    assert names
    for each in names:
        assert each.removesuffix("_total") in source


def test_example_pod_is_what_the_sidecar_accepts() -> None:
    """Its arguments become a configuration, with the probe of the container beside it."""
    deployment = yaml.safe_load((ROOT / "examples" / "pods" / "orders.yaml").read_text())
    pod = deployment["spec"]["template"]["spec"]
    (sidecar,), (application,) = pod["initContainers"], pod["containers"]
    flags, _ = settings.from_flags(sidecar["args"][1:])
    (instance,) = settings.configuration(settings.merge({}, flags), FACTS).instances

    probe = application["readinessProbe"]
    assert (instance.check.port, instance.check.path) == (probe["httpGet"]["port"], "/")
    assert instance.check.period_ms == 1_000 * probe["periodSeconds"]
    assert instance.port == application["ports"][0]["containerPort"]
    hold_s = application["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] > hold_s


def test_line_of_the_readme_is_a_configuration() -> None:
    """It is executed by `tests/test_readme.py`; here without ports that must be free."""
    line = next(
        line for line in TEXTS["README.md"].splitlines() if line.startswith(".venv/bin/eureka-side")
    )
    flags, _ = settings.from_flags(shlex.split(line)[1:])
    made = settings.configuration(settings.merge({}, flags), FACTS)

    assert made.command[:2] == ("python3", "-m")
