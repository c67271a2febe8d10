"""The record of the database: production on each engine, with what it costs and what a failure costs.

In:  production, and production with another database. Out: the page.
"""

from __future__ import annotations

from collections.abc import Mapping

from cluster.reports.cost.model import total
from cluster.reports.cost.tables import money
from cluster.reports.recovery import duration
from cluster.reports.table import Table, markdown_table
from cluster.reports.views import Subject


def page(prod: Subject, others: Mapping[str, Subject], written: str) -> str:
    """Return the record."""
    even = next(one for one in prod.cost.break_evens if one.name == "An instance instead of Serverless v2")
    alone, serverless, rds = others["alone"], others["serverless"], others["rds"]
    acu = serverless.cost.usage.acu.range.expected
    return f"""\
# 0010: Aurora PostgreSQL, provisioned in prod and serverless below

Date: 2026-11-23. {written}

## Situation

The hub keeps customers' documents, jobs and their results: transactions, {
        prod.cost.usage.database_gb.range.expected:g} GB in prod,
{
        prod.cost.usage.database_io_million.range.expected:g} million reads and writes a month that reach storage. Losing a zone must cost no data, losing the
Region little. Prod with each engine, everything else the same; US dollars a month for the database alone (instances, storage,
I/O, its own backups), RPO / RTO of the database itself:

{
        _table(
            {
                "Aurora provisioned, Global (this)": prod,
                "Aurora provisioned": alone,
                f"Aurora Serverless v2, {acu:g} ACU on average, Global": serverless,
                "RDS PostgreSQL, Multi-AZ": rds,
            }
        )
    }

Reproduced by `.venv/bin/python -m cluster.reports.decisions`; the first row's lines by `.venv/bin/amx plan prod --view cost`, its
times by `.venv/bin/amx plan prod --view recovery`. All of prod on RDS seems cheaper than it is: the data has no price of AWS
Backup's copies of it, which for Aurora are {
        money(_copies(prod))
    } a month. The times without a source are assumptions, see there.

## Decision

- prod: Aurora, two {
        prod.environment.database.instance_type
    } in two zones, Global secondary without instances. It has the same
  capacity at every hour, and an answer does not wait for it to grow. One such instance costs as much as {
        even.at:.1f} ACU: below
  {
        2
        * even.at:.1f} on average for both, Serverless v2 costs less. How much customers will need is not known yet; after 30 days of
  real load this figure decides anew.
- staging and dev: Serverless v2. {_low("staging", others)}
- The Global secondary: {
        _secondary(prod, alone)
    } a month by the prices in the data, and replicated writes, which are `unpriced`
  there. It turns a day of lost data into a minute when the Region is lost.
- IAM for services. The administrator's password is kept and rotated by AWS, but not in a global database, for which AWS does
  not: there the first is the stack's, and refused as soon as the administrator comes by IAM, too. Nobody needs one.

## Others considered

- RDS Multi-AZ: {
        money(_database(alone) - _database(rds))
    } a month less than Aurora with a reader. Fail-over takes twice as long, the standby serves no
  reads, storage has to be sized beforehand, no Global database. It is the alternative (`engine="rds"`), and right for a
  tenant's small database.
- Serverless v2 in prod: {money(_database(prod) - _database(serverless))} a month less at {
        acu:g} ACU on average, dearer from {2 * even.at:.1f} on (writer and reader); each
  doubling of load doubles the bill. Database Savings Plans cover both.
- Aurora I/O-Optimized: no charge for I/O, dearer storage and instances. The I/O here costs {
        money(_io(prod))
    } a month; `unpriced` as a whole,
  because the data has no price of its instances.
- A warehouse (Redshift, Athena): `unpriced`, no price in the data, and nothing asks for it: reports run on the reader. Exports go to S3
  when a report takes longer than a minute there.
- DynamoDB: documents and jobs have relations and transactions over them; a rewrite.

## Follows from it

Serverless in dev pauses, so that its first request in the morning waits some 15 s. The secondary is no backup: what is
deleted is deleted there too ([recovery](../architecture/recovery.md) has the bad write). PostgreSQL's major versions end:
[expiry](../architecture/expiry.md).
"""


def _table(rows: Mapping[str, Subject]) -> str:
    shown = tuple(
        (
            name,
            money(_database(one)),
            money(one.cost.cost.total.expected),
            str(len(one.cost.cost.unpriced)),
            *_times(one),
        )
        for name, one in rows.items()
    )
    heads = ("way", "$database", "$all of prod", "$charges without a price", "zone lost", "bad write", "Region lost")
    return markdown_table(Table("Prod by engine", heads, shown), 3)


def _database(subject: Subject) -> float:
    """Everything of RDS and Aurora that has a price."""
    return total(line for line in subject.cost.cost.lines if line.resource.startswith("rds.")).expected


def _copies(subject: Subject) -> float:
    """Snapshots of AWS Backup with their copies."""
    return total(
        line for line in subject.cost.cost.lines if line.resource.startswith(("backup.Plan/", "sfn.StateMachine/"))
    ).expected


def _times(subject: Subject) -> list[str]:
    """Return RPO and RTO of the database in each failure that concerns it."""
    found = {one.name: one for one in subject.recovery}
    cells = []
    for name in ("zone", "bad write", "region"):
        scenario = found[name]
        lost = next(loss.seconds for loss in scenario.losses if loss.store.startswith("rds."))
        cells.append(f"{duration(lost)} / {duration(scenario.tracks().get('database', scenario.rto_s))}")
    return cells


def _secondary(prod: Subject, alone: Subject) -> str:
    return money(_database(prod) - _database(alone))


def _io(prod: Subject) -> float:
    lines = [line for line in prod.cost.cost.lines if line.resource == "rds.Cluster/hub" and "I/O" in line.what]
    return total(lines).expected


def _low(name: str, others: Mapping[str, Subject]) -> str:
    one = others[name]
    acu, even = (
        one.cost.usage.acu.range.expected,
        next(each for each in one.cost.break_evens if each.name == "An instance instead of Serverless v2"),
    )
    return f"{name.capitalize()} takes {acu:g} ACU on average, far below the {even.at:.1f} at which an instance would cost less."
