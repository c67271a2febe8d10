"""Commands for the user to paste: they mean the same cluster, from any folder and from a shell that knows nothing."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from cluster.local.settings import Settings


def amx(settings: Settings, *arguments: str) -> str:
    """Return an amx command with the variables without which it would mean another cluster."""
    return paste([str(program()), *arguments], variables(settings))


def paste(argv: list[str], env: Mapping[str, str] | None = None) -> str:
    """Return a line for a shell; nothing in it is expanded."""
    return " ".join([*(f"{name}={shlex.quote(value)}" for name, value in (env or {}).items()), shlex.join(argv)])


def program() -> Path:
    """The amx beside this Python, short where the shell stands in its checkout."""
    path = Path(sys.executable).parent / "amx"
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def variables(settings: Settings) -> dict[str, str]:
    """Return the AMX_* variables that must be set for amx to find this cluster; those by its record are not needed."""
    wanted = {
        "AMX_CLUSTER_NAME": settings.cluster_name,
        "AMX_STATE_DIR": str(settings.state_dir),
        "AMX_CACHE_DIR": str(settings.cache_dir),
        "AMX_HTTP_PORT": str(settings.http_port),
        "AMX_GIT_PORT": str(settings.git_port),
    }
    needed = {name: value for name, value in os.environ.items() if not name.startswith("AMX_")}
    said: dict[str, str] = {}
    for name, value in wanted.items():  # in this order: the name and the folder decide which record counts
        if value_of(Settings.from_environment(needed | said), name) != value:
            said[name] = value
    return said


def value_of(settings: Settings, name: str) -> str:
    """Return the value of a setting by the name of its variable."""
    return str(getattr(settings, name.removeprefix("AMX_").lower()))
