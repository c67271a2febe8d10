"""Run the engine: `python3 -m operators.gitops`.

One active process by a Lease; losing it ends the process. It refuses to start beside Argo CD's own application
controller, because two engines would undo each other's work.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any

import kopf
from aiohttp import web

from operators.kit.errors import ApiError, Blocked
from operators.kit.kube import KubeApi, Manifest, Ref
from operators.kit.kubernetes_api import KubernetesApi
from operators.kit.lease import Lease, LeaseSettings
from operators.kit.logging import configure, get_logger

from . import commit_status, handlers
from .engine import Engine, Services
from .http import HttpDeps, build_app
from .kill import KillSwitch
from .origin import GitOrigin
from .receipts import Receipts
from .render import Renderer
from .render.helm_command import HelmLimits
from .settings import Settings
from .sources import GitSource
from .strangers import Strangers
from .webhook import WebhookSecrets
from .witness import Witness

_ARGO_CONTROLLER = "argocd-application-controller"
_SECRET_TTL_S = 10.0
log = get_logger("gitops")


async def refuse_beside_argo(api: KubeApi) -> None:
    """Raise Blocked where Argo CD's application controller exists, in whatever namespace."""
    for kind in ("StatefulSet", "Deployment"):
        for found in (await api.list("apps", "v1", kind)).items:
            metadata = found["metadata"]
            labels = metadata.get("labels") or {}
            is_controller = metadata["name"] == _ARGO_CONTROLLER or (
                labels.get("app.kubernetes.io/name") == _ARGO_CONTROLLER
            )
            if is_controller and (found.get("spec") or {}).get("replicas") != 0:
                raise Blocked(
                    "ArgoCD",
                    f"{kind} {metadata['namespace']}/{metadata['name']} is Argo CD's own engine and the two must never "
                    "run together: scale it to zero, or remove this engine",
                )


class _Secrets:
    """The webhook secrets, read again now and then so that a changed one counts."""

    def __init__(self, api: KubeApi, namespace: str) -> None:
        self._api = api
        self._ref = Ref("", "Secret", namespace, "argocd-secret")
        self._known = WebhookSecrets()

    def __call__(self) -> WebhookSecrets:
        return self._known

    async def run(self) -> None:
        while True:
            with suppress(ApiError):
                self._known = _webhook_secrets(await self._api.get(self._ref))
            await asyncio.sleep(_SECRET_TTL_S)


def _webhook_secrets(secret: Manifest | None) -> WebhookSecrets:
    data = (secret or {}).get("data") or {}
    values = {
        name: base64.b64decode(str(data.get(f"webhook.{name}.secret") or "")).decode(errors="replace").strip()
        for name in ("github", "gitlab")
    }
    return WebhookSecrets(**values)


async def run(settings: Settings) -> None:
    """Run until stopped by SIGTERM or SIGINT."""
    statuses = commit_status.settings_of(settings)
    stop = asyncio.Event()
    _stop_by_signal(stop)
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(await KubernetesApi.connect())
        await refuse_beside_argo(api)
        receipts = Receipts(api, namespace=settings.namespace)
        git = GitSource(settings.cache_dir / "git", allow_file=settings.allow_file_repositories)
        stack.push_async_callback(git.close)
        renderer = Renderer(git, settings.cache_dir / "render", limits=HelmLimits(timeout_s=settings.render_s))
        origin = GitOrigin(api, git, renderer, settings.namespace)
        stack.push_async_callback(origin.close)
        engine = Engine(Services(api, origin, receipts, kill=KillSwitch(settings.kill_at)), settings)
        secrets = _Secrets(api, settings.namespace)
        witness = Witness(api, settings.namespace)
        ready = asyncio.Event()
        await _serve_http(
            stack,
            settings,
            HttpDeps(
                receipts=receipts,
                secrets=secrets,
                pushed=engine.repositories.pushed,
                tracked=engine.repositories.follows,
                freshness={"watches": engine.silent_s, "applications": witness.silent_s},
                ready=ready.is_set,
            ),
        )
        lease = Lease(api, LeaseSettings(settings.namespace, "gitops-engine"))
        await stack.enter_async_context(lease.held(lambda: os._exit(1)))
        await receipts.load()
        stack.push_async_callback(engine.close)
        engine.queue.start()
        kopf_ready = asyncio.Event()
        tasks = [
            asyncio.create_task(_watch_applications(engine, witness, settings, kopf_ready), name="kopf"),
            asyncio.create_task(witness.run(), name="witness"),
            asyncio.create_task(Strangers(api, settings.namespace).run(), name="strangers"),
            asyncio.create_task(receipts.run(), name="receipts"),
            asyncio.create_task(secrets.run(), name="secrets"),
            asyncio.create_task(engine.poll(), name="poll"),
            asyncio.create_task(stop.wait(), name="stop"),
        ]
        if statuses is not None:
            reporter = commit_status.build(api, receipts, engine.roster, origin.repository, statuses)
            tasks.append(asyncio.create_task(reporter.run(), name="commit statuses"))
        stack.push_async_callback(_cancel, tasks)
        watching = asyncio.create_task(kopf_ready.wait(), name="ready")
        done, _ = await asyncio.wait([*tasks, watching], return_when=asyncio.FIRST_COMPLETED)
        if watching in done:
            _stop_by_signal(stop)  # kopf has put its own handlers in place of ours; it takes 6 s to end
            ready.set()
            log.info("serving", namespace=settings.namespace, port=settings.port)
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()  # a part that has died takes the process down; the kubelet starts it anew


def _stop_by_signal(stop: asyncio.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


async def _serve_http(stack: AsyncExitStack, settings: Settings, deps: HttpDeps) -> None:
    runner = web.AppRunner(build_app(deps), access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, port=settings.port).start()


async def _watch_applications(engine: Engine, witness: Witness, settings: Settings, ready: asyncio.Event) -> None:
    registry = kopf.OperatorRegistry()
    handlers.register(registry, engine, witness)
    await kopf.operator(
        registry=registry,
        settings=handlers.settings(),
        namespaces=[settings.namespace],
        standalone=True,
        ready_flag=ready,
        stop_flag=asyncio.Event(),
    )


async def _cancel(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def main() -> int:
    """Run and return the exit code."""
    try:
        settings = Settings.from_environment()
        configure(settings.log_level)
        logging.getLogger("kopf").setLevel(logging.WARNING)  # it tells of every event
        asyncio.run(run(settings))
    except (Blocked, ValueError) as error:
        sys.stderr.write(f"gitops-engine: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
