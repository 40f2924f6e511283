"""What `inject` and `explain` know of the cluster, read from it or only from files."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

from eureka_operator.core.injection.documents import templates
from kubectl_eureka.core.surroundings import (
    Surroundings,
    offline_surroundings,
    with_files,
    with_registry,
)
from kubectl_eureka.shell.options import SIDECAR_IMAGE, Look


def namespace_of(look: Look) -> str:
    """The namespace of objects that name none, as kubectl chooses it."""
    if look.namespace or look.offline or look.kubeconfig is None:
        return look.namespace or "default"
    from eureka_operator.shell import client  # noqa: PLC0415 - files need no Kubernetes client

    return client.current_namespace(look.kubeconfig, look.context) or "default"


def namespace_or_all(flags: argparse.Namespace, look: Look) -> str | None:
    """The namespace of the command line; `None`: all, by `-A`."""
    return None if flags.all_namespaces else namespace_of(look)


def surroundings(look: Look, documents: list[Any], namespace: str) -> Surroundings:
    """What decisions about documents are based on; `namespace` is for those that name none.

    Raises:
        NoAnswerError: The cluster cannot be asked.
    """
    if look.offline:
        found = offline_surroundings(look.sidecar_image or SIDECAR_IMAGE, look.domain)
    else:
        from kubectl_eureka.shell import cluster  # noqa: PLC0415 - likewise

        names = {each.namespace or namespace for one in documents for each in templates(one)}
        found = asyncio.run(cluster.read_surroundings(look, names))
    return with_registry(with_files(found, documents, namespace), look.registry)
