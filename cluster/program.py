"""The whole program: one environment in, everything in its account out.

`pulumi up` runs it through `__main__.py`, a capture through `graph/capture.py`: there is no other list of resources.
"""

from __future__ import annotations

import pulumi

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
    keys = Keys(setting)
    network = Network(setting, keys.logs)
    pilot = PilotLight(setting) if environment.recovery.pilot_light else None
    data = Data(setting, network, keys, pilot.subnets if pilot else None)
    auto = environment.compute.mode == "auto"
    interruptions = None if auto else Interruptions(setting, keys)
    edge = Edge(setting, network, data, keys)
    queue = interruptions.queue if interruptions else None
    principals = Principals(Identity(setting, keys), Workloads(setting, data, keys, queue, edge.zone))
    compute = Compute(setting, network, keys, principals)
    compute.open_stores(data)
    observability = Observability(setting, keys, Watched(data, compute, edge, interruptions))
    Detection(setting, keys, observability.topic)
    if environment.recovery.backup:
        Recovery(setting, keys, observability.topic)
    Finance(setting, compute)
    pulumi.export("clusterName", compute.cluster_name)
    pulumi.export("distribution", edge.distribution.domain_name)
    pulumi.export("databaseArn", data.database_arn)
