"""`amx receipt`: what a push did, told again."""

from __future__ import annotations

from typing import Annotated

import typer

from amx.output import NOT_HEALTHY, Format, OutputOption, show

ENGINE_NAMESPACE = "argocd"


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(receipt)


def receipt(
    revision: Annotated[str, typer.Argument(help="the beginning of a commit; without it, the newest push")] = "",
    output: OutputOption = Format.TEXT,
) -> None:
    """Show what a push did: every application it touched, how far it came; exit code 3 unless all is well."""
    from amx import kubeconfig
    from amx import receipt as receipts
    from cluster.local import hosttools
    from cluster.local.kubectl import Kubectl
    from cluster.local.progress import Progress
    from cluster.local.settings import Settings

    settings = Settings.from_environment()
    kubeconfig.existing(settings)
    kubectl = Kubectl.of(settings, hosttools.ensure(settings, ["kubectl"], Progress())["kubectl"])
    stored = kubectl.items("configmaps", f"--namespace={ENGINE_NAMESPACE}", f"--selector={receipts.SELECTOR}")
    found = receipts.load(list(stored), revision)
    show(receipts.to_json(found), "\n".join(receipts.lines(found)), output)
    if not receipts.is_ok(found):
        raise typer.Exit(NOT_HEALTHY)
