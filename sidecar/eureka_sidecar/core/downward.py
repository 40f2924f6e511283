"""Reads annotations and labels of the pod from files of the downward API."""

from __future__ import annotations

from ..records import record
from . import metadata
from .metadata import MAX_METADATA

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

PAUSED = "eurekube.io/paused"
METADATA = "eurekube.io/metadata."
ZONE = "eurekube.io/zone"
ZONE_LABEL = "topology.kubernetes.io/zone"
MAX_PROBLEMS = 8
"""Sentences about one file, and about one pod's wishes; the first say enough."""

_ESCAPES = {
    "a": b"\a", "b": b"\b", "f": b"\f", "n": b"\n", "r": b"\r", "t": b"\t", "v": b"\v",
    "\\": b"\\", '"': b'"',
}  # fmt: skip
_HEX = frozenset("0123456789abcdefABCDEF")
_DIGITS = {"x": 2, "u": 4, "U": 8}


@record
class PodOptions:
    """What the pod's annotations and labels ask for.

    `metadata` is added to what was configured; an empty `zone` is none. `problems` are sentences
    about values that are not used.
    """

    paused: bool = False
    metadata: Mapping[str, str] = {}
    zone: str = ""
    problems: tuple[str, ...] = ()


def parse(text: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """The values of a file of the downward API by key, and sentences about wrong lines.

    The kubelet writes `key="value"` lines with the value in Go's `strconv.Quote`
    (`fieldpath.FormatMap`). A broken line is skipped; its value is not repeated.
    """
    values: dict[str, str] = {}
    problems: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line:
            continue
        key, _, quoted = line.partition("=")
        value = _unquote(quoted)
        if key and value is not None:
            values[key] = value
        elif len(problems) < MAX_PROBLEMS:
            problems.append(f'line {number} is skipped: it is not key="value"')
    return values, tuple(problems)


def read_options(annotations: Mapping[str, str], labels: Mapping[str, str]) -> PodOptions:
    """The options in the pod's annotations and labels."""
    problems: list[str] = []
    paused = annotations.get(PAUSED, "false")
    if paused not in {"true", "false"}:
        problems.append(f'{PAUSED} is neither "true" nor "false": it counts as "false"')
    added = _metadata(annotations, problems)
    zone = annotations.get(ZONE) or labels.get(ZONE_LABEL, "")
    if flaw := metadata.problem("zone", zone):
        problems.append(f"{ZONE} is dropped: {flaw}")
        zone = ""
    return PodOptions(paused == "true", added, zone, tuple(problems[:MAX_PROBLEMS]))


def _metadata(annotations: Mapping[str, str], problems: list[str]) -> dict[str, str]:
    """The first of them by name, so that the file's order does not decide which are dropped."""
    found: dict[str, str] = {}
    for name in sorted(annotations):
        key = name.removeprefix(METADATA)
        if key == name:
            continue
        if not key:
            problems.append(f"{name} is dropped: the name of the metadata is missing after the dot")
        elif flaw := metadata.problem(key, annotations[name]):
            problems.append(f"{name[:80]} is dropped: {flaw}")
        elif len(found) < MAX_METADATA:
            found[key] = annotations[name]
        else:
            problems.append(f"{name} is dropped: only {MAX_METADATA} keys of metadata are allowed")
            break
    return found


def _unquote(quoted: str) -> str | None:
    """The text that Go quoted; `None`: it is broken. Bytes that are no UTF-8 become U+FFFD."""
    if len(quoted) < 2 or quoted[0] != '"' or quoted[-1] != '"':
        return None
    inner = quoted[1:-1]
    pieces = bytearray()
    at = 0
    if inner.replace("\\\\", "").replace('\\"', "").count('"'):
        return None  # it ends before the line does
    while (escape := inner.find("\\", at)) >= 0:
        pieces += inner[at:escape].encode()
        letter = inner[escape + 1 : escape + 2]
        at = escape + 2 + _DIGITS.get(letter, 0)
        piece = _ESCAPES.get(letter) or _character(letter, inner[escape + 2 : at])
        if piece is None:
            return None
        pieces += piece
    return (pieces + inner[at:].encode()).decode(errors="replace")


def _character(letter: str, digits: str) -> bytes | None:
    r"""The bytes of `\x`, `\u` or `\U` with its digits: one byte, or a character's bytes."""
    if len(digits) != _DIGITS.get(letter) or not _HEX.issuperset(digits):
        return None
    code = int(digits, 16)
    if letter == "x":
        return bytes((code,))
    is_character = code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF
    return chr(code).encode() if is_character else None
