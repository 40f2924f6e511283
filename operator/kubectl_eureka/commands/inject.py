"""`inject`: prints documents with the sidecar in their pods, and a table of the decisions."""

from __future__ import annotations

import argparse
import sys
from typing import Final

from eureka_operator.core.injection.decide import Inject, Refuse
from eureka_operator.core.injection.documents import (
    DocumentDecision,
    inject_document,
    uninject_document,
)
from eureka_registry.verbs import printing
from kubectl_eureka.commands import knowledge
from kubectl_eureka.core.explanation import outcome, remarks
from kubectl_eureka.core.surroundings import Surroundings, with_annotation
from kubectl_eureka.core.yamltext import Part, join, yaml_text
from kubectl_eureka.shell import files, options

REFUSED: Final = 1


def add_command(commands: options.Commands) -> None:
    """Declare it."""
    one = options.command(commands, "inject", "print documents with the sidecar in their pods")
    options.add_file(one, required=True)
    options.add_flags(one)
    one.set_defaults(run=run)


def run(flags: argparse.Namespace) -> int:
    """Print all documents, or none if one is refused; returns the exit code.

    Raises:
        UsageError: A file cannot be read.
        NoAnswerError: The cluster cannot be asked.
    """
    look = options.read(flags)
    given = files.read(flags.file)
    namespace = knowledge.namespace_of(look)
    known = knowledge.surroundings(look, files.documents(given), namespace)
    texts: list[str] = []
    decided: list[DocumentDecision] = []
    for file in given:
        for part in file.parts:
            text, found = _inject_document(part, known, namespace, look.registry)
            texts.append(text)
            decided.extend(found)
    _tell(decided, known, namespace)
    if any(isinstance(each.decision, Refuse) for each in decided):
        sys.stderr.write("kubectl-eureka: nothing is printed: a pod asked, and is refused\n")
        return REFUSED
    sys.stdout.write(join(texts))
    return 0


def _inject_document(
    part: Part, surroundings: Surroundings, namespace: str, registry: str
) -> tuple[str, tuple[DocumentDecision, ...]]:
    """The text of a document; it is unchanged unless its pods change."""
    found = inject_document(
        with_annotation(part.document, registry),
        lambda name: surroundings.namespace(name or namespace),
        surroundings.config,
        note_skips=False,
    )
    is_injected = any(isinstance(each.decision, Inject) for each in found.decisions)
    document = found.document if is_injected else uninject_document(part.document)
    text = part.text if document == part.document else yaml_text(document, part.text)
    return text, found.decisions


def _tell(decisions: list[DocumentDecision], surroundings: Surroundings, namespace: str) -> None:
    """Print on standard error what was decided: one row for each reason."""
    rows: list[tuple[str, str, str, str]] = []
    for each in decisions:
        name = f"{each.kind} {each.namespace or namespace}/{each.name}"
        word = outcome(each.decision)
        reasons = remarks(each.decision)
        rows.extend(
            (name, word, one.code, f"{one.sentence}. {one.cure}".strip()) for one in reasons
        )
        if not reasons:
            rows.append((name, word, "ok", ""))
    if rows:
        printing.print_table(sys.stderr, ("object", "result", "reason", "what and cure"), rows)
    else:
        sys.stderr.write("kubectl-eureka: no document has pods\n")
    printing.print_notes(sys.stderr, surroundings.notes)
