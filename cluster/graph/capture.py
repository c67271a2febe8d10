"""Run the program without an engine and return its graph.

In:  an environment.
Out: the graph of everything that the program registers, with the EKS component written out and, from `declared`, what
     GitOps and controllers create on top.

The program runs in a thread of its own: Pulumi keeps its state in context variables, which a new thread does not share,
so that captures never see each other nor a running event loop. Registrations are served by one worker, in the order in
which they come.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cluster.graph.imports import install
from cluster.graph.model import HIDDEN, Graph
from cluster.specification import Environment

if TYPE_CHECKING:
    from cluster.graph.monitor import Monitor
    from cluster.stacks import Stack

PROJECT = "automatrix"
SECRET_SETTINGS = ("pagerEndpoint", "originKey", "databasePassword")
"""What a stack must be told before anything is previewed or made; a capture sees no secret, and has stand-ins."""


def capture(environment: Environment) -> Graph:
    """Return the graph of an environment; what the program raises comes through."""
    with _without_garbage_collection():
        _import_program()
        from cluster.declared import declared  # noqa: PLC0415
        from cluster.program import build  # noqa: PLC0415

        graph = capture_program(lambda: build(environment), environment.stack)
        return graph.having(*declared(environment, graph))


def capture_stack(stack: Stack) -> Graph:
    """Return the graph of a stack: of an environment, of what stands in for it, or of the account of copies."""
    if not stack.is_isolated:
        return capture(stack.environment)
    with _without_garbage_collection():
        _import_program()
        from cluster.isolated import build_vault  # noqa: PLC0415

        return capture_program(lambda: build_vault(stack.source), stack.name)


def capture_program(program: Callable[[], object], stack: str) -> Graph:
    """Return the graph of what one function registers."""
    _import_program()
    from cluster.graph.monitor import Monitor  # noqa: PLC0415

    monitor = Monitor(PROJECT, stack)
    with ThreadPoolExecutor(1, thread_name_prefix="capture") as thread:
        thread.submit(_run, program, monitor, stack).result()
    return Graph(stack, tuple(monitor.resources.values()))


def _run(program: Callable[[], object], monitor: Monitor, stack: str) -> None:
    from pulumi.runtime.config import set_all_config  # noqa: PLC0415
    from pulumi.runtime.settings import Settings, configure  # noqa: PLC0415
    from pulumi.runtime.stack import run_in_stack  # noqa: PLC0415

    settings = {f"{PROJECT}:{name}": HIDDEN for name in SECRET_SETTINGS}
    set_all_config(settings, list(settings))
    configure(Settings(project=PROJECT, stack=stack, monitor=monitor, engine=None, dry_run=False))

    async def run_program() -> None:
        program()
        await _settle()

    async def run() -> None:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1, thread_name_prefix="monitor"))
        await run_in_stack(run_program)

    with _without_positions():
        asyncio.run(run())


async def _settle() -> None:
    """Wait until the outputs are known, all at once.

    Pulumi waits for the first of them, and takes all up again after each: a fifth of a capture. What failed is left to
    it, which knows the cause.
    """
    from pulumi.runtime.settings import SETTINGS  # noqa: PLC0415

    failed: set[asyncio.Task[None]] = set()
    while pending := [task for task in SETTINGS.outputs if task not in failed]:
        await asyncio.wait(pending)
        done = SETTINGS.outputs.intersection(pending)
        failed |= {task for task in done if task.cancelled() or task.exception() is not None}
        SETTINGS.outputs.difference_update(done - failed)


@contextmanager
def _without_positions() -> Iterator[None]:
    """Let nobody look up where in the program each resource is made: it takes a tenth of the time, in vain."""
    from pulumi.runtime import resource  # noqa: PLC0415
    from pulumi.runtime.proto import source_pb2  # noqa: PLC0415

    real = resource._get_stack_trace  # noqa: SLF001 — Pulumi is pinned to a minor version
    resource._get_stack_trace = source_pb2.StackTrace  # noqa: SLF001
    try:
        yield
    finally:
        resource._get_stack_trace = real  # noqa: SLF001


def _import_program() -> None:
    install()
    importlib.import_module("cluster.program")


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Let nobody look for garbage while Pulumi makes its classes, which stay: that is half of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
