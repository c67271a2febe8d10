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
2. Make the database there the master (the drill's first command for a planned switch; for a lost Region
   `aws rds failover-global-cluster --allow-data-loss`), then add two instances (`aws rds create-db-instance`).
3. Bring the platform up: in `cluster/environments.py` exchange `region` and `recovery_region`; a new state, because the old
   one is in the lost Region (`pulumi login s3://<bucket in us-west-2>`); import the network that stands there.
4. Restore the buckets' newest copies, apply `gitops/bootstrap/root.yaml`, let the engine do the rest.
5. Point the domain there, let a tenth in first, then all. Jobs that waited in the queue are gone: the database says which.
6. Later, with time: the same way back.

**Not prepared yet**: roles, buckets and CloudFront have names that one account has once; step 3 meets those of the lost Region,
which still exist. Until names carry their Region, the first drill has to import them (`pulumi import`) or rename; the time
of *the cluster is made* does not hold that. A state bucket with a replica in us-west-2 shortens it.

Drills: each scenario once a year, *bad write* and *region* twice, one unannounced. Written down: the day, times measured,
what differed from this page. Measured times replace the assumed ones in `cluster/reports/recovery/times.py`. The weekly
restore test of AWS Backup in prod is a drill that nobody has to start."""
