"""Options that several commands share."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Final, TypeAlias

import msgspec
import yaml

from eureka_operator import __version__
from eureka_operator.shell.options import InjectorOptions
from eureka_registry.verbs.arguments import EXIT_CODES
from kubectl_eureka.shell.errors import UsageError

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - argparse names it so

SIDECAR_IMAGE: Final = f"eurekube/sidecar:{__version__}"


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """The cluster to ask.

    `kubeconfig` `None`: there is none, so the API server can be reached only in a pod.
    `sidecar_image` and `cluster_domain` are empty: those of the installed injector.
    """

    namespace: str = ""
    offline: bool = False
    registry: str = ""
    sidecar_image: str = ""
    cluster_domain: str = ""
    kubeconfig: Path | None = None
    context: str | None = None

    @property
    def domain(self) -> str:
        """The DNS domain of the cluster, without asking it."""
        return self.cluster_domain or InjectorOptions.cluster_domain


def command(commands: Commands, name: str, text: str) -> argparse.ArgumentParser:
    """Declare a command, with the exit codes below its help."""
    return commands.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_kubeconfig(parser: argparse.ArgumentParser) -> None:
    """Declare the kubeconfig."""
    help_text = "default: $KUBECONFIG, else as kubectl"
    parser.add_argument("--kubeconfig", type=Path, metavar="FILE", help=help_text)


def add_place(parser: argparse.ArgumentParser) -> None:
    """Declare the cluster and the namespace."""
    add_kubeconfig(parser)
    flag = parser.add_argument
    flag("-n", "--namespace", default="", metavar="NS", help="default: the kubeconfig's")
    flag("--context", metavar="NAME", help="of the kubeconfig")


def add_everywhere(parser: argparse.ArgumentParser) -> None:
    """Declare `--all-namespaces`."""
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="in all namespaces")


def add_target(parser: argparse.ArgumentParser) -> None:
    """Declare the EurekaCluster whose registry is asked."""
    parser.add_argument(
        "--cluster",
        default="",
        metavar="[NS/]NAME",
        help="the EurekaCluster (default: the only one)",
    )
    add_place(parser)


def add_file(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """Declare files of objects."""
    parser.add_argument(
        "-f",
        "--file",
        action="append",
        required=required,
        metavar="FILE|FOLDER|-",
        help="YAML or JSON; -: standard input; may be repeated",
    )


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `inject` and `explain`."""
    add_place(parser)
    flag = parser.add_argument
    flag("--offline", action="store_true", help="ask no cluster: the files say everything")
    flag(
        "--registry",
        default="",
        metavar="URL|NAMESPACE/NAME",
        help="set the annotation eurekube.io/registry on pods that have none",
    )
    flag(
        "--sidecar-image",
        default="",
        metavar="IMAGE",
        help=f"default: the installed injector's; offline {SIDECAR_IMAGE}",
    )
    flag("--cluster-domain", default="", metavar="DOMAIN", help="likewise; cluster.local")


def read_kubeconfig(flags: argparse.Namespace) -> Path | None:
    """The file that kubectl reads; `None`: there is none.

    Raises:
        UsageError: It is not one.
    """
    return _kubeconfig(flags.kubeconfig)


def read_place(flags: argparse.Namespace) -> Look:
    """Which cluster and namespace, by parsed flags and `$KUBECONFIG`.

    Raises:
        UsageError: A kubeconfig cannot be one.
    """
    return Look(
        namespace=flags.namespace,
        kubeconfig=_kubeconfig(flags.kubeconfig),
        context=flags.context,
    )


def read(flags: argparse.Namespace) -> Look:
    """The cluster to ask, by parsed flags and `$KUBECONFIG`.

    Raises:
        UsageError: An image or a kubeconfig cannot be one.
    """
    image = flags.sidecar_image
    if any(letter.isspace() for letter in image):
        raise UsageError(f"--sidecar-image '{image}': not an image; such as {SIDECAR_IMAGE}")
    return Look(
        namespace=flags.namespace,
        offline=flags.offline,
        registry=flags.registry,
        sidecar_image=image,
        cluster_domain=flags.cluster_domain,
        kubeconfig=None if flags.offline else _kubeconfig(flags.kubeconfig),
        context=flags.context,
    )


def _kubeconfig(named: Path | None) -> Path | None:
    """The file, or files with `:` between them, that kubectl reads; `None`: there is none."""
    variable = os.environ.get("KUBECONFIG")
    given = named or (Path(variable) if variable else None)
    if given is None:
        usual = Path.home() / ".kube" / "config"
        return usual if usual.is_file() else None
    found = [Path(each) for each in str(given).split(os.pathsep) if Path(each).is_file()]
    if not found:
        raise UsageError(f"kubeconfig {given}: there is no such file")
    for each in found:
        _check(each)
    return given


def _check(kubeconfig: Path) -> None:
    try:
        found = yaml.safe_load(kubeconfig.read_bytes())
    except OSError as error:
        raise UsageError(f"kubeconfig {kubeconfig}: {error.strerror or error}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise UsageError(f"kubeconfig {kubeconfig}: no YAML") from error
    if not isinstance(found, dict) or found.get("kind", "Config") != "Config":
        raise UsageError(f"kubeconfig {kubeconfig}: not a kubeconfig: it has no kind: Config")
