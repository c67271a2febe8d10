"""The whole program: one environment in, everything in its account out.

`pulumi up` runs it through `__main__.py`, a capture through `graph/capture.py`: there is no other list of resources.
"""

from __future__ import annotations

import pulumi

from cluster.bounds import Bounds
from cluster.compute import Compute, Interruptions, Principals
from cluster.concern import Setting
from cluster.data import Data
from cluster.detection import Detection
from cluster.edge import Edge
from cluster.finops import Finance
from cluster.identity import Identity
from cluster.keys import Keys
from cluster.network import Network
from cluster.observability import Observability, Watched
from cluster.recovery import PilotLight, Recovery
from cluster.specification import Environment
from cluster.workloads import Workloads


def build(environment: Environment) -> None:
    """Register every resource of an environment, each concern after what it needs."""
    setting = Setting(environment)
    Bounds(setting)
    keys = Keys(setting)
    network = Network(setting, keys.logs)
    pilot = PilotLight(setting) if environment.recovery.pilot_light else None
    data = Data(setting, network, keys, pilot.replica if pilot else None)
    auto = environment.compute.mode == "auto"
    interruptions = None if auto else Interruptions(setting, keys)
    edge = Edge(setting, network, data, keys)
    queue = interruptions.queue if interruptions else None
    principals = Principals(Identity(setting, keys), Workloads(setting, data, keys, queue, edge.zone))
    compute = Compute(setting, network, keys, principals)
    compute.open_ways(data, edge.balancer_group)
    observability = Observability(setting, keys, Watched(data, compute, edge, interruptions))
    detection = Detection(setting, keys, observability.topic)
    if pilot is not None:
        pilot.watch(detection.archive, detection.archive_policy)
    if environment.recovery.backup:
        Recovery(setting, keys, observability.topic)
    if not environment.stands_in:
        Finance(setting, compute)
    if pilot is not None:
        pulumi.export("standing", {**pilot.standing(data, keys), **edge.standing()})
    pulumi.export("clusterName", compute.cluster_name)
    pulumi.export("distribution", edge.distribution.domain_name)
    pulumi.export("databaseArn", data.database_arn)
