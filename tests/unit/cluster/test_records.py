"""Which clusters there are, and who has made them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cluster import records
from cluster.errors import ClusterError
from cluster.plan import Plan
from cluster.versions import Kubernetes

VERSION = Kubernetes.parse("1.34.4")


@pytest.fixture(autouse=True)
def _use_other_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EUREKUBE_CLUSTERS", str(tmp_path))


def test_what_was_asked_for_is_found_again() -> None:
    """By another process: `down` and `load` are commands of their own."""
    plan = Plan("mine", records.work_folder("mine"), VERSION, 3, by_kind=True)
    records.create(plan)

    assert records.read("mine") == plan


def test_cluster_of_kinds_is_refused_where_nodes_of_ours_are_needed() -> None:
    """Faults and the like would say that a node is lost."""
    records.create(Plan("theirs", records.work_folder("theirs"), VERSION, 1, by_kind=True))
    records.create(Plan("ours", records.work_folder("ours"), VERSION, 1))

    with pytest.raises(ClusterError, match="kind has made theirs: use kubectl"):
        records.read_own("theirs")
    assert records.read_own("ours").name == "ours"


def test_record_of_an_older_version_is_a_cluster_of_ours() -> None:
    """Such a one may be up, and must be taken down."""
    folder = records.work_folder("old")
    folder.mkdir()
    (folder / "cluster.json").write_text(json.dumps({"kubernetes": "1.34.4", "nodes": 0}))

    assert not records.read("old").by_kind
