"""The cluster: control plane, the nodes that carry the platform, and the way for Karpenter to add others.

The EKS component of pulumi-eks makes the cluster; roles, node group and add-ons are made here, where they can be seen
without running its plug-in. Nobody reaches the API server from outside: what runs in the cluster comes by GitOps from
inside. `auto` hands nodes, load balancing and volumes to EKS.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_eks as eks

from cluster.catalogue import CACHE_PORT, DATABASE_PORT, GATEWAY_PORT
from cluster.concern import Concern, Setting, trust
from cluster.data import Data
from cluster.identity import Identity
from cluster.keys import Keys
from cluster.network import Network, Source
from cluster.queues import work_queue
from cluster.workloads import Workloads

LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")
ADDONS = ("eks-pod-identity-agent",)
"""What runs on every node, and becomes active without one."""
PLACED_ADDONS = ("coredns", "aws-ebs-csi-driver", "metrics-server", "snapshot-controller")
"""What needs a node to become active."""
OWN_IMAGES = ("platform", "hub")
COPIED_IMAGES = (
    "external-secrets", "external-dns", "prometheus", "traefik", "aws-load-balancer-controller",
    "opentelemetry-collector",
)  # fmt: skip
"""What controllers run that no registry of AWS serves: copied here, because pods take images from nowhere else."""
POLICY = "arn:aws:iam::aws:policy"
ACCESS_POLICY = "arn:aws:eks::aws:cluster-access-policy"
AUTO_POLICIES = ("EKSComputePolicy", "EKSBlockStoragePolicy", "EKSLoadBalancingPolicy", "EKSNetworkingPolicy")
WARNINGS = {
    "spot-interruption": ("aws.ec2", "EC2 Spot Instance Interruption Warning"),
    "rebalance": ("aws.ec2", "EC2 Instance Rebalance Recommendation"),
    "state-change": ("aws.ec2", "EC2 Instance State-change Notification"),
    "health": ("aws.health", "AWS Health Event"),
}
"""What AWS announces before it takes a node away: Karpenter replaces the node in that time."""


class Interruptions(Concern):
    """The queue through which Karpenter learns that a node will go."""

    def __init__(self, setting: Setting, keys: Keys) -> None:
        super().__init__(setting, "interruptions", "compute")
        self.queue = work_queue(self, "interruptions", keys.data, visibility_seconds=30, sender="events.amazonaws.com")
        for name, (source, detail) in WARNINGS.items():
            rule = aws.cloudwatch.EventRule(
                name,
                name=self.named(name),
                event_pattern=json.dumps({"source": [source], "detail-type": [detail]}),
                opts=self.own(),
            )
            aws.cloudwatch.EventTarget(name, rule=rule.name, arn=self.queue.queue.arn, opts=self.own())
        self.register_outputs({})


@dataclass(frozen=True)
class Principals:
    """Who may come to the cluster, and who may leave it for AWS."""

    identity: Identity
    workloads: Workloads


class Compute(Concern):
    """The cluster of the environment."""

    def __init__(self, setting: Setting, network: Network, keys: Keys, principals: Principals) -> None:
        super().__init__(setting, "compute", "compute")
        self.network = network
        self.keys = keys
        self.principals = principals
        self.auto = self.environment.compute.mode == "auto"
        self._rights: dict[str, list[aws.iam.RolePolicyAttachment]] = {}
        self.node_role = self._node_role()
        logs = aws.cloudwatch.LogGroup(
            "control-plane",
            name=f"/aws/eks/{self.environment.prefix}/cluster",
            retention_in_days=self.environment.observability.retention.audit,
            kms_key_id=keys.logs.arn,
            tags=self.data_tags("audit"),
            opts=self.own(),
        )
        self.component = self._cluster(logs)
        self.cluster = self.component.eks_cluster
        self.cluster_name: pulumi.Output[str] = self.cluster.apply(lambda made: made.name)
        self.cluster_group = self.component.cluster_security_group_id
        self._workload_identities()
        agent = [] if self.auto else [self._addon(name) for name in ADDONS]
        self._addons(self._nodes(agent))
        self._images()
        self.register_outputs({})

    def _role(self, name: str, service: str, policies: tuple[str, ...]) -> aws.iam.Role:
        role = aws.iam.Role(
            name,
            name=self.named(name),
            assume_role_policy=trust(service, actions=("sts:AssumeRole", "sts:TagSession")),
            opts=self.own(),
        )
        self._rights[name] = [
            aws.iam.RolePolicyAttachment(
                f"{name}-{policy}", role=role.name, policy_arn=f"{POLICY}/{policy}", opts=self.own()
            )
            for policy in policies
        ]
        return role

    def _node_role(self) -> aws.iam.Role:
        """Make the role of nodes: join, and pull images; what pods may do is theirs alone."""
        role = self._role(
            "node", "ec2.amazonaws.com", ("AmazonEKSWorkerNodeMinimalPolicy", "AmazonEC2ContainerRegistryPullOnly")
        )
        if not self.auto:  # Karpenter is given it, and may make none
            aws.iam.InstanceProfile("node", name=self.named("node"), role=role.name, opts=self.own())
        return role

    def _cluster(self, logs: aws.cloudwatch.LogGroup) -> eks.Cluster:
        spec = self.environment.compute
        policies = ("AmazonEKSClusterPolicy", *(f"Amazon{name}" for name in AUTO_POLICIES if self.auto))
        role = self._role("cluster", "eks.amazonaws.com", policies)
        auto: dict[str, Any] = {}
        if self.auto:
            pools = {"nodePools": ["general-purpose", "system"], "nodeRoleArn": self.node_role.arn}
            auto = {"enabled": True, "create_node_role": False, "compute_config": pools}
        return eks.Cluster(  # type: ignore[call-overload, no-any-return]
            "cluster",
            name=self.environment.prefix,
            version=spec.kubernetes_version,
            vpc_id=self.network.vpc.id,
            private_subnet_ids=self.network.subnet_ids("private"),
            endpoint_private_access=True,
            endpoint_public_access=False,
            authentication_mode=eks.AuthenticationMode.API,
            access_entries=self._access(),
            auto_mode=auto or None,
            service_role=role,
            encryption_config_key_arn=self.keys.cluster.arn,
            enabled_cluster_log_types=list(LOG_TYPES),
            kubernetes_service_ip_address_range=str(self.environment.network.service_cidr),
            upgrade_policy={"support_type": "STANDARD"},
            deletion_protection=spec.deletion_protection,
            bootstrap_self_managed_addons=False,
            skip_default_node_group=True,
            skip_default_security_groups=True,
            create_instance_role=False,
            create_oidc_provider=False,
            kube_proxy_addon_options={"enabled": not self.auto},
            coredns_addon_options={"enabled": False},  # it waits for a node: below, after the group
            use_default_vpc_cni=self.auto,
            vpc_cni_options=None if self.auto else {"enable_network_policy": True, "enable_prefix_delegation": True},
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[logs, *self._rights["cluster"]],
                protect=spec.deletion_protection or None,
                transforms=[no_standing_administrator],
            ),
        )

    def _access(self) -> dict[str, eks.AccessEntryArgs]:
        """Return who may use the API server: nodes, the emergency's administrator, and readers."""
        entries = {
            "break-glass": self._person(self.principals.identity.break_glass.arn, "AmazonEKSClusterAdminPolicy"),
            **{
                f"reader-{index}": self._person(principal, "AmazonEKSViewPolicy")
                for index, principal in enumerate(self.environment.compute.admin_principals)
            },
        }
        if not self.auto:
            linux = eks.AccessEntryType.EC2_LINUX
            entries["nodes"] = eks.AccessEntryArgs(principal_arn=self.node_role.arn, type=linux)
        return entries

    def _person(self, principal: pulumi.Input[str], policy: str) -> eks.AccessEntryArgs:
        association = eks.AccessPolicyAssociationArgs(
            policy_arn=f"{ACCESS_POLICY}/{policy}",
            access_scope=aws.eks.AccessPolicyAssociationAccessScopeArgs(type="cluster"),
        )
        return eks.AccessEntryArgs(principal_arn=principal, access_policies={"policy": association})

    def _nodes(self, agent: list[aws.eks.Addon]) -> aws.eks.NodeGroup | None:
        """Make the group of system nodes, once its role has its rights and the network's pods will get theirs."""
        if self.auto:
            return None
        spec = self.environment.compute.system
        template = aws.ec2.LaunchTemplate(
            "system",
            name=self.named("system"),
            user_data=base64.b64encode(b'[settings.kubernetes]\n"cluster-domain" = "cluster.local"\n').decode(),
            metadata_options={"http_tokens": "required", "http_put_response_hop_limit": 1, "http_endpoint": "enabled"},
            block_device_mappings=[
                {
                    "device_name": device,
                    "ebs": {
                        "encrypted": "true",
                        "kms_key_id": self.keys.data.arn,
                        "volume_size": size,
                        "volume_type": "gp3",
                        "delete_on_termination": "true",
                    },
                }
                for device, size in (("/dev/xvda", 4), ("/dev/xvdb", 40))
            ],
            tag_specifications=[
                {"resource_type": kind, "tags": {**self.node_tags(), "Name": self.named("system")}}
                for kind in ("instance", "volume")
            ],
            update_default_version=True,
            opts=self.own(),
        )
        return aws.eks.NodeGroup(
            "system",
            cluster_name=self.cluster_name,
            node_group_name="system",
            node_role_arn=self.node_role.arn,
            subnet_ids=self.network.subnet_ids("private"),
            ami_type="BOTTLEROCKET_ARM_64",
            instance_types=[spec.instance_type],
            capacity_type="ON_DEMAND",
            version=self.environment.compute.kubernetes_version,
            scaling_config={"min_size": spec.minimum, "desired_size": spec.desired, "max_size": spec.maximum},
            update_config={"max_unavailable": 1},
            node_repair_config={"enabled": True},
            launch_template={"id": template.id, "version": template.latest_version.apply(str)},
            labels={"automatrix.dev/pool": "system"},
            taints=[{"key": "CriticalAddonsOnly", "effect": "PREFER_NO_SCHEDULE", "value": "true"}],
            opts=self.own(*self._rights["node"], *agent, self._identities["vpc-cni"]),
        )

    def node_tags(self) -> dict[str, str]:
        """Return the tags of machines, which the provider's defaults do not reach."""
        environment = self.environment
        return {
            "env": environment.name,
            "service": "automatrix",
            "owner": environment.owner,
            "cost-center": environment.cost_center,
            "tier": "compute",
            **self.data_tags("operational"),
        }

    def _addons(self, nodes: aws.eks.NodeGroup | None) -> None:
        if nodes is None:
            return
        for name in PLACED_ADDONS:
            self._addon(name, nodes, *([self._identities["ebs-csi"]] if name == "aws-ebs-csi-driver" else []))

    def _addon(self, name: str, *after: pulumi.Resource) -> aws.eks.Addon:
        return aws.eks.Addon(
            name,
            cluster_name=self.cluster_name,
            addon_name=name,
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="OVERWRITE",
            opts=self.own(*after),
        )

    def _workload_identities(self) -> None:
        """Say which role a service account has: a pod that starts before that has none until it is started again."""
        self._identities = {
            name: aws.eks.PodIdentityAssociation(
                name,
                cluster_name=self.cluster_name,
                namespace=workload.namespace,
                service_account=workload.service_account,
                role_arn=workload.role.arn,
                opts=self.own(),
            )
            for name, workload in self.principals.workloads.workloads.items()
        }

    def open_ways(self, data: Data, balancer: aws.ec2.SecurityGroup) -> None:
        """Let the load balancer reach the gateway's pods, and the cluster's pods the stores.

        The cluster's group is made by EKS: neither its tags nor its rules are the program's, but for this one.
        """
        self.network.ingress(
            "pods-from-load-balancer", self.cluster_group, GATEWAY_PORT, Source(group=balancer.id), self
        )
        self.network.egress("load-balancer-to-pods", balancer, GATEWAY_PORT, Source(group=self.cluster_group), self)
        source = Source(group=self.cluster_group)
        self.network.ingress("database-from-cluster", data.database_group, DATABASE_PORT, source, self)
        self.network.ingress("cache-from-cluster", data.cache_group, CACHE_PORT, source, self)

    def _images(self) -> None:
        """Make the registry; where it stands in, replication has made it already, images and all."""
        if self.environment.stands_in:
            return
        old = {
            "rulePriority": 1,
            "description": "Keep the last 50 images",
            "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 50},
            "action": {"type": "expire"},
        }
        for name in (*OWN_IMAGES, *COPIED_IMAGES):
            repository = aws.ecr.Repository(
                name,
                name=f"automatrix/{name}",
                image_tag_mutability="IMMUTABLE",
                image_scanning_configuration={"scan_on_push": True},
                encryption_configurations=[{"encryption_type": "KMS", "kms_key": self.keys.data.arn}],
                opts=self.own(),
            )
            aws.ecr.LifecyclePolicy(
                name, repository=repository.name, policy=json.dumps({"rules": [old]}), opts=self.own()
            )
        if self.environment.recovery.pilot_light:
            away = {"region": self.environment.recovery_region, "registry_id": self.environment.account_id}
            aws.ecr.ReplicationConfiguration(  # type: ignore[call-overload]
                "recovery",
                replication_configuration={"rules": [{"destinations": [away]}]},
                opts=self.own(),
            )
            # Replication makes repositories there as this says; without it tags could be written over.
            aws.ecr.RepositoryCreationTemplate(
                "recovery",
                prefix="automatrix",
                description="Copies of our images",
                applied_fors=["REPLICATION"],
                image_tag_mutability="IMMUTABLE",
                lifecycle_policy=json.dumps({"rules": [old]}),
                region=self.environment.recovery_region,
                opts=self.own(),
            )


def no_standing_administrator(arguments: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
    """Take from the cluster's creator the administration that the component gives it and does not need here."""
    if arguments.type_ != "aws:eks/cluster:Cluster":
        return None
    props: Mapping[str, Any] = arguments.props
    access = {**props["accessConfig"], "bootstrapClusterCreatorAdminPermissions": False}
    return pulumi.ResourceTransformResult(props={**props, "accessConfig": access}, opts=arguments.opts)
