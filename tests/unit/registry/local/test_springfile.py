from pathlib import Path

import pytest

from eureka_registry.config.errors import ConfigurationError
from eureka_registry.local.springfile import SpringSource, read

EXAMPLES = Path(__file__).parents[4] / "examples"


def source(folder: Path, *profiles: str, environ: dict[str, str] | None = None) -> SpringSource:
    """Read the folder."""
    return read(folder, environ or {}, profiles)


def write(folder: Path, **files: str) -> Path:
    """Write `application_peer1__yml` as `application-peer1.yml`; returns the folder."""
    for name, text in files.items():
        (folder / name.replace("__", ".").replace("_", "-")).write_text(text)
    return folder


def peers(read_source: SpringSource) -> dict[str, dict[str, str]]:
    """Return the properties by peer."""
    return {peer.name: peer.properties for peer in read_source.peers}


def test_the_tutorials_file_gives_a_peer_per_profile() -> None:
    """Each with the common part below its own."""
    found = read(EXAMPLES / "application.yml", {})

    assert found.chosen == ["peer1", "peer2", "peer3"]
    assert peers(found)["peer2"] == {
        "spring.application.name": "eureka-server",
        "eureka.server.enable-self-preservation": "true",
        "eureka.server.eviction-interval-timer-in-ms": "5000",
        "eureka.server.response-cache-update-interval-ms": "3000",
        "eureka.client.register-with-eureka": "true",
        "eureka.client.fetch-registry": "true",
        "spring.config.activate.on-profile": "peer2",
        "server.port": "8762",
        "eureka.instance.hostname": "peer2",
        "eureka.client.service-url.defaultZone": (
            "http://peer1:8761/eureka/,http://peer3:8763/eureka/"
        ),
    }


@pytest.mark.parametrize("path", [EXAMPLES / "properties" / "application.properties"])
def test_profiles_are_found_in_the_files_beside(path: Path) -> None:
    """`application-peer1.properties`; a folder means the same as the file in it."""
    found = read(path, {"PEER2_PORT": "9002"})

    assert [peer.name for peer in found.peers] == ["peer1", "peer2"]
    assert peers(found)["peer2"]["server.port"] == "9002"
    assert read(path.parent, {"PEER2_PORT": "9002"}).peers == found.peers


def test_a_profiles_file_named_alone_is_that_peer(tmp_path: Path) -> None:
    """With the common part, and knowing the others."""
    write(
        tmp_path,
        application__yml="spring.application.name: x",
        application_peer1__yml="server.port: 1",
        application_peer10__yml="server.port: 10",
        application_peer2__yml="server.port: 2",
    )

    found = read(tmp_path / "application-peer2.yml", {})

    assert found.chosen == ["peer2"]
    assert list(peers(found)) == ["peer1", "peer2", "peer10"]
    assert peers(found)["peer2"]["spring.application.name"] == "x"


def test_a_file_without_profiles_is_one_peer(tmp_path: Path) -> None:
    """The lone server of every first tutorial."""
    write(tmp_path, application__yml="server: {port: 8761}\nspring.application.name: x")

    assert source(tmp_path).chosen == ["peer1"]


def test_profiles_that_are_no_peers_are_left_out_and_told(tmp_path: Path) -> None:
    """`dev` sets a log level; it is not a server."""
    write(
        tmp_path,
        application__yml="spring.profiles: peer1\nserver.port: 1\n---\n"
        "spring.profiles: dev\nlogging.level.root: debug\nserver.address: 127.0.0.1\n",
    )

    found = source(tmp_path)

    assert found.chosen == ["peer1"]
    assert any("left out: the profiles dev" in line for line in found.lines)


def test_a_profile_that_is_no_peer_is_laid_over_the_peers_on_request(tmp_path: Path) -> None:
    """As `--spring.profiles.active=peer1,dev` does."""
    write(
        tmp_path,
        application__yml="spring.profiles: peer1\nserver.port: 1\n---\n"
        "spring.profiles: peer2\nserver.port: 2\n---\nspring.profiles: dev\nx: y\n",
    )

    assert [peer.get("x") for peer in peers(source(tmp_path, "dev")).values()] == ["y", "y"]
    assert source(tmp_path, "dev").chosen == ["peer1", "peer2"]
    assert source(tmp_path, "peer2", "dev").chosen == ["peer2"]


def test_a_file_without_peers_is_one_peer_with_its_active_profiles(tmp_path: Path) -> None:
    """`spring.profiles.active: dev` chooses as in Java."""
    write(
        tmp_path,
        application__yml="server.port: 1\nspring.profiles.active: ${PROFILE:dev}\n---\n"
        "spring.config.activate.on-profile: dev\nx: dev\n---\n"
        "spring.config.activate.on-profile: test\nx: test\n",
    )

    assert peers(source(tmp_path))["peer1"]["x"] == "dev"
    assert peers(source(tmp_path, "test"))["peer1"]["x"] == "test"


def test_an_active_profile_does_not_choose_between_peers(tmp_path: Path) -> None:
    """The tutorials leave `active: peer1` in the file and override it on the command line."""
    write(
        tmp_path,
        application__yml="spring.profiles.active: peer1",
        application_peer1__yml="server.port: 1",
        application_peer2__yml="server.port: 2",
    )

    found = source(tmp_path)

    assert found.chosen == ["peer1", "peer2"]
    assert any("spring.profiles.active (peer1) does not choose" in line for line in found.lines)


def test_a_groups_members_are_parts_of_the_peer(tmp_path: Path) -> None:
    """The group is what one starts."""
    write(
        tmp_path,
        application__yml="spring.profiles.group.peer1: [port1, common]\n---\n"
        "spring.config.activate.on-profile: port1\nserver.port: 1\n---\n"
        "spring.config.activate.on-profile: common\nx: y\n",
    )

    found = source(tmp_path)

    assert found.chosen == ["peer1"]
    assert peers(found)["peer1"]["x"] == "y"


def test_the_common_part_is_a_peer_if_one_lists_it(tmp_path: Path) -> None:
    """First server `application.yml`, second server a profile."""
    write(
        tmp_path,
        application__yml="server.port: 8761\neureka.instance.hostname: peer1",
        application_peer2__yml="server.port: 8762\neureka.instance.hostname: peer2\n"
        "eureka.client.service-url.defaultZone: http://u:p@peer1:8761/eureka/",
    )

    assert source(tmp_path).chosen == ["peer1", "peer2"]
    assert source(tmp_path, "peer2").chosen == ["peer2"]


def test_placeholders_look_into_the_file_and_then_the_environment(tmp_path: Path) -> None:
    """However the name is spelt there."""
    write(
        tmp_path,
        application__yml="server: {port: '${PORT:8761}'}\n"
        "eureka:\n  instance: {hostname: '${HOST:localhost}'}\n"
        "  client.serviceUrl.defaultZone: "
        "http://${eureka.instance.host-name:${eureka.instance.hostname}}:${server.port}/eureka/\n",
    )

    (peer,) = source(tmp_path, environ={"HOST": "peer1"}).peers

    assert peer.name == "peer1"
    assert peer.properties["eureka.client.serviceUrl.defaultZone"] == "http://peer1:8761/eureka/"


def test_odd_files_are_read(tmp_path: Path) -> None:
    """A byte order mark, carriage returns, empty documents, comments, null."""
    (tmp_path / "application.yml").write_bytes(
        b"\xef\xbb\xbf---\r\n# nothing\r\n---\r\nserver:\r\n  port: 8761\r\neureka: ~\r\n---\r\n"
    )

    (peer,) = source(tmp_path).peers

    assert peer.properties == {"server.port": "8761", "eureka": ""}


def test_a_profile_in_two_documents_is_one_peer(tmp_path: Path) -> None:
    """The later one wins."""
    write(
        tmp_path,
        application__yml="spring.profiles: p\nserver.port: 1\n---\n"
        "spring.profiles: p\nserver.port: 2\n",
    )

    assert {name: found["server.port"] for name, found in peers(source(tmp_path)).items()} == {
        "p": "2"
    }


def test_properties_files_may_hold_documents_indexes_and_old_encodings(tmp_path: Path) -> None:
    """`#---` since Spring Boot 2.4; ISO 8859-1 for ever."""
    (tmp_path / "application.properties").write_bytes(
        "server.port = 8761\neureka.datacenter=Zürich\nspring.profiles.active[0]=a\n"
        "spring.profiles.active[1]=b\n#---\nspring.config.activate.on-profile=p\n"
        "server.port=8762\n".encode("iso-8859-1")
    )

    found = peers(source(tmp_path))["p"]

    assert found["server.port"] == "8762"
    assert found["eureka.datacenter"] == "Zürich"
    assert found["spring.profiles.active"] == "a,b"


def test_lists_are_joined_or_numbered(tmp_path: Path) -> None:
    """Spring binds both forms."""
    write(tmp_path, application__yml="server.port: 1\na: [x, y]\nb: [{c: 1}, {c: 2}]\n")

    properties = source(tmp_path).peers[0].properties

    assert (properties["a"], properties["b[1].c"]) == ("x,y", "2")


def test_bootstrap_files_are_left_aside_with_a_line(tmp_path: Path) -> None:
    """They are for Spring Cloud Config."""
    write(tmp_path, application__yml="server.port: 1", bootstrap__yml="server.port: 2")

    found = source(tmp_path)

    assert found.peers[0].properties["server.port"] == "1"
    assert found.lines == ["bootstrap.yml is not read: there is no Spring Cloud Config here"]
    with pytest.raises(ConfigurationError, match="bootstrap files are not read"):
        read(tmp_path / "bootstrap.yml", {})


def test_a_file_of_any_other_name_stands_alone(tmp_path: Path) -> None:
    """Its folder may be full of other things."""
    write(tmp_path, eureka__yml="server.port: 1", application_x__yml="server.port: 2")

    assert source(tmp_path / "eureka.yml").chosen == ["peer1"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1", "holds nothing of eureka, server or spring"),
        ("", "holds nothing of eureka, server or spring"),
        ("- server.port", "document 1: is not a mapping"),
        ("server:\n\tport: 1", "line 2: a line begins with a tab"),
        ("server: {port: 1}\nserver: {}", "line 2: key 'server' is there twice"),
        ("spring.profiles: a &\nserver.port: 1", "expression of profiles lacks a name"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, text: str, said: str) -> None:
    """With file, line and reason."""
    write(tmp_path, application__yml=text)

    with pytest.raises(ConfigurationError) as caught:
        source(tmp_path)

    assert said in str(caught.value)


def test_bad_properties_are_refused(tmp_path: Path) -> None:
    """The one thing that can be wrong in them."""
    write(tmp_path, application__properties="server.port=\\u12\n")

    with pytest.raises(ConfigurationError, match="is not a properties file"):
        source(tmp_path)


def test_unknown_profiles_and_files_are_told(tmp_path: Path) -> None:
    """With what there is."""
    with pytest.raises(ConfigurationError, match=r"no such file$|no such file"):
        source(tmp_path)
    with pytest.raises(ConfigurationError, match="no such file"):
        source(tmp_path / "x" / "application.yml")
    write(tmp_path, application_peer1__yml="server.port: 1")
    with pytest.raises(ConfigurationError, match=r"did you mean peer1\?; allowed: peer1"):
        source(tmp_path, "peer2")
    with pytest.raises(ConfigurationError, match="no such file"):
        read(tmp_path / "application.yml", {})


def test_a_text_may_begin_with_mavens_placeholder(tmp_path: Path) -> None:
    """`@project.version@`: Maven fills it in before YAML is read, and nobody did."""
    write(
        tmp_path,
        application__yml="server.port: 1\ninfo: {version: @project.version@, l: [@a.b@, c]}\n"
        "spring: {application: {name: @project.artifactId@}}",
    )

    properties = source(tmp_path).peers[0].properties

    assert properties["info.version"] == "@project.version@"
    assert properties["info.l"] == "@a.b@,c"
    assert properties["spring.application.name"] == "@project.artifactId@"


def test_files_of_the_config_folder_count_more(tmp_path: Path) -> None:
    """As on the class path: the folder, then `config` in it; without profile, then with."""
    (tmp_path / "config" / "deep").mkdir(parents=True)
    write(
        tmp_path,
        application__yml="server.port: 1\na: 1\nb: 1\nc: 1\nd: 1",
        application_peer1__yml="server.port: 2\nc: 2\nd: 2",
    )
    write(tmp_path / "config", application__properties="b=3\nc=3", bootstrap__yml="")
    write(tmp_path / "config", application_peer1__yml="d: 4")
    write(tmp_path / "config" / "deep", application__yml="a: 5")

    found = source(tmp_path)

    properties = found.peers[0].properties
    assert [properties[name] for name in "abcd"] == ["1", "3", "2", "4"]
    assert found.lines[:2] == [
        "config/bootstrap.yml is not read: there is no Spring Cloud Config here",
        "config/deep/application.yml is not read: only config/ itself is, as on Java's class path",
    ]


def test_what_is_for_a_cloud_platform_is_left_out(tmp_path: Path) -> None:
    """This machine is none; Spring would not read it, either."""
    write(
        tmp_path,
        application__yml="server.port: 1\n---\n"
        "spring.config.activate.on-cloud-platform: kubernetes\nserver.port: 2\n",
    )

    found = source(tmp_path)

    assert found.peers[0].properties["server.port"] == "1"
    assert found.lines == ["left out: what is for the cloud platform kubernetes"]


def test_variables_that_java_would_take_are_named(tmp_path: Path) -> None:
    """They would be every peer's; Kubernetes' service links are nobody's."""
    write(tmp_path, application__yml="server.port: 1")
    environ = {
        "SERVER_PORT": "2",
        "SPRING_APPLICATION_JSON": "{}",
        "SPRING_PROFILES_ACTIVE": "x",
        "SPRING_CONFIG_IMPORT": "y",
        "EUREKA_PORT": "tcp://10.0.0.1:8761",
        "EUREKA_ZONE_OF_MINE": "a",
        "SERVER_SOFTWARE": "b",
        "SERVER_ADDRESS": "",
    }

    (line,) = source(tmp_path, environ=environ).lines

    assert line.startswith(
        "not applied: SERVER_PORT, SPRING_APPLICATION_JSON, SPRING_CONFIG_IMPORT, "
        "SPRING_PROFILES_ACTIVE of the environment"
    )


def test_properties_that_placeholders_use_are_known(tmp_path: Path) -> None:
    """Also those that are used by way of others."""
    write(
        tmp_path,
        application__yml="eureka: {my-port: '${eureka.base}1', base: 876, unused: 1}\n"
        "server.port: ${eureka.myPort}",
    )

    peer = source(tmp_path).peers[0]

    assert peer.properties["server.port"] == "8761"
    assert peer.used == {"eureka.my-port", "eureka.base"}


def test_an_empty_file_is_told_by_its_section(tmp_path: Path) -> None:
    """Somebody pressed enter too early."""
    write(tmp_path, application__yml="eureka:\n")

    with pytest.raises(ConfigurationError, match="key eureka: is empty"):
        source(tmp_path)
