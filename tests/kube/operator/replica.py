"""A replica of the operator as a process of its own, whose reconciler only notes its keys.

It prints a line `begin NAME` and a line `end NAME` for each pass. `SLOW_S` is how long a pass
takes; `WRITER` is what it then writes on the ConfigMap `NAME-config`; `FAULT` makes each pass of a
cluster of that name fail.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType

from eureka_operator import process
from eureka_operator.core.kinds import CONFIG_MAP
from eureka_operator.shell import logs, options
from eureka_operator.shell.client import RefusedError
from eureka_operator.shell.kube import Kube
from eureka_operator.shell.metrics import Metrics
from eureka_operator.shell.queue import Key, Reconcile
from eureka_operator.shell.turns import Turns
from processes.cluster import until

_PORT = re.compile(r"health and metrics on port (\d+)")
_BEGIN = re.compile(r"^begin (.+)$", re.MULTILINE)
_PATIENCE_S = 60.0


class Replica:
    """Starts one in a namespace of its own, whose Lease it uses; kills it at the end."""

    def __init__(self, kubeconfig: Path, namespace: str, *flags: str, **environment: str) -> None:
        self._flags = [f"--kubeconfig={kubeconfig}", "--host=127.0.0.1", "--port=0", *flags]
        self._environment = {"POD_NAMESPACE": namespace, "POD_NAME": "operator", **environment}
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Replica:
        """Start it; it may take a while until it leads."""
        self._process = subprocess.Popen(
            [sys.executable, __file__, *self._flags],
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **self._environment},
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it, and show what it said if the test fails."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        if error is not None:
            print(self.log_text())  # noqa: T201 - pytest shows it
        self._output.close()

    def log_text(self) -> str:
        """All of its log and output so far."""
        size = os.fstat(self._output.fileno()).st_size
        return os.pread(self._output.fileno(), size, 0).decode()

    def wait_for_text(self, text: str) -> None:
        """Wait until it has said something."""
        process_ = self._process
        assert process_ is not None
        until(lambda: text in self.log_text() or process_.poll() is not None, _PATIENCE_S)
        assert text in self.log_text(), self.log_text()

    def passes(self, name: str) -> int:
        """How many passes over a cluster are complete."""
        return self.log_text().splitlines().count(f"end {name}")

    def passed(self, name: str, times: int = 1) -> None:
        """Wait until so many passes over a cluster are complete."""
        until(lambda: self.passes(name) >= times, _PATIENCE_S)

    def names(self) -> list[str]:
        """The clusters that it began to look at, in order."""
        return list(_BEGIN.findall(self.log_text()))

    def another_pass(self, name: str) -> None:
        """Wait until a cluster is looked at once more than now."""
        self.passed(name, self.passes(name) + 1)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def ended(self, within_s: float = _PATIENCE_S) -> int:
        """Wait for its end; its exit code."""
        assert self._process is not None
        return self._process.wait(within_s)

    def answer(self, path: str) -> tuple[int, str]:
        """Status and text of one of its pages."""
        port = until(lambda: _PORT.search(self.log_text()), _PATIENCE_S).group(1)
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()


def _assemble(kube: Kube, _metrics: Metrics, _turns: Turns) -> Reconcile:
    slow_s = float(os.environ.get("SLOW_S", "0"))
    writer, fault = os.environ.get("WRITER"), os.environ.get("FAULT")

    async def reconcile(key: Key) -> float | None:
        print(f"begin {key.name}", flush=True)  # noqa: T201
        await asyncio.sleep(slow_s)
        if writer is not None:
            child = f"{key.name}-config"
            await kube.annotate(CONFIG_MAP, key.namespace, child, {"writer": writer})
        await kube.list(CONFIG_MAP, key.namespace, f"eurekube.io/cluster={key.name}")
        print(f"end {key.name}", flush=True)  # noqa: T201
        if key.name == fault:
            raise RefusedError("this cluster cannot be", 422)
        return None

    return reconcile


def _main() -> None:
    parser = argparse.ArgumentParser()
    options.add_flags(parser)
    chosen = options.read(parser.parse_args(), os.environ)
    logs.set_up(chosen.log_level, chosen.log_format)
    with asyncio.Runner() as runner:
        os._exit(runner.run(process.run(chosen, _assemble)))


if __name__ == "__main__":
    _main()
