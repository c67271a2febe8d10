"""A rehearsal as text, Markdown and JSON: what failed first, then what was not tried and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from cluster.rehearse.model import Rehearsal
from cluster.reports.table import Table, markdown_table, text_table


def headline(found: Rehearsal) -> str:
    """Return what came of it in a sentence."""
    return (
        f"{found.environment}: {len(found.of('created'))} resources created at moto, {found.compared} properties read "
        f"back, {len(found.mismatches)} not as the graph says; {len(found.of('failed'))} failed, "
        f"{len(found.of('unsupported'))} not supported, {len(found.of('declared'))} left to controllers; "
        f"{found.stand_ins} references to what was not created."
    )


def as_text(found: Rehearsal) -> str:
    """Return the rehearsal for a terminal."""
    return "\n\n".join([headline(found), *(text_table(one, 100) for one in _tables(found) if one.rows)]) + "\n"


def as_markdown(found: Rehearsal) -> str:
    """Return the rehearsal as Markdown."""
    return "\n\n".join([headline(found), *(markdown_table(one) for one in _tables(found) if one.rows)]) + "\n"


def as_json(found: Rehearsal) -> dict[str, Any]:
    """Return plain values for JSON."""
    return {**asdict(found), "wentWell": found.went_well}


def _tables(found: Rehearsal) -> Iterator[Table]:
    yield Table("Failed", ("resource", "why"), tuple((one.key, one.says) for one in found.of("failed")))
    differ = tuple((one.key, one.property, one.wanted, one.found) for one in found.mismatches)
    yield Table("Not as the graph says", ("resource", "property", "graph", "moto"), differ)
    left = Counter((one.type, one.says) for one in found.of("unsupported"))
    yield Table(
        "Not supported", ("type", "$number", "why"), tuple((k, str(n), why) for (k, why), n in sorted(left.items()))
    )
    made = Counter(one.type for one in found.of("created"))
    yield Table("Created", ("type", "$number"), tuple((kind, str(count)) for kind, count in sorted(made.items())))
