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
    ],
)
def test_a_secret_is_hidden(document: object) -> None:
    """And that something was hidden shows."""
    found = json.dumps(redacted(document))

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


def test_short_values_and_numbers_are_not_hidden_elsewhere() -> None:
    """They are part of many words that have nothing to do with them."""
    redaction = Redaction()
    redaction.learn([{"env": [{"name": "A", "value": "18761"}, {"name": "B", "value": "false"}]}])

    assert redaction.text("port 18761 is false") == "port 18761 is false"
