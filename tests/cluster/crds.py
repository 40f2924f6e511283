"""Kinds that others define, for tests of what is there only where they are."""

from __future__ import annotations

from pathlib import Path

from . import parts
from .errors import CannotRunError, ClusterError
from .parts import Part


def service_monitors() -> Path:
    """The file with the CRD of Prometheus' operator for ServiceMonitors, fetched once.

    Raises:
        CannotRunError: it cannot be had on this machine: Go is missing, or its proxy refuses it.
    """
    return _file(parts.service_monitors(), parts.SERVICE_MONITORS)


def certificates() -> Path:
    """The file with the CRD of cert-manager for Certificates, fetched once.

    Raises:
        CannotRunError: likewise.
    """
    return _file(parts.certificates(), parts.CERTIFICATES)


def _file(part: Part, name: str) -> Path:
    try:
        return parts.build(part) / name
    except ClusterError as error:
        raise CannotRunError(str(error)) from error
