"""`amx up | down | status | doctor`: the local cluster's life."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from amx.output import NOT_HEALTHY, Format, OutputOption, show, table, tilde

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cluster.local.applications import Application
    from cluster.local.checks import Check
    from cluster.local.settings import Settings
    from cluster.local.status import Status
    from cluster.local.up import Up


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(up)
    app.command()(down)
    app.command()(status)
    app.command()(doctor)


def up(
    workers: Annotated[
        int | None, typer.Option(min=0, max=9, help="nodes beside the control-plane node; without it, what is there")
    ] = None,
    output: OutputOption = Format.TEXT,
) -> None:
    """Bring the cluster up, or up to date: safe to call again at any time, also after an interruption."""
    from cluster.local.settings import Settings
    from cluster.local.up import up as bring_up

    settings = Settings.from_environment()
    done = bring_up(settings, workers)
    show(done, _up_text(done, settings), output, is_fine=done.is_fine)
    if not done.is_fine:
        raise typer.Exit(NOT_HEALTHY)


def down(output: OutputOption = Format.TEXT) -> None:
    """Remove the cluster and all it stored; what was downloaded and built stays in the cache."""
    from cluster.local import state
    from cluster.local.down import down as remove
    from cluster.local.settings import Settings

    settings = Settings.from_environment()
    done = remove(settings)
    what = f"{_count(len(done.nodes), 'node')} removed" if done.nodes else "there was none"
    if not done.nodes and (names := state.others(settings)):
        what += f"; of this checkout there is {state.listed(names)} (AMX_CLUSTER_NAME)"
    engine = "; the platform's container engine is stopped" if done.engine_stopped else ""
    show(done, f"cluster {done.cluster}: {what}{engine}", output)


def status(output: OutputOption = Format.TEXT) -> None:
    """Say what runs and whether it is fine; exit code 3 when it is not."""
    from cluster.local.settings import Settings
    from cluster.local.status import status as look

    settings = Settings.from_environment()
    seen = look(settings)
    show(seen, _status_text(seen, settings), output, is_fine=seen.is_fine)
    if not seen.is_fine:
        raise typer.Exit(NOT_HEALTHY)


def doctor(output: OutputOption = Format.TEXT) -> None:
    """List what is missing or unhealthy, with the command that mends it; exit code 3 when there is something."""
    from cluster.local.doctor import doctor as examine
    from cluster.local.settings import Settings

    checks = examine(Settings.from_environment())
    show(list(checks), _doctor_text(checks), output)
    if not all(check.ok for check in checks):
        raise typer.Exit(NOT_HEALTHY)


def _up_text(done: Up, settings: Settings) -> str:
    from cluster.local import invocation

    made = "made and brought up" if done.created else "up to date" if not done.changed else "up"
    changed = f", changed: {', '.join(done.changed)}" if done.changed and not done.created else ""
    lines = [
        f"cluster {done.cluster} is {made} after {done.seconds:.0f} s: {_count(len(done.nodes), 'node')}{changed}",
        *_applications(done.applications),
        table(
            [
                ("services", f"http://<name>.localhost:{settings.http_port}/"),
                ("repository", f"{done.git_url}  ({invocation.amx(settings, 'clone')})"),
                ("kubeconfig", f'{tilde(done.kubeconfig)}  (eval "$({invocation.amx(settings, "env")})")'),
            ],
            indent="  ",
        ),
    ]
    if not done.is_fine:
        lines.append(f"Not every application is healthy; what is wrong: {invocation.amx(settings, 'doctor')}")
    return "\n".join(lines)


def _status_text(seen: Status, settings: Settings) -> str:
    from cluster.local import absent, invocation

    if not seen.exists:
        return f"there is no cluster {seen.cluster}; {absent.remedy(settings)}"
    doctor = invocation.amx(settings, "doctor")
    nodes = [(_mark(fine=node.ready), node.name, node.role, node.version) for node in seen.nodes]
    if not seen.answers:
        return f"cluster {seen.cluster} does not answer; what is wrong: {doctor}\n{table(nodes, indent='  ')}"
    releases = [
        (
            _mark(fine=one.ready and one.status == "deployed"),
            f"{one.namespace}/{one.name}",
            one.status,
            f"#{one.revision}",
        )
        for one in seen.releases
    ]
    lines = [f"cluster {seen.cluster} is {'fine' if seen.is_fine else f'not fine; what is wrong: {doctor}'}"]
    for title, rows in (("nodes", nodes), ("releases", releases)):
        lines += [title, table(rows, indent="  ")]
    lines += ["applications", *_applications(seen.applications)]
    return "\n".join([*lines, "addresses", *(f"  {url}" for url in (*seen.urls, seen.git_url))])


def _applications(found: Iterable[Application]) -> list[str]:
    rows = [(_mark(fine=one.is_fine), one.name, one.sync, one.health, one.revision[:8], one.message) for one in found]
    return [table(rows, indent="  ")] if rows else []


def _doctor_text(checks: Iterable[Check]) -> str:
    lines = []
    for check in checks:
        lines.append(f"{_mark(fine=check.ok)} {check.name}{f': {check.problem}' if check.problem else ''}")
        if not check.ok and check.command:
            lines.append(f"    {check.command}")
    return "\n".join(lines)


def _mark(*, fine: bool) -> str:
    return "✓" if fine else "✗"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
