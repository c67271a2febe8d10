"""The small charts the engine is measured with, and their Applications: no pods, a Service, a ConfigMap."""

from __future__ import annotations

from pathlib import Path
from typing import Any

NAMESPACE = "bench"
CHART = """\
apiVersion: v2
name: {name}
version: 0.1.0
"""
VALUES = """\
message: {message}
replicas: 0
"""
TEMPLATES = {
    "configmap.yaml": """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
data:
  message: {{ .Values.message | quote }}
""",
    "service.yaml": """\
apiVersion: v1
kind: Service
metadata:
  name: {{ .Release.Name }}
spec:
  selector: {app: {{ .Release.Name }}}
  ports:
    - {name: http, port: 80, targetPort: 8080}
""",
    "deployment.yaml": """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
spec:
  replicas: {{ .Values.replicas }}
  selector:
    matchLabels: {app: {{ .Release.Name }}}
  template:
    metadata:
      labels: {app: {{ .Release.Name }}}
    spec:
      containers:
        - name: app
          image: example.invalid/app:1
          env:
            - {name: MESSAGE, value: {{ .Values.message | quote }}}
""",
}


def name_of(number: int) -> str:
    """Return the name of an application and of its folder below `apps/`."""
    return f"app-{number:03}"


def write_chart(repository: Path, name: str, message: str = "first") -> None:
    """Write a small chart into a working tree."""
    folder = repository / "apps" / name
    (folder / "templates").mkdir(parents=True, exist_ok=True)
    (folder / "Chart.yaml").write_text(CHART.format(name=name))
    (folder / "values.yaml").write_text(VALUES.format(message=message))
    for file, text in TEMPLATES.items():
        (folder / "templates" / file).write_text(text)


def write_message(repository: Path, name: str, message: str) -> None:
    """Change the one value that a push changes."""
    (repository / "apps" / name / "values.yaml").write_text(VALUES.format(message=message))


def application(name: str, repo_url: str) -> dict[str, Any]:
    """Build the Application of a chart: automated, with self-heal, as tenants have it."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": "argocd"},
        "spec": {
            "project": "default",
            "source": {"repoURL": repo_url, "targetRevision": "main", "path": f"apps/{name}"},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": NAMESPACE},
            "syncPolicy": {"automated": {"prune": True, "selfHeal": True}},
        },
    }
