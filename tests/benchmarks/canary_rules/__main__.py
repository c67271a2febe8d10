"""Print the grid: `python -m tests.benchmarks.canary_rules [releases a cell]`; a few minutes on two cores."""

from __future__ import annotations

import sys

from tests.benchmarks.canary_rules import grid

RELEASES = 1000

if __name__ == "__main__":
    sys.stdout.write(grid.table(grid.run(int(sys.argv[1]) if len(sys.argv) > 1 else RELEASES)))
