"""The values of Secrets never reach a log, a status, an event or a receipt, whatever fails around them."""

from __future__ import annotations

import base64
import json
from typing import Any

from operators.kit.kube import Ref
from tests.support import charts
from tests.support.stage import Stage, phase_of

CANARY = "canary-4f1d9c"
ENCODED = base64.b64encode(f"{CANARY}-data".encode()).decode()


def secret(name: str, **fields: Any) -> str:
    return charts.manifest({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, **fields})


def config(name: str, data: Any) -> str:
    return charts.manifest({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})


WELL = secret("well", stringData={"a": f"{CANARY}-text"}, data={"b": ENCODED})
FAILING = {
    "not-base64": {"s.yaml": secret("not-base64", data={"b": f"%{CANARY}%"})},
    "nested": {"s.yaml": secret("nested", stringData={"a": {"b": CANARY}})},
    "listed": {"s.yaml": secret("listed", data=[CANARY])},
    "typed": {"s.yaml": secret("typed", type="kubernetes.io/tls", stringData={"tls.crt": CANARY})},
    "unknown-field": {"s.yaml": secret("unknown-field", stringDatum={CANARY: CANARY})},
    "beside": {"s.yaml": secret("beside", stringData={"a": CANARY}), "c.yaml": config("beside", {"x": [CANARY]})},
    "encoded": {"s.yaml": secret("encoded", data={"a": ENCODED}), "c.yaml": config("encoded", {"x": {"y": ENCODED}})},
    "broken": {"s.yaml": WELL.replace("}", "", 1)},
    "immutable": {"s.yaml": secret("immutable", immutable=True, stringData={"a": f"{CANARY}-second"})},
}


async def test_a_secrets_values_are_nowhere_to_be_read(running: Stage) -> None:
    stage = running
    first = {"immutable/s.yaml": secret("immutable", immutable=True, stringData={"a": f"{CANARY}-first"})}
    chart = {"chart/Chart.yaml": charts.CHART, "chart/templates/s.yaml": "{{ .Values.all }}", "chart/values.yaml": ""}
    chart["chart/values.yaml"] = json.dumps({"all": secret("chart", stringData={"a": CANARY})})
    await stage.push({"well/s.yaml": WELL, **first, **chart})
    for name in ("well", "immutable", "chart"):
        await stage.create(name)
        await stage.until_synced(name)
    well = Ref("", "Secret", stage.destination, "well")
    await stage.api.patch(well, {"data": {"b": base64.b64encode(b"drift").decode()}})
    await stage.until_object(well, lambda found: found and found["data"]["b"] == ENCODED, "healed")

    broken = {"chart/templates/s.yaml": "{{ .Values.all }}\n  {{ .Values.all | indent 3 }}: {"}
    failing = {f"{name}/{path}": text for name, files in FAILING.items() for path, text in files.items()}
    revision = await stage.push({**failing, **broken})
    for name in FAILING.keys() - {"immutable"}:
        await stage.create(name)
    for name in (*FAILING, "chart"):
        await stage.until(name, _has_failed, "failing")
    receipt = Ref("", "ConfigMap", stage.name, f"receipt-{revision[:12]}")
    await stage.until_object(receipt, lambda found: found and "failed" in str(found), "kept with the failure")

    read = {
        "log": stage.engine.log,
        "applications": str(await stage.api.list("argoproj.io", "v1alpha1", "Application", namespace=stage.name)),
        "events": str(await stage.api.list("", "v1", "Event", namespace=stage.name)),
        "receipts": str(await stage.api.list("", "v1", "ConfigMap", namespace=stage.name)),
    }
    assert revision[:12] in read["receipts"]
    for words in (CANARY, ENCODED, CANARY[:-2]):
        assert [where for where, text in read.items() if words in text] == []


def _has_failed(app: dict[str, Any]) -> bool:
    status = app.get("status") or {}
    return (
        bool(status.get("conditions"))
        or phase_of(app) == "Failed"
        or bool((status.get("operationState") or {}).get("retryCount"))
    )
