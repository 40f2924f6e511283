"""What a cluster is made of and has to be built: once per version, into the user's cache.

Rules:

* A part is a folder `NAME/KEY` of the cache; the file `built` in it says that it is whole. A folder
  without it was interrupted, and is made anew.
* Who builds holds a lock, and so does every program it runs: a second build waits even for what
  the first left behind when it was killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from . import baseimage, versions
from .archive import Image, write_archive
from .components import PAUSE_IMAGE
from .errors import CannotRunError, ClusterError
from .progress import doing, say
from .versions import Kubernetes

SERVICE_MONITORS: Final = "monitoring.coreos.com_servicemonitors.yaml"
CERTIFICATES: Final = "crd-certificates.yaml"
_HERE: Final = Path(__file__).parent
_MODULE_FILES: Final = ("go.mod", "go.sum")
_DONE: Final = "built"
_LOG: Final = "build.log"
_LAST_LINES: Final = 8
_EPOCH: Final = "0"
_UNUSED_S: Final = 3600.0


@dataclass(frozen=True)
class Workshop:
    """Where one part is being built."""

    folder: Path
    lock: int

    def run(self, command: Sequence[str], **variables: str) -> None:
        """Run a command in the folder; what it prints goes to its `build.log`.

        Raises:
            ClusterError: it fails; with its last lines.
        """
        log = self.folder / _LOG
        with log.open("ab") as said:
            said.write(f"$ {' '.join(command)}\n".encode())
            said.flush()
            run = subprocess.run(
                ["nice", *command],
                cwd=self.folder,
                env={**os.environ, **variables},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                pass_fds=(self.lock,),
                check=False,
            )
        if run.returncode != 0:
            last = "\n  ".join(log.read_text(errors="replace").splitlines()[-_LAST_LINES:])
            raise ClusterError(f"`{' '.join(command[:4])}` failed, see {log}; it ends:\n  {last}")


@dataclass(frozen=True)
class Part:
    """Something to build: `make` fills the folder."""

    name: str
    key: str
    make: Callable[[Workshop], None] = field(compare=False)

    @property
    def folder(self) -> Path:
        """Where it is when it is built."""
        return cache() / self.name / self.key

    @property
    def built(self) -> bool:
        """Whether it is whole."""
        return (self.folder / _DONE).exists()


def cache() -> Path:
    """Where builds are kept, outside the checkout (as `support.builds.cache`)."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "eurekube"


def build(part: Part) -> Path:
    """Build a part unless it is there; its folder.

    Raises:
        ClusterError: it cannot be built.
    """
    if part.built:
        return part.folder
    part.folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(part) as lock:
        if not part.built:
            with doing(f"building {part.name} {part.key}"):
                shutil.rmtree(part.folder, ignore_errors=True)
                part.folder.mkdir()
                part.make(Workshop(part.folder, lock))
                (part.folder / _DONE).touch()
    return part.folder


def drop_unused(folder: Path, version: str = "") -> None:
    """Say that a part is in use, and delete those beside it (of a version) that nobody uses.

    Only an hour after their last use: another checkout may be about to load one.
    """
    os.utime(folder)
    for old in folder.parent.glob(f"{version}*/"):
        with contextlib.suppress(FileNotFoundError):  # another worker deletes it, too
            if time.time() - old.stat().st_mtime > _UNUSED_S:
                shutil.rmtree(old, ignore_errors=True)


def kubernetes(version: Kubernetes) -> Part:
    """The one program with all of Kubernetes and etcd."""
    source = _kubernetes_source()

    def make(workshop: Workshop) -> None:
        _copy(build(_kubernetes_modules(version)), workshop.folder, "main.go", *_MODULE_FILES)
        flags = ["-ldflags", version.linker_flags]
        workshop.run([_go(), "build", *flags, "-o", "kubernetes", "."], CGO_ENABLED="0")

    return Part("kubernetes", f"{version}-{digest(source)}", make)


def coredns() -> Part:
    """CoreDNS."""
    source = (_HERE / "dns" / "main.go").read_bytes()
    module = f"github.com/coredns/coredns@v{versions.COREDNS}"
    return _program_with_kubernetes("coredns", module, source, free=("github.com/coredns/caddy",))


def kube_router() -> Part:
    """kube-router's firewall."""
    source = (_HERE / "firewall" / "main.go").read_bytes()
    module = f"github.com/cloudnativelabs/kube-router/v2@v{versions.KUBE_ROUTER}"
    return _program_with_kubernetes("kube-router", module, source)


def helm(version: str = versions.HELM) -> Part:
    """Helm: 3, or another version such as `versions.HELM_4`."""
    major = version.partition(".")[0]
    module, facts = f"helm.sh/helm/v{major}", versions.helm_linker_flags(version)
    if version == versions.HELM:
        return _program_with_kubernetes("helm", f"{module}@v{version}", b"", facts=facts)
    return installed("helm", version, f"{module}/cmd/helm", facts)


def promtool() -> Part:
    """Prometheus' promtool, without what only discovers targets in clouds."""
    package = "github.com/prometheus/prometheus/cmd/promtool"
    return installed("promtool", versions.PROMETHEUS, package, tags="remove_all_sd")


def prometheus() -> Part:
    """Prometheus itself, which finds targets in Eureka and Kubernetes; without its web pages."""
    package = "github.com/prometheus/prometheus/cmd/prometheus"
    tags = "remove_all_sd,enable_eureka_sd,enable_kubernetes_sd"
    return installed("prometheus", versions.PROMETHEUS, package, tags=tags)


def service_monitors() -> Part:
    """The CRD of ServiceMonitors, `SERVICE_MONITORS` in the folder."""
    module = f"github.com/prometheus-operator/prometheus-operator@v{versions.PROMETHEUS_OPERATOR}"

    def make(workshop: Workshop) -> None:
        crds = from_proxy(module, "Dir") / "example" / "prometheus-operator-crd"
        source = crds / SERVICE_MONITORS
        (workshop.folder / SERVICE_MONITORS).write_bytes(source.read_bytes())

    return Part("servicemonitors", versions.PROMETHEUS_OPERATOR, make)


def certificates() -> Part:
    """The CRD of cert-manager's Certificates, `CERTIFICATES` in the folder."""
    module = f"github.com/cert-manager/cert-manager@v{versions.CERT_MANAGER}"

    def make(workshop: Workshop) -> None:
        source = from_proxy(module, "Dir") / "deploy" / "crds" / CERTIFICATES
        lines = source.read_text().splitlines(keepends=True)
        # What else is in it is for the templates of its chart.
        (workshop.folder / CERTIFICATES).write_text("".join(e for e in lines if "{{" not in e))

    return Part("certmanager", versions.CERT_MANAGER, make)


def pause() -> Part:
    """The program that holds a pod's namespaces, and the image that holds the program."""
    sources = {name: (_HERE / "pause" / name).read_bytes() for name in ("go.mod", "main.go")}

    def make(workshop: Workshop) -> None:
        for name, data in sources.items():
            (workshop.folder / name).write_bytes(data)
        (workshop.folder / "root").mkdir()
        flags = ["-ldflags", "-s -w"]
        workshop.run([_go(), "build", *flags, "-o", "root/pause", "."], CGO_ENABLED="0")
        workshop.run(packed("root", "layer.tar"))
        image = Image(PAUSE_IMAGE, entrypoint=("/pause",))
        write_archive(workshop.folder / "image.tar", image, workshop.folder / "layer.tar")

    return Part("pause", digest(*sources.values()), make)


def base() -> Part:
    """The image under the project's own images: Debian with Python, like `python:3.11-slim`."""
    machine = baseimage.machine_files()
    recipe = [str(baseimage.debootstrap("")), baseimage.SCRIPT, *map(str, machine.items())]
    key = f"{versions.DEBIAN}-{digest(*(text.encode() for text in recipe))}"

    def make(workshop: Workshop) -> None:
        root = workshop.folder / "root"
        # In a mount namespace of its own: what debootstrap mounts cannot outlive it.
        workshop.run(["unshare", "--mount", *baseimage.debootstrap(str(root))])
        for path, data in machine.items():
            target = root / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        workshop.run(["sh", "-ec", baseimage.SCRIPT, "sh", str(root)])
        workshop.run(packed("root", "layer.tar"))
        image = baseimage.image()
        write_archive(workshop.folder / "image.tar", image, workshop.folder / "layer.tar")
        shutil.rmtree(root)
        (workshop.folder / "layer.tar").unlink()

    return Part("base", key, make)


def needed(version: Kubernetes, *, nodes: bool) -> list[Part]:
    """The parts that `up` takes; without nodes far less."""
    alone = [kubernetes(version), pause()]
    return [*alone, coredns()] if nodes else alone


def all_parts(version: Kubernetes) -> list[Part]:
    """All parts, the quick ones first."""
    helms = [helm(versions.HELM), helm(versions.HELM_4)]
    return [pause(), coredns(), *helms, base(), kubernetes(version), kube_router()]


def digest(*data: bytes) -> str:
    """A short name for what something is made of."""
    return hashlib.sha256(b"\0".join(data)).hexdigest()[:12]


def build_all(wanted: Sequence[Part]) -> None:
    """Build parts one after the other, saying which are there already.

    Raises:
        ClusterError: one cannot be built; those before it are kept.
    """
    for part in wanted:
        if part.built:
            say(f"{part.name} {part.key}: there already")
        build(part)


@contextlib.contextmanager
def _locked(part: Part) -> Iterator[int]:
    with part.folder.with_name(f"{part.key}.lock").open("w") as guard:
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with doing(f"waiting for another build of {part.name} {part.key}"):
                fcntl.flock(guard, fcntl.LOCK_EX)
        yield guard.fileno()


def installed(name: str, version: str, package: str, facts: str = "", tags: str = "") -> Part:
    """A program of one package; `facts` are linker flags that tell it something, `tags` Go's."""

    def make(workshop: Workshop) -> None:
        variables = {"CGO_ENABLED": "0", "GOBIN": str(workshop.folder)}
        flags = ["-tags", tags, "-ldflags", f"-s -w {facts}"]
        workshop.run([_go(), "install", *flags, f"{package}@v{version}"], **variables)

    return Part(name, f"{version}-{digest(facts.encode())}" if facts else version, make)


def _kubernetes_source() -> bytes:
    return (_HERE / "kubernetes" / "main.go").read_bytes()


def _kubernetes_modules(version: Kubernetes) -> Part:
    """The one program's source and the versions of all that it is made of."""
    source = _kubernetes_source()

    def make(workshop: Workshop) -> None:
        (workshop.folder / "main.go").write_bytes(source)
        module = f"k8s.io/kubernetes@v{version}"
        upstream = from_proxy(module, "GoMod").read_text()
        (workshop.folder / "go.mod").write_text(versions.go_module(version, upstream))
        workshop.run([_go(), "mod", "tidy"])

    return Part("kubernetes-modules", f"{version}-{digest(source)}", make)


def _program_with_kubernetes(
    name: str, module: str, source: bytes, *, facts: str = "", free: Sequence[str] = ()
) -> Part:
    """A program of the versions that the default Kubernetes is made of: half of it is compiled.

    Args:
        name: the program's, and the part's.
        module: with its version.
        source: of a `main.go`; empty: the module has the program in `cmd/`.
        facts: linker flags that tell it something.
        free: modules of which it needs newer versions than Kubernetes.
    """
    kubernetes_version = Kubernetes.parse(versions.DEFAULT_KUBERNETES)
    path, _, version = module.partition("@v")

    def make(workshop: Workshop) -> None:
        _copy(build(_kubernetes_modules(kubernetes_version)), workshop.folder, *_MODULE_FILES)
        if source:
            (workshop.folder / "main.go").write_bytes(source)
        upstream = (workshop.folder / "go.mod").read_text()
        flags = [*versions.pins(upstream, *free), f"-require={module}"]
        workshop.run([_go(), "mod", "edit", *flags])
        flags = ["-mod=mod", "-ldflags", f"-s -w {facts}", "-o", name]
        package = "." if source else f"{path}/cmd/{name}"
        workshop.run([_go(), "build", *flags, package], CGO_ENABLED="0")

    recipe = digest(source, facts.encode(), *map(str.encode, free))
    return Part(name, f"{version}-{kubernetes_version}-{recipe}", make)


def _copy(source: Path, target: Path, *names: str) -> None:
    for name in names:
        shutil.copy(source / name, target)


def _go() -> str:
    found = shutil.which("go")
    if found is None:
        raise CannotRunError(
            "Go is not installed, and Kubernetes is built with it: 1.24 or newer, from"
            " https://go.dev/dl or the Debian package golang of trixie or newer"
        )
    return found


def from_proxy(module: str, what: str) -> Path:
    """A file or folder of a module, from the Go proxy: its `GoMod`, or with all its files `Dir`.

    Raises:
        ClusterError: the proxy does not give it.
    """
    run = subprocess.run(
        [_go(), "mod", "download", "-json", module],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    found = _json(run.stdout)
    if what not in found:
        said = found.get("Error") or run.stderr.strip()
        raise ClusterError(f"the Go proxy does not give {module}: {said}")
    return Path(found[what])


def _json(text: str) -> Mapping[str, str]:
    try:
        return dict(json.loads(text))
    except ValueError:
        return {}


def packed(folder: str, archive: str) -> list[str]:
    """Pack a folder the same way every time."""
    fixed = ["--sort=name", f"--mtime=@{_EPOCH}", "--numeric-owner"]
    return ["tar", *fixed, "-C", folder, "-cf", archive, "."]
