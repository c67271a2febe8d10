"""What scenarios push: the smallest charts and manifests that show something."""

from __future__ import annotations

import json
from typing import Any

CHART = "apiVersion: v2\nname: app\nversion: 0.1.0\n"
CONFIG = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Values.name }}
data:
  message: {{ .Values.message | quote }}
"""
SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: {{ .Values.name }}
spec:
  selector: {app: {{ .Values.name }}}
  ports:
    - {name: http, port: 80, targetPort: 8080}
"""
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Values.name }}
spec:
  replicas: 0
  selector:
    matchLabels: {app: {{ .Values.name }}}
  template:
    metadata:
      labels: {app: {{ .Values.name }}}
    spec:
      containers:
        - {name: app, image: example.invalid/app:1}
"""


def chart(folder: str, name: str, message: str = "first") -> dict[str, str]:
    """A Helm chart with a ConfigMap, a Service and a Deployment of no pods."""
    return {
        f"{folder}/Chart.yaml": CHART,
        f"{folder}/values.yaml": json.dumps({"name": name, "message": message}),
        f"{folder}/templates/config.yaml": CONFIG,
        f"{folder}/templates/service.yaml": SERVICE,
        f"{folder}/templates/deployment.yaml": DEPLOYMENT,
    }


def config(name: str, message: str = "first", *, wave: int | None = None, **annotations: str) -> str:
    """A ConfigMap; `sync_options` and the like become Argo CD's annotations."""
    marks = {f"argocd.argoproj.io/{key.replace('_', '-')}": text for key, text in annotations.items()}
    if wave is not None:
        marks["argocd.argoproj.io/sync-wave"] = str(wave)
    metadata: dict[str, Any] = {"name": name, "annotations": marks} if marks else {"name": name}
    return manifest({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"message": message}})


def manifest(content: dict[str, Any]) -> str:
    """YAML's subset that is JSON."""
    return json.dumps(content, indent=1) + "\n"
