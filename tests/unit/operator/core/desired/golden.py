"""Child objects in files, to be read and compared.

`EUREKUBE_REWRITE=1 make test ARGS=tests/unit/operator/core` writes the objects as they are now into
the files, to be read as a difference.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Final

import pytest
import yaml

from eureka_operator.core.kinds import Object

FOLDER: Final = Path(__file__).with_name("golden")
RENEW: Final = "EUREKUBE_REWRITE=1 make test ARGS=tests/unit/operator/core"


class _Dumper(yaml.SafeDumper):
    """Writes files within objects line by line."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def check(name: str, body: Object | None, folder: Path = FOLDER) -> None:
    """Compare an object with the file `golden/<name>.yaml`; `folder` is that `golden`."""
    assert body is not None, f"no object for golden/{name}.yaml"
    file = folder / f"{name}.yaml"
    text = yaml.dump(body, Dumper=_Dumper, sort_keys=False, width=100)
    if os.environ.get("EUREKUBE_REWRITE"):
        file.write_text(text, encoding="utf-8")
        return
    before = file.read_text(encoding="utf-8") if file.is_file() else ""
    if text == before:
        return
    lines = difflib.unified_diff(
        before.splitlines(), text.splitlines(), f"golden/{name}.yaml", "now", lineterm="", n=2
    )
    found = "\n".join(lines)
    pytest.fail(f"{found}\n\nIf that is meant: {RENEW}", pytrace=False)
