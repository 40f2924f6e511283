"""What pages say of values and rights, against the chart."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest
import yaml

from support.helm import Helm
from support.rendering import OPERATOR, Object, of_kind, rendered

DOCS: Final = Path(__file__).parents[3] / "docs"
PAGE: Final = (DOCS / "installing.md").read_text()
_RIGHTS: Final = PAGE.partition("## Rights")[2].partition("\n## ")[0]

Rights = set[tuple[str, str, str]]
"""Group, resource and verb."""


def test_rights_on_the_page_are_those_of_the_operators_role(helm: Helm) -> None:
    """Whoever sets `rbac.create=false` gives the rights of the page."""
    wanted = {"injector": {"evictMissed": True}, "rbac": {"certManager": True}}
    made = rendered(helm, OPERATOR, wanted)
    (role,) = (
        each
        for each in of_kind(made, "ClusterRole")
        if each["metadata"]["name"].endswith("-operator")
    )

    assert _on_page() == _granted(role)


def test_values_on_the_page_are_values_of_the_chart() -> None:
    """Unknown ones are refused by its schema; here without a Helm."""
    values = yaml.safe_load((OPERATOR / "values.yaml").read_text())
    rows = PAGE.partition("## Values")[2].partition("\n## ")[0]
    paths = re.findall(r"^\| `([a-zA-Z.]+)`", rows, re.MULTILINE)

    assert len(paths) > 10
    assert [path for path in paths if not _has(values, path)] == []


@pytest.mark.parametrize("page", ["injection", "installing", "security"])
def test_values_of_the_injector_that_a_page_names_are_there(page: str) -> None:
    """With what they are set to, as `injector.port=10250`, or without."""
    values = yaml.safe_load((OPERATOR / "values.yaml").read_text())
    named = re.findall(r"`(injector\.[a-zA-Z.]+)[`=]", (DOCS / f"{page}.md").read_text())

    assert named
    assert [path for path in named if not _has(values, path)] == []


def _on_page() -> Rights:
    rows = re.findall(r"^\| (core|`[a-z0-9.-]+`) \| (`.+?`) \| (.+?) \|$", _RIGHTS, re.MULTILINE)
    return {
        ("" if group == "core" else group.strip("`"), resource, verb)
        for group, resources, verbs in rows
        for resource in re.findall(r"`([a-z/]+)`", resources)
        for verb in re.findall(r"(?:^|, )(get|list|watch|create|patch|update|delete)\b", verbs)
    }


def _granted(role: Object) -> Rights:
    return {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def _has(values: Object, path: str) -> bool:
    node: object = values
    for key in path.split("."):
        if not isinstance(node, dict) or key not in node:
            return False
        node = node[key]
    return True
