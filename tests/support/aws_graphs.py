"""Graphs of the AWS side for tests: each environment is captured once in a run."""

from __future__ import annotations

import warnings
from functools import cache

from cluster.environments import ENVIRONMENTS, load
from cluster.graph import Graph
from cluster.reports.cost import Report, report
from cluster.specification import Environment
from cluster.stacks import stack
from cluster.usage import profile

NAMES = tuple(ENVIRONMENTS)


def captured(environment: Environment) -> Graph:
    """Return the graph of any environment, captured once."""
    return _captured(environment.model_dump_json())


def fresh(environment: Environment) -> Graph:
    """Return the graph of any environment, captured anew."""
    from cluster.graph.capture import capture  # noqa: PLC0415 — Pulumi is imported only by who needs it

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # pulumi_eks warns of a class that nobody uses
        return capture(environment)


@cache
def _captured(text: str) -> Graph:
    return fresh(Environment.model_validate_json(text))


@cache
def graph(name: str) -> Graph:
    """Return the graph of one of the environments."""
    return captured(load(name))


@cache
def stack_graph(name: str) -> Graph:
    """Return the graph of one of the stacks: also of what stands in, and of the account of copies."""
    from cluster.graph.capture import capture_stack  # noqa: PLC0415

    if name in ENVIRONMENTS:
        return graph(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return capture_stack(stack(name))


@cache
def reported(name: str) -> Report:
    """Return the view of cost of one of the environments."""
    return report(graph(name), profile(load(name)))


@cache
def stack_reported(name: str) -> Report:
    """Return the view of cost of one of the stacks."""
    return report(stack_graph(name), profile(stack(name).environment))


def changed(environment: Environment, part: str, **fields: object) -> Environment:
    """Return an environment in which one part has other values, checked again."""
    content = environment.model_dump()
    return Environment.model_validate({**content, part: {**content[part], **fields}})
