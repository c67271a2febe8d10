"""The decision records whose figures are computed: platform, database, and the tool that makes them.

In:  the environments as they are, and production with one choice made otherwise (`VARIANTS`), each with its graph.
Out: pages of docs/decisions. What is said is written here, what is counted comes from graphs and prices, so that
     a record whose figures no longer hold differs from its page, and a test fails.

    pages(subjects, {name: Subject(one, capture(one), AS_OF) for name, one in variants().items()})
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cluster.environments import PROD
from cluster.reports.decisions import database, platform, tool
from cluster.reports.views import Subject
from cluster.specification import Environment

FOLDER = "docs/decisions"
COMMAND = ".venv/bin/python -m cluster.reports.decisions"
SERVERLESS_ACU = 3
"""Capacity units that a serverless production is taken to need on average, writer and reader together."""


def variants() -> dict[str, Environment]:
    """Return production with another database each; everything else stays."""
    return {
        "alone": _with(global_secondary=False),
        "serverless": _with(
            engine="aurora-serverless", instance_type=None, min_acu=0.5, max_acu=16, expected_acu=SERVERLESS_ACU
        ),
        "rds": _with(engine="rds", global_secondary=False),
    }


def _with(**fields: object) -> Environment:
    content = PROD.model_dump()
    return Environment.model_validate({**content, "database": {**content["database"], **fields}})


def pages(subjects: Sequence[Subject], others: Mapping[str, Subject]) -> dict[str, str]:
    """Return the records by their place."""
    written = f"The figures are written by `{COMMAND}`, and a test fails when they differ."
    by_name = {one.name: one for one in subjects}
    return {
        f"{FOLDER}/0009-eks.md": platform.page(by_name, written),
        f"{FOLDER}/0010-aurora-postgresql.md": database.page(by_name["prod"], {**by_name, **others}, written),
        f"{FOLDER}/0011-pulumi.md": tool.page(by_name, written),
    }
