"""The cluster's kubeconfig, and adding it to the user's own when asked.

Trade-off: the entries are merged as YAML, by name, because `kubectl config view --flatten` would also rewrite the
user's other entries. The current context stays: switching it unasked sends the next command to another cluster.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

from cluster.local.absent import lacking
from cluster.local.errors import MachineError
from cluster.local.settings import Settings

LISTS = ("clusters", "contexts", "users")
ANOTHER = "mend it, or name another: KUBECONFIG=<file>"


def existing(settings: Settings) -> Path:
    """Return the path of the cluster's kubeconfig; raises MachineError when there is no cluster."""
    if settings.kubeconfig.is_file():
        return settings.kubeconfig
    raise lacking(settings, f"the kubeconfig of cluster {settings.cluster_name} is missing")


def users_file(settings: Settings) -> Path:
    """The file that kubectl would write to: the first of $KUBECONFIG, or ~/.kube/config.

    The cluster's own, which `amx env` puts there, is not the user's.
    """
    named = [Path(name) for name in os.environ.get("KUBECONFIG", "").split(":") if name]
    return next((path for path in named if path != settings.kubeconfig), Path.home() / ".kube" / "config")


def merge(source: Path, target: Path) -> None:
    """Add the cluster, user and context of `source` to `target`; entries of the same names are replaced."""
    empty: dict[str, Any] = {"apiVersion": "v1", "kind": "Config", "current-context": ""}
    mine = _read(target) if target.is_file() else empty
    theirs = _read(source)
    for name in LISTS:
        added = theirs.get(name) or []
        names = {entry["name"] for entry in added}
        mine[name] = [entry for entry in mine.get(name) or [] if entry["name"] not in names] + added
    _replace(target, yaml.safe_dump(mine, sort_keys=False))


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text()) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        where = getattr(error, "problem_mark", None)
        why = f"line {where.line + 1}: {getattr(error, 'problem', '')}" if where else str(error).splitlines()[0]
        raise MachineError(f"{path} cannot be read as a kubeconfig: {why}", ANOTHER) from error
    if not isinstance(content, dict) or not all(_is_named_list(content.get(name)) for name in LISTS):
        raise MachineError(f"{path} is not a kubeconfig", ANOTHER)
    return content


def _is_named_list(value: Any) -> bool:
    if value is None:
        return True
    return isinstance(value, list) and all(isinstance(entry, dict) and "name" in entry for entry in value)


def _replace(target: Path, text: str) -> None:
    """Write in one step, readable by the user only: a kubeconfig holds keys."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    real = target.resolve()
    beside = real.with_name(f".{real.name}.{os.getpid()}")
    beside.touch(mode=0o600)
    beside.write_text(text)
    beside.replace(real)
