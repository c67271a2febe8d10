"""The ordinary day of an Application, with the engine as a process, a real API server and a real Git server."""

from __future__ import annotations

import asyncio
import json

from operators.kit.kube import Ref
from tests.support import charts
from tests.support.engine import HANGS_S
from tests.support.stage import Stage, is_synced, sync_of


async def test_a_push_is_deployed_changed_and_an_edited_object_is_healed(running: Stage) -> None:
    stage = running
    first = await stage.push(charts.chart("web", "web"))
    await stage.create("web")
    app = await stage.until_synced("web", first)
    kinds = {(entry["kind"], entry["status"]) for entry in app["status"]["resources"]}
    assert kinds == {("ConfigMap", "Synced"), ("Service", "Synced"), ("Deployment", "Synced")}

    second = await stage.push({"web/values.yaml": json.dumps({"name": "web", "message": "second"})})
    await stage.until_object(
        stage.config("web"), lambda found: found and found["data"]["message"] == "second", "changed"
    )
    await stage.until_synced("web", second)

    await stage.api.patch(stage.config("web"), {"data": {"message": "edited by hand"}})
    await stage.until_object(
        stage.config("web"), lambda found: found and found["data"]["message"] == "second", "healed"
    )
    await stage.api.delete(Ref("", "Service", stage.destination, "web"))
    await stage.until_object(Ref("", "Service", stage.destination, "web"), lambda found: found is not None, "made anew")
    app = await stage.until_synced("web", second)
    assert [entry["revision"] for entry in app["status"]["history"]] == [first, second]
    assert stage.deletions() == []


async def test_the_command_serves_and_hands_its_lease_back_when_it_is_stopped(stage: Stage) -> None:
    revision = await stage.push({"web/a.yaml": charts.config("a")})
    await stage.create("web")
    stage.engine.command = True
    for _ in range(2):
        stage.engine.start()
        await stage.engine.serves()
        await stage.until_synced("web", revision)
        await asyncio.to_thread(stage.engine.stop)
        lease = await stage.api.get(Ref("coordination.k8s.io", "Lease", stage.name, "gitops-engine"))
        assert lease is not None
        assert not lease["spec"].get("holderIdentity")


async def test_an_application_of_applications_brings_up_and_prunes_its_children(running: Stage) -> None:
    stage = running
    children = {
        f"apps/{name}.yaml": charts.manifest(stage.application(name, f"charts/{name}")) for name in ("one", "two")
    }
    files = {**charts.chart("charts/one", "one"), **charts.chart("charts/two", "two")}
    revision = await stage.push({**children, **files})
    await stage.create(
        "root", "apps", destination={"server": "https://kubernetes.default.svc", "namespace": stage.name}
    )
    for name in ("root", "one", "two"):
        await stage.until_synced(name, revision)
    assert await stage.api.get(stage.config("two")) is not None

    await stage.push({"apps/two.yaml": None})
    await stage.until_object(stage.ref("two"), lambda found: found is None, "pruned with its file")
    await stage.until("root", is_synced, "Synced without the second child")
    assert await stage.api.get(stage.config("two")) is not None, "an Application without finalizer leaves its objects"
    assert len(stage.deletions()) == 1


async def test_the_mirror_of_a_repository_goes_with_its_last_application_and_comes_again(running: Stage) -> None:
    stage = running
    await stage.push({"web/a.yaml": charts.config("a")})
    for _ in range(2):
        await stage.create("web")
        await stage.until("web", lambda app: sync_of(app) == "Synced", "Synced")
        await stage.api.delete(stage.ref("web"))
        async with asyncio.timeout(HANGS_S):
            while list((stage.engine.folder / "cache" / "git").glob("*.git")):
                await asyncio.sleep(0.1)
