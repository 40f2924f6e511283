"""`uninject`: prints documents as they were before their pods got a sidecar."""

from __future__ import annotations

import argparse
import sys

from eureka_operator.core.injection.documents import uninject_document
from kubectl_eureka.core.yamltext import Part, join, yaml_text
from kubectl_eureka.shell import files, options


def add_command(commands: options.Commands) -> None:
    """Declare it."""
    one = options.command(commands, "uninject", "print documents as they were before")
    options.add_file(one, required=True)
    one.set_defaults(run=run)


def run(flags: argparse.Namespace) -> int:
    """Print all documents; the exit code.

    Raises:
        UsageError: A file cannot be read.
    """
    given = files.read(flags.file)
    sys.stdout.write(join(_uninject_document(part) for file in given for part in file.parts))
    return 0


def _uninject_document(part: Part) -> str:
    """The text of a document; it is unchanged unless its pods were injected."""
    found = uninject_document(part.document)
    return part.text if found == part.document else yaml_text(found, part.text)
