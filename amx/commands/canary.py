"""`amx canary status | promote | promote-full | abort | retry`: releases that move step by step."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from amx.output import NOT_HEALTHY, Format, OutputOption, show

if TYPE_CHECKING:
    from cluster.local.kubectl import Kubectl
    from operators.canary.models import Verb

HEARD_S = 30.0
"""An operator that lives acts within a second."""
NameArgument = Annotated[str, typer.Argument(help="the Canary's name: that of its service")]
NamespaceOption = Annotated[
    str, typer.Option("--namespace", "-n", help="where it is; not needed while the name is one")
]


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    group = typer.Typer(help="Look at releases that move step by step, and decide about them.", no_args_is_help=True)
    group.command()(status)
    group.command()(promote)
    group.command("promote-full")(promote_full)
    group.command()(abort)
    group.command()(retry)
    app.add_typer(group, name="canary")


def status(
    name: Annotated[str, typer.Argument(help="the Canary's name; without it, all")] = "",
    namespace: NamespaceOption = "",
    output: OutputOption = Format.TEXT,
) -> None:
    """Show what releases do, what each metric says and what is still needed; exit code 3 unless all is well."""
    from amx import canary
    from cluster.local import leases

    kubectl = _kubectl()
    found = canary.find(kubectl.items(canary.RESOURCE, "--all-namespaces"), name, namespace)
    silent = canary.silence(leases.age_s(kubectl, leases.CANARY, datetime.now(UTC)))
    data = canary.to_json(found, silent)
    show(data, "\n".join(canary.lines(found, silent)), output)
    if not data["ok"]:
        raise typer.Exit(NOT_HEALTHY)


def promote(name: NameArgument, namespace: NamespaceOption = "", output: OutputOption = Format.TEXT) -> None:
    """Go on: past the gate or the look that the release waits for."""
    _act("Promote", name, namespace, output)


def promote_full(name: NameArgument, namespace: NamespaceOption = "", output: OutputOption = Format.TEXT) -> None:
    """Give the candidate all requests, past all gates and looks."""
    _act("PromoteFull", name, namespace, output)


def abort(name: NameArgument, namespace: NamespaceOption = "", output: OutputOption = Format.TEXT) -> None:
    """Go back to what served before, at once."""
    _act("Abort", name, namespace, output)


def retry(name: NameArgument, namespace: NamespaceOption = "", output: OutputOption = Format.TEXT) -> None:
    """Try a revision again that has failed; in mode observe, release what serves beside itself (A/A)."""
    _act("Retry", name, namespace, output)


def _act(verb: Verb, name: str, namespace: str, output: Format) -> None:
    from amx import canary
    from cluster.local.errors import MachineError

    kubectl = _kubectl()
    release = canary.one_of(canary.find(kubectl.items(canary.RESOURCE, "--all-namespaces"), name, namespace))
    canary.check(release, verb)
    patch = canary.action(verb)
    place = (canary.RESOURCE, release.name, f"--namespace={release.namespace}")
    kubectl.run("patch", *place, "--type=merge", f"--patch={json.dumps(patch)}", "--field-manager=amx")
    end = time.monotonic() + HEARD_S
    while release.last_action != patch["spec"]["action"]["id"]:
        if time.monotonic() > end:
            raise MachineError(
                f"{release.namespace}/{release.name} was asked to {verb}, and its operator has not answered within "
                f"{HEARD_S:.0f} s: see `amx status`; the wish stands and is done when it runs again"
            )
        time.sleep(0.3)
        release = canary.read(kubectl.read("get", *place))
    show(canary.to_json([release]), "\n".join(canary.lines([release])), output)


def _kubectl() -> Kubectl:
    from amx import kubeconfig
    from cluster.local import hosttools
    from cluster.local.kubectl import Kubectl
    from cluster.local.progress import Progress
    from cluster.local.settings import Settings

    settings = Settings.from_environment()
    kubeconfig.existing(settings)
    return Kubectl.of(settings, hosttools.ensure(settings, ["kubectl"], Progress())["kubectl"])
