"""A cluster of kind's comes up; it is taken down as every other one, by `lifecycle.take_down`."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from .. import control, debian, lifecycle, parts, places, records
from ..errors import CannotRunError, ClusterError
from ..namespaces import nsenter_command
from ..parts import Part
from ..plan import Plan
from ..progress import doing
from ..versions import Kubernetes
from . import engine, nodeimage, programs, recipe
from .config import API_PORT, config

_NAME: Final = "kind"
_RELAY: Final = "machine/kind"
_HERE: Final = "127.0.0.1"
_WAIT: Final = "240s"
_LAST_LINES: Final = 12


def bring_up(plan: Plan) -> None:
    """Bring a cluster up that kind makes; what goes wrong takes it down again.

    Raises:
        CannotRunError: it cannot be had on this machine.
        ClusterError: it does not come up, or is there already.
        ValueError: it is to have no nodes.
    """
    reason = why_impossible()
    if reason:
        raise CannotRunError(reason)
    if not plan.node_count:
        raise ValueError("kind makes one node or more")
    debian.provide()
    for part in needed(plan.kubernetes):
        parts.build(part)
    archive = nodeimage.built(plan.kubernetes)
    records.create(plan)
    with records.locked(plan.work, "bringing up"):
        try:
            _bring_up(plan, archive)
        except BaseException as error:
            lifecycle.clear(plan.work, keep_logs=isinstance(error, ClusterError))
            raise


def why_impossible() -> str:
    """Why this machine can have none; an empty text when nothing is known against it."""
    reason = lifecycle.why_impossible()
    if reason:
        return reason
    folder = records.clusters_folder()
    there = next(each for each in (folder, *folder.parents) if each.exists())
    if lifecycle.native_snapshots(there):
        return f"the file system of {there} is itself stacked, and Docker cannot stack on it"
    return ""


def needed(version: Kubernetes) -> list[Part]:
    """The parts that `bring_up` takes."""
    return [programs.engine(), programs.kind(), nodeimage.node_image(version)]


def load(plan: Plan, archives: list[Path]) -> None:
    """Give images to all nodes.

    Raises:
        ClusterError: a node does not take one.
    """
    with ThreadPoolExecutor(len(archives)) as pool:
        words = (["load", "image-archive", str(each), f"--name={_NAME}"] for each in archives)
        for _ in pool.map(lambda each: _kind(plan, *each), words):
            pass


def _bring_up(plan: Plan, archive: Path) -> None:
    engine.start(plan)
    image = recipe.node_image(plan.kubernetes).name
    with doing("docker load of the node image"):
        engine.load(plan, archive)
    asked = plan.work / "kind.yaml"
    asked.write_text(config(plan.node_count, plan.kubernetes, API_PORT))
    written = plan.work / "kubeconfig-kind"
    with doing(f"kind makes {plan.node_count} nodes"):
        _kind(plan, "create", "cluster", f"--name={_NAME}", f"--config={asked}",
              f"--image={image}", f"--kubeconfig={written}", f"--wait={_WAIT}")  # fmt: skip
    _lead_to(plan, written.read_text())


def _lead_to(plan: Plan, kubeconfig: str) -> None:
    """Let this machine reach the API server, and write the kubeconfig for it."""
    network = f"/proc/{places.lifeline(plan, engine.PLACE).pid}/ns/net"
    ends = ("-", _HERE, "0", network, _HERE, str(API_PORT))
    port = control.relay(plan, _RELAY, ends)
    plan.kubeconfig.touch(mode=0o600)
    plan.kubeconfig.write_text(kubeconfig.replace(f"{_HERE}:{API_PORT}", f"{_HERE}:{port}"))


def _kind(plan: Plan, *words: str) -> None:
    """Run kind in the engine's network.

    Raises:
        ClusterError: it fails; with its last lines.
    """
    program = parts.build(programs.kind()) / "kind"
    inside = nsenter_command(places.lifeline(plan, engine.PLACE).pid, "net")
    log = plan.log(engine.PLACE, "kind")
    with log.open("ab") as said:
        run = subprocess.run(
            [*inside, str(program), *words],
            env=engine.environment(plan),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            check=False,
        )
    if run.returncode != 0:
        last = "\n  ".join(log.read_text(errors="replace").splitlines()[-_LAST_LINES:])
        raise ClusterError(f"`kind {' '.join(words[:2])}` failed, see {log}; it ends:\n  {last}")
