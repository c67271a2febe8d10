"""Web hooks of gates: asked beside the loop, one question at a time, bounded and signed.

In: a gate that waits. Out: what is known by now. A hook that is slow delays no look, and so neither harm nor an abort.
2xx is a pass, 4xx a refusal, anything else (also 408, 425 and 429) is asked again. The same question carries the same
`Idempotency-Key`, after a restart as well.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

from operators.kit.errors import PlatformError
from operators.kit.kube import KubeApi
from operators.kit.logging import get_logger

from .metrics import Outage
from .metrics.bounded import Ask, Http
from .models import Canary, Gate
from .seen import GateAnswer
from .signing import HEADER, key_of, signature

TIMEOUT_S = 10.0
MAX_BYTES = 64 * 1024
LATER = frozenset({408, 425, 429})
log = get_logger("canary-operator")


@dataclass
class _Question:
    identity: str
    task: asyncio.Task[GateAnswer]
    said: GateAnswer
    """At the time before."""


class Asking:
    """All questions that are under way, one for each gate of each Canary."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._asked: dict[tuple[str, str], _Question] = {}

    async def ask(self, api: KubeApi, canary: Canary, gate: Gate) -> GateAnswer:
        """Return what the hook has said, or that it has not yet; begins to ask where nothing is under way."""
        key, identity = (canary.uid, gate.name), question(canary, gate)
        asked = self._asked.pop(key, None)
        said = GateAnswer("waiting", f"gate {gate.name} is asked")
        if asked is not None and asked.identity != identity:
            asked.task.cancel()
        elif asked is not None and not asked.task.done():
            self._asked[key] = asked
            return asked.said
        elif asked is not None:
            said = asked.task.result()
            if said.verdict != "waiting":
                return said
        task = asyncio.create_task(self._ask(api, canary, gate), name=f"gate {identity}")
        self._asked[key] = _Question(identity, task, said)
        return said

    async def close(self) -> None:
        """Stop asking."""
        tasks = [asked.task for asked in self._asked.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, api: KubeApi, canary: Canary, gate: Gate) -> GateAnswer:
        try:
            return await self._post(api, canary, gate)
        except (Outage, PlatformError) as error:
            return GateAnswer("waiting", f"gate {gate.name}: {error}")
        except Exception as error:
            log.exception("gate failed", object=f"Canary {canary.namespace}/{canary.name}", gate=gate.name)
            return GateAnswer("waiting", f"gate {gate.name}: {type(error).__name__}: {error}")

    async def _post(self, api: KubeApi, canary: Canary, gate: Gate) -> GateAnswer:
        assert gate.webhook is not None  # noqa: S101 - the caller has looked
        body = json.dumps(told(canary, gate), sort_keys=True).encode()
        key = await key_of(api, canary.namespace, gate.webhook.secret)
        headers = {"Content-Type": "application/json", "Idempotency-Key": question(canary, gate)}
        if key:
            headers[HEADER] = signature(key, body)
        answer = await self._http.ask(Ask(gate.webhook.url, {}, headers, body, TIMEOUT_S, MAX_BYTES))
        said = answer.body.decode(errors="replace").strip()[:300]
        if 200 <= answer.status < 300:
            return GateAnswer("passed", said)
        if 400 <= answer.status < 500 and answer.status not in LATER:
            return GateAnswer("refused", said or f"answered {answer.status}")
        return GateAnswer("waiting", f"gate {gate.name}: answered {answer.status}")


def question(canary: Canary, gate: Gate) -> str:
    """Return what tells this question from every other: one for each gate of each release."""
    return f"{canary.uid}-{canary.status.attempt}-{gate.name}"


def told(canary: Canary, gate: Gate) -> dict[str, object]:
    """Return what a hook is told."""
    status = canary.status
    return {
        "namespace": canary.namespace,
        "name": canary.name,
        "gate": gate.name,
        "at": gate.at,
        "step": gate.step,
        "attempt": status.attempt,
        "revision": status.candidate.hash if status.candidate else "",
        "image": status.candidate.image if status.candidate else "",
        "stableImage": status.stable.image if status.stable else "",
    }
