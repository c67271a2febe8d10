"""What is secret in a local cluster: the Git server's password, and the key that signs announcements of pushes.

Both are random, made once per cluster. The cluster's Secrets are the truth; the file on the host follows them, so that
a checkout whose state folder was removed still reaches its cluster.
"""

from __future__ import annotations

import base64
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from cluster.local import repository
from cluster.local.kubectl import Kubectl, Manifest
from cluster.local.settings import Settings

SYSTEM = "automatrix-system"
ENGINE = "argocd"
GIT_SECRET = "git-credential"  # noqa: S105 - names, not secrets
ENGINE_SECRET = "argocd-secret"  # noqa: S105
WEBHOOK_KEY = "webhook.github.secret"
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
INNER_URL = "http://git.automatrix-system.svc.cluster.local/platform.git"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The two secrets in the clear."""

    git_password: str = field(repr=False)
    webhook_key: str = field(repr=False)


def ensure(settings: Settings, kubectl: Kubectl) -> Credentials:
    """Read the secrets from the cluster, or make them, and write the Secrets and the host's file."""
    password = read(kubectl, SYSTEM, GIT_SECRET, "password") or secrets.token_urlsafe(24)
    key = read(kubectl, ENGINE, ENGINE_SECRET, WEBHOOK_KEY) or secrets.token_urlsafe(32)
    kubectl.apply(build(password, key))
    write_private(repository.credential_file(settings), repository.credential(settings, password))
    return Credentials(password, key)


def build(password: str, key: str) -> list[Manifest]:
    """Build the Secrets: the Git server's, the engine's copy for its repository, and the key on both sides."""
    engines = {"type": "git", "url": INNER_URL, "username": repository.USER, "password": password}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}},
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ENGINE, "labels": RESTRICTED}},
        secret(SYSTEM, GIT_SECRET, {"username": repository.USER, "password": password}),
        secret(SYSTEM, "git-webhook", {"secret": key}),
        secret(ENGINE, ENGINE_SECRET, {WEBHOOK_KEY: key, "webhook.gitlab.secret": key}),
        secret(ENGINE, "repository-platform", engines, {"argocd.argoproj.io/secret-type": "repository"}),
    ]


def secret(namespace: str, name: str, values: dict[str, str], labels: dict[str, str] | None = None) -> Manifest:
    """Build one Secret. `data` and not `stringData`: only so is it one field with one owner."""
    labels = {"app.kubernetes.io/part-of": "automatrix"} | (labels or {})
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "type": "Opaque",
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in values.items()},
    }


def read(kubectl: Kubectl, namespace: str, name: str, key: str) -> str:
    """Return one value of a Secret; empty when there is none."""
    found = kubectl.find("secret", name, f"--namespace={namespace}") or {}
    return base64.b64decode((found.get("data") or {}).get(key, "")).decode()


def write_private(path: Path, text: str) -> None:
    """Write a file that only the user can read, in one step."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    beside.replace(path)
