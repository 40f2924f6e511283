"""Files that the tests give to the program, and the program itself."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import pytest

from kubectl_eureka.__main__ import main

NAMESPACE: Final = """\
apiVersion: v1
kind: Namespace
metadata:
  name: shop
  labels: {eurekube.io/inject: enabled}
"""
CLUSTER: Final = """\
apiVersion: eurekube.io/v1alpha1
kind: EurekaCluster
metadata: {name: eureka, namespace: shop}
spec: {}
"""
SERVICE: Final = """\
# how callers reach it
apiVersion: v1
kind: Service
metadata: {name: orders} # the same name
spec:
  ports: [{port: 80}]
"""
DEPLOYMENT: Final = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: orders
  namespace: shop
spec:
  selector:
    matchLabels:
      app: orders
  template:
    metadata:
      labels:
        app: orders
    spec:
      containers:
      - name: app
        image: shop/orders:1
        ports:
        - name: http
          containerPort: 8080
"""
ASKED: Final = """\
apiVersion: v1
kind: Pod
metadata:
  name: poller
  namespace: shop
  labels: {eurekube.io/inject: enabled}
spec:
  containers: [{name: app, image: shop/poller:1}]
"""
"""It asks for a sidecar and has no port."""


class Done(NamedTuple):
    """What came of a command."""

    code: int
    out: str
    err: str


class Program:
    """Runs the program in a folder of its own, without a cluster."""

    def __init__(self, folder: Path, said: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._said = said

    def file(self, name: str, *documents: str) -> str:
        """A file of documents; its path."""
        path = self.folder / name
        path.write_text("---\n".join(documents), encoding="utf-8")
        return str(path)

    def __call__(self, *words: str) -> Done:
        """Run a command."""
        try:
            code = main(words)
        except SystemExit as ended:  # as argparse ends it
            code = int(ended.code or 0)
        return Done(code, *self._said.readouterr())
