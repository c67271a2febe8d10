"""Whatever is wrong with one Application is told clearly, touches nothing of it, and leaves the others alone."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from operators.kit.kube import Manifest
from tests.support import charts
from tests.support.stage import Stage, conditions, phase_of

DEPLOYMENT = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}, "spec": {"replicas": "three"}}
THING = {"apiVersion": "nobody.example/v1", "kind": "Thing", "metadata": {"name": "x"}}
ENDLESS = "{{ range until 1000000 }}{{ range until 1000000 }}{{ end }}{{ end }}"
HUGE = '{{ range until 500 }}# {{ repeat 20000 "x" }}\n{{ end }}'
HOOK = charts.config("x", hook="PreSync")


@dataclass
class Bad:
    """Files and fields of the spec that make a good Application bad, and what its user is to read."""

    says: str
    condition: str = "ComparisonError"
    files: Mapping[str, str] = field(default_factory=dict)
    spec: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)


def template(text: str) -> dict[str, str]:
    return {"templates/x.yaml": text}


BAD = {
    "broken-chart": Bad(r"Chart\.yaml", files={"Chart.yaml": "name: [x"}),
    "broken-template": Bad(r"templates/x\.yaml", files=template("a: {{ .Values.a.b.c }}")),
    "broken-manifest": Bad(r"templates/x\.yaml", files=template("kind: {ConfigMap")),
    "no-identity": Bad(r"metadata\.name", files=template("apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n")),
    "broken-values": Bad(r"values\.yaml", files={"values.yaml": "a: [1"}),
    "missing-values": Bad(r"absent\.yaml", source={"helm": {"valueFiles": ["absent.yaml"]}}),
    "wrong-values": Bad("integer", files={"values.schema.json": '{"properties": {"message": {"type": "integer"}}}'}),
    "huge": Bad("MiB|too much|larger", files=template(HUGE)),
    "endless": Bad("longer than|did not end|took", files=template(ENDLESS)),
    "outside": Bad("outside", source={"helm": {"valueFiles": ["../../../../etc/passwd"]}}),
    "symlink": Bad("outside|link", files={"templates/link.yaml": "-> /etc/passwd"}),
    "no-path": Bad("does not exist", source={"path": "nowhere"}),
    "no-revision": Bad("no-such-branch", source={"targetRevision": "no-such-branch"}),
    "no-repository": Bad("Failed to connect", source={"repoURL": "http://127.0.0.1:9/gone.git"}),
    "no-access": Bad("access denied", source={"repoURL": "GIT/other.git"}),
    "server": Bad(r"spec\.destination\.server", "InvalidSpecError", spec={"destination": {"server": "https://x:6443"}}),
    "cluster": Bad(r"spec\.destination\.name", "InvalidSpecError", spec={"destination": {"name": "other"}}),
    "project": Bad(r"spec\.project.*AppProject", "InvalidSpecError", spec={"project": "shop"}),
    "sources": Bad(r"spec\.sources", "InvalidSpecError", spec={"sources": [{"repoURL": "x", "path": "x"}]}),
    "chart": Bad(r"spec\.source\.chart", "InvalidSpecError", source={"chart": "nginx"}),
    "hook": Bad("hooks are not served yet", "SyncError", files=template(HOOK)),
    "wrong-type": Bad(r"replicas", "operation", files=template(charts.manifest(DEPLOYMENT))),
    "no-kind": Bad(r"nobody\.example", "operation", files=template(charts.manifest(THING))),
}


async def test_every_bad_input_is_told_clearly_touches_nothing_and_leaves_the_others_alone(stage: Stage) -> None:
    stage.engine.start(GITOPS_RENDER_S="8", GITOPS_POLL_S="5")
    good: dict[str, str | None] = {**charts.chart("well", "well")}
    for name in BAD:
        good.update(charts.chart(name, name))
    await stage.push(good)
    await asyncio.gather(*(stage.create(name) for name in ("well", *BAD)))
    for name in ("well", *BAD):
        await stage.until_synced(name)
    before = await _objects(stage)

    for name, bad in BAD.items():
        await _spoil(stage, name, bad)
    revision = await stage.push({path: text for name, bad in BAD.items() for path, text in _files(stage, name, bad)})
    await stage.push({"well/values.yaml": '{"name": "well", "message": "second"}'})
    await stage.until_message("well", "second")
    found = {name: await _complaint(stage, name, bad) for name, bad in BAD.items()}
    assert {name: said for name, said in found.items() if not re.search(BAD[name].says, said)} == {}
    assert {name: said for name, said in found.items() if len(said) > 1000 or "Traceback" in said} == {}
    assert revision

    await stage.push({"well/values.yaml": '{"name": "well", "message": "third"}'})
    await stage.until_message("well", "third")
    assert stage.deletions() == []
    after = await _objects(stage)
    assert {name: after.get(name) for name in before if name != "well"} == {
        name: one for name, one in before.items() if name != "well"
    }
    assert after.keys() == before.keys()


async def _spoil(stage: Stage, name: str, bad: Bad) -> None:
    source = dict(bad.source)
    if str(source.get("repoURL", "")).startswith("GIT/"):
        source["repoURL"] = source["repoURL"].replace("GIT", f"http://127.0.0.1:{stage.git.port}")
    spec = {**bad.spec, **({"source": source} if source else {})}
    if "destination" in spec:
        spec["destination"] = {"server": None, "namespace": stage.destination, **spec["destination"]}
    if spec:
        await stage.api.patch(stage.ref(name), {"spec": spec})


def _files(stage: Stage, name: str, bad: Bad) -> list[tuple[str, str]]:
    files = []
    for path, text in bad.files.items():
        if text.startswith("-> "):
            (stage.checkout.path / name / path).symlink_to(text.removeprefix("-> "))
        else:
            files.append((f"{name}/{path}", text))
    return files


async def _complaint(stage: Stage, name: str, bad: Bad) -> str:
    """What the Application says is wrong; waits until it says anything of the kind that is expected."""

    def said(app: Manifest) -> str:
        if bad.condition != "operation":
            return conditions(app).get(bad.condition, "")
        state = app["status"].get("operationState") or {}
        failed = phase_of(app) == "Failed" or state.get("retryCount")
        return str(state.get("message") or "") if failed else ""

    return said(await stage.until(name, said, f"telling by {bad.condition}"))


async def _objects(stage: Stage) -> dict[str, tuple[str, str]]:
    """Uid and version of every ConfigMap."""
    listed = await stage.api.list("", "v1", "ConfigMap", namespace=stage.destination)
    return {
        one["metadata"]["name"]: (one["metadata"]["uid"], one["metadata"]["resourceVersion"]) for one in listed.items
    }
