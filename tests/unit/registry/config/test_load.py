from pathlib import Path

import msgspec
import pytest

from eureka_registry.config.load import ConfigurationError, load
from eureka_registry.config.settings import Settings


def write(folder: Path, text: str, name: str = "x.yaml") -> Path:
    """Write a file of settings."""
    path = folder / name
    path.write_text(text)
    return path


def test_without_anything_the_defaults_hold() -> None:
    """Zero configuration."""
    loaded = load({}, {}, None)

    assert loaded.settings == Settings()
    assert loaded.warnings == []


def test_flags_beat_environment_beats_file_beats_defaults(tmp_path: Path) -> None:
    """The nearer to the person who starts it, the stronger."""
    file = write(tmp_path, "port: 1\nzone: file\nregion: file\nname: file")
    environ = {"EUREKA_PORT": "2", "EUREKA_ZONE": "environment", "EUREKA_REGION": "environment"}

    settings = load({"port": "3", "zone": "flag"}, environ, file).settings

    assert (settings.port, settings.zone, settings.region, settings.name) == (
        3,
        "flag",
        "environment",
        "file",
    )


def test_the_programs_own_arguments_are_passed_over() -> None:
    """The parser has more than settings."""
    assert load({"config": "x", "run": print, "port": None}, {}, None).settings == Settings()


@pytest.mark.parametrize("name", ["x.yaml", "x.yml", "x.json"])
def test_files_are_yaml_or_json(tmp_path: Path, name: str) -> None:
    """JSON with tabs is not YAML."""
    text = '{\n\t"self-preservation": false, "peers": ["http://a:1/"], "zone": null}'
    file = write(tmp_path, text if name == "x.json" else text.replace("\t", ""), name)

    settings = load({}, {}, file).settings

    assert settings.self_preservation is False
    assert settings.peers == ["http://a:1/"]
    assert settings.zone == Settings().zone


def test_a_peers_settings_survive_the_way_through_a_file(tmp_path: Path) -> None:
    """`up` gives them to its processes so."""
    settings = msgspec.structs.replace(
        Settings(),
        peers=["http://user:pw@a:1/"],
        remote_regions={"eu": "http://h/"},
        remote_region_applications={"eu": ["A"]},
        drain_s=0.5,
    )
    file = tmp_path / "peer.json"
    file.write_bytes(msgspec.json.encode(settings))

    assert load({}, {}, file).settings == settings


def test_an_empty_file_is_no_mistake(tmp_path: Path) -> None:
    """All commented out."""
    assert load({}, {}, write(tmp_path, "# port: 1\n")).settings == Settings()


@pytest.mark.parametrize(
    ("text", "source", "said"),
    [
        ("prt: 1", ": key prt", "did you mean port?"),
        ("port: x", ": key port", "not a whole number"),
        ("remote_regions: {eu: [x]}", ": key remote_regions.eu", "not a text"),
        ("port: 1\nport: 2", ", line 2", "twice"),
        ("max_body_bytes: 1\nmax-body-bytes: 2", "", "twice, in two spellings"),
        ("- port", "", "not a mapping"),
        ("a: 1\n---\nb: 2", "", "several documents"),
        ("server: {port: 1}", ": key server", "`eureka-registry up -f` reads application.yml"),
        ("eureka.server.x: 1", ": key eureka.server.x", "is Spring's"),
        ("kind: EurekaCluster", ": key kind", "reads an EurekaCluster"),
        ("1: 2", ": key 1", "unknown"),
        ("port: 8763", ": key port", "both 8763"),
    ],
)
def test_a_bad_file_is_refused_with_the_key(
    tmp_path: Path, text: str, source: str, said: str
) -> None:
    """Unknown keys are errors here: somebody wrote them for us."""
    file = write(tmp_path, text)
    with pytest.raises(ConfigurationError) as caught:
        load({}, {}, file)

    assert caught.value.source == f"file {file}{source}"
    assert said in caught.value.problem


def test_lenient_reading_warns_of_unknown_keys(tmp_path: Path) -> None:
    """Image and operator may differ in version; what they both know holds."""
    file = write(tmp_path, "prt: 1\nserver: {port: 1}\nzone: a")

    loaded = load({}, {}, file, lenient=True)

    assert loaded.settings.zone == "a"
    assert loaded.warnings[0] == f"file {file}: key prt: unknown; did you mean port?; ignored"
    assert len(loaded.warnings) == 2


@pytest.mark.parametrize("text", ["port: x", "zone: 1\nZone: 2", "- port", "port: 8763"])
def test_lenient_reading_refuses_everything_else(tmp_path: Path, text: str) -> None:
    """A value that is wrong is no matter of versions."""
    with pytest.raises(ConfigurationError):
        load({}, {}, write(tmp_path, text), lenient=True)


def test_a_file_is_named_by_the_hash_of_its_bytes(tmp_path: Path) -> None:
    """Who wrote it computes the same: 16 hex digits of SHA-256, line ends and all."""
    file = write(tmp_path, "zone: a\r\n")

    assert load({}, {}, file).hash == "2295e1a859189b7b"
    assert load({}, {}, None).hash == ""


def test_warnings_of_the_environment_are_handed_on() -> None:
    """They are for the log of the start."""
    assert len(load({}, {"EUREKA_PRT": "1"}, None).warnings) == 1


def test_a_bad_url_names_its_variable() -> None:
    """Cross-checks remember where a value came from."""
    with pytest.raises(ConfigurationError) as caught:
        load({}, {"EUREKA_CLIENT_SERVICEURL_DEFAULTZONE": "peer:1/eureka"}, None)

    assert caught.value.source == "environment EUREKA_CLIENT_SERVICEURL_DEFAULTZONE"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("security: {tls-cert: x}", "but tls-cert below it is: settings stand at the top level"),
        ("app_name: ' '", "is blank"),
        ('zone: "a\\nb"', "holds a control character"),
        ("peers: ['http://a/eureka/;http://b/eureka/']", "several URLs"),
    ],
)
def test_common_mistakes_have_a_sentence_of_their_own(tmp_path: Path, text: str, said: str) -> None:
    """With the cure, where it is not plain."""
    with pytest.raises(ConfigurationError, match=said):
        load({}, {}, write(tmp_path, text))


@pytest.mark.parametrize("name", ["host", "hostname", "ip_address", "management_host"])
def test_an_address_of_ipv6_may_have_brackets(name: str) -> None:
    """As in the URL beside it."""
    assert getattr(load({name: "[fd00::7]"}, {}, None).settings, name) == "fd00::7"
