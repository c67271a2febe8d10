"""The graphs of the three environments, for all tests of the controls."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cluster.graph.model import Graph
from cluster.specification import Environment
from tests.support import aws_graphs


@pytest.fixture(scope="session")
def captured() -> Callable[[Environment], Graph]:
    """Return a function that captures the graph of any environment."""
    return aws_graphs.captured


@pytest.fixture(scope="session")
def prod() -> Graph:
    return aws_graphs.graph("prod")


@pytest.fixture(scope="session")
def staging() -> Graph:
    return aws_graphs.graph("staging")


@pytest.fixture(scope="session")
def dev() -> Graph:
    return aws_graphs.graph("dev")
