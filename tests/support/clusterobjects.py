"""Good and bad `EurekaCluster`s: one table for the API server, the operator and `up -f`."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

Spec = dict[str, Any]

DIGEST: Final = "sha256:" + "0123456789abcdef" * 4
_ISSUER: Final = {"issuerRef": {"name": "shop"}}
_HOURS_AND_MINUTES: Final = "^([0-9]{1,6}h)?([0-9]{1,4}m)?$"
_RENEW_BEFORE: Final = "must be at least 5m, and less than duration (2160h if absent)"


def document(spec: object, name: str = "eureka") -> dict[str, Any]:
    """An object with this spec."""
    return {
        "apiVersion": "eurekube.io/v1alpha1",
        "kind": "EurekaCluster",
        "metadata": {"name": name},
        "spec": spec,
    }


def nested(path: str, value: object) -> Spec:
    """A spec with one field: `a.b` and 3 is `{"a": {"b": 3}}`."""
    first, dot, rest = path.partition(".")
    return {first: nested(rest, value) if dot else value}


class ReaderTexts(NamedTuple):
    """What each reader says where their words differ."""

    server: str
    operator: str
    local: str


class Bad(NamedTuple):
    """An object that nobody takes; each reader names `field` and says `said`."""

    field: str
    said: ReaderTexts
    document: dict[str, Any]


class Update(NamedTuple):
    """A change from one spec that is possible to another; `refused` is empty if it is one, too."""

    about: str
    before: Spec
    after: Spec
    refused: str = ""


EVERY_FIELD: Final[Spec] = {
    "replicas": 4,
    "version": "0.1.0",
    "image": {
        "repository": "registry.example.com/eurekube/registry",
        "tag": "0.1.0",
        "digest": DIGEST,
        "pullPolicy": "Always",
        "pullSecrets": [{"name": "registry"}],
    },
    "paused": False,
    "peers": {
        "port": 7001,
        "contextPath": "/registry",
        "extraPeerURLs": ["http://eureka.example.com:8761/eureka/"],
        "replication": {"batchSize": 100, "maxDelaySeconds": 60},
        "dnsPrefix": "eu",
    },
    "topology": {
        "region": "eu-west-1",
        "zoneKey": "example.com/zone",
        "zones": [{"name": "a", "nodeZone": "eu-west-1a"}, {"name": "b"}],
        "spread": "Required",
        "antiAffinity": "None",
    },
    "registry": {
        "selfPreservation": {"enabled": False, "renewalPercentThreshold": 90},
        "responseCache": {"updateIntervalSeconds": 3, "deltaRetentionSeconds": 60},
        "rateLimit": {
            "enabled": True,
            "burst": 1,
            "fetchPerSecond": 2,
            "fullFetchPerSecond": 3,
        },
        "remoteRegions": [
            {"name": "us", "url": "http://us.example.com/eureka", "apps": ["A", "B"]},
            {"name": "ap", "clusterRef": {"name": "eureka", "namespace": "ap"}},
        ],
        "remoteRegionFetchIntervalSeconds": 20,
        "appName": "DISCOVERY",
        "java": {
            "leaseExpiry": True,
            "selfPreservation": True,
            "stickyOutOfService": True,
            "wholeDepartures": True,
            "waitWhenSyncEmptySeconds": 300,
            "expectedRenewalIntervalSeconds": 10,
        },
        "lease": {"evictionIntervalSeconds": 60},
    },
    "tls": {
        "mode": "Strict",
        "port": 7443,
        "secretName": "registry-tls",
        "certManager": {
            "issuerRef": {"name": "shop", "kind": "ClusterIssuer", "group": "cert-manager.io"},
            "duration": "720h30m",
            "renewBefore": "240h",
        },
        "clientAuth": "Require",
        "caSecretName": "clients-ca",
        "extraSANs": ["eureka.example.com", "*.example.net", "192.0.2.1"],
    },
    "auth": {
        "type": "ServiceAccount",
        "readOnlyAnonymous": True,
        "allowPlaintext": True,
        "names": [
            {
                "namespaceSelector": {
                    "matchLabels": {"example.com/team": "shop"},
                    "matchExpressions": [{"key": "stage", "operator": "In", "values": ["prod"]}],
                },
                "patterns": ["ORDERS*", "pay:443"],
            }
        ],
    },
    "service": {
        "type": "LoadBalancer",
        "annotations": {"example.com/internal": "true"},
        "trafficDistribution": "PreferClose",
        "ipFamilyPolicy": "PreferDualStack",
    },
    "snapshot": {
        "enabled": True,
        "intervalSeconds": 60,
        "volume": {"size": "512Mi", "storageClassName": "fast"},
    },
    "updates": {
        "strategy": "Converged",
        "settleSeconds": 30,
        "progressDeadlineSeconds": 300,
        "autoRollback": True,
    },
    "disruption": {"enabled": True, "maxUnavailable": 2},
    "monitoring": {"serviceMonitor": True, "interval": "1m", "labels": {"release": "prometheus"}},
    "networkPolicy": {
        "enabled": True,
        "clients": [{"namespaceSelector": {}}],
        "metricsFrom": [{"podSelector": {"matchLabels": {"app": "prometheus"}}}],
    },
    "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
    "logging": {"level": "DEBUG", "format": "json"},
    "dashboard": {"enabled": True, "actions": False, "allowedHosts": ["*.corp.example"]},
    "injection": {
        "namespaceSelector": {
            "matchLabels": {"example.com/team": "shop"},
            "matchExpressions": [{"key": "stage", "operator": "In", "values": ["prod", ""]}],
        },
        "default": True,
        "sidecar": {
            "image": "registry.example.com:5000/eurekube/sidecar:0.1.0@" + DIGEST,
            "resources": {
                "requests": {"cpu": "5m", "memory": "24Mi"},
                "limits": {"cpu": "0.5", "memory": "48Mi"},
            },
        },
        "lease": {"renewalSeconds": 10, "durationSeconds": 100},
        "drain": {"seconds": 40},
        "metadata": {"team": "shop", "_a.b-c": ""},
    },
    "pod": {
        "labels": {"team": "platform"},
        "annotations": {"example.com/note": "x" * 2000},
        "nodeSelector": {"kubernetes.io/arch": "amd64"},
        "tolerations": [{"key": "dedicated", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "priorityClassName": "high",
        "env": [{"name": "TZ", "value": "UTC"}],
        "securityContext": {"fsGroup": 1000},
    },
}
"""A spec with every field that there is."""

GOOD: Final[dict[str, Spec]] = {
    "nothing set": {},
    "both ports": {"tls": {"mode": "Permissive"}},
    "every field": EVERY_FIELD,
    "hibernated, with zones": {"replicas": 0, "topology": {"zones": [{"name": "a"}]}},
    "the most of everything": {
        "replicas": 9,
        "peers": {
            "port": 65535,
            "dnsPrefix": "p" * 20,
            "contextPath": "/" + "c" * 63,
            "extraPeerURLs": [f"https://user:secret@{k}.example.com/eureka" for k in range(16)],
            "replication": {"batchSize": 1000, "maxDelaySeconds": 300},
        },
        "topology": {"zones": [{"name": f"zone-{k}-of-five"[:12]} for k in range(5)]},
        "registry": {
            "selfPreservation": {"renewalPercentThreshold": 100},
            "responseCache": {"updateIntervalSeconds": 600, "deltaRetentionSeconds": 3600},
            "lease": {"evictionIntervalSeconds": 600},
        },
        "injection": {
            "namespaceSelector": {
                "matchLabels": {f"{'a' * 189}/{'n' * 60}{k:03}": "v" * 63 for k in range(16)},
                "matchExpressions": [
                    {"key": "k" * 63, "operator": "NotIn", "values": [f"v{k}" for k in range(16)]}
                    for _ in range(16)
                ],
            },
            "lease": {"renewalSeconds": 3600, "durationSeconds": 86400},
            "drain": {"seconds": 3600},
            "metadata": {f"{'m' * 126}{k:02}": "x" * 256 for k in range(16)},
        },
    },
    "the least of everything": {
        "peers": {"port": 1024, "dnsPrefix": "p", "replication": {"batchSize": 1}},
        "registry": {
            "selfPreservation": {"renewalPercentThreshold": 1},
            "responseCache": {"updateIntervalSeconds": 0, "deltaRetentionSeconds": 30},
            "java": {"waitWhenSyncEmptySeconds": 0, "leaseExpiry": False},
        },
        "snapshot": {"volume": {}},
        "networkPolicy": {"clients": [], "metricsFrom": []},
        "injection": {
            "namespaceSelector": {"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]},
            "sidecar": {"resources": {"requests": {"cpu": "0", "memory": "0"}, "limits": {}}},
            "lease": {"renewalSeconds": 1, "durationSeconds": 3},
            "drain": {"seconds": 0},
            "metadata": {},
        },
    },
    "injection with nothing set": {"injection": {"namespaceSelector": {}, "sidecar": {}}},
    "tls with nothing set": {"tls": {}},
    "certificate for a short time": {
        "tls": {"certManager": {**_ISSUER, "duration": "1h", "renewBefore": "59m"}}
    },
    "certificate renewed late": {"tls": {"certManager": {**_ISSUER, "renewBefore": "5m"}}},
    "auth with nothing set": {"auth": {}},
    "password by HTTPS": {"tls": {}, "auth": {"type": "Basic", "secretName": "clients"}},
    "token in clear": {"auth": {"type": "Bearer", "secretName": "clients", "allowPlaintext": True}},
    "lease with its duration alone": {"injection": {"lease": {"durationSeconds": 61}}},
}
"""Specs that everybody takes, by what they are about."""


def _refused(path: str, value: object, said: str | ReaderTexts) -> Bad:
    words = said if isinstance(said, ReaderTexts) else ReaderTexts(said, said, said)
    return Bad(f"spec.{path}", words, document(nested(path, value)))


def _outside(path: str, *, least: int | None = None, most: int | None = None) -> list[Bad]:
    """A whole number below and above its bounds, and one in quotes."""
    rows = [_refused(path, "1", ReaderTexts("", "write a whole number", "Expected `int`"))]
    if least is not None:
        rows.append(_refused(path, least - 1, str(least)))
    if most is not None:
        rows.append(_refused(path, most + 1, str(most)))
    return rows


def _of_issuer(field: str, said: str, value: str) -> Bad:
    """Of a `certManager` that is possible but for this field."""
    reference = {**_ISSUER["issuerRef"], field.rpartition(".")[2]: value}
    whole = {"issuerRef": reference} if "." in field else {**_ISSUER, field: value}
    words = ReaderTexts(said, said, said)
    return Bad(f"spec.tls.certManager.{field}", words, document({"tls": {"certManager": whole}}))


def _not_text(path: str, value: object) -> Bad:
    return _refused(path, value, ReaderTexts("", "write text", "Expected `str`"))


def _no_flag(path: str) -> Bad:
    return _refused(path, "true", ReaderTexts("", "write true or false", "Expected `bool`"))


def _unlike(path: str, pattern: str, *values: str) -> list[Bad]:
    return [_refused(path, value, pattern) for value in values]


def _too_long(path: str, most: int, text: str = "x") -> Bad:
    value = (text * most)[: most + 1] if len(text) > 1 else text * (most + 1)
    return _refused(path, value, str(most))


def _no_word(path: str) -> Bad:
    return _refused(path, "Sometimes", "Sometimes")


def _unknown(path: str, near: str = "") -> Bad:
    hint = f"unknown field; did you mean {near}?" if near else "unknown field"
    local = f"unknown; did you mean {near}?" if near else "unknown"
    return _refused(path, 1, ReaderTexts("field not declared in schema", hint, local))


def _in_list(path: str, item: str, value: object, said: str | ReaderTexts) -> Bad:
    """A list that is wrong, or an item of it: readers name the item."""
    bad = _refused(path, value, said)
    return bad._replace(field=f"spec.{path}{item}")


_KEYLESS: Final = ReaderTexts("omits all key fields", "is missing", "missing required field")
_MISSING: Final = ReaderTexts("Required value", "is missing", "missing required field")
_MAPPING: Final = ReaderTexts("", "write a mapping", "Expected `object`")
_LIST: Final = ReaderTexts("", "write a list", "Expected `array`")
_TWICE: Final = ReaderTexts("uplicate", "twice", "twice")
_LABEL: Final = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"
_NODE_LABEL: Final = r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
_URL: Final = "^https?://"
_AT_LEAST_ZONES: Final = "must be at least the number of spec.topology.zones"
_ONE_SOURCE: Final = "set exactly one of url and clusterRef"
_LIKE_A_PEER: Final = "must not look like a peer's name (spec.peers.dnsPrefix and a number)"

_RESOURCES: Final = "injection.sidecar.resources"
_SELECTOR: Final = "injection.namespaceSelector"
_LABEL_NAMES: Final = "names of labels are at most 63 letters, digits, -, _ and ."
_METADATA_NAMES: Final = "names are at most 128 letters, digits, _, - and ."
_OF_METADATA: Final = "names of metadata are at most 128 letters, digits, _, - and ."
_LABEL_VALUE: Final = r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"
_VALUES: Final = "In and NotIn need values, Exists and DoesNotExist have none"
_IN_CLEAR: Final = "credentials can be read on the way where plain HTTP is served"
_BY_ACCOUNT: Final = {"type": "ServiceAccount"}
_TWICE_AS_LONG: Final = "durationSeconds must be more than twice renewalSeconds"

_NUMBERS: Final = (
    *_outside("replicas", least=0, most=9),
    *_outside("peers.port", least=1024, most=65535),
    *_outside("peers.replication.batchSize", least=1, most=1000),
    *_outside("peers.replication.maxDelaySeconds", least=1, most=300),
    *_outside("registry.selfPreservation.renewalPercentThreshold", least=1, most=100),
    *_outside("registry.responseCache.updateIntervalSeconds", least=0, most=600),
    *_outside("registry.responseCache.deltaRetentionSeconds", least=30, most=3600),
    *_outside("registry.rateLimit.burst", least=1),
    *_outside("registry.rateLimit.fetchPerSecond", least=1),
    *_outside("registry.rateLimit.fullFetchPerSecond", least=1),
    *_outside("registry.remoteRegionFetchIntervalSeconds", least=5, most=600),
    *_outside("registry.java.waitWhenSyncEmptySeconds", least=0, most=3600),
    *_outside("registry.java.expectedRenewalIntervalSeconds", least=1, most=600),
    *_outside("registry.lease.evictionIntervalSeconds", least=1, most=600),
    *_outside("snapshot.intervalSeconds", least=30, most=3600),
    *_outside("updates.settleSeconds", least=0, most=600),
    *_outside("updates.progressDeadlineSeconds", least=30, most=7200),
    *_outside("disruption.maxUnavailable", least=1, most=8),
    *_outside("injection.lease.renewalSeconds", least=1, most=3600),
    *_outside("injection.lease.durationSeconds", least=2, most=86400),
    *_outside("injection.drain.seconds", least=0, most=3600),
    *_outside("tls.port", least=1024, most=65535),
)
_FLAGS: Final = tuple(
    _no_flag(path)
    for path in (
        "paused",
        "registry.selfPreservation.enabled",
        "registry.rateLimit.enabled",
        "registry.java.leaseExpiry",
        "registry.java.wholeDepartures",
        "snapshot.enabled",
        "updates.autoRollback",
        "disruption.enabled",
        "monitoring.serviceMonitor",
        "networkPolicy.enabled",
        "dashboard.enabled",
        "dashboard.actions",
        "injection.default",
        "auth.readOnlyAnonymous",
        "auth.allowPlaintext",
    )
)
_WORDS: Final = tuple(
    _no_word(path)
    for path in (
        "image.pullPolicy",
        "topology.spread",
        "topology.antiAffinity",
        "service.type",
        "service.trafficDistribution",
        "service.ipFamilyPolicy",
        "updates.strategy",
        "logging.level",
        "logging.format",
        "tls.mode",
        "tls.clientAuth",
        "auth.type",
    )
)
_TEXTS: Final = (
    *_unlike("version", "^[A-Za-z0-9][A-Za-z0-9._-]*$", "-1", "", "a b"),
    _too_long("version", 63),
    _not_text("version", 1),
    _refused("image.repository", "", "1"),
    _too_long("image.repository", 255),
    *_unlike("image.tag", "^[A-Za-z0-9_][A-Za-z0-9._-]*$", ":latest"),
    _too_long("image.tag", 128),
    *_unlike("image.digest", "^sha256:[a-f0-9]{64}$", "sha256:abc", DIGEST[7:]),
    *_unlike("peers.contextPath", "^(/[A-Za-z0-9._~-]+)+$", "registry", "/registry/", "/"),
    _too_long("peers.contextPath", 64, "/c" * 64),
    *_unlike("peers.dnsPrefix", _LABEL, "Peer", "1peer", "peer-", ""),
    _too_long("peers.dnsPrefix", 20),
    _refused("topology.region", "", "1"),
    _too_long("topology.region", 63),
    *_unlike("topology.zoneKey", "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?", "", "a/b/c", "-a"),
    *_unlike("registry.appName", "^[A-Za-z0-9._-]+$", "", "A B"),
    _too_long("registry.appName", 63),
    *_unlike("snapshot.volume.size", "^[0-9]+(Mi|Gi)$", "1G", "1.5Gi", ""),
    *_unlike("monitoring.interval", "^[0-9]+(s|m)$", "30", "1h"),
    _too_long("pod.priorityClassName", 253),
    _refused("tls.secretName", "", "1"),
    _too_long("tls.secretName", 253),
    _refused("tls.caSecretName", "", "1"),
    *(
        _of_issuer(field, said, value)
        for field, said, value in (
            *(("issuerRef.kind", "^[A-Za-z]", word) for word in ("", "a b", "1")),
            *(("issuerRef.group", "^[A-Za-z]", word) for word in ("", "a/b")),
            ("issuerRef.name", "1", ""),
            *(("duration", _HOURS_AND_MINUTES, text) for text in ("90d", "1h30s", "-1h")),
            *(("renewBefore", _HOURS_AND_MINUTES, text) for text in ("10", "1h60")),
        )
    ),
    *_unlike("injection.sidecar.image", "^[A-Za-z0-9][A-Za-z0-9._/:@-]*$", "", "a b", "/a"),
    _too_long("injection.sidecar.image", 512),
    *_unlike(f"{_RESOURCES}.requests.cpu", r"^[0-9]+([.][0-9]{1,3})?m?$", "", "1k", "-1", "1Mi"),
    *_unlike(f"{_RESOURCES}.limits.memory", "^[0-9]+(k|M|G|Ki|Mi|Gi)?$", "", "1m", "1.5Gi", "32Q"),
    _too_long(f"{_RESOURCES}.limits.cpu", 16, "1"),
)
_LISTS: Final = (
    _in_list("image.pullSecrets", "", [{}], _KEYLESS),
    _in_list("image.pullSecrets", "", [{"name": "a"}, {"name": "a"}], _TWICE),
    _in_list("image.pullSecrets", "", [{"name": f"s{k}"} for k in range(9)], "8"),
    _in_list("peers.extraPeerURLs", "[0]", ["ftp://a"], _URL),
    *(
        _in_list("tls.extraSANs", "[0]", [name], r"^([*][.])?[A-Za-z0-9]")
        for name in ("", "a b", "*", "a.*.b", "http://a", "-a", "fd00::1")
    ),
    _in_list("tls.extraSANs", "", ["a", "a"], _TWICE),
    _in_list("auth.names", "[0]", [{"patterns": ["A"]}], _MISSING),
    _in_list("auth.names", "[0]", [{"namespaceSelector": {}}], _MISSING),
    _in_list("auth.names", "[0].patterns", [{"namespaceSelector": {}, "patterns": []}], "1"),
    _in_list(
        "auth.names",
        "[0].patterns[0]",
        [{"namespaceSelector": {}, "patterns": ["A B"]}],
        "^[A-Za-z0-9._:*?-]+$",
    ),
    _in_list("tls.extraSANs", "", [f"n{k}" for k in range(17)], "16"),
    _in_list("peers.extraPeerURLs", "[1]", ["http://a", "http://a b"], _URL),
    _in_list("peers.extraPeerURLs", "[0]", ["http://a/eureka/?x=1"], _URL),
    _in_list("peers.extraPeerURLs", "[0]", ["http://" + "a" * 512], "512"),
    _in_list("peers.extraPeerURLs", "", ["http://a", "http://a"], _TWICE),
    _in_list("peers.extraPeerURLs", "", [f"http://{k}" for k in range(17)], "16"),
    _in_list("peers.extraPeerURLs", "", "http://a", _LIST),
    _in_list("topology.zones", "", [], "1"),
    _in_list("topology.zones", "", [{"name": f"z{k}"} for k in range(6)], "5"),
    _in_list("topology.zones", "", [{"name": "a"}, {"name": "a"}], _TWICE),
    _in_list("topology.zones", "", [{"nodeZone": "a"}], _KEYLESS),
    _in_list("topology.zones", "[0].name", [{"name": "Zone"}], _LABEL),
    _in_list("topology.zones", "[0].name", [{"name": "z" * 13}], "12"),
    _in_list("topology.zones", "[0].nodeZone", [{"name": "a", "nodeZone": "b c"}], _NODE_LABEL),
    _in_list("registry.remoteRegions", "", [{"url": "http://a"}], _KEYLESS),
    _in_list("registry.remoteRegions", "[0].url", [{"name": "a", "url": "a:8761"}], _URL),
    _in_list(
        "registry.remoteRegions", "[0].clusterRef", [{"name": "a", "clusterRef": {}}], _MISSING
    ),
    _in_list(
        "registry.remoteRegions",
        "",
        [{"name": "a", "url": "http://a"}, {"name": "a", "url": "http://b"}],
        _TWICE,
    ),
    _in_list(
        "registry.remoteRegions",
        "",
        [{"name": "a", "url": "http://a", "apps": ["A", "A"]}],
        ReaderTexts("apps: duplicate", "twice", "twice"),
    ),
    _in_list("networkPolicy.clients", "", [{}] * 17, "16"),
    _in_list(f"{_SELECTOR}.matchExpressions", "", [{"key": "a", "operator": "Exists"}] * 17, "16"),
    _in_list(f"{_SELECTOR}.matchExpressions", "[0]", [{"operator": "Exists"}], _MISSING),
    _in_list(f"{_SELECTOR}.matchExpressions", "[0]", [{"key": "a"}], _MISSING),
    _in_list(
        f"{_SELECTOR}.matchExpressions", "[0].operator", [{"key": "a", "operator": "Is"}], "Is"
    ),
    _in_list(
        f"{_SELECTOR}.matchExpressions",
        "[0].key",
        [{"key": "a" * 64, "operator": "Exists"}],
        "[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$",
    ),
    _in_list(
        f"{_SELECTOR}.matchExpressions",
        "[0].values",
        [{"key": "a", "operator": "In", "values": [f"v{k}" for k in range(17)]}],
        "16",
    ),
    _in_list(
        f"{_SELECTOR}.matchExpressions",
        "[0].values[0]",
        [{"key": "a", "operator": "In", "values": ["-"]}],
        _LABEL_VALUE,
    ),
    _in_list("pod.env", "", [{"name": f"E{k}"} for k in range(33)], "32"),
    _in_list("pod.tolerations", "", {"key": "a"}, _LIST),
)
_MAPPINGS: Final = (
    _refused("peers", 3, _MAPPING),
    _refused("tls.certManager", {}, _MISSING),
    _refused("resources", "1Gi", _MAPPING),
    _refused("pod.labels", {f"l{k}": "" for k in range(33)}, "32"),
    _refused("pod.nodeSelector", {"arch": "x" * 64}, "63"),
    _not_text("pod.annotations", {"on": 1}),
    _refused(f"{_SELECTOR}.matchLabels", {f"l{k}": "" for k in range(17)}, "16"),
    _refused(f"{_SELECTOR}.matchLabels", {"a": "b c"}, _LABEL_VALUE),
    _refused(f"{_SELECTOR}.matchLabels", {"a": "v" * 64}, "63"),
    _refused("injection.metadata", {f"m{k}": "" for k in range(17)}, "16"),
    _refused("injection.metadata", {"a": "x" * 257}, "256"),
    _refused("injection.metadata", {"a": "b\nc"}, "^[^"),
    _refused("injection", [], _MAPPING),
    _not_text("service.annotations", {"on": 1.5}),
    Bad("spec", _MISSING, {key: each for key, each in document(0).items() if key != "spec"}),
    Bad("spec", _MAPPING, document(3)),
)
_UNKNOWN: Final = (
    _unknown("replcas", "replicas"),
    _unknown("peers.Port", "port"),
    _unknown("peers.aliasPrefix"),
    _unknown("updates.window"),
    _unknown("tls.secret", "secretName"),
    _unknown("auth.secret", "secretName"),
    _unknown("injection.enabled"),
    _unknown(f"{_SELECTOR}.matchLabel", "matchLabels"),
    _unknown("injection.sidecar.resources.limits.cpus", "cpu"),
    _unknown("registry.selfPreservation.enable", "enabled"),
    _unknown("registry.lease.defaultDurationSeconds"),
)
_RULES: Final = (
    _refused("peers.port", 8763, "must not be 8763: that is the management port"),
    _refused("tls.port", 8763, "must not be 8763: that is the management port"),
    _refused("tls.port", 8761, "must not be spec.peers.port"),
    *(
        _refused("auth", {"allowPlaintext": True, **auth}, "secretName goes with type Basic or")
        for auth in ({"type": "Basic"}, {"type": "ServiceAccount", "secretName": "a"})
    ),
    _refused(
        "auth",
        {"names": [{"namespaceSelector": {}, "patterns": ["A"]}]},
        "names needs type ServiceAccount",
    ),
    *(
        Bad(
            "spec",
            ReaderTexts(_IN_CLEAR, _IN_CLEAR, _IN_CLEAR),
            document({**tls, "auth": _BY_ACCOUNT}),
        )
        for tls in ({}, {"tls": {"mode": "Permissive"}})
    ),
    _refused("tls", {"caSecretName": "ca"}, "caSecretName needs clientAuth Request or Require"),
    *(
        Bad(
            f"spec.tls.certManager.{field}",
            ReaderTexts(said, said, said),
            document({"tls": {"certManager": {**_ISSUER, **times}}}),
        )
        for field, said, times in (
            ("duration", "must be at least 1h", {"duration": "59m"}),
            ("renewBefore", _RENEW_BEFORE, {"renewBefore": "4m"}),
            ("renewBefore", _RENEW_BEFORE, {"renewBefore": "2160h"}),
            ("renewBefore", _RENEW_BEFORE, {"duration": "2h", "renewBefore": "120m"}),
        )
    ),
    Bad(
        "spec.replicas",
        ReaderTexts(_AT_LEAST_ZONES, _AT_LEAST_ZONES, _AT_LEAST_ZONES),
        document({"replicas": 1, "topology": {"zones": [{"name": "a"}, {"name": "b"}]}}),
    ),
    Bad(
        "spec.replicas",
        ReaderTexts(_AT_LEAST_ZONES, _AT_LEAST_ZONES, _AT_LEAST_ZONES),
        document({"topology": {"zones": [{"name": name} for name in "abcd"]}}),
    ),
    _in_list("registry.remoteRegions", "[0]", [{"name": "a"}], _ONE_SOURCE),
    _in_list(
        "registry.remoteRegions",
        "[0]",
        [{"name": "a", "url": "http://a", "clusterRef": {"name": "b"}}],
        _ONE_SOURCE,
    ),
    *(
        _refused(f"{_SELECTOR}.matchLabels", {key: "x"}, _LABEL_NAMES)
        for key in ("", "a/b/c", "-a", "a" * 64, "A/b", "a..b/c", f"{'a' * 252}/b")
    ),
    *(
        _in_list(f"{_SELECTOR}.matchExpressions", "[0]", [{"key": "a", **rest}], _VALUES)
        for rest in (
            {"operator": "In"},
            {"operator": "NotIn", "values": []},
            {"operator": "Exists", "values": ["b"]},
        )
    ),
    *(
        _refused(_RESOURCES, {"requests": more, "limits": less}, "a request must not be greater")
        for more, less in (
            ({"cpu": "1"}, {"cpu": "999m"}),
            ({"memory": "1Mi"}, {"memory": "1M"}),
        )
    ),
    *(
        _refused("injection.lease", times, _TWICE_AS_LONG)
        for times in (
            {"durationSeconds": 60},
            {"renewalSeconds": 10, "durationSeconds": 20},
        )
    ),
    *(
        _refused(
            "injection.metadata",
            {key: "x"},
            ReaderTexts(_OF_METADATA, _OF_METADATA, _METADATA_NAMES),
        )
        for key in ("", "1a", "a b", "a" * 129)
    ),
    _refused("injection.metadata", {"pod-uid": "x"}, "pod-uid, pod-name, namespace and"),
)
_NAMES: Final = tuple(
    Bad("metadata.name", said, document(spec, name))
    for name, spec, said in (
        ("e" * 33, {}, ReaderTexts("at most 32 characters", "at most 32 characters", "<= 32")),
        ("1eureka", {}, ReaderTexts("DNS-1035 label", "DNS-1035 label", _LABEL)),
        ("eureka.prod", {}, ReaderTexts("DNS-1035 label", "DNS-1035 label", _LABEL)),
        ("Eureka", {}, ReaderTexts("RFC 1123 subdomain", "DNS-1035 label", _LABEL)),
        ("peer2", {}, ReaderTexts(_LIKE_A_PEER, _LIKE_A_PEER, _LIKE_A_PEER)),
        (
            "eu7",
            {"peers": {"dnsPrefix": "eu"}},
            ReaderTexts(_LIKE_A_PEER, _LIKE_A_PEER, _LIKE_A_PEER),
        ),
    )
)

BAD: Final = (
    *_NUMBERS,
    *_FLAGS,
    *_WORDS,
    *_TEXTS,
    *_LISTS,
    *_MAPPINGS,
    *_UNKNOWN,
    *_RULES,
    *_NAMES,
)
"""Objects that nobody takes."""


def _zones(*names: str) -> Spec:
    return {"replicas": 5, "topology": {"zones": [{"name": name} for name in names]}}


_PEERS_KNOWN: Final = "spec.peers.dnsPrefix, port and contextPath are immutable"
_ZONES_KNOWN: Final = "spec.topology.zones can only be set when the cluster is made"
_ZONES_ORDER: Final = "spec.topology.zones can only be appended to"
_VOLUME: Final = "spec.snapshot.volume is immutable"

_TLS_PORT: Final = "spec.tls.port is immutable"
_TLS_STAYS: Final = "spec.tls cannot be removed while its mode is Strict"

UPDATES: Final = (
    Update("scaled", {"replicas": 3}, {"replicas": 5}),
    Update("hibernated with zones", _zones("a", "b"), {**_zones("a", "b"), "replicas": 0}),
    Update("another version", {"version": "1"}, {"version": "2"}),
    Update("registry set", {}, {"registry": {"lease": {"evictionIntervalSeconds": 1}}}),
    Update("default port written down", {}, {"peers": {"port": 8761, "dnsPrefix": "peer"}}),
    Update("another port", {}, {"peers": {"port": 9000}}, _PEERS_KNOWN),
    Update("another prefix", {}, {"peers": {"dnsPrefix": "eu"}}, _PEERS_KNOWN),
    Update("path set", {}, {"peers": {"contextPath": "/a"}}, _PEERS_KNOWN),
    Update("path removed", {"peers": {"contextPath": "/a"}}, {}, _PEERS_KNOWN),
    Update(
        "another path",
        {"peers": {"contextPath": "/a"}},
        {"peers": {"contextPath": "/b"}},
        _PEERS_KNOWN,
    ),
    Update("zones set", {}, _zones("a"), _ZONES_KNOWN),
    Update("zones set beside a region", {"topology": {"region": "r"}}, _zones("a"), _ZONES_KNOWN),
    Update("zones removed", _zones("a"), {"replicas": 5}, _ZONES_KNOWN),
    Update("zone appended", _zones("a"), _zones("a", "b")),
    Update("zone whose name begins alike", _zones("a", "b"), _zones("a", "bc"), _ZONES_ORDER),
    Update("one zone removed", _zones("a", "b"), _zones("a"), _ZONES_ORDER),
    Update("zone put first", _zones("a"), _zones("b", "a"), _ZONES_ORDER),
    Update("zones in another order", _zones("a", "b"), _zones("b", "a"), _ZONES_ORDER),
    Update(
        "zone pinned",
        _zones("a"),
        {"replicas": 5, "topology": {"zones": [{"name": "a", "nodeZone": "x"}]}},
    ),
    Update("tls switched on", {}, {"tls": {}}),
    Update("both ports", {"tls": {}}, {"tls": {"mode": "Permissive"}}),
    Update("tls switched off", {"tls": {"mode": "Permissive"}}, {}),
    Update("tls removed", {"tls": {}}, {}, _TLS_STAYS),
    Update("another port of tls", {"tls": {}}, {"tls": {"port": 9443}}, _TLS_PORT),
    Update("volume set", {}, {"snapshot": {"volume": {}}}, _VOLUME),
    Update(
        "volume set beside a snapshot",
        {"snapshot": {"enabled": True}},
        {"snapshot": {"enabled": True, "volume": {"size": "1Gi"}}},
        _VOLUME,
    ),
    Update("volume removed", {"snapshot": {"volume": {"size": "1Gi"}}}, {}, _VOLUME),
    Update(
        "another size",
        {"snapshot": {"volume": {"size": "1Gi"}}},
        {"snapshot": {"volume": {"size": "2Gi"}}},
        _VOLUME,
    ),
    Update(
        "snapshot switched off",
        {"snapshot": {"enabled": True, "volume": {"size": "1Gi"}}},
        {"snapshot": {"enabled": False, "volume": {"size": "1Gi"}}},
    ),
)
"""Changes, each between two specs that are possible."""
