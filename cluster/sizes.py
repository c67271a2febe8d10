"""What follows from the size of a database.

In:  its specification. Out: how many connections it can have.
"""

from __future__ import annotations

from cluster.catalogue import ACU_GIB, DATABASES
from cluster.specification import Database

GIB = 1024**3
BYTES_PER_CONNECTION = 9_531_392
MOST = 5000
"""RDS and Aurora PostgreSQL: `max_connections` is LEAST(memory / 9531392, 5000)."""
MOST_WHEN_SMALL = 2000
"""Of Aurora Serverless v2 with at most 0.5 ACU as its least capacity (Aurora guide)."""


def most_connections(spec: Database) -> int:
    """Return how many connections a database can have: of a serverless one at its greatest capacity."""
    if spec.instance_type is not None:
        return min(MOST, int(DATABASES[spec.instance_type].memory_gib * GIB / BYTES_PER_CONNECTION))
    most = min(MOST, int(spec.max_acu * ACU_GIB * GIB / BYTES_PER_CONNECTION))
    return min(most, MOST_WHEN_SMALL) if spec.min_acu <= 0.5 else most
