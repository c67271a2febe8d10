"""Helm as the tests call it, and every chart with values that render it."""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
Manifest = dict[str, Any]
Values = dict[str, Any]

IMAGE: Values = {"image": {"repository": "automatrix/hub", "tag": "1.0"}}


@dataclass(frozen=True)
class Chart:
    """One chart, with the least that it must be told."""

    path: Path
    least: Values
    full: Values
    """Values that turn on every optional part."""

    @property
    def name(self) -> str:
        return self.path.name


CHARTS = (
    Chart(
        ROOT / "charts/service",
        IMAGE,
        {
            **IMAGE,
            "image": {"repository": "automatrix/hub", "tag": "1.0", "pullSecrets": ["registry"]},
            "command": ["python3"],
            "args": ["-m", "hub.api"],
            "hostname": "hub.localhost",
            "env": {"A": 1000000, "B": True, "C": "x"},
            "secretEnv": {"PASSWORD": {"secret": "db", "key": "password"}},
            "config": {"a.yaml": "a: 1\n"},
            "health": {"livenessPath": "/healthz"},
            "metrics": {"enabled": True},
            "networkPolicy": {"fromNamespaces": ["other"]},
        },
    ),
    Chart(ROOT / "charts/gateway", {}, {"replicas": 2, "service": {"annotations": {"a": "b"}}}),
    Chart(ROOT / "charts/gateway-api", {}, {}),
    Chart(
        ROOT / "charts/platform",
        {"image": {"tag": "1.0"}},
        {
            "image": {"tag": "1.0", "pullSecrets": ["registry"]},
            "gitops": {"webhook": {"hostname": "hooks.localhost"}, "env": {"GITOPS_X": "1"}},
        },
    ),
    Chart(
        ROOT / "charts/observability",
        {},
        {
            "prometheus": {"kubelet": {"enabled": True, "insecureTLS": True}, "storage": {"size": "5Gi"}},
            "metricsServer": {"kubelet": {"insecureTLS": True}},
        },
    ),
    Chart(
        ROOT / "charts/git",
        {"image": {"tag": "1.0"}},
        {
            "image": {"tag": "1.0", "pullSecrets": ["registry"]},
            "repositories": ["platform", "tenants"],
            "service": {"nodePort": None},
            "storage": {"className": "fast"},
            "networkPolicy": {"fromNamespaces": ["ci"]},
        },
    ),
    Chart(ROOT / "cluster/local/charts/moto", {}, {}),
)


class Refused(AssertionError):
    """Helm did not do it; the text is what it told the user."""


class Helm:
    """The helm executable of the environment the tests run in."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = {**os.environ, **(environment or {})}
        beside_python = Path(sys.executable).parent / "helm"
        self._program = str(beside_python) if beside_python.exists() else shutil.which("helm") or "helm"
        self._rendered: dict[str, list[Manifest]] = {}

    def __call__(self, *arguments: str, values: Values | None = None) -> str:
        """Run helm and return what it printed; raises Refused."""
        if values is not None:
            arguments = (*arguments, "--values", "-")
        done = subprocess.run(
            [self._program, *arguments],
            input=json.dumps(values),
            capture_output=True,
            text=True,
            env=self._environment,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise Refused(done.stderr)
        return done.stdout

    def template(self, chart: Path, values: Values, release: str = "hub", *arguments: str) -> list[Manifest]:
        """Render a chart into its objects."""
        text = self("template", release, str(chart), "--namespace", "hub-dev", *arguments, values=values)
        return [one for one in yaml.load_all(text, yaml.CSafeLoader) if one]

    def template_once(self, chart: Path, values: Values) -> list[Manifest]:
        """The same for a chart that nobody changes: rendered the first time only."""
        key = json.dumps([str(chart), values])
        if key not in self._rendered:
            self._rendered[key] = self.template(chart, values)
        return copy.deepcopy(self._rendered[key])


def pod_templates(objects: Sequence[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """Every pod template among the objects, with the name of its owner."""
    for one in objects:
        template = one.get("spec", {}).get("template")
        if isinstance(template, dict) and "spec" in template:
            yield f"{one['kind']}/{one['metadata']['name']}", template
