"""A push whose pods do not come up is told why, in the pods' own words.

Nothing runs pods here: what a kubelet would write into their status, the test does.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from operators.kit.kube import Manifest, Ref
from tests.support import charts
from tests.support.engine import HANGS_S
from tests.support.stage import Stage

PULL = 'Back-off pulling image "example.invalid/app:2": ErrImagePull: no such host'
PASSWORD = "hunter2-was-wrong"


def web(replicas: int, **container: Any) -> str:
    labels = {"app": "web"}
    spec = {"containers": [{"name": "app", "image": "example.invalid/app:2", **container}]}
    return charts.manifest(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web"},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": spec},
            },
        }
    )


def waiting(reason: str, message: str = "", **more: Any) -> dict[str, Any]:
    state = {"waiting": {"reason": reason, "message": message}}
    one = {"name": "app", "image": "x", "imageID": "", "ready": False, "restartCount": 1, "state": state, **more}
    return {"containerStatuses": [one]}


async def pod_of(stage: Stage) -> Ref:
    """Wait for the pod that the controllers make."""
    async with asyncio.timeout(HANGS_S):
        while True:
            found = await stage.api.list("", "v1", "Pod", namespace=stage.destination, label_selector="app=web")
            if found.items:
                return Ref.of({"apiVersion": "v1", "kind": "Pod", **found.items[0]})
            await asyncio.sleep(0.1)


async def told(stage: Stage, revision: str, words: str) -> None:
    receipt = Ref("", "ConfigMap", stage.name, f"receipt-{revision[:12]}")
    await stage.until_object(receipt, lambda found: found and words in str(found), f"telling {words!r}")


@pytest.mark.parametrize("wave", [False, True], ids=["at the end", "between waves"])
async def test_an_image_that_is_not_there_is_told_on_the_push(running: Stage, wave: bool) -> None:
    stage = running
    first = await stage.push({"web/web.yaml": web(0)})
    await stage.create("web")
    await stage.until_synced("web", first)
    later = {"web/later.yaml": charts.config("later", wave=1)} if wave else {}
    revision = await stage.push({"web/web.yaml": web(1), **later})
    status = {"status": waiting("ImagePullBackOff", PULL)}
    await stage.api.patch(await pod_of(stage), status, subresource="status")
    await told(stage, revision, "container app: ImagePullBackOff: Back-off pulling image")


async def test_a_program_that_knows_a_secret_is_not_quoted(running: Stage) -> None:
    stage = running
    first = await stage.push({"web/web.yaml": web(0)})
    await stage.create("web")
    await stage.until_synced("web", first)
    env = [{"name": "P", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}]
    revision = await stage.push({"web/web.yaml": web(1, env=env)})
    pod = await pod_of(stage)
    ended: Manifest = {"terminated": {"exitCode": 1, "reason": "Error", "message": PASSWORD}}
    status = {"status": waiting("CrashLoopBackOff", lastState=ended)}
    await stage.api.patch(pod, status, subresource="status")
    await told(stage, revision, f"exit code 1; kubectl -n {stage.destination} logs {pod.name} -c app --previous")
    for kind in (("argoproj.io", "v1alpha1", "Application"), ("", "v1", "ConfigMap"), ("", "v1", "Event")):
        assert PASSWORD not in str(await stage.api.list(*kind, namespace=stage.name))
    assert PASSWORD not in stage.engine.log
