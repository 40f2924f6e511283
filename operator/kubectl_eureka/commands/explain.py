"""`explain`: says why pods have a sidecar or none, and what the registry holds of them."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import Any

import msgspec

from eureka_operator.core.injection.documents import templates
from eureka_operator.core.kinds import Kind
from eureka_registry.verbs import printing
from kubectl_eureka.commands import knowledge
from kubectl_eureka.core.explanation import Explanation, explanation
from kubectl_eureka.core.sentences import lines, title
from kubectl_eureka.core.surroundings import with_annotation
from kubectl_eureka.core.workloads import kinds, parse_name
from kubectl_eureka.shell import files, options
from kubectl_eureka.shell.errors import UsageError
from kubectl_eureka.shell.options import Look


def add_command(commands: options.Commands) -> None:
    """Declare it."""
    one = options.command(commands, "explain", "say why a pod has a sidecar or none")
    one.add_argument("name", nargs="?", metavar="POD|KIND/NAME", help="an object of the cluster")
    options.add_file(one, required=False)
    options.add_flags(one)
    one.add_argument("-o", "--output", choices=("text", "json"), default="text")
    one.set_defaults(run=run)


def run(flags: argparse.Namespace) -> int:
    """Explain the named object, or the pods of files; returns the exit code.

    Raises:
        UsageError: A name or a file cannot be used.
        NoAnswerError: The cluster cannot be asked, or there is no such object.
    """
    look = options.read(flags)
    if bool(flags.name) == bool(flags.file):
        raise UsageError("name a pod, or files with -f: one of the two")
    namespace = knowledge.namespace_of(look)
    if flags.name:
        found, notes = _there(look, namespace, *_target(flags.name, look))
    else:
        given = files.documents(files.read(flags.file))
        found, notes = _explain_documents(look, namespace, given)
    _print(flags, found, notes)
    return 0


def _target(name: str, look: Look) -> tuple[Kind, str]:
    wanted = parse_name(name)
    if wanted is None:
        raise UsageError(f"'{name}': write POD or KIND/NAME; kinds are {kinds()}")
    if look.offline:
        raise UsageError(f"'{name}' is in the cluster, which --offline does not ask: use -f")
    return wanted


def _there(
    look: Look, namespace: str, kind: Kind, name: str
) -> tuple[list[Explanation], tuple[str, ...]]:
    from kubectl_eureka.shell import live  # noqa: PLC0415 - files need no Kubernetes client

    return asyncio.run(live.explain(look, namespace, kind, name))


def _explain_documents(
    look: Look, namespace: str, documents: list[Any]
) -> tuple[list[Explanation], tuple[str, ...]]:
    """Explain pods that need not exist."""
    known = knowledge.surroundings(look, documents, namespace)
    found = [
        explanation(each, known.namespace(each.namespace or namespace), known.config)
        for one in documents
        for each in templates(with_annotation(one, look.registry))
    ]
    return found, known.notes


def _print(
    flags: argparse.Namespace, explanations: list[Explanation], notes: tuple[str, ...]
) -> None:
    if flags.output == "json":
        sys.stdout.write(json.dumps(msgspec.to_builtins(explanations), indent=2) + "\n")
    else:
        for at, each in enumerate(explanations):
            if at:
                sys.stdout.write("\n")
            printing.print_lines(sys.stdout, title(each), lines(each))
        if not explanations:
            sys.stderr.write("kubectl-eureka: no document has pods\n")
    printing.print_notes(sys.stderr, notes)
