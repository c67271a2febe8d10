"""The engine is killed at every action while a service answers requests; it goes on, and no request fails.

The engine is a process beside the cluster here, with a namespace, a repository and a proxy of its own; the objects, the
pods and the traffic are the cluster's.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from amx.demo.traffic import Target, Traffic
from cluster.local.kubectl import Kubectl
from cluster.local.settings import ROOT
from operators.gitops.actions import ACTION_TYPES
from operators.kit.kube import Manifest, Ref
from operators.kit.kubernetes_api import KubernetesApi
from operators.kit.testing.proxy import FaultProxy
from tests.support import charts
from tests.support import stage as stages
from tests.support.killing import killed_once
from tests.support.stage import Stage, phase_of, sync_of

from .conftest import Cluster

FINALIZER = "resources-finalizer.argocd.argoproj.io"
POLICY = {"automated": {"prune": True, "selfHeal": True}, "syncOptions": ["CreateNamespace=true"]}


@pytest.fixture
async def stage(cluster: Cluster, api: KubernetesApi, tmp_path: Path) -> AsyncIterator[Stage]:
    """Yield a stage on the cluster; the engine has not been started."""
    kubeconfig = cluster.settings.kubeconfig
    name = f"gitops-{uuid.uuid4().hex[:6]}"
    async with FaultProxy(kubeconfig, tmp_path) as proxy, stages.stage(name, api, proxy, tmp_path) as ready:
        yield ready


def service(kubectl: Kubectl, hostname: str) -> dict[str, str]:
    """The golden path with the tenant's image, as the folder `web`."""
    source = ROOT / "charts" / "service"
    files = {f"web/{path.relative_to(source)}": path.read_text() for path in source.rglob("*") if path.is_file()}
    deployments = kubectl.items("deployments", "--namespace=hub-dev")
    images = [str(one["spec"]["template"]["spec"]["containers"][0]["image"]) for one in deployments]
    repository, _, tag = next(image for image in images if "hub" in image).rpartition(":")
    files["web/own.yaml"] = json.dumps(
        {
            "image": {"repository": repository, "tag": tag},
            "command": ["python3", "-m", "hub.api"],
            "port": 8000,
            "hostname": hostname,
            "health": {"path": "/readyz", "livenessPath": "/healthz"},
            "drainSeconds": 3,
            "replicas": 2,
        }
    )
    files["web/message.yaml"] = message("first")
    return files


def message(text: str) -> str:
    return json.dumps({"env": {"HUB_MESSAGE": text}})


async def test_killed_at_every_action_it_goes_on_and_no_request_fails(
    stage: Stage, cluster: Cluster, kubectl: Kubectl
) -> None:
    await stage.push(
        {
            **service(kubectl, f"{stage.name}.localhost"),
            "side/stays.yaml": charts.config("stays"),
            "side/n-0.yaml": charts.config("n-0"),
        }
    )
    values = {"helm": {"releaseName": "web", "valueFiles": ["own.yaml", "message.yaml"]}}
    source = {"repoURL": stage.repo_url, "targetRevision": "main", "path": "web", **values}
    await stage.create("web", source=source)
    await stage.create("side")
    stage.engine.start()
    for name in ("web", "side"):
        await stage.until_synced(name)
    await asyncio.to_thread(stage.engine.stop)
    before = await _uid(stage, Ref("apps", "Deployment", stage.destination, "web"))

    target = Target(f"http://127.0.0.1:{cluster.settings.http_port}/", f"{stage.name}.localhost")
    with Traffic(target) as first:  # the router learns of pods a moment after they are ready: not counted
        assert await asyncio.to_thread(first.wait_until_answered, 60)
    with Traffic(target) as traffic:
        for number, action in enumerate(ACTION_TYPES, start=1):
            moment = ("before", "after")[number % 2]
            async with killed_once(stage, f"{action.__name__}:{moment}"):
                await _story(stage, number)
            await asyncio.to_thread(stage.engine.stop)
        last = f"message {len(ACTION_TYPES)}"
        assert await asyncio.to_thread(traffic.wait_until_settled, last, 90), traffic.current()
    tally = traffic.tally()
    assert tally.failed == 0, tally.reasons
    assert tally.sent > 100
    assert await _uid(stage, Ref("apps", "Deployment", stage.destination, "web")) == before
    assert not [path for path in stage.deletions() if not path.rpartition("/")[2].startswith(("n-", "extra"))]


async def _story(stage: Stage, number: int) -> None:
    """A release, objects made, pruned, taken over and replaced, and a whole Application that comes and goes."""
    extra = f"extra-{number}"
    adopted: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": f"n-{number}", "namespace": stage.destination},
        "data": {"message": "by hand"},
    }
    await stage.api.create(adopted, field_manager="kubectl-client-side-apply")
    revision = await stage.push(
        {
            "web/message.yaml": message(f"message {number}"),
            "side/stays.yaml": charts.config("stays", str(number), sync_options="Replace=true"),
            f"side/n-{number - 1}.yaml": None,
            f"side/n-{number}.yaml": charts.config(f"n-{number}"),
            f"{extra}/config.yaml": charts.config(extra),
        }
    )
    await stage.create(
        extra,
        finalizers=(FINALIZER,),
        destination={"name": "in-cluster", "namespace": f"{stage.name}-{extra}"},
        syncPolicy=POLICY,
    )
    await stage.until_synced(extra, revision)
    for name in ("web", "side"):
        await stage.until(name, lambda app: _is_applied(app, revision), f"applied at {revision}")
    await stage.refreshed("side")
    await stage.api.delete(stage.ref(extra))
    await stage.until_object(stage.ref(extra), lambda found: found is None, "gone")
    await stage.api.delete(Ref("", "Namespace", "", f"{stage.name}-{extra}"))
    assert await stage.api.get(stage.config(f"n-{number - 1}")) is None
    await stage.until_message("stays", str(number))


def _is_applied(app: Manifest, revision: str) -> bool:
    """Whether a commit has been applied; its pods may still be rolling."""
    at = (app["status"].get("sync") or {}).get("revision")
    return at == revision and sync_of(app) == "Synced" and phase_of(app) == "Succeeded"


async def _uid(stage: Stage, ref: Ref) -> str:
    found = await stage.api.get(ref)
    assert found is not None
    return str(found["metadata"]["uid"])


def pod(name: str, image: str, wave: int) -> str:
    """A pod that runs, in a wave; it takes a second to go."""
    marks = {"argocd.argoproj.io/sync-wave": str(wave)}
    script = "import signal,sys,time; signal.signal(15, lambda *_: (time.sleep(1), sys.exit())); time.sleep(9999)"
    container = {"name": "main", "image": image, "command": ["python3", "-c", script]}
    return charts.manifest(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "annotations": marks},
            "spec": {"containers": [container], "terminationGracePeriodSeconds": 10},
        }
    )


async def test_pods_come_up_wave_by_wave_and_are_pruned_backwards(stage: Stage, platform_image: str) -> None:
    names = ("first", "second", "third")
    stage.engine.start()
    await stage.push(
        {
            "waves/stays.yaml": charts.config("stays"),
            **{f"waves/{name}.yaml": pod(name, platform_image, wave) for wave, name in enumerate(names)},
        }
    )
    await stage.create("waves")
    await stage.until_synced("waves")
    started = [await _pod(stage, name) for name in names]
    ready = [_since(found, "Ready") for found in started]
    made = [found["metadata"]["creationTimestamp"] for found in started]
    assert made[1] >= ready[0]
    assert made[2] >= ready[1]

    gone: list[str] = []
    watching = asyncio.create_task(_gone(stage, names, gone))
    revision = await stage.push({f"waves/{name}.yaml": None for name in names})
    await stage.until_synced("waves", revision)
    await asyncio.wait_for(watching, 60)
    assert gone == ["third", "second", "first"]
    assert await stage.api.get(stage.config("stays")) is not None


async def _pod(stage: Stage, name: str) -> Manifest:
    found = await stage.api.get(Ref("", "Pod", stage.destination, name))
    assert found is not None
    return found


def _since(found: Manifest, kind: str) -> str:
    return next(str(one["lastTransitionTime"]) for one in found["status"]["conditions"] if one["type"] == kind)


async def _gone(stage: Stage, names: tuple[str, ...], gone: list[str]) -> None:
    listed = await stage.api.list("", "v1", "Pod", namespace=stage.destination)
    async for event in stage.api.watch(
        "", "v1", "Pod", namespace=stage.destination, resource_version=listed.resource_version
    ):
        if event.type == "DELETED":
            gone.append(event.object["metadata"]["name"])
        if len(gone) == len(names):
            return
