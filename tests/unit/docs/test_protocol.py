"""The pages of the protocol, against the cases and the settings that there are."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

import msgspec
import pytest
import yaml

from conformance.oracle.cases import cases, differences
from eureka_registry.config.settings import Settings
from eureka_registry.core.model import PeerAction
from eureka_registry.wire import jsoncodec, xmlcodec
from eureka_registry.wire.replication import entries_of, item
from unit.docs.pages import DOCS, ROOT

NOW: Final = 1_795_000_000_000
PAGES: Final = DOCS / "protocol"
_TEST: Final = re.compile(r"`(tests/[\w/]+\.py)`")


@cache
def _numbers() -> frozenset[str]:
    """The cases that are sent to both servers."""
    return frozenset(case.number for case in cases())


def _rows() -> dict[str, str]:
    """What each case has in its last column."""
    text = (PAGES / "cases.md").read_text()
    rows = re.findall(r"^\| (D?\d+) \|(.+)\|$", text, re.MULTILINE)
    return {number: rest.rpartition("|")[2].strip() for number, rest in rows}


def test_every_case_has_a_row() -> None:
    """Numbers without gaps, those of the oracle among them."""
    rows = _rows()
    numbered = [number for number in rows if number.isdigit()]

    assert numbered == [str(number) for number in range(1, len(numbered) + 1)]
    assert _numbers() <= rows.keys()


def test_every_case_is_shown_by_something() -> None:
    """By the oracle, if no test is named; else by one that is there."""
    named = {number: _TEST.findall(shown) for number, shown in _rows().items()}

    assert {number for number, tests in named.items() if not tests} <= _numbers()
    assert all((ROOT / test).is_file() for tests in named.values() for test in tests)


def test_every_difference_has_a_row_with_its_setting() -> None:
    """`differences.yaml` is what the oracle holds both servers to."""
    page = (PAGES / "differences.md").read_text()
    rows = re.findall(r"^\| `([a-z-]+)` \|.*\|([^|]*)\|$", page, re.MULTILINE)
    settings = {name: yaml.safe_load(cell.strip(" `")) or {} for name, cell in rows}

    assert settings == {name: each.setting for name, each in differences().items()}


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.name)
def test_settings_that_a_page_names_are_there(page: Path) -> None:
    """Those with a value, such as `lease_expiry: java`."""
    known = {field.name for field in msgspec.structs.fields(Settings)}

    named = re.findall(r"`([a-z]{2,}(?:_[a-z]+)+)(?:: [\w.]+)?`", page.read_text())

    assert set(named) <= known


# -- Bodies


def _bodies(page: str, language: str) -> list[bytes]:
    text = (PAGES / page).read_text()
    return [
        body.encode()
        for body in re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    ]


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.name)
def test_every_body_can_be_read(page: Path) -> None:
    """Whoever writes a client begins with a copy of one."""
    for body in _bodies(page.name, "json"):
        msgspec.json.decode(body)
    for body in _bodies(page.name, "xml"):
        ET.fromstring(body)  # noqa: S314 - our own text


def test_instances_are_as_the_registry_writes_them() -> None:
    """Field by field and in the same order, but for the page's line breaks."""
    shown, *_ = _bodies("documents.md", "json")
    again = jsoncodec.encode_single(jsoncodec.decode_instance(shown, NOW))
    assert again == b"".join(line.strip() for line in shown.splitlines())

    shown, *_ = _bodies("documents.md", "xml")
    assert xmlcodec.encode_single(xmlcodec.decode_instance(shown, NOW)) == shown.rstrip()


def test_smallest_documents_are_taken() -> None:
    """Both, and with the same result."""
    in_json = next(body for body in _bodies("documents.md", "json") if b'"h1"' in body)
    in_xml = next(body for body in _bodies("documents.md", "xml") if b"<hostName>h1<" in body)

    assert jsoncodec.decode_instance(in_json, NOW) == xmlcodec.decode_instance(in_xml, NOW)


def test_items_of_the_batch_are_understood() -> None:
    """One of each action; a peer that reads the page writes what a peer reads."""
    batch, answer = _bodies("replication.md", "json")
    items = [item(entry, NOW, plain=False) for entry in entries_of(batch)]

    assert [each.problem for each in items] == [None] * 5
    assert {each.action for each in items} == set(PeerAction)
    assert [reply["statusCode"] for reply in msgspec.json.decode(answer)["responseList"]] == [
        *(200, 404, 409)
    ]
