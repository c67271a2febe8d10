"""Values that the charts' schemas allow and hardly anybody writes: the API server must take what comes of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

DIGEST = f"1.0@sha256:{'a' * 64}"
IMAGE: dict[str, Any] = {"repository": "automatrix/hub", "tag": "1.0"}
WEB: dict[str, Any] = {"image": IMAGE, "hostname": "hub.localhost"}
WORKER: dict[str, Any] = {"kind": "worker", "image": IMAGE}


@dataclass(frozen=True)
class Row:
    """A chart's values, and the name of the release."""

    what: str
    chart: str
    values: dict[str, Any]
    release: str = "hub"

    def __str__(self) -> str:
        return f"{self.chart}: {self.what}"


ROWS = (
    Row("an image pinned by digest", "service", {**WEB, "image": {**IMAGE, "tag": DIGEST}}),
    Row("an image pinned by digest", "platform", {"image": {"tag": DIGEST}}),
    Row("an image pinned by digest", "git", {"image": {"tag": DIGEST}}),
    Row("an image pinned by digest", "gateway", {"image": {"tag": DIGEST}}),
    Row(
        "images pinned by digest",
        "observability",
        {part: {"image": {"tag": DIGEST}} for part in ("prometheus", "metricsServer")},
    ),
    Row(
        "variables of the chart's own",
        "service",
        {**WEB, "env": {"PORT": 8080, "POD_NAME": "x"}, "secretEnv": {"SERVICE_VERSION": {"secret": "a", "key": "b"}}},
    ),
    Row(
        "names and values that YAML reads as others",
        "service",
        {
            **WEB,
            "image": {**IMAGE, "pullSecrets": ["1"]},
            "env": {"Y": "null", "NO": 1e3},
            "secretEnv": {"ON": {"secret": "0", "key": "1e3"}},
            "gateway": {"name": "true", "namespace": "1"},
        },
    ),
    Row("paths with signs", "service", {**WEB, "path": "/v1/a:", "health": {"path": "/a:'\"", "livenessPath": "/%20"}}),
    Row("a path that ends in a slash, with an escape", "service", {**WEB, "path": "/v1/%20!$&'()*+,;=:@/"}),
    Row(
        "folders with signs",
        "service",
        {**WEB, "config": {"a.b-C_1": ""}, "configPath": "/etc/#a", "writablePaths": ["/&a", "/scratch/"]},
    ),
    Row(
        "a slow start and a long end",
        "service",
        {**WEB, "health": {"startupSeconds": 3600}, "drainSeconds": 300, "shutdownSeconds": 3600},
    ),
    Row("no drain, no pods", "service", {**WEB, "drainSeconds": 0, "replicas": 0}),
    Row("a user beyond a million", "service", {**WEB, "user": 2147483647}),
    Row("a wildcard", "service", {**WEB, "hostname": "*.hub.localhost"}),
    Row(
        "a request without a limit",
        "service",
        {**WEB, "resources": {"requests": {"memory": "1Gi"}, "limits": {"memory": None}}},
    ),
    Row(
        "a GPU and huge pages",
        "service",
        {**WEB, "resources": {"limits": {"nvidia.com/gpu": 1, "hugepages-2Mi": "4Mi"}}},
    ),
    Row(
        "quantities that few write",
        "service",
        {
            **WEB,
            "resources": {
                "requests": {"cpu": "500000u", "memory": "1e3", "ephemeral-storage": "1k"},
                "limits": {"cpu": 1e3, "memory": "1Ei", "ephemeral-storage": ".5E"},
            },
        },
    ),
    Row("quantities that few write", "git", {"image": {"tag": "1.0"}, "resources": {"limits": {"memory": "1e9"}}}),
    Row("no resources", "service", {**WEB, "resources": None}),
    Row("a worker without a port", "service", WORKER),
    Row("a worker with metrics", "service", {**WORKER, "port": 1, "metrics": {"enabled": True}}),
    Row("a release with a dot", "service", WEB, "my.app"),
    Row("a release of one digit", "service", WORKER, "1"),
    Row("a release that YAML reads as a number", "service", WORKER, "1e3"),
    Row("a long release", "service", WEB, "a" * 53),
    Row("a release that YAML reads as a number", "git", {"image": {"tag": "1.0"}}, "1e3"),
    Row("a release that YAML reads as a boolean", "gateway", {}, "true"),
    Row("any hostname, any port", "gateway", {"gateway": {"hostname": ""}, "service": {"nodePort": None}}),
    Row(
        "a namespace of digits",
        "platform",
        {"image": {"tag": "1.0"}, "gitops": {"namespace": "1"}, "metrics": {"namespace": "2"}},
    ),
    Row(
        "IPv6 networks",
        "platform",
        {
            "image": {"tag": "1.0"},
            "networkPolicy": {"apiServer": {"cidrs": ["fd00::/8", "10.0.0.0/8"]}, "gitRemotes": {"cidrs": []}},
        },
    ),
)
