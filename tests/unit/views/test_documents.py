"""The pages of docs/architecture are what the program says."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from cluster.environments import load
from cluster.reports.documents import AS_OF, FOLDER, documents
from cluster.reports.views import Subject
from tests.support.aws_graphs import NAMES, graph

ROOT = Path(__file__).resolve().parents[3]


@cache
def pages() -> dict[str, str]:
    return documents([Subject(load(name), graph(name), AS_OF) for name in NAMES])


@pytest.mark.parametrize("place", [str(one.relative_to(ROOT)) for one in sorted((ROOT / FOLDER).iterdir())])
def test_a_committed_page_is_what_the_program_says(place: str) -> None:
    assert (ROOT / place).read_text(encoding="utf-8") == pages()[place], "write it: .venv/bin/python -m cluster.reports"


def test_every_page_is_committed() -> None:
    assert not [place for place in pages() if not (ROOT / place).exists()]
