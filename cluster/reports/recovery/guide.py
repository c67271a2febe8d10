"""What of the disaster recovery plan no graph says: who decides, in which order, and what is not prepared.

In:  nothing. Out: `PLAN`, a section of docs/architecture/recovery.md.
"""

from __future__ import annotations

PLAN = """\
## The plan

| When | Who decides | What is done |
| --- | --- | --- |
| a pod or node dies | nobody | Kubernetes and Karpenter replace it; look when an alarm goes on for 15 minutes |
| a zone is lost | nobody; on call for dev and staging | the database fails over, pods move; where there is one NAT gateway, make another |
| a bad write | incident lead, with the owner of the data | stop the writer, restore beside, compare, take back: never over the database itself |
| the Region is lost | incident lead and management: going back takes a day | below |
| the account is lost | management and security | a new account, `pulumi up`, restore from the isolated account; never from the account that was taken over |

Leave the Region when AWS says hours, or says nothing for an hour, and customers cannot work. In this order:

1. Stop what writes, if it still runs: the secondary must not have two masters.
2. Give the database there an instance, then fail the global cluster over: the drill's first commands. One without an
   instance cannot take over.
3. Fetch the state from its replica and make the stack `<env>-recovered`: it takes over what stands there (network of the
   stores, database, key) and what the world has once (zone, certificate, distribution), and makes the rest under names that
   carry the Region, beside whatever is left of the first. `amx plan <env> --recovered` shows it on any day, with its controls.
4. Restore the buckets' newest copies, apply `gitops/bootstrap/root.yaml`, let the engine do the rest. Images are there. Secrets
   are set anew: the first Region's key, under which they are kept, is lost with it.
5. Point the domain there (external-dns does it for the origin), let a tenth in first, then all. Jobs that waited in the
   queue are gone: the database says which.
6. Later, with time: the same way back, by a planned switch. What was taken over leaves the second stack's state by
   `pulumi state delete` and is never destroyed with it; then the first stack is refreshed.

Drills: each scenario once a year, *bad write* and *region* twice, one unannounced. Written down: the day, times measured,
what differed from this page. Measured times replace the assumed ones in `cluster/reports/recovery/times.py`. The weekly
restore test of AWS Backup in prod is a drill that nobody has to start."""
