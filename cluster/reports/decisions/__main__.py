"""Write the decision records with computed figures: `python -m cluster.reports.decisions`."""

from __future__ import annotations

import sys
from pathlib import Path

from cluster.environments import ENVIRONMENTS
from cluster.graph.capture import capture
from cluster.reports.decisions import pages, variants
from cluster.reports.documents import AS_OF
from cluster.reports.views import Subject


def main() -> int:
    """Write every record; return the exit code."""
    subjects = [Subject(one, capture(one), AS_OF) for one in ENVIRONMENTS.values()]
    others = {name: Subject(one, capture(one), AS_OF) for name, one in variants().items()}
    for place, text in pages(subjects, others).items():
        Path(place).write_text(text, encoding="utf-8")
        sys.stdout.write(f"{place}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
