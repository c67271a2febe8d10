"""The machines: what Karpenter may choose from, what it will choose on average, and their disks."""

from __future__ import annotations

import json
from collections.abc import Iterator

from cluster.catalogue import INSTANCES
from cluster.declared.base import CLUSTER, Declaring
from cluster.graph.model import Reference, Resource
from cluster.specification import Pool

KARPENTER = "karpenter"
AUTO_MODE = "eks-auto-mode"
NODE_GROUP = "eks"
VOLUMES = "ebs-csi"
NODE_DISK_GB = 40
SYSTEM_DISK_GB = 44
METRICS_DISK_GB = 50
SCHEDULER = "pool-schedule"
PLATFORM_TAG = "schedule"
"""The tag of the platform's image that schedules run; tags are immutable, so that a new one is a change here."""
SET_LIMITS = """\
import json, os
from kubernetes import client, config
config.load_incluster_config()
api = client.CustomObjectsApi()
limits = json.loads(os.environ["LIMITS"])
for pool in api.list_cluster_custom_object("karpenter.sh", "v1", "nodepools")["items"]:
    name = pool["metadata"]["name"]
    body = {"spec": {"limits": {"cpu": limits.get(name, 0)}}}
    api.patch_cluster_custom_object("karpenter.sh", "v1", "nodepools", name, body)
if not limits:
    for claim in api.list_cluster_custom_object("karpenter.sh", "v1", "nodeclaims")["items"]:
        api.delete_cluster_custom_object("karpenter.sh", "v1", "nodeclaims", claim["metadata"]["name"])
"""


class Nodes(Declaring):
    """The nodes of the cluster."""

    def _pools(self) -> dict[str, Pool]:
        return {"web": self._environment.compute.web, "workers": self._environment.compute.workers}

    def node_pools(self) -> Iterator[Resource]:
        """From what Karpenter may choose."""
        auto = self._environment.compute.mode == "auto"
        if not auto:
            yield self._node_class()
        for name, pool in self._pools().items():
            fallback = pool.capacity == "spot" and not self._environment.is_production
            capacity = ["spot", "on-demand"] if fallback else [pool.capacity]
            group, kind = ("eks.amazonaws.com", "NodeClass") if auto else ("karpenter.k8s.aws", "EC2NodeClass")
            instance = "node.kubernetes.io/instance-type"
            spec = {
                "template": {
                    "metadata": {"labels": {"automatrix.dev/pool": name}},
                    "spec": {
                        "nodeClassRef": {"group": group, "kind": kind, "name": "default"},
                        "expireAfter": "336h",
                        "requirements": [
                            {"key": "karpenter.sh/capacity-type", "operator": "In", "values": capacity},
                            {"key": "kubernetes.io/arch", "operator": "In", "values": ["arm64"]},
                            {"key": instance, "operator": "In", "values": list(pool.instance_types)},
                        ],
                    },
                },
                "limits": {"cpu": pool.limit_vcpu},
                "disruption": {"consolidationPolicy": "WhenEmptyOrUnderutilized", "consolidateAfter": "5m"},
            }
            yield self._object("karpenter.sh/v1", "NodePool", ("", name), {"spec": spec})

    def _node_class(self) -> Resource:
        disk = {"volumeSize": f"{NODE_DISK_GB}Gi", "volumeType": "gp3", "encrypted": True}
        spec = {
            "amiSelectorTerms": [{"alias": "bottlerocket@latest"}],
            "instanceProfile": self._ref("iam.InstanceProfile/node", "name"),
            "subnetSelectorTerms": [{"tags": {"karpenter.sh/discovery": self._environment.prefix}}],
            "securityGroupSelectorTerms": [{"id": str(Reference(CLUSTER, "vpcConfig.clusterSecurityGroupId"))}],
            "metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1, "httpEndpoint": "enabled"},
            "associatePublicIPAddress": False,
            "blockDeviceMappings": [
                {"deviceName": "/dev/xvdb", "ebs": {**disk, "kmsKeyID": self._ref("kms.Key/data", "arn")}}
            ],
            # Karpenter says itself whose a node is, and refuses a class that says so.
            "tags": {key: value for key, value in self._tags().items() if not key.startswith("kubernetes.io/")},
        }
        return self._object("karpenter.k8s.aws/v1", "EC2NodeClass", ("", "default"), {"spec": spec})

    def nodes(self) -> Iterator[Resource]:
        """The machines: those of the managed group, and what Karpenter adds in an average hour of the time it runs."""
        compute = self._environment.compute
        hours = self._environment.finance.hours_per_week
        zones = self._environment.network.zones
        subnets = [self._ref(f"ec2.Subnet/private-{suffix}", "id") for suffix in zones]
        group = str(Reference(CLUSTER, "vpcConfig.clusterSecurityGroupId"))
        auto = compute.mode == "auto"
        pools = {"system": (compute.system.instance_type, "on-demand", float(compute.system.desired))}
        pools |= {
            name: (one.instance_types[0], one.capacity, one.expected_nodes) for name, one in self._pools().items()
        }
        for name, (kind, capacity, count) in pools.items():
            by = AUTO_MODE if auto else NODE_GROUP if name == "system" else KARPENTER
            yield self._resource(
                "aws:ec2/instance:Instance",
                f"node-{name}",
                {
                    "instanceType": kind,
                    "capacityType": "ON_DEMAND" if auto else capacity.upper().replace("-", "_"),
                    "subnetIds": subnets,
                    "vpcSecurityGroupIds": [group],
                    "associatePublicIpAddress": False,
                    "iamInstanceProfile": self._ref("iam.Role/node" if auto else "iam.InstanceProfile/node", "name"),
                    "tags": self._tags(),
                    "expected": {
                        "count": count,
                        "hoursPerWeek": hours,
                        "vcpu": INSTANCES[kind].vcpu,
                        "memoryGib": INSTANCES[kind].memory_gib,
                    },
                },
                by,
                (self._owner(name, by),),
            )
            yield self._volume(f"node-{name}", SYSTEM_DISK_GB if name == "system" else NODE_DISK_GB, count, by)

    def _owner(self, pool: str, by: str) -> str:
        if by == NODE_GROUP:
            return "eks.NodeGroup/system"
        return CLUSTER if pool == "system" else f"kubernetes.NodePool/{pool}"

    def _volume(self, name: str, size: int, count: float, by: str) -> Resource:
        hours = 168 if by == VOLUMES else self._environment.finance.hours_per_week
        return self._resource(
            "aws:ebs/volume:Volume",
            name,
            {
                "size": size,
                "type": "gp3",
                "encrypted": True,
                "kmsKeyId": self._ref("kms.Key/data", "arn"),
                "tags": self._tags(),
                "expected": {"count": count, "hoursPerWeek": hours},
            },
            by,
            (f"ec2.Instance/{name}",) if by != VOLUMES else (),
        )

    def volumes(self) -> Iterator[Resource]:
        """What pods keep on disk: only the metrics of the last days, everything else is in the stores."""
        disk = {"type": "gp3", "encrypted": "true", "kmsKeyId": self._ref("kms.Key/data", "arn")}
        made = {"provisioner": "ebs.csi.aws.com", "parameters": disk, "volumeBindingMode": "WaitForFirstConsumer"}
        yield self._object("storage.k8s.io/v1", "StorageClass", ("", "gp3"), made)
        claim = {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "gp3",
            "resources": {"requests": {"storage": f"{METRICS_DISK_GB}Gi"}},
        }
        place = ("automatrix-observability", "prometheus")
        yield self._object("v1", "PersistentVolumeClaim", place, {"spec": claim})
        yield self._volume("prometheus", METRICS_DISK_GB, 1, VOLUMES)

    def schedule(self) -> Iterator[Resource]:
        """What empties Karpenter's pools before the system nodes stop."""
        if self._environment.finance.hours_per_week == 168:
            return
        yield from self._scheduler()
        for name, when, limits in (("pools-stop", "0 17 * * 1-5", {}), ("pools-start", "15 8 * * 1-5", self._limits())):
            container = {
                "name": "pools",
                "image": f"{self._ref('ecr.Repository/platform', 'repositoryUrl')}:{PLATFORM_TAG}",
                "command": ["python3", "-c", SET_LIMITS],
                "env": [{"name": "LIMITS", "value": json.dumps(limits)}],
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            }
            pod = {
                "serviceAccountName": SCHEDULER,
                "restartPolicy": "Never",
                "securityContext": {
                    "runAsNonRoot": True,
                    "runAsUser": 65532,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "containers": [container],
            }
            spec = {
                "schedule": when,
                "timeZone": "Europe/Berlin",
                "jobTemplate": {"spec": {"template": {"spec": pod}}},
            }
            yield self._object("batch/v1", "CronJob", ("automatrix-system", name), {"spec": spec})

    def _scheduler(self) -> Iterator[Resource]:
        """Who sets the pools' limits, and may do nothing else."""
        yield self._object("v1", "ServiceAccount", ("automatrix-system", SCHEDULER), {})
        rules = [
            {"apiGroups": ["karpenter.sh"], "resources": ["nodepools"], "verbs": ["list", "patch"]},
            {"apiGroups": ["karpenter.sh"], "resources": ["nodeclaims"], "verbs": ["list", "delete"]},
        ]
        api, role = "rbac.authorization.k8s.io/v1", {"kind": "ClusterRole", "name": SCHEDULER}
        yield self._object(api, "ClusterRole", ("", SCHEDULER), {"rules": rules})
        subject = {"kind": "ServiceAccount", "name": SCHEDULER, "namespace": "automatrix-system"}
        body = {"roleRef": {"apiGroup": "rbac.authorization.k8s.io", **role}, "subjects": [subject]}
        yield self._object(api, "ClusterRoleBinding", ("", SCHEDULER), body)

    def _limits(self) -> dict[str, int]:
        return {name: pool.limit_vcpu for name, pool in self._pools().items()}
