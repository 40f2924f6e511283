import pytest
from hypothesis import given
from hypothesis import strategies as st

from eureka_registry.config.placeholders import resolve, variables

KNOWN = {
    "a": "1",
    "b": "${a}2",
    "c": "${d}",
    "d": "${c}",
    "name": "a",
    "empty": "",
    "self": "${self}",
}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("plain", "plain"),
        ("${a}", "1"),
        ("x${a}y${b}z", "x1y12z"),
        ("${nope:8761}", "8761"),
        ("${nope:}", ""),
        ("${nope:http://h:1/}", "http://h:1/"),
        ("${nope:${a}}", "1"),
        ("${nope:${nope2:3}}", "3"),
        ("${${name}}", "1"),
        ("${${nope:b}:x}", "12"),
        ("${a:default}", "1"),
        ("${empty:default}", ""),
        ("$a {a} $ {", "$a {a} $ {"),
        ("${open", "${open"),
        ("${open${a}", "${open${a}"),
        ("}${a}}", "}1}"),
    ],
)
def test_placeholders_are_filled_as_spring_fills_them(text: str, filled: str) -> None:
    """Tutorials nest them, and give them defaults with colons."""
    assert resolve(text, KNOWN.get).text == filled


def test_what_nobody_knows_stays_and_is_reported() -> None:
    """Whoever needs the value can say which name is missing."""
    resolved = resolve("${x}-${a}-${y}", KNOWN.get)

    assert resolved.text == "${x}-1-${y}"
    assert resolved.missing == ("x", "y")


@pytest.mark.parametrize("text", ["${c}", "${self}"])
def test_circles_end(text: str) -> None:
    """`a=${b}`, `b=${a}` is a mistake, not a hang."""
    asked: list[str] = []

    def lookup(name: str) -> str | None:
        asked.append(name)
        return KNOWN.get(name)

    assert resolve(text, lookup).missing
    assert len(asked) <= 2


def test_doubling_does_not_explode() -> None:
    """Fifty lines of `a1=${a0}${a0}` must not fill the memory."""
    doubling = {f"a{n}": f"${{a{n - 1}}}${{a{n - 1}}}" for n in range(1, 60)} | {"a0": "x" * 100}

    assert len(resolve("${a59}", doubling.get).text) < 200_000


def test_deep_nesting_ends() -> None:
    """A thousand braces must not end the stack."""
    assert resolve("${" * 3000 + "}" * 3000, KNOWN.get).missing


texts = st.text(alphabet="ab${}:", max_size=40)


@given(texts, st.dictionaries(st.sampled_from(["a", "b", "ab", ""]), texts))
def test_any_text_is_filled_or_reported(text: str, known: dict[str, str]) -> None:
    """It always ends, and does not touch a text without placeholders."""
    resolved = resolve(text, known.get)

    if "${" not in text:
        assert resolved.text == text
    if not known and resolved.missing:
        assert "${" in resolved.text


@given(
    st.text(alphabet=st.characters(exclude_characters="${}:")),
    st.text(alphabet="xyz:/", max_size=9),
)
def test_an_unknown_name_gives_its_default(name: str, default: str) -> None:
    """Whatever the name."""
    assert resolve(f"${{{name}:{default}}}", lambda _: None).text == default


def test_variables_are_found_by_propertys_names() -> None:
    """As Spring's `SystemEnvironmentPropertySource`: `server.port` is `SERVER_PORT`."""
    lookup = variables({"SERVER_PORT": "1", "my_own": "2", "HOSTNAME": "3"})

    assert [lookup(name) for name in ("server.port", "my-own", "HOSTNAME", "x")] == [
        "1",
        "2",
        "3",
        None,
    ]
