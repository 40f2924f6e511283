"""`eureka-sidecar run`: makes a configuration from flags, environment and file, and runs it."""

from __future__ import annotations

import os
import socket
import sys

from ..core import settings, urls
from ..core.settings import Facts, Problems
from ..core.values import is_address
from ..process import run as run_process
from ..shell.child import StartError
from ..shell.control import ControlError
from ..shell.files import MAX_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..core.configuration import Configuration
    from ..core.settings import Document

CONFIG = "EUREKA_SIDECAR_CONFIG"
_USAGE = 2


def run(arguments: Sequence[str]) -> int:
    """Run the sidecar; returns its exit status: the command's, or 2 for a bad configuration."""
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    if "-h" in own or "--help" in own:
        from .help import show  # noqa: PLC0415

        return show()
    try:
        return run_process(read(arguments, os.environ))
    except Problems as problems:
        for each in problems.sentences:
            sys.stderr.write(f"eureka-sidecar: {each}\n")
        return _USAGE
    except StartError as error:
        sys.stderr.write(f"eureka-sidecar: {error}\n")
        return error.status
    except (ControlError, OSError) as error:
        sys.stderr.write(f"eureka-sidecar: {error}\n")
        return 1


def read(arguments: Sequence[str], environment: Mapping[str, str]) -> Configuration:
    """The configuration.

    Raises:
        Problems: what is wrong with it.
    """
    flags, path = settings.from_flags(arguments)
    document: Document = {}
    if path:
        document = settings.parse(_text(path), path)
    elif text := environment.get(CONFIG):
        document = settings.parse(text, CONFIG)
    merged = settings.merge(document, flags)
    return settings.configuration(merged, _facts(environment, merged))


def _facts(environment: Mapping[str, str], document: Document) -> Facts:
    return Facts(
        host=socket.gethostname(),
        ip=environment.get("EUREKA_POD_IP") or own_ip(_registry_host(document), _local_ip),
        pod=environment.get("EUREKA_POD_NAME", ""),
        namespace=environment.get("EUREKA_POD_NAMESPACE", ""),
        uid=environment.get("EUREKA_POD_UID", ""),
        node=environment.get("EUREKA_NODE_NAME", ""),
    )


def own_ip(registry_host: str, local_ip: Callable[[str], str]) -> str:
    """The address at which others reach us: the one from which we reach the registry.

    A name is not looked up, which would cost time at the start. Then it is the address of the
    default route: the last two addresses below, which are for documentation only, are reached by
    it.

    Args:
        registry_host: a name, an address, or empty.
        local_ip: gives our address on the way to an address; empty: there is no way.
    """
    if registry_host == "localhost":
        return "127.0.0.1"
    for each in (registry_host, "192.0.2.1", "2001:db8::1"):
        if is_address(each) and (found := local_ip(each)):
            return found
    return ""


def _local_ip(where: str) -> str:
    """The kernel chooses the address; nothing is sent."""
    family = socket.AF_INET6 if ":" in where else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((where, 9))
            return str(probe.getsockname()[0])
    except OSError:
        return ""


def _registry_host(document: Document) -> str:
    """The host of the first registry; empty: it cannot be read, which is reported elsewhere."""
    try:
        return urls.parse(document["registries"][0]["urls"][0]).host
    except (LookupError, TypeError, ValueError, AttributeError):
        return ""


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib is not loaded
            text = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a text in UTF-8"
        raise Problems([f"cannot read the configuration {path}: {reason}"]) from None
    if len(text) > MAX_BYTES:
        raise Problems([f"cannot use the configuration {path}: it is longer than {MAX_BYTES}"])
    return text
