"""What can be reached from a pod or from a node, tried there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

from cluster import namespaces, places
from cluster.plan import Plan
from support.kubectl import Kubectl

_TRIES: Final = """
import json, socket, sys
def tried(address, port):
    try:
        socket.create_connection((address, port), 5).close()
    except ConnectionRefusedError:
        return "refused"
    except OSError as error:
        return f"{address}:{port}: {error}"
    return "reached"
print(json.dumps([tried(*each) for each in json.loads(sys.argv[1])]))
"""
_ASKS: Final = """
import sys, urllib.request
asked = urllib.request.Request(sys.argv[1], headers={"Accept": "application/json"})
print(urllib.request.urlopen(asked, timeout=5).read().decode())
"""

Source = Callable[[str, str], str]
"""Runs a program in Python with an argument; what it prints, `OSError` if it fails."""


def pod(kubectl: Kubectl, name: str) -> Source:
    """From a pod whose image has a Python."""

    def run(program: str, argument: str) -> str:
        done = kubectl.run_unchecked("exec", name, "--", "python3", "-c", program, argument)
        return _printed(done)

    return run


def place(plan: Plan, name: str) -> Source:
    """From a node, or from where the API server runs."""

    def run(program: str, argument: str) -> str:
        nsenter_command = namespaces.nsenter_command(places.lifeline(plan, name).pid, "net")
        words = [*nsenter_command, sys.executable, "-c", program, argument]
        return _printed(subprocess.run(words, capture_output=True, text=True, check=False))

    return run


def reached(source: Source, addresses: Sequence[str], ports: Sequence[int]) -> tuple[str, ...]:
    """Of each port `yes` if all addresses can be reached at it, `no` if all refuse, else what is.

    Raises:
        OSError: it cannot be tried there.
    """
    pairs = [(address, port) for port in ports for address in addresses]
    found = json.loads(source(_TRIES, json.dumps(pairs)))
    each = [found[begin : begin + len(addresses)] for begin in range(0, len(found), len(addresses))]
    return tuple(_in_one_word(set(tries)) for tries in each)


def answer(source: Source, url: str) -> Any:  # noqa: ANN401 - JSON
    """A document as it is read from there."""
    return json.loads(source(_ASKS, url))


def _in_one_word(found: set[str]) -> str:
    if found in ({"reached"}, {"refused"}):
        return "yes" if "reached" in found else "no"
    return ", ".join(sorted(found))


def _printed(done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode != 0:
        raise ConnectionError(done.stderr.strip()[-300:])
    return done.stdout
