"""`plan`: shows what the operator would do with a file, with or without a cluster."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from eureka_operator.api.cluster import KIND, Cluster, Problem, read, transition_problems
from eureka_operator.core.kinds import CERTIFICATE, CLUSTER, SERVICE_MONITOR, Object
from eureka_operator.core.observed import Observed
from eureka_operator.core.plan import Plan, plan
from eureka_operator.core.preview import Preview, Row, preview
from eureka_operator.reconcile import environment
from eureka_operator.shell.access import AccessReader
from eureka_operator.shell.client import Client, configuration, current_namespace
from eureka_operator.shell.clustercertificates import ClusterCertificates
from eureka_operator.shell.kube import Kube
from eureka_operator.shell.observe import Secrets, observe
from eureka_operator.shell.options import Options

_WRONG: Final = 2
_COLOURS: Final = {"create": "green", "change": "yellow", "delete": "red"}
_SHOWN: Final = 60


class _Dumper(yaml.SafeDumper):
    """Writes files within a ConfigMap line by line."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def run(flags: argparse.Namespace, options: Options) -> int:
    """Print the plan; 2 if the object cannot be used.

    Raises:
        ApiError: with `--live`, the API server does not answer or refuses.
    """
    namespace = flags.namespace
    if flags.live and namespace is None:
        namespace = current_namespace(options.kubeconfig)
    try:
        document = _document(flags.file, namespace)
    except (OSError, ValueError) as error:
        return _refuse(flags.file, [Problem("", str(error))])
    found = read(document, strict=True)
    if not isinstance(found, Cluster):
        return _refuse(flags.file, found)
    if flags.live:
        return asyncio.run(_live(flags, options, found))
    observed = Observed(cluster=found, now=datetime.now(UTC))
    around = msgspec.structs.replace(environment(options), monitors=True, certificates=True)
    _print(flags, observed, plan(observed, around))
    return 0


async def _live(flags: argparse.Namespace, options: Options, cluster: Cluster) -> int:
    async with Client(await configuration(options.kubeconfig)) as client:
        kube = Kube(client)
        document = await kube.get(CLUSTER, cluster.namespace, cluster.name)
        if document is not None:
            before = read(document)
            problems = (
                transition_problems(before.spec, cluster.spec)
                if isinstance(before, Cluster)
                else ()
            )
            if problems:
                return _refuse(flags.file, problems)
            cluster = _with_metadata(cluster, document)
        around = msgspec.structs.replace(
            environment(options),
            monitors=await kube.serves(SERVICE_MONITOR),
            certificates=await kube.shows(CERTIFICATE, cluster.namespace),
        )
        certificates = ClusterCertificates(kube, around.domain, may_write=False)
        secrets = Secrets(certificates, AccessReader(kube, may_write=False))
        observed = await observe(kube, cluster, around, {}, secrets, lambda: datetime.now(UTC))
    _print(flags, observed, plan(observed, around))
    return 0


def _with_metadata(cluster: Cluster, live: Object) -> Cluster:
    """The cluster of the file as the object that is there already.

    Annotations that the file does not have stay: `kubectl annotate` made them.
    """
    metadata = live["metadata"]
    return msgspec.structs.replace(
        cluster,
        uid=metadata["uid"],
        generation=metadata["generation"],
        annotations={**metadata.get("annotations", {}), **cluster.annotations},
        status=live.get("status") or {},
    )


def _document(path: str, namespace: str | None) -> Object:
    """The one EurekaCluster of a file.

    Raises:
        ValueError: there is none, or more than one, or the file is not YAML.
        OSError: it cannot be read.
    """
    text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    try:
        documents = [each for each in yaml.safe_load_all(text) if isinstance(each, dict)]
    except yaml.YAMLError as error:
        raise ValueError(f"not YAML: {error}") from error
    found: list[dict[str, Any]] = [each for each in documents if each.get("kind") == KIND]
    if len(found) != 1:
        raise ValueError(f"holds {len(found)} objects of kind {KIND}; exactly one is needed")
    metadata = found[0].get("metadata")
    if isinstance(metadata, dict):
        metadata.setdefault("namespace", namespace or "default")
    return found[0]


def _refuse(path: str, problems: list[Problem] | tuple[Problem, ...]) -> int:
    for problem in problems:
        where = f"{path}: {problem.field}" if problem.field else path
        print(f"eureka-operator: {where}: {problem.message}", file=sys.stderr)  # noqa: T201
    return _WRONG


def _print(flags: argparse.Namespace, observed: Observed, result: Plan) -> None:
    seen = preview(observed, result)
    if flags.output == "yaml":
        sys.stdout.write(yaml.dump_all(result.objects, Dumper=_Dumper, sort_keys=False))
    elif flags.output == "json":
        document = {**msgspec.to_builtins(seen), "objects": list(result.objects)}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        _print_text(observed.cluster, seen, live=flags.live)


def _print_text(cluster: Cluster, consequences: Preview, *, live: bool) -> None:
    console = Console(highlight=False)
    console.print(f"{KIND} [bold]{cluster.namespace}/{cluster.name}[/bold]")
    if consequences.paused:
        console.print("paused: nothing is done until spec.paused and the annotation are gone")
    elif consequences.rows:
        console.print(_table(consequences.rows))
    else:
        console.print("nothing to do: everything is as the file asks for")
    for line in _consequences(consequences):
        console.print(line)
    if not live:
        console.print("without --live: as if nothing of it existed yet", style="dim")


def _table(rows: tuple[Row, ...]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("action")
    table.add_column("object", overflow="fold")
    table.add_column("field: before -> after", overflow="fold")
    for row in rows:
        changes = "\n".join(
            f"{each.field}: {_value_text(each.before)} -> {_value_text(each.after)}"
            for each in row.changes
        )
        colour = _COLOURS[row.action]
        table.add_row(f"[{colour}]{row.action}[/{colour}]", escape(row.object), escape(changes))
    return table


def _value_text(value: object) -> str:
    if value is None:
        return "absent"
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def _consequences(consequences: Preview) -> list[str]:
    lines = []
    if consequences.joining:
        lines.append(f"[green]start[/green]: {', '.join(consequences.joining)}")
    if consequences.leaving:
        lines.append(
            f"[red]leave[/red]: {', '.join(consequences.leaving)}; each when the others hold all"
            " it took"
        )
    if consequences.restarting:
        order = ", then ".join(consequences.restarting)
        lines.append(f"[yellow]restart[/yellow], one after the other: {order}")
    if consequences.reloading:
        lines.append(
            f"[green]reload[/green] without a restart: {', '.join(consequences.reloading)}"
        )
    return lines
