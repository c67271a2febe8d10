"""`amx demo`: the story, live against the running cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from amx.output import FAILED, Format, OutputOption, show

if TYPE_CHECKING:
    from amx.demo.story import Result
    from cluster.local.settings import Settings


_SERVING_S = 120.0


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(demo)


def demo(output: OutputOption = Format.TEXT) -> None:
    """Tell the platform's story on the running cluster: push, change, drift, a broken push, rollback, releases."""
    from rich.console import Console

    from amx import kubeconfig
    from amx.demo.narrator import Silence, Voice
    from amx.demo.story import tell
    from cluster.local import hosttools, serving
    from cluster.local.kubectl import Kubectl
    from cluster.local.progress import Progress
    from cluster.local.settings import Settings

    settings = Settings.from_environment()
    kubeconfig.existing(settings)
    kubectl = Kubectl.of(settings, hosttools.ensure(settings, ["kubectl"], Progress())["kubectl"])
    # A node that has just come back still starts the engine: the story is about pushes, not about that.
    serving.until_serving(settings, kubectl, Progress(), _SERVING_S)
    result = tell(settings, Voice(Console()) if output is Format.TEXT else Silence())
    show(result, _summary(result, settings), output, ok=result.ok)
    if not result.ok:
        raise typer.Exit(FAILED)


def _summary(result: Result, settings: Settings) -> str:
    from cluster.local.invocation import amx

    requests = result.requests
    reasons = ", ".join(f"{count} times {reason}" for reason, count in requests.reasons.most_common(3))
    count = f"{requests.sent} requests were sent meanwhile, {requests.failed} failed"
    lines = ["", *(f"{'✓' if step.ok else '✗'} {step.name:<11} {step.says}" for step in result.steps)]
    reasons += "".join(f", {step.failed_requests} during {step.name}" for step in result.steps if step.failed_requests)
    count += f", and {result.meant} met the bad release" if result.meant else ""
    lines += [f"{'✗' if requests.failed else '✓'} {'requests':<11} {count}{f' ({reasons})' if reasons else ''}", ""]
    if not result.ok:
        return "\n".join([*lines, "The story did not go as told. What is wrong with the cluster: amx doctor"])
    return "\n".join(
        [
            *lines,
            "The cluster stays up. To go on:",
            f"  see it            curl -H 'Host: hub-dev.localhost' http://127.0.0.1:{settings.http_port}/",
            f"  change it         {amx(settings, 'clone')} /tmp/platform  # then edit there, and git push",
            f"  the last push     {amx(settings, 'receipt')}",
            f'  kubectl           eval "$({amx(settings, "env")})"; kubectl -n argocd get applications',
            f"  remove it         {amx(settings, 'down')}",
        ]
    )
