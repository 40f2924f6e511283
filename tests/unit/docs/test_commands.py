"""Commands of pages: each block is executed by a test or says why not; flags and fields exist.

One that a test executes is in `RUN`. Another one has a comment in front of it, which readers of the
page do not see: `<!-- not run: why -->`.
"""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import yaml

from cluster import __main__ as tool
from eureka_operator import __main__ as operator
from eureka_registry import __main__ as registry
from eureka_sidecar.core import settings as sidecar
from unit.docs.pages import ROOT, name_of, pages

RUN: Final = {
    "README.md": {
        "make up": "tests/test_readme.py",
        ".venv/bin/eureka-sidecar --app": "tests/test_readme.py",
        "$ .venv/bin/eureka-sidecar status": "tests/test_readme.py",
        "make test": "tests/test_readme.py",
        "make drill": "tests/test_readme.py",
        "make demo": "tests/e2e/test_demo.py",
        "helm install eurekube": "tests/e2e/operator/test_readme.py",
        "$ kubectl get ekc": "tests/e2e/operator/test_readme.py",
        ".venv/bin/eureka-operator plan": "tests/e2e/operator/test_readme.py",
        "kubectl label namespace": "tests/e2e/injection/test_readme.py",
        "$ kubectl exec deployment/orders": "tests/e2e/injection/test_readme.py",
        "kubectl apply -f examples/beside-java.yaml": "tests/e2e/operator/test_migration.py",
        "PEERS=": "tests/e2e/operator/test_migration.py",
        "kubectl patch ekc eureka": "tests/e2e/operator/test_migration.py",
    },
    "docs/concepts.md": {
        "kubectl get ekc eureka -o": "tests/e2e/operator/test_readme.py",
        "make up ARGS=": "tests/test_readme.py",
    },
    "docs/troubleshooting.md": {
        "curl -s http://localhost": "tests/processes/test_troubleshooting.py",
        "curl -s -H 'Accept: application/json' http://localhost": (
            "tests/processes/test_troubleshooting.py"
        ),
        "curl -s -X DELETE http://localhost": "tests/processes/test_troubleshooting.py",
    },
}
"""By page and first words of the block: the test that executes its commands.

Those of `docs/concepts.md` are lines of the README, which `test_block_is_in_the_readme` says.
"""

_PROGRAM: Final = re.compile(
    r"(\$ )?(PEERS=|make|kubectl|helm|curl|docker|python3?|keytool|java|export"
    r"|(\.venv/bin/)?(eureka-\w+|kubectl-eureka|py-spy|pip|python))(\b|(?<==))"
)
_NOT_RUN: Final = re.compile(r"<!-- not run: \S.* -->")


class Block(NamedTuple):
    """A fenced or indented block of a page: its lines, and the line of text before it."""

    page: str
    lines: tuple[str, ...]
    before: str

    @property
    def is_commands(self) -> bool:
        """Whether it begins with a command."""
        return bool(self.lines) and bool(_PROGRAM.match(self.lines[0]))


@cache
def _blocks() -> tuple[Block, ...]:
    return tuple(block for page in pages() for block in _of(page) if block.is_commands)


def _of(page: Path) -> Iterator[Block]:
    """Yield the blocks of a page: between fences, or indented by four after an empty line."""
    lines = page.read_text().splitlines()
    before, place = "", 0
    while place < len(lines):
        line = lines[place]
        indent = len(line) - len(line.lstrip())
        if line.lstrip().startswith("```"):
            end = next(k for k in range(place + 1, len(lines)) if lines[k].strip() == "```")
            inner = tuple(each[indent:] for each in lines[place + 1 : end])
            yield Block(name_of(page), inner, before)
            before, place = "", end
        elif indent == 4 and not lines[place - 1].strip():
            end = next((k for k in range(place, len(lines)) if not lines[k].strip()), len(lines))
            yield Block(name_of(page), tuple(each[4:] for each in lines[place:end]), before)
            before, place = "", end - 1
        elif line.strip():
            before = line.strip()
        place += 1


def _test_of(block: Block) -> str | None:
    """The test that executes a block."""
    tests = RUN.get(block.page, {}).items()
    return next((test for words, test in tests if block.lines[0].startswith(words)), None)


@pytest.mark.parametrize("block", _blocks(), ids=lambda block: f"{block.page}:{block.lines[0]}")
def test_block_is_executed_or_says_why_not(block: Block) -> None:
    """What nobody executes is wrong sooner or later."""
    assert bool(_test_of(block)) != bool(_NOT_RUN.fullmatch(block.before))


def test_tests_that_execute_blocks_read_their_pages() -> None:
    """So that they execute what is written there, and not what was."""
    for page, tests in RUN.items():
        for test in set(tests.values()):
            read = "README.md" if page == "docs/concepts.md" else Path(page).name
            assert read in (ROOT / test).read_text(), test


def test_every_entry_has_its_block() -> None:
    """An entry that is left over hides that a block is not executed."""
    for page, tests in RUN.items():
        first = [block.lines[0] for block in _blocks() if block.page == page]
        for words in tests:
            assert any(line.startswith(words) for line in first), (page, words)


def test_block_is_in_the_readme() -> None:
    """Those of the page of concepts are executed there."""
    readme = (ROOT / "README.md").read_text()
    blocks = [block for block in _blocks() if block.page == "docs/concepts.md" and _test_of(block)]

    assert blocks
    assert all(line in readme for block in blocks for line in block.lines)


# -- Flags, targets, fields


def _lines() -> Iterator[tuple[str, list[str]]]:
    """Yield each command line of all blocks as words, with its page; output is passed over."""
    for block in _blocks():
        shown = [line for line in block.lines if line.startswith("$ ")]
        for line in shown or block.lines:
            words = _tokens(line.removeprefix("$ "))
            if words:
                yield block.page, words


def _programs() -> Iterator[tuple[str, list[str]]]:
    """Yield the same with programs by their names, without their folders."""
    for page, words in _lines():
        yield page, [Path(words[0]).name, *words[1:]]


def _tokens(line: str) -> list[str]:
    try:
        words = shlex.split(line, comments=True)
    except ValueError:  # a quote that goes on in the next line
        return []
    ends = [k for k, word in enumerate(words) if word in ("--", "|", "&&")]
    return words[: ends[0]] if ends else words


def _flags(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Yield the flags of a program and of all its commands."""
    for action in parser._actions:
        yield from action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                yield from _flags(each)


_KNOWN: Final = {
    "tests.cluster": {*_flags(tool._parser())},
    "eureka-registry": {*_flags(registry._parser())},
    "eureka-operator": {*_flags(operator._parser())},
    "eureka-sidecar": {*(each.flag for each in sidecar.SETTINGS), "--config", "--socket", "-o"},
}


@pytest.mark.parametrize("program", _KNOWN)
def test_flags_of_our_programs_are_there(program: str) -> None:
    """Also in blocks that no test executes."""
    lines = [
        (page, words[words.index(program) :])
        for page, words in _programs()
        if program in words[:3] and "kubectl" not in words[1:]
    ]
    unknown = [
        (page, word)
        for page, words in lines
        for word in words[1:]
        if word.startswith("-") and word.partition("=")[0] not in _KNOWN[program]
    ]

    assert lines
    assert not unknown


def test_targets_of_make_are_there() -> None:
    """In blocks, and in sentences."""
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    texts = [page.read_text() for page in pages()]
    named = {name for text in texts for name in re.findall(r"`make ([a-z0-9-]+)", text)}
    named |= {words[1] for _, words in _lines() if words[0] == "make"}

    assert len(named) > 8
    assert named <= targets


def test_values_that_are_set_are_in_the_charts() -> None:
    """`--set` of a value that is not there is refused by the chart."""
    charts = [_values(name) for name in ("eurekube", "eureka-cluster")]
    given = [
        words[place + 1].partition("=")[0]
        for _, words in _lines()
        for place, word in enumerate(words)
        if word == "--set"
    ]

    assert given
    assert [path for path in given if not any(_has(chart, path) for chart in charts)] == []


_DECISIONS: Final = ROOT / "docs" / "decisions"


@pytest.mark.parametrize(
    "page", [page for page in pages() if page.parent != _DECISIONS], ids=name_of
)
def test_fields_that_a_page_names_are_in_a_crd(page: Path) -> None:
    """`spec.registry.lease` and the like, of either kind; decisions also tell of others."""
    named = set(re.findall(r"`((?:spec|status)\.[a-zA-Z][\w.]*\w)", page.read_text()))
    foreign = {path for path in named if path in _OF_OTHERS}

    missing = [path for path in named - foreign if not any(_in(crd, path) for crd in _crds())]

    assert not missing


_OF_OTHERS: Final = {"spec.imagePullSecretName"}
"""Fields of an `EurekaServer` of Tanzu's."""


@cache
def _crds() -> tuple[dict[str, Any], ...]:
    found = []
    for name in ("eurekacluster", "eurekaregistration"):
        crd = yaml.safe_load((ROOT / "crds" / f"{name}.yaml").read_text())
        found.append(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
    return tuple(found)


def _in(schema: dict[str, Any], path: str) -> bool:
    node = schema
    for name in path.split("."):
        node = node.get("items", node)
        if "properties" not in node:
            return True  # as Kubernetes has it, or texts by name
        if name not in node["properties"]:
            return False
        node = node["properties"][name]
    return True


def _values(chart: str) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((ROOT / "charts" / chart / "values.yaml").read_text())
    return values


def _has(values: dict[str, Any], path: str) -> bool:
    node: object = values
    for key in path.split("."):
        if not isinstance(node, dict):
            return False
        if key not in node:
            return node == {}  # passed on as it is
        node = node[key]
    return True
