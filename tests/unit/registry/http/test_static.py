"""The dashboard's files keep to the strict content-security policy they are served with."""

from __future__ import annotations

import gzip
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

import pytest

import eureka_registry

STATIC: Final = Path(eureka_registry.__file__).parent / "http" / "static"
FILES: Final = sorted(path.name for path in STATIC.iterdir())
PAGES: Final = [name for name in FILES if name.endswith(".html")]
SCRIPTS: Final = [name for name in FILES if name.endswith(".js")]
STYLES: Final = [name for name in FILES if name.endswith(".css")]

SVG_NAMESPACE: Final = "http://www.w3.org/2000/svg"
BUDGET_BYTES: Final = 96 * 1024
COMPRESSED_BUDGET_BYTES: Final = 32 * 1024
MOST_LINES: Final = 400

PARSES_TEXT: Final = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|srcdoc|DOMParser|createContextualFragment"
    r"|\beval\b|new Function|setAttribute\(\s*[\"'](?:style|on)|cssText"
    r"|set(?:Timeout|Interval)\(\s*[\"'`]"
)


class Page(HTMLParser):
    """Collects the elements and attributes of a page, and whether a script or style has text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inline: list[str] = []
        self._within = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements.append((tag, dict(attrs)))
        self._within = tag

    def handle_endtag(self, tag: str) -> None:
        """Note that text no longer belongs to `tag`."""
        if tag == self._within:
            self._within = ""

    def handle_data(self, data: str) -> None:
        """Note text that a browser would run or apply."""
        if self._within in {"script", "style"} and data.strip():
            self.inline.append(data)

    def addresses(self) -> list[str]:
        """Every address the page loads or leads to."""
        named = (attributes.get(key) for _, attributes in self.elements for key in ("src", "href"))
        return [address for address in named if address]


def read(name: str) -> str:
    """One file's text."""
    return (STATIC / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_page_has_nothing_inline(name: str) -> None:
    """`script-src 'self'; style-src 'self'` silently drops inline scripts, styles and handlers."""
    page = Page(read(name))

    assert page.inline == []
    assert not [tag for tag, _ in page.elements if tag in {"style", "base", "iframe", "form"}]
    attributes = {key for _, found in page.elements for key in found}
    assert not [key for key in attributes if key == "style" or key.startswith("on")]


@pytest.mark.parametrize("name", PAGES)
def test_addresses_of_a_page_are_relative(name: str) -> None:
    """The page is served at `/` and under any prefix, a proxy's too."""
    addresses = Page(read(name)).addresses()

    assert addresses
    assert not [address for address in addresses if re.match(r"/|[a-z]+:", address)]


@pytest.mark.parametrize("name", PAGES)
def test_assets_of_a_page_exist(name: str) -> None:
    """A misspelt asset is a blank page."""
    assets = [address for address in Page(read(name)).addresses() if "static/" in address]

    assert assets
    assert {asset.removeprefix("static/") for asset in assets} <= set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_no_file_names_another_site(name: str) -> None:
    """Nothing comes from elsewhere, and nobody elsewhere learns that a registry is looked at."""
    text = read(name).replace(SVG_NAMESPACE, "")

    assert not re.findall(r"(?:https?:)?//[a-z0-9-]+\.[a-z0-9.-]+", text, re.IGNORECASE)
    assert "data:" not in text
    assert "javascript:" not in text


@pytest.mark.parametrize("name", STYLES)
def test_styles_load_nothing(name: str) -> None:
    """Fonts and images of a style sheet would need a wider policy."""
    assert not re.findall(r"url\(|@import|@font-face", read(name))


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_never_parse_text_as_markup_or_code(name: str) -> None:
    """Any client may register any text: it reaches the page as text or not at all."""
    assert not PARSES_TEXT.findall(read(name))


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_import_their_neighbours_only(name: str) -> None:
    """A bare or absolute module name would be looked for outside `static/`."""
    imported = re.findall(r"from \"([^\"]+)\"", read(name))

    assert {module.removeprefix("./") for module in imported} <= set(SCRIPTS)
    assert all(module.startswith("./") for module in imported)


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_ask_at_relative_addresses_only(name: str) -> None:
    """`/dashboard/state` would miss the prefix that the page was reached under."""
    assert not re.findall(r"[\"'`]/(?:dashboard|eureka|static|lastn)", read(name))


def test_ids_that_scripts_look_up_are_in_a_page() -> None:
    """A look-up of an id that is nowhere fails only when that line runs."""
    pages = [Page(read(name)) for name in PAGES]
    known = {attributes.get("id") for page in pages for _, attributes in page.elements}
    wanted = {
        found for name in SCRIPTS for found in re.findall(r"byId\(\"([^\"]+)\"\)", read(name))
    }

    assert wanted
    assert wanted <= known


@pytest.mark.parametrize("words", ["Environment", "Data center", "Current time", "Uptime"])
def test_page_keeps_the_words_of_springs_page(words: str) -> None:
    """People know them by heart (Spring `status.ftlh`)."""
    assert f"<dt>{words}</dt>" in read("index.html")


@pytest.mark.parametrize(
    "words",
    [
        "System Status",
        "Lease expiration enabled",
        "Renews threshold",
        "Renews (last min)",
        "DS Replicas",
        "Instances currently registered with Eureka",
        "AMIs",
        "Availability Zones",
        "General Info",
        "Instance Info",
        "Last 1000 since startup",
    ],
)
def test_page_keeps_the_headings_of_springs_page(words: str) -> None:
    """People look for them with the browser's search (Spring `status.ftlh`, `navbar.ftlh`)."""
    assert words in read("index.html")


def test_files_keep_to_their_size() -> None:
    """The page must open at once over a slow tunnel, and every file stays readable."""
    contents = [(STATIC / name).read_bytes() for name in FILES]

    assert sum(len(content) for content in contents) <= BUDGET_BYTES
    assert sum(len(gzip.compress(content)) for content in contents) <= COMPRESSED_BUDGET_BYTES
    assert max(content.count(b"\n") for content in contents) <= MOST_LINES
