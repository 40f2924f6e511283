"""Kinds that others define, for tests of what is there only where they are."""

from __future__ import annotations

from pathlib import Path

from . import parts
from .errors import CannotRunError, ClusterError


def service_monitors() -> Path:
    """The file with the CRD of Prometheus' operator for ServiceMonitors, fetched once.

    Raises:
        CannotRunError: it cannot be had on this machine: Go is missing, or its proxy refuses it.
    """
    try:
        return parts.build(parts.service_monitors()) / parts.SERVICE_MONITORS
    except ClusterError as error:
        raise CannotRunError(str(error)) from error
