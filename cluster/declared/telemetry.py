"""Where the figures of the inside come from: what the OpenTelemetry collector reads, and sends to CloudWatch.

In:  the environment. Out: the collector's service account, what it may read, and its configuration as a ConfigMap.

Services send it their traces. AWS knows nothing of requests that a pod answered, nor whether a node is ready: alarms on
those look at metrics that only exist because they stand here; the view of soundness compares both. The metrics go as
lines of a log group, out of which CloudWatch takes them (embedded metric format), so that the collector needs no right
to write metrics.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from cluster.declared.base import Declaring
from cluster.graph.model import Json, Resource

PLACE, ACCOUNT = "automatrix-observability", "otel-collector"
CONFIGURATION = "relay"
"""The key of the ConfigMap: what the publisher's chart mounts."""
EVERY_S = 60
REQUESTS = "traefik_service_requests_total"
READY = "k8s.node.condition_ready"
READS: dict[str, tuple[str, ...]] = {
    "": (
        "events", "namespaces", "namespaces/status", "nodes", "nodes/spec", "pods", "pods/status",
        "replicationcontrollers", "replicationcontrollers/status", "resourcequotas", "services",
    ),
    "apps": ("daemonsets", "deployments", "replicasets", "statefulsets"),
    "batch": ("jobs", "cronjobs"),
    "autoscaling": ("horizontalpodautoscalers",),
}  # fmt: skip
"""What the receiver of the cluster's state watches."""


class Telemetry(Declaring):
    """The collector."""

    def collector(self) -> Iterator[Resource]:
        """Who it is, what it may read, and what it is told."""
        yield self._object("v1", "ServiceAccount", (PLACE, ACCOUNT), {})
        rules = [
            {"apiGroups": [group], "resources": list(kinds), "verbs": ["get", "list", "watch"]}
            for group, kinds in READS.items()
        ]
        api, role = "rbac.authorization.k8s.io/v1", {"kind": "ClusterRole", "name": ACCOUNT}
        yield self._object(api, "ClusterRole", ("", ACCOUNT), {"rules": rules})
        body = {
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", **role},
            "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": PLACE}],
        }
        yield self._object(api, "ClusterRoleBinding", ("", ACCOUNT), body)
        data = {CONFIGURATION: json.dumps(self._configuration(), indent=1, sort_keys=True)}
        yield self._object("v1", "ConfigMap", (PLACE, ACCOUNT), {"data": data})

    def _configuration(self) -> dict[str, Json]:
        return {
            "receivers": {
                "prometheus": {"config": {"scrape_configs": [self._gateway()]}},
                "k8s_cluster": self._state(),
                "otlp": {"protocols": {"grpc": {"endpoint": "0.0.0.0:4317"}, "http": {"endpoint": "0.0.0.0:4318"}}},
            },
            "processors": {
                "cumulativetodelta": {},
                "metricstransform/requests": {"transforms": list(self._requests())},
                "metricstransform/cluster": {"transforms": list(self._nodes())},
                "filter/requests": _only("requests_total", "requests_failed"),
                "filter/cluster": _only("node_ready", *self._pods()),
            },
            "exporters": {
                "awsemf/requests": self._to("AutoMatrix", [["service"]], "requests_total", "requests_failed"),
                "awsemf/cluster": self._to("ContainerInsights", [["ClusterName"]], "node_ready", *self._pods()),
                "awsxray": {"region": self._environment.region},
            },
            "service": {
                "pipelines": {
                    "traces": {"receivers": ["otlp"], "exporters": ["awsxray"]},
                    "metrics/requests": {
                        "receivers": ["prometheus"],
                        "processors": ["cumulativetodelta", "metricstransform/requests", "filter/requests"],
                        "exporters": ["awsemf/requests"],
                    },
                    "metrics/cluster": {
                        "receivers": ["k8s_cluster"],
                        "processors": ["metricstransform/cluster", "filter/cluster"],
                        "exporters": ["awsemf/cluster"],
                    },
                }
            },
        }

    def _pods(self) -> tuple[str, ...]:
        wanted = self._environment.observability.container_insights
        return ("k8s.pod.phase", "k8s.container.restarts") if wanted else ()

    def _gateway(self) -> dict[str, Json]:
        """Read every pod of the gateway at its port `admin`, and of that only the requests."""
        return {
            "job_name": "gateway",
            "scrape_interval": f"{EVERY_S}s",
            "kubernetes_sd_configs": [{"role": "pod", "namespaces": {"names": ["automatrix-gateway"]}}],
            "relabel_configs": [
                {
                    "source_labels": ["__meta_kubernetes_pod_container_port_name"],
                    "regex": "admin",
                    "action": "keep",
                }
            ],
            "metric_relabel_configs": [{"source_labels": ["__name__"], "regex": REQUESTS, "action": "keep"}],
        }

    def _state(self) -> dict[str, Json]:
        return {
            "auth_type": "serviceAccount",
            "collection_interval": f"{EVERY_S}s",
            "node_conditions_to_report": ["Ready"],
        }

    def _requests(self) -> Iterator[dict[str, Json]]:
        """All requests of the hub, and among them those that were answered with 5xx."""
        of_hub = {"service": f".*{self._namespace}.*"}
        for name, labels in (("requests_failed", {**of_hub, "code": "5.."}), ("requests_total", of_hub)):
            yield {
                "include": REQUESTS,
                "match_type": "regexp",
                "experimental_match_labels": labels,
                "action": "insert",
                "new_name": name,
                "operations": [
                    {"action": "aggregate_labels", "label_set": [], "aggregation_type": "sum"},
                    {"action": "add_label", "new_label": "service", "new_value": "hub"},
                ],
            }

    def _nodes(self) -> Iterator[dict[str, Json]]:
        """Whether each node is ready: 1, or less."""
        cluster = {"action": "add_label", "new_label": "ClusterName", "new_value": self._environment.prefix}
        yield {"include": READY, "action": "update", "new_name": "node_ready", "operations": [cluster]}
        for name in self._pods():
            yield {"include": name, "action": "update", "operations": [cluster]}

    def _to(self, namespace: str, dimensions: list[list[str]], *names: str) -> dict[str, Json]:
        return {
            "namespace": namespace,
            "region": self._environment.region,
            "log_group_name": f"/{self._environment.prefix}/services",
            "log_stream_name": namespace,
            "dimension_rollup_option": "NoDimensionRollup",
            "resource_to_telemetry_conversion": {"enabled": True},
            "metric_declarations": [
                {"dimensions": dimensions, "metric_name_selectors": [f"^{name}$" for name in names]}
            ],
        }


def _only(*names: str) -> dict[str, Json]:
    return {"metrics": {"include": {"match_type": "strict", "metric_names": list(names)}}}
