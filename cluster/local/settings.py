"""The settings of the local cluster, read from the environment in this one place.

Every setting has a default that works on a fresh machine; `AMX_*` variables change it. Two checkouts
side by side differ in `AMX_CLUSTER_NAME` and the two ports, and share the cache. A cluster that is there has its ports
recorded, so that no later command need be told them again.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from cluster.local.errors import WrongSetting

ROOT = Path(__file__).resolve().parents[2]
KUBERNETES_VERSION = "v1.35.4"
IMAGE_MODES = ("auto", "pull", "build")
ImageMode = Literal["auto", "pull", "build"]
PORTS_FILE = "ports.json"
"""The ports of a cluster that is there, by the names of their settings; in its folder."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are kept, how the cluster is called and which host ports it answers on."""

    cluster_name: str
    http_port: int
    git_port: int
    cache_dir: Path
    state_dir: Path
    registry_mirror: str = ""
    images: ImageMode = "auto"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read `AMX_*`; raises WrongSetting that names the variable when a value cannot be used."""
        env = os.environ if environment is None else environment
        caches = Path(env.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        images = env.get("AMX_IMAGES") or "auto"
        if images not in IMAGE_MODES:
            raise WrongSetting(f"AMX_IMAGES is {images!r}", f"use one of {', '.join(IMAGE_MODES)}")
        name = env.get("AMX_CLUSTER_NAME") or "automatrix"
        if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", name):
            raise WrongSetting(f"AMX_CLUSTER_NAME is {name!r}", "use up to 40 small letters, digits and hyphens")
        state_dir = Path(env.get("AMX_STATE_DIR") or ROOT / ".amx").absolute()
        ports = {"AMX_HTTP_PORT": 8080, "AMX_GIT_PORT": 8081} | _recorded(state_dir / name / PORTS_FILE)
        return cls(
            cluster_name=name,
            http_port=_port(env, "AMX_HTTP_PORT", ports),
            git_port=_port(env, "AMX_GIT_PORT", ports),
            cache_dir=Path(env.get("AMX_CACHE_DIR") or caches / "automatrix").absolute(),
            state_dir=state_dir,
            registry_mirror=(env.get("AMX_REGISTRY_MIRROR") or "").strip("/"),
            images=cast("ImageMode", images),
        )

    @property
    def cluster_dir(self) -> Path:
        """What belongs to this one cluster: kubeconfig, Git credential, logs."""
        return self.state_dir / self.cluster_name

    @property
    def kubeconfig(self) -> Path:
        """The cluster's own kubeconfig; the user's is never touched."""
        return self.cluster_dir / "kubeconfig"


def _port(env: Mapping[str, str], name: str, defaults: Mapping[str, Any]) -> int:
    text = env.get(name) or str(defaults[name])
    if not re.fullmatch("[0-9]{1,5}", text) or not 0 < int(text) < 65536:
        raise WrongSetting(f"{name} is {text!r}", "use a port number from 1 to 65535")
    return int(text)


def _recorded(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):  # no cluster, or a file that says nothing: then the defaults count
        return {}
    return found if isinstance(found, dict) else {}
