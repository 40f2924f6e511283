"""Secrets, wherever they stand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kubectl_eureka.core.redaction import HIDDEN, Redaction

PLANTED = "hunter2-Zq9"


def redacted(document: object, *further: object) -> Any:  # noqa: ANN401 - of any kind
    """A document without the secrets of all of them."""
    redaction = Redaction()
    redaction.learn([document, *further])
    return redaction.document(document)


@pytest.mark.parametrize(
    "document",
    [
        {"env": [{"name": "DB_PASSWORD", "value": PLANTED}]},
        {"env": [{"name": "HARMLESS", "value": PLANTED}]},
        {"metadata": {"annotations": {"example.com/note": PLANTED}}},
        {"metadata": {"annotations": {"eurekube.io/registry": f"http://u:{PLANTED}@h:1/eureka/"}}},
        {
            "metadata": {
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": PLANTED}
            }
        },
        {"url": f"https://user:{PLANTED}@registry.example:8761/eureka/"},
        {"args": ["serve", f"--password={PLANTED}"]},
        {"args": ["serve", "--auth-token", PLANTED]},
        {"metadata": {"api_key": PLANTED, "client-secret": PLANTED, "dbPassword": PLANTED}},
        {"message": f"login failed: password: {PLANTED}"},
        {"message": f"Authorization: Bearer {PLANTED}"},
        {"message": f"sent Basic {PLANTED}== to the peer"},
        {"message": f'{{"token": "{PLANTED}", "x": 1}}'},
        {"message": f"-----BEGIN RSA PRIVATE KEY-----\n{PLANTED}\n-----END RSA PRIVATE KEY-----"},
        {"message": f"-----BEGIN PRIVATE KEY-----\n{PLANTED}"},
        {"message": f"eyJhbGciOiJSUzI1NiJ9.{PLANTED}.{PLANTED}"},
        {"metadata": {"annotations": {"notkubernetes.io/note": PLANTED}}},
        {"metadata": {"annotations": {"eurekube.io/odd": [PLANTED]}}},
    ],
)
def test_a_secret_is_hidden(document: object) -> None:
    """And that something was hidden shows; also where nobody has seen it before."""
    for found in map(json.dumps, (redacted(document), Redaction().document(document))):
        assert PLANTED not in found
        assert HIDDEN in found


@pytest.mark.parametrize(
    "source",
    [
        {"env": [{"name": "X", "value": PLANTED}]},
        {"url": f"http://u:{PLANTED}@h/"},
        {"url": f"http://u:{PLANTED.replace('-', '%2D')}@h/"},
        {"password": PLANTED},
        {"args": ["--token", PLANTED]},
    ],
)
def test_what_is_known_as_a_secret_is_hidden_in_logs(source: object) -> None:
    """Nothing there says that it is one."""
    redaction = Redaction()
    redaction.learn([source])

    assert redaction.text(f"line 1\nit said {PLANTED}!\n") == f"line 1\nit said {HIDDEN}!\n"


@pytest.mark.parametrize(
    "document",
    [
        {"spec": {"secretName": "eureka-tls", "authType": "Basic"}},
        {"serviceAccountToken": {"audience": "eureka", "path": "token"}},
        {"env": [{"name": "EUREKA_POD_NAME", "value": "eureka-peer-1"}]},
        {"env": [{"name": "EUREKA_POD_IP", "value": "10.0.0.1"}]},
        {"env": [{"name": "EUREKA_ZONE", "value": "zone-1"}]},
        {"env": [{"name": "POD_NAME", "value": "eureka-operator-x"}]},
        {"env": [{"name": "POD_NAMESPACE", "value": "eurekube"}]},
        {"env": [{"name": "ODD", "value": None}]},
        {"args": ["--token", {"path": "token"}, "serve"]},
        {"metadata": {"annotations": {"injector.eurekube.io/status": "injected"}}},
        {"metadata": {"annotations": None}},
        {"env": [{"name": "P", "valueFrom": {"secretKeyRef": {"name": "db", "key": "pw"}}}]},
        {"metadata": {"annotations": {"eurekube.io/registry": "shop/eureka"}}},
        {"args": ["serve", "--config=/etc/eurekube/cluster/config.json"]},
        {"url": "http://peer1.shop.svc.cluster.local:8761/eureka/"},
        {"message": "3 peers are ready and agree", "count": 3, "ok": True, "none": None},
    ],
)
def test_what_helps_stays(document: object) -> None:
    """Names of Secrets, references, our own settings."""
    assert redacted(document) == document


def test_managed_fields_go() -> None:
    """They are half of an object, and name every field once more."""
    assert redacted({"metadata": {"name": "a", "managedFields": [{}]}}) == {
        "metadata": {"name": "a"}
    }
    assert redacted({"env": [{"name": "FLAG", "value": "true"}]}, {"x": "true"}) == {
        "env": [{"name": "FLAG", "value": HIDDEN}]
    }


def test_a_secret_that_begins_like_another_is_hidden_as_a_whole() -> None:
    """Its end would else stay."""
    redaction = Redaction()
    values = ("abcde", "abcde-fghij", "abcde-fghij-klmno")
    redaction.learn([{"env": [{"name": "A", "value": value} for value in values]}])

    assert [redaction.text(value) for value in values] == [HIDDEN] * 3


def test_password_of_a_url_is_hidden_in_each_line() -> None:
    """Nobody has to have seen the URL elsewhere; other lines stay as they are."""
    text = f"GET http://u:{PLANTED}@h:1/eureka/ failed\n  and http://h:1/ answered\n"

    found = Redaction().text(text)

    assert PLANTED not in found
    assert found.endswith(" failed\n  and http://h:1/ answered\n")


def test_short_values_and_numbers_are_not_hidden_elsewhere() -> None:
    """They are part of many words that have nothing to do with them."""
    redaction = Redaction()
    values = ("18761", "false", "True", "abcd")
    redaction.learn([{"env": [{"name": "A", "value": value} for value in values]}])

    assert redaction.text("abcd: port 18761 is false") == "abcd: port 18761 is false"
