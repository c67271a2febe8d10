"""`amx plan`: what the AWS side would be, before anything is created; no account and no Pulumi CLI are needed."""

from __future__ import annotations

import atexit
import gc
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from amx.output import FAILED, NOT_HEALTHY

if TYPE_CHECKING:
    from cluster.reports.views import Subject


RECOVERED = "-recovered"


class Form(StrEnum):
    """What `--output` takes here: documents also come as Markdown."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


class Side(StrEnum):
    """What `--view` takes: one of the views, all of them, or a line of each."""

    SUMMARY = "summary"
    GRAPH = "graph"
    SOUND = "sound"
    COST = "cost"
    CONTROLS = "controls"
    REACH = "reach"
    RECOVERY = "recovery"
    EXPIRY = "expiry"
    DIAGRAM = "diagram"
    ALL = "all"


FormOption = Annotated[Form, typer.Option("--output", "-o", help="text for people, json for programs, markdown")]
DayOption = Annotated[
    datetime | None, typer.Option("--today", formats=["%Y-%m-%d"], help="judge as of this day instead of today")
]


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(plan)
    app.command()(compare)
    app.command()(rehearse)


def plan(
    environment: Annotated[
        str,
        typer.Argument(metavar="[ENV]", help="dev, staging, prod, or isolated: the account of copies; without it, all"),
    ] = "",
    view: Annotated[Side, typer.Option(help="one view of it, or all")] = Side.SUMMARY,
    output: FormOption = Form.TEXT,
    today: DayOption = None,
    recovered: Annotated[
        bool, typer.Option("--recovered", help="what stands in for ENV when its Region is lost")
    ] = False,
) -> None:
    """Say what would be created on AWS, what it costs, and what is wrong with it; exit code 3 when something is."""
    with _without_garbage_collection():
        name = f"{environment}{RECOVERED}" if recovered else environment
        subjects = _subjects(name, today.date() if today else date.today())  # noqa: DTZ011 — the user's own day
        typer.echo(_shown(subjects, view, output), nl=False)
        from cluster.reports.views import VIEWS

        if any(one.wrong(subject) for one in VIEWS.values() for subject in subjects):
            raise typer.Exit(NOT_HEALTHY)


def compare(
    before: Annotated[str, typer.Argument(help="an environment, <commit>:<environment>, or a saved graph's file")],
    after: Annotated[str, typer.Argument(help="the same; what BEFORE is compared with")],
    output: FormOption = Form.TEXT,
    today: DayOption = None,
) -> None:
    """Say what a change does to cost, reach, controls and recovery: of two environments, or of two commits."""
    from amx import graphs
    from cluster.reports import difference

    day = today.date() if today else date.today()  # noqa: DTZ011 — the user's own day
    try:
        found = difference.change(graphs.subject(before, day), graphs.subject(after, day), (before, after))
    except graphs.NoGraphError as error:
        raise typer.BadParameter(str(error)) from None
    if output is Form.JSON:
        typer.echo(json.dumps(difference.as_json(found), indent=2, ensure_ascii=False))
    else:
        typer.echo(difference.as_markdown(found) if output is Form.MARKDOWN else difference.as_text(found), nl=False)


def rehearse(
    environment: Annotated[str, typer.Argument(metavar="[ENV]", help="dev, staging, prod or isolated")] = "dev",
    output: FormOption = Form.TEXT,
) -> None:
    """Create an environment at an AWS API on this machine (moto), and compare; exit code 3 when something differs."""
    from cluster.rehearse import as_json, as_markdown, as_text, server
    from cluster.rehearse import rehearse as replay

    (subject,) = _subjects(environment or "dev", date.min)
    try:
        with server.moto() as url:
            found = replay(subject.graph, url)
    except server.NoMotoError as error:
        typer.echo(f"amx: {error}", err=True)
        raise typer.Exit(FAILED) from None
    if output is Form.JSON:
        typer.echo(json.dumps(as_json(found), indent=2, ensure_ascii=False))
    else:
        typer.echo(as_markdown(found) if output is Form.MARKDOWN else as_text(found), nl=False)
    if not found.went_well:
        raise typer.Exit(NOT_HEALTHY)


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Let nobody look for garbage, nor at the end: what Pulumi makes stays, and looking is a third of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    atexit.register(gc.freeze)
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _subjects(name: str, today: date) -> list[Subject]:
    from cluster.reports.views import subject
    from cluster.stacks import STACKS, USUAL

    if name and name not in STACKS:
        raise typer.BadParameter(f"no environment {name!r}; there are {', '.join(STACKS)}")
    return [subject(one, today) for one in ([name] if name else USUAL)]


def _shown(subjects: Sequence[Subject], side: Side, form: Form) -> str:
    from cluster.reports.views import VIEWS, summary

    if side is Side.SUMMARY and form is not Form.JSON:
        text = summary(list(subjects))
        return text if form is Form.TEXT else f"```text\n{text}```\n"
    names = [name for name in VIEWS if side in (Side.ALL, Side.SUMMARY) or name == side]
    if form is Form.JSON:
        return json.dumps(_data(subjects, names, brief=side is Side.SUMMARY), indent=2, ensure_ascii=False) + "\n"
    forms = [getattr(VIEWS[name], form) for name in names]
    return "\n".join(show(subject) for subject in subjects for show in forms)


def _data(subjects: Sequence[Subject], names: Sequence[str], *, brief: bool) -> dict[str, object]:
    from cluster.reports.views import VIEWS

    return {
        "today": subjects[0].today.isoformat(),
        "environments": {
            one.name: {
                name: {"says": VIEWS[name].headline(one), "toMend": VIEWS[name].wrong(one)}
                if brief
                else VIEWS[name].data(one)
                for name in names
            }
            for one in subjects
        },
    }
