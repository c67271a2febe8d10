"""The engine's settings: the one place that reads GITOPS_* from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from .seen import Rules


@dataclass(frozen=True)
class Settings:
    """All settings with their defaults; times in seconds."""

    namespace: str = "argocd"
    """GITOPS_NAMESPACE: where the engine and its Applications are."""
    projects: frozenset[str] = frozenset({"default"})
    """GITOPS_PROJECTS: names accepted in spec.project until AppProject is served; by comma."""
    destination_namespaces: tuple[str, ...] = ("*",)
    """GITOPS_DESTINATION_NAMESPACES: globs of namespaces that may be deployed to; by comma."""
    cluster_objects: bool = True
    """GITOPS_CLUSTER_OBJECTS: whether objects without a namespace may be deployed."""
    cache_dir: Path = Path("/var/cache/automatrix")
    """GITOPS_CACHE_DIR: mirrors and renders; may be lost at any time."""
    port: int = 8080
    """GITOPS_PORT: webhooks, receipts, probes, metrics."""
    workers: int = 8
    """GITOPS_WORKERS: Applications worked on at a time."""
    poll_s: float = 120.0
    """GITOPS_POLL_S: how often repositories are looked at without a webhook."""
    poll_jitter_s: float = 60.0
    """GITOPS_POLL_JITTER_S: at most this is added at random."""
    render_s: float = 60.0
    """GITOPS_RENDER_S: a chart that takes longer to render is an error."""
    troubled_s: float = 20.0
    """GITOPS_TROUBLED_S: when an Application with something wrong is looked at again without being woken."""
    wave_delay_s: float = 2.0
    """GITOPS_WAVE_DELAY_S: after a wave that changed something, before its health counts."""
    deletion_budget: int = 20
    """GITOPS_DELETION_BUDGET: automation that would prune more than this (and half of an Application) asks first."""
    commit_status: bool = False
    """GITOPS_COMMIT_STATUS: whether commits show on GitHub and GitLab what became of them."""
    commit_status_label: str = "gitops"
    """GITOPS_COMMIT_STATUS_LABEL: a status is called <label>/<application>; one of its own for each cluster."""
    commit_status_target_url: str = ""
    """GITOPS_COMMIT_STATUS_TARGET_URL: where a status leads; {application} and {revision} are filled in."""
    commit_status_github_url: str = ""
    """GITOPS_COMMIT_STATUS_GITHUB_URL: the API of a GitHub Enterprise server whose name does not tell it."""
    commit_status_gitlab_url: str = ""
    """GITOPS_COMMIT_STATUS_GITLAB_URL: the same of a GitLab."""
    log_level: str = "INFO"
    """GITOPS_LOG_LEVEL."""
    allow_file_repositories: bool = False
    """GITOPS_ALLOW_FILE_REPOSITORIES: file:// remotes, for tests on one machine."""
    kill_at: str = ""
    """GITOPS_KILL_AT: a test switch, see `kill`."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read the environment; raise ValueError naming a variable that cannot be read."""
        fields: dict[str, object] = {}
        for name, default in cls().__dict__.items():
            text = environment.get(f"GITOPS_{name.upper()}", "")
            if text:
                try:
                    fields[name] = _read(text, default)
                except ValueError as error:
                    raise ValueError(f"GITOPS_{name.upper()}={text!r}: {error}") from None
        if "namespace" not in fields and environment.get("POD_NAMESPACE"):
            fields["namespace"] = environment["POD_NAMESPACE"]
        return cls(**fields)  # type: ignore[arg-type]

    @property
    def rules(self) -> Rules:
        """What planning needs to know of them."""
        return Rules(
            namespace=self.namespace,
            projects=self.projects,
            destination_namespaces=self.destination_namespaces,
            cluster_objects=self.cluster_objects,
            wave_delay=timedelta(seconds=self.wave_delay_s),
            deletion_budget=self.deletion_budget,
        )


def _read(text: str, default: object) -> object:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if isinstance(default, bool):
        if text.lower() not in ("true", "false"):
            raise ValueError("write true or false")
        return text.lower() == "true"
    if isinstance(default, frozenset | tuple):
        return type(default)(parts)
    if isinstance(default, Path):
        return Path(text)
    return type(default)(text) if isinstance(default, int | float) else text
