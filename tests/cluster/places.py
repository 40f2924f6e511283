"""Places come to life: namespaces, the files in them, and the programs that run there."""

from __future__ import annotations

import shlex
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from . import namespaces, processes
from .components import Component
from .errors import CannotRunError, ClusterError
from .plan import CONTROL, HOME_IN_PLACE, LIFELINE, Plan
from .processes import Process

_READY: Final = b"ready\n"
_LAST_LINES: Final = 6
_END_S: Final = 60.0
_PAUSE: Final = "pause"


def lifeline_script(
    plan: Plan, place: str, programs: Mapping[str, Path], further: Iterable[Sequence[str]] = ()
) -> str:
    """What the first process of a place does before it holds the namespaces for good.

    `programs` are folders by the name they have in the place's home; `further` are commands of its
    own. What the place sees is mounted last: it hides the machine's own.
    """
    home = plan.home(place)
    commands = [
        ["mount", "--make-rshared", "/"],
        ["mount", "-t", "proc", "proc", "/proc"],
        ["hostname", place],
        ["ip", "link", "set", "lo", "up"],
    ]
    commands += [["mount", "--bind", str(at), str(home / name)] for name, at in programs.items()]
    commands += [[*command] for command in further]
    commands += [["mount", "--rbind", str(folder), path] for folder, path in plan.seen(place)]
    lines = [shlex.join(command) for command in commands]
    hold = f"exec {HOME_IN_PLACE}/{_PAUSE}/root/pause >/dev/null"
    return "\n".join([*lines, "echo ready", hold])


def prepare(plan: Plan, place: str, texts: Mapping[str, str], programs: Iterable[str]) -> None:
    """Make a place's folders and write its configuration files."""
    for folder, _ in plan.seen(place):
        folder.mkdir(parents=True)
    home = plan.home(place)
    for name in programs:
        (home / name).mkdir(parents=True)
    for name, text in texts.items():
        file = home / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def create_namespaces(
    plan: Plan, place: str, programs: Mapping[str, Path], further: Iterable[Sequence[str]] = ()
) -> int:
    """Make the namespaces of a place; the id of the process that holds them.

    `further`: as `lifeline_script`.

    Raises:
        CannotRunError: the kernel, or who watches over it, does not allow that here.
    """
    label = f"{place}/{LIFELINE}"
    log = plan.log(place, LIFELINE)
    script = lifeline_script(plan, place, programs, further)
    with log.open("ab") as said:
        try:
            process = namespaces.start_lifeline(
                script, processes.environment(plan.work, label), said
            )
        except OSError as error:
            raise CannotRunError(f"no namespaces can be made here: {error.strerror}") from error
    processes.remember(process)
    assert process.stdout is not None
    with process.stdout as told:
        if told.readline() != _READY:
            raise CannotRunError(f"no namespaces can be made here; {_end_of(log)}")
    return process.pid


def lifeline(plan: Plan, place: str) -> Process:
    """The process that holds a place.

    Raises:
        ClusterError: the place is gone.
    """
    found = processes.find(plan.work, f"{place}/{LIFELINE}", _PAUSE)
    if found is None:
        raise ClusterError(f"cluster {plan.name} has lost {place}: no process holds it any more")
    return found


def start(plan: Plan, component: Component, holder: int) -> int:
    """Start a program in its place, which process `holder` holds; its process id.

    Raises:
        ClusterError: it cannot be started.
    """
    variables = processes.environment(plan.work, component.label)
    with plan.log(component.place, component.part).open("ab") as log:
        try:
            process = namespaces.start_inside(holder, component.command, variables, log)
        except OSError as error:
            raise ClusterError(f"{component.label} cannot be started: {error}") from error
    processes.remember(process)
    return process.pid


def running(plan: Plan, component: Component) -> Process | None:
    """The process of a program; None when it does not run."""
    program = Path(component.command[0]).name
    return processes.find(plan.work, component.label, program)


def end(process: Process, number: signal.Signals = signal.SIGKILL) -> None:
    """End a process and wait until it is gone.

    Raises:
        ClusterError: it does not go.
    """
    processes.send(process.pid, number)
    if not processes.wait(lambda: not processes.alive(process.pid), _END_S):
        raise ClusterError(f"{process.label} (process {process.pid}) does not end")


def check_alive(plan: Plan, parts: Sequence[tuple[Component, int]]) -> None:
    """Insist that programs just started still run.

    Raises:
        ClusterError: one ended; with the last lines of its log.
    """
    for component, pid in parts:
        if not processes.alive(pid):
            log = plan.log(component.place, component.part)
            raise ClusterError(f"{component.label} ended by itself; {_end_of(log)}")


def run_in(
    plan: Plan, place: str, command: Sequence[str], data: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in the network and with the files of a place, `data` as its input."""
    words = [*namespaces.nsenter_command(lifeline(plan, place).pid, "net", "mnt", "uts"), *command]
    with (data or Path("/dev/null")).open("rb") as given:
        return subprocess.run(words, stdin=given, capture_output=True, text=True, check=False)


def inside(plan: Plan, place: str) -> list[str]:
    """The start of a command line for people: the rest of it runs in a place.

    On a node it sees that node's files. In `control` it sees this machine's, but the cluster's DNS
    resolves names for it.

    Raises:
        ClusterError: the place is gone.
    """
    pid = lifeline(plan, place).pid
    if place != CONTROL:
        return namespaces.nsenter_command(pid, "net", "mnt", "uts", "ipc")
    script = 'mount --bind "$0" /etc/resolv.conf; exec "$@"'
    names = str(plan.home(place) / "resolv.conf")
    return [
        *namespaces.nsenter_command(pid, "net"),
        "unshare",
        "--mount",
        "sh",
        "-ec",
        script,
        names,
    ]


def _end_of(log: Path) -> str:
    last = log.read_text(errors="replace").splitlines()[-_LAST_LINES:]
    return f"{log} ends:\n  " + "\n  ".join(last) if last else f"{log} is empty"
