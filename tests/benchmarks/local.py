"""The local cluster: how long it takes to come up, and what is measured on it.

In: a folder for its state. Out: sections. It is a cluster of the bench's own, removed in the end.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from cluster.local import hosttools, preflight
from cluster.local.kubectl import Kubectl
from cluster.local.progress import Progress
from cluster.local.settings import ROOT, Settings
from operators.kit.kubernetes_api import KubernetesApi
from tests.benchmarks.figures import Figure, Section
from tests.benchmarks.rollbacks import rollbacks

UP_TARGET_S = 90.0
COMMAND = (sys.executable, "-m", "amx")
HOW = "`amx up` from images that are built to a cluster that serves, the sample tenant included."


@contextmanager
def cluster(folder: Path) -> Iterator[tuple[Settings, Section]]:
    """Bring a cluster up, say how long that took, and remove it."""
    http = preflight.free_port()
    git, state = preflight.free_port({http}), folder / "state"
    found = Settings.from_environment()
    settings = replace(found, cluster_name="bench", state_dir=state, http_port=http, git_port=git)
    environment = {
        **os.environ,
        "AMX_CLUSTER_NAME": settings.cluster_name,
        "AMX_STATE_DIR": str(state),
        "AMX_HTTP_PORT": str(settings.http_port),
        "AMX_GIT_PORT": str(settings.git_port),
    }

    def amx(word: str) -> int:
        return subprocess.run(
            [*COMMAND, word], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, check=False
        ).returncode

    subprocess.run((sys.executable, "-m", "tools.build"), cwd=ROOT, stdin=subprocess.DEVNULL, check=True)
    try:
        started = time.monotonic()
        code = amx("up")
        seconds = time.monotonic() - started
        reason = f"amx up ended with exit code {code}" if code else ""
        figure = Figure("amx up", None if code else seconds, "s", UP_TARGET_S, reason)
        yield settings, Section("The local cluster", HOW, (figure,))
    finally:
        amx("down")


async def releases(settings: Settings) -> Section:
    """Measure releases on the cluster."""
    tools = hosttools.ensure(settings, ("kubectl",), Progress())
    items = Kubectl.of(settings, tools["kubectl"]).items("deployments", "--namespace=hub-dev")
    images = [str(one["spec"]["template"]["spec"]["containers"][0]["image"]) for one in items]
    image = next(image for image in images if "/hub:" in image)
    async with await KubernetesApi.connect(settings.kubeconfig) as api:
        return await rollbacks(api, image, settings.http_port)
