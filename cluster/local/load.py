"""Put own images into the nodes' containerd, where they are missing; third-party images are in the node image."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from cluster.local.commands import output
from cluster.local.engine import Engine
from cluster.local.errors import CommandFailed
from cluster.local.progress import Progress

LOAD_S = 300
CTR = ("ctr", "--namespace=k8s.io", "images")


def ensure(engine: Engine, nodes: Sequence[str], references: Sequence[str], progress: Progress) -> None:
    """Load the images into the nodes that lack them, all nodes at once; raises CommandFailed."""
    lacking = {node: tags for node in nodes if (tags := missing(engine, node, references))}
    if not lacking:
        return
    with progress.step("load own images into the nodes", total=len(lacking)) as step:

        def one(node: str) -> None:
            load(engine, node, lacking[node])
            step.advance()

        with ThreadPoolExecutor(max_workers=2) as pool:
            list(pool.map(one, lacking))


def missing(engine: Engine, node: str, references: Sequence[str]) -> list[str]:
    """Return those of the references that a node does not have."""
    present = output(engine.command("exec", node, *CTR, "list", "--quiet")).split()
    return [reference for reference in references if f"docker.io/{reference}" not in present]


def load(engine: Engine, node: str, references: Sequence[str]) -> None:
    """Stream images from the engine into one node; layers they share go over once."""
    env = {**os.environ, **engine.env}
    importing = ["docker", "exec", "--interactive", node, *CTR, "import", "--digests", "--snapshotter=overlayfs", "-"]
    with subprocess.Popen(["docker", "save", *references], env=env, stdout=subprocess.PIPE) as saving:
        done = subprocess.run(
            importing, env=env, stdin=saving.stdout, capture_output=True, text=True, timeout=LOAD_S, check=False
        )
    if saving.returncode or done.returncode:
        raise CommandFailed(
            f"load {', '.join(references)} into {node}", done.returncode or saving.returncode, done.stderr
        )
