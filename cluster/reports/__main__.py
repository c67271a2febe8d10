"""Write the pages of docs/architecture: `python -m cluster.reports [folder of the checkout]`."""

from __future__ import annotations

import sys
from pathlib import Path

from cluster.reports.documents import AS_OF, documents
from cluster.reports.views import subject
from cluster.stacks import STACKS


def main() -> int:
    """Write every page; return the exit code."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    subjects = [subject(name, AS_OF) for name in STACKS]
    for place, text in documents(subjects).items():
        path = root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{place}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
