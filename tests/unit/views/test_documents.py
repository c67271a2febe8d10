"""The pages of docs/architecture, the list of runbooks and the figures of decisions are what the program says."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from cluster.reports import decisions
from cluster.reports.documents import AS_OF, FOLDER, documents
from cluster.reports.views import Subject
from cluster.stacks import STACKS, stack
from tests.support.aws_graphs import NAMES, captured, stack_graph

ROOT = Path(__file__).resolve().parents[3]


@cache
def pages() -> dict[str, str]:
    everything = [Subject(stack(name).environment, stack_graph(name), AS_OF) for name in STACKS]
    subjects = [one for one in everything if one.name in NAMES]
    others = {name: Subject(one, captured(one), AS_OF) for name, one in decisions.variants().items()}
    return {**documents(everything), **decisions.pages(subjects, others)}


COMPUTED = [
    *sorted(str(one.relative_to(ROOT)) for one in (ROOT / FOLDER).iterdir()),
    "docs/runbooks/README.md",
    "docs/decisions/0009-eks.md",
    "docs/decisions/0010-aurora-postgresql.md",
    "docs/decisions/0011-pulumi.md",
]


@pytest.mark.parametrize("place", COMPUTED)
def test_a_committed_page_is_what_the_program_says(place: str) -> None:
    said = "write it: .venv/bin/python -m cluster.reports && .venv/bin/python -m cluster.reports.decisions"
    assert (ROOT / place).read_text(encoding="utf-8") == pages()[place], said


def test_every_page_is_committed() -> None:
    assert set(pages()) == set(COMPUTED)
