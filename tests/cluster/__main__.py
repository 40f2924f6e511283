"""A real Kubernetes on this machine: `python -m tests.cluster COMMAND`.

Needs root, Linux and Go; what else is missing it installs (Debian) or names. `up` takes seconds
once `build` has been done, which takes minutes the first time.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from . import control, debian, images, lifecycle, node, parts, places, policies, records, versions
from .errors import CannotRunError, ClusterError
from .faults import Faults
from .kind import lifecycle as kind
from .plan import CONTROL, Plan
from .progress import say
from .status import health
from .versions import Kubernetes

_CANNOT_RUN: Final = 3
_FAILED: Final = 1
_WRONG_USAGE: Final = 2


def main(words: Sequence[str] | None = None) -> int:
    """Run a command; 3 if this machine can have no cluster, 1 if something went wrong."""
    options = _parser().parse_args(words)
    # Whoever asks to end must not leave half a cluster, or a fault, behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return int(options.run(options) or 0)
    except ValueError as error:
        say(f"tests.cluster: {error}")
        return _WRONG_USAGE
    except CannotRunError as error:
        say(f"tests.cluster: cannot run here: {error}")
        return _CANNOT_RUN
    except ClusterError as error:
        say(f"tests.cluster: {error}")
        return _FAILED
    except KeyboardInterrupt:
        say("tests.cluster: interrupted; what is built so far is kept")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.cluster",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(
        name: str,
        run: Callable[[argparse.Namespace], int | None],
        about: str,
        *,
        named: bool = True,
    ) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=about, description=about)
        made.set_defaults(run=run)
        if named:
            made.add_argument("--name", default="eurekube", help="the cluster (default: eurekube)")
        return made

    build = command("build", _build, "build all parts and images into the cache", named=False)
    _version(build)
    up = command("up", _up, "bring a cluster up")
    up.add_argument("--nodes", type=int, default=3, help="0: only etcd and the API server")
    up.add_argument("--kind", action="store_true", help="let kind make it; 1 node is all in one")
    _version(up)
    down = command("down", _down, "take a cluster down, whatever state it is in")
    down.add_argument("--all", action="store_true", help="take all clusters down")
    status = command("status", _status, "say what of a cluster is healthy")
    status.add_argument("-o", "--output", choices=["text", "json"], default="text")
    load = command("load", _load, "give images to all nodes")
    load.add_argument(
        "archive", type=Path, nargs="*", help="as `docker save` writes it; none: the project's own"
    )
    kubectl = command("kubectl", _kubectl, "run kubectl")
    kubectl.add_argument("words", nargs=argparse.REMAINDER)
    run = command("run", _run, "run a command in the network of the cluster, or on a node")
    run.add_argument("--on", default=CONTROL, metavar="NODE", help="with the files of a node, too")
    run.add_argument("words", nargs=argparse.REMAINDER)
    enforce = command("enforce", _enforce, "enforce NetworkPolicies until Ctrl-C, or for a while")
    enforce.add_argument("--for", type=float, dest="span_s", metavar="SECONDS")
    _faults(command("fault", _fault, "hurt a cluster until Ctrl-C, or for some seconds"))
    return parser


def _version(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--kubernetes",
        default=versions.DEFAULT_KUBERNETES,
        metavar="VERSION",
        help=f"default: {versions.DEFAULT_KUBERNETES}; the oldest is {versions.OLDEST_KUBERNETES}",
    )


def _faults(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--for", type=float, dest="span_s", metavar="SECONDS")
    kinds = parser.add_subparsers(required=True, metavar="FAULT", dest="kind")
    kinds.add_parser("cut", help="cut a node from the network").add_argument("node")
    apart = kinds.add_parser("apart", help="let no packet pass between two pods")
    apart.add_argument("address", nargs=2)
    slow = kinds.add_parser("slow", help="delay or drop what a node sends")
    slow.add_argument("node")
    slow.add_argument("--delay-ms", type=int, default=0)
    slow.add_argument("--loss-percent", type=float, default=0.0)
    kinds.add_parser("stop", help="let a program stand still").add_argument("part")
    kinds.add_parser("kill", help="kill a program, and start it afterwards").add_argument("part")
    kinds.add_parser("drain", help="drain a node").add_argument("node")


def _build(options: argparse.Namespace) -> None:
    version = Kubernetes.parse(options.kubernetes)
    debian.provide()
    parts.build_all([*parts.all_parts(version), *kind.needed(version)])
    images.build_all()


def _up(options: argparse.Namespace) -> None:
    work = records.work_folder(options.name)
    version = Kubernetes.parse(options.kubernetes)
    plan = Plan(options.name, work, version, options.nodes, by_kind=options.kind)
    if plan.by_kind:
        kind.bring_up(plan)
    else:
        lifecycle.bring_up(plan)
    say(f"cluster {plan.name} is up: KUBECONFIG={plan.kubeconfig}")


def _down(options: argparse.Namespace) -> None:
    names = records.names() if options.all else [options.name]
    for name in names:
        lifecycle.take_down(records.work_folder(name))
        say(f"cluster {name} is down")


def _status(options: argparse.Namespace) -> int:
    seen = health(records.read_own(options.name))
    if options.output == "json":
        sys.stdout.write(json.dumps([asdict(each) for each in seen], indent=2) + "\n")
    else:
        table = Table("part", "state", box=None)
        for each in seen:
            table.add_row(each.label, each.words, style=None if each.well else "red")
        Console().print(table)
    return 0 if all(each.well for each in seen) else _FAILED


def _load(options: argparse.Namespace) -> None:
    plan = records.read(options.name)
    archives = options.archive or images.build_all()
    if plan.by_kind:
        kind.load(plan, archives)
        say(f"{len(archives)} images: loaded on all nodes")
        return
    for archive in archives:
        node.load_everywhere(plan, archive)
        say(f"{archive}: loaded on {len(plan.nodes)} nodes")


def _kubectl(options: argparse.Namespace) -> int:
    return subprocess.run(
        [*control.kubectl(records.read(options.name)), *_arguments(options)], check=False
    ).returncode


def _run(options: argparse.Namespace) -> int:
    plan = records.read_own(options.name)
    if options.on != CONTROL:
        plan.node(options.on)
    words = [*places.inside(plan, options.on), *_arguments(options)]
    environment = {**os.environ, "KUBECONFIG": str(plan.kubeconfig_inside)}
    return subprocess.run(words, env=environment, check=False).returncode


def _fault(options: argparse.Namespace) -> None:
    with _chosen(options, records.read_own(options.name)):
        _last(options.span_s)


def _enforce(options: argparse.Namespace) -> None:
    with policies.enforced(records.read_own(options.name)):
        _last(options.span_s)


def _last(span_s: float | None) -> None:
    """Wait for Ctrl-C, or for some seconds."""
    say("done; it is undone after Ctrl-C" + (f" or {span_s:g} s" if span_s else ""))
    try:
        threading.Event().wait(span_s)
    except KeyboardInterrupt:
        say("undoing it")


def _chosen(options: argparse.Namespace, plan: Plan) -> AbstractContextManager[None]:
    faults = Faults(plan)
    match options.kind:
        case "cut":
            return faults.cut_off(options.node)
        case "apart":
            return faults.apart(*options.address)
        case "slow":
            how = {"delay_ms": options.delay_ms, "loss_percent": options.loss_percent}
            return faults.slow(options.node, **how)
        case "stop":
            return faults.stopped(options.part)
        case "kill":
            return faults.killed(options.part)
        case _:
            return faults.drained(options.node, control.kubectl(plan))


def _arguments(options: argparse.Namespace) -> list[str]:
    words = list(options.words)
    return words[1:] if words[:1] == ["--"] else words


if __name__ == "__main__":
    sys.exit(main())
