"""The folder of one cluster's state: whose it is, and taking out of it what amx put there, and nothing else.

`AMX_STATE_DIR` and `AMX_CLUSTER_NAME` are the user's words, so the folder they name may be anybody's. It is amx's when
it carries a mark: the file that `up` writes first and `down` removes last, or what versions before that file left.
Trade-off: everything written there must be named in `WRITTEN`, or `down` leaves it; what it leaves it names.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path

from cluster.local.errors import MachineError
from cluster.local.settings import PORTS_FILE, Settings

MARK = ".automatrix"
MARK_TEXT = "amx keeps the state of one cluster here; `amx down` removes it.\n"
NODE = "node"
"""The folder whose path, mounted into the nodes, is the sign of this checkout."""
WRITTEN = (
    "kubeconfig",
    "kubeconfig.lock",  # kind's, while it writes
    "git-credential",
    ".git-credential.*",  # half-written
    PORTS_FILE,
    "kind.yaml",
    f"{NODE}/addresses.json",
    "logs/kind-create.log",
    "logs/helm-*.log",
    "releases/*.json",
)
FOLDERS = (NODE, "logs", "releases")


def is_ours(settings: Settings) -> bool:
    """Whether the folder is one that amx keeps a cluster's state in."""
    folder = settings.cluster_dir
    if (folder / MARK).is_file() or ((folder / "kind.yaml").is_file() and (folder / NODE).is_dir()):
        return True
    try:  # the folder was removed and written again by an `up` of a version without the mark
        return f"kind-{settings.cluster_name}\n" in settings.kubeconfig.read_text()
    except (OSError, UnicodeDecodeError):
        return False


def others(settings: Settings) -> list[str]:
    """Return the names of the other clusters whose state stands beside this one's."""
    folders = sorted(mark.parent for mark in settings.state_dir.glob(f"*/{MARK}"))
    return [
        folder.name for folder in folders if folder.name != settings.cluster_name and (folder / "kubeconfig").exists()
    ]


def check(settings: Settings) -> None:
    """Raise MachineError when the folder holds something else already."""
    folder = settings.cluster_dir
    if is_ours(settings) or not folder.exists():
        return
    if not folder.is_dir() or any(path.name != NODE or any(path.iterdir()) for path in folder.iterdir()):
        raise MachineError(
            f"{folder} is where the cluster's state belongs, and it holds something else",
            "choose another name or another place: AMX_CLUSTER_NAME, AMX_STATE_DIR",
        )


def claim(settings: Settings) -> None:
    """Have the folder, private and marked."""
    settings.cluster_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    mark = settings.cluster_dir / MARK
    if not mark.exists():
        mark.write_text(MARK_TEXT)


def record_ports(settings: Settings) -> None:
    """Keep the ports of the cluster that is there: from now on they are the default of every command."""
    ports = {"AMX_HTTP_PORT": settings.http_port, "AMX_GIT_PORT": settings.git_port}
    (settings.cluster_dir / PORTS_FILE).write_text(json.dumps(ports) + "\n")


def remove(settings: Settings) -> list[str]:
    """Remove what amx wrote, the mark last, and the folder if nothing else is in it; return what else there is.

    Then the mark stays as well: the next `up` may come back.
    """
    folder = settings.cluster_dir
    for path in (path for pattern in WRITTEN for path in folder.glob(pattern)):
        if path.is_file() and not path.parent.is_symlink():
            path.unlink(missing_ok=True)
    for name in FOLDERS:
        remove_empty(folder / name)
    if not folder.is_dir():
        return []
    left = sorted(path.name for path in folder.iterdir() if path.name != MARK)
    if not left:
        (folder / MARK).unlink(missing_ok=True)
        remove_empty(folder)
    return left


def remove_empty(folder: Path) -> None:
    """Remove a folder in which nothing is; one that is not there, or is a link, is left as it is."""
    with contextlib.suppress(OSError):
        folder.rmdir()


def listed(names: Iterable[str], most: int = 3) -> str:
    """Join names for a message, the first few of many."""
    every = list(names)
    return ", ".join(every[:most]) + (f" and {len(every) - most} more" if len(every) > most else "")
