"""Where Prometheus looks for a pod's metrics."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml

Render = Callable[..., dict[str, Any]]
SOURCES = ["__meta_kubernetes_pod_ip", "__meta_kubernetes_pod_annotation_prometheus_io_port"]


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("10.244.0.2", "10.244.0.2:9000"),
        ("fd00:10:244::2", "[fd00:10:244::2]:9000"),
        ("::ffff:10.0.0.1", "[::ffff:10.0.0.1]:9000"),
        ("", ""),
    ],
)
def test_pods_of_both_families_are_asked(render: Render, address: str, target: str) -> None:
    config = yaml.safe_load(render("observability", {})["ConfigMap/prometheus"]["data"]["prometheus.yml"])
    [job] = [one for one in config["scrape_configs"] if one["job_name"] == "pods"]
    rules = [one for one in job["relabel_configs"] if one["source_labels"] == SOURCES]
    found = [
        match.expand(re.sub(r"\$(\d)", r"\\\1", rule["replacement"]))
        for rule in rules
        if (match := re.fullmatch(rule["regex"], f"{address};9000"))
    ]

    assert found == ([target] if target else [])
