"""The graphs of the three environments, captured once for all tests of the controls."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import pytest

from cluster.environments import load
from cluster.graph.model import Graph
from cluster.specification import Environment


@pytest.fixture(scope="session")
def captured() -> Callable[[Environment], Graph]:
    """Return a function that captures the graph of any environment."""
    from cluster.graph.capture import capture  # noqa: PLC0415 — Pulumi is imported only by who needs it

    def run(environment: Environment) -> Graph:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # pulumi_eks warns of a class that nobody uses
            return capture(environment)

    return run


@pytest.fixture(scope="session")
def prod(captured: Callable[[Environment], Graph]) -> Graph:
    return captured(load("prod"))


@pytest.fixture(scope="session")
def staging(captured: Callable[[Environment], Graph]) -> Graph:
    return captured(load("staging"))


@pytest.fixture(scope="session")
def dev(captured: Callable[[Environment], Graph]) -> Graph:
    return captured(load("dev"))
