"""kubectl for one namespace of a cluster: what people use, so nothing here knows more than they."""

from __future__ import annotations

import json
import re
import secrets
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

_PATIENCE_S: Final = 180.0
"""Longer than the time limits that its commands are given."""
_FORWARDED: Final = re.compile(r"127\.0\.0\.1:(\d+) ->")


class Kubectl:
    """Runs a kubectl, whose command line names the cluster, in a namespace unless it is empty."""

    def __init__(self, program: Sequence[str], namespace: str = "") -> None:
        self.namespace = namespace
        self.program = [*program]
        self._words = [*program, *([f"--namespace={namespace}"] if namespace else [])]

    def __call__(self, *words: str, given: str = "") -> str:
        """What it prints; `AssertionError` with what it says when it fails."""
        done = self.run_unchecked(*words, given=given)
        assert done.returncode == 0, f"kubectl {' '.join(words)}: {done.stderr.strip()}"
        return done.stdout

    def run_unchecked(self, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """What comes of it, whether it fails or not."""
        return subprocess.run(
            self.command(*words),
            input=given,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=False,
        )

    def command(self, *words: str) -> list[str]:
        """The whole command line, for who runs it another way."""
        return [*self._words, *words]

    def get(self, *words: str) -> Any:  # noqa: ANN401 - JSON
        """Objects as they are in the API."""
        return json.loads(self("get", "-o", "json", *words))

    def raw(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """Any document of the API server's, a pod's own through its proxy among them."""
        return json.loads(self("get", "--raw", path))

    def apply(self, text: str) -> None:
        """Have objects as they are written; unknown fields are refused."""
        self("apply", "--server-side", "--validate=strict", "-f", "-", given=text)

    def describe_all(self, *commands: Sequence[str]) -> str:
        """What several commands say, the end of each, for a person to read after a failure."""
        found = []
        for words in commands:
            done = self.run_unchecked(*words)
            found.append(f"--- kubectl {' '.join(words)}\n{(done.stdout + done.stderr)[-8000:]}")
        return "\n".join(found)

    @contextmanager
    def forwarded(self, target: str, port: int) -> Iterator[int]:
        """A port of 127.0.0.1 that leads to a pod or to a pod of a Service."""
        words = self.command("port-forward", target, f":{port}")
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                said = _FORWARDED.search(process.stdout.readline())
                assert said is not None, f"kubectl port-forward {target} {port} ends"
                yield int(said.group(1))
            finally:
                process.kill()

    @contextmanager
    def in_a_namespace(self, prefix: str) -> Iterator[Kubectl]:
        """The same with a namespace of its own, which is deleted afterwards."""
        name = f"{prefix}-{secrets.token_hex(3)}"
        self("create", "namespace", name)
        try:
            yield Kubectl(self.program, name)
        finally:
            self("delete", "namespace", name, "--wait=false", "--ignore-not-found")
