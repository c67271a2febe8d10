"""Controls 14 to 20 and 25: the cluster itself."""

from __future__ import annotations

import json
from datetime import timedelta

from cluster.catalogue import KUBERNETES
from cluster.controls.facts import Facts
from cluster.controls.model import Gap, Gaps, control, must
from cluster.graph.model import Resource

LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")
ADMINISTRATOR = "AmazonEKSClusterAdminPolicy"
CLUSTER = "eks/cluster:Cluster"


@control("private-api-endpoint", remedy="set endpoint_private_access=True and endpoint_public_access=False")
def api_is_private(facts: Facts) -> Gaps:
    """Look for API servers that the internet can reach."""
    for cluster in facts.of(CLUSTER):
        yield from must(cluster, "vpcConfig.endpointPrivateAccess", True, default=False)
        yield from must(cluster, "vpcConfig.endpointPublicAccess", False, default=True)


@control(
    "supported-kubernetes-version", remedy="raise compute.kubernetes_version, dev first; keep support_type STANDARD"
)
def version_is_supported(facts: Facts) -> Gaps:
    """Look for versions out of standard support on the given day, and for those that soon will be."""
    for cluster in facts.of(CLUSTER):
        yield from must(cluster, "upgradePolicy.supportType", "STANDARD")
        yield from _supported(facts, cluster)
    for group in facts.of("eks/nodeGroup:NodeGroup"):
        if group.get("version"):
            yield from _supported(facts, group)


def _supported(facts: Facts, resource: Resource) -> Gaps:
    version, today = str(resource.get("version")), facts.decisions.today
    if version not in KUBERNETES:
        yield Gap(resource.key, "version", f"is {version}, of which no end of support is known")
        return
    end = KUBERNETES[version]
    if today > end:
        yield Gap(resource.key, "version", f"is {version}, which left standard support on {end}")
    elif end - today < timedelta(days=facts.decisions.warn_days):
        left = (end - today).days
        yield Gap(resource.key, "version", f"is {version}, which leaves standard support in {left} days", warning=True)


@control("secrets-envelope-encryption", remedy="give the cluster an encryption_config_key_arn of a key of this account")
def secrets_have_a_key(facts: Facts) -> Gaps:
    """Look for clusters whose secrets no key of ours encrypts."""
    for cluster in facts.of(CLUSTER):
        path = "encryptionConfig.provider.keyArn"
        if not facts.refers(cluster.get(path), "kms/key:Key"):
            yield Gap(cluster.key, path, "is no key of this account")
        if "secrets" not in (cluster.get("encryptionConfig.resources") or ()):
            yield Gap(cluster.key, "encryptionConfig.resources", "leaves secrets out")


@control(
    "control-plane-logs",
    remedy="enable all five log types and make the log group, with its retention, before the cluster",
)
def control_plane_logs(facts: Facts) -> Gaps:
    """Look for log types that are off, and for a log group that EKS would make without an end."""
    for cluster in facts.of(CLUSTER):
        on = cluster.get("enabledClusterLogTypes") or ()
        missing = [kind for kind in LOG_TYPES if kind not in on]
        if missing:
            yield Gap(cluster.key, "enabledClusterLogTypes", f"leaves out {', '.join(missing)}")
        name = f"/aws/eks/{facts.graph.resolved(cluster.get('name'))}/cluster"
        if not any(facts.graph.resolved(one.get("name")) == name for one in facts.of("cloudwatch/logGroup:LogGroup")):
            yield Gap(cluster.key, "", f"has no log group {name} in the program, so that its logs have no end")


@control("api-authentication-mode", remedy="set authentication_mode=API")
def access_is_by_entries(facts: Facts) -> Gaps:
    """Look for clusters that still read a ConfigMap to know who may come."""
    for cluster in facts.of(CLUSTER):
        yield from must(cluster, "accessConfig.authenticationMode", "API")


@control(
    "no-standing-cluster-admin", remedy="give deployers a narrower access policy, and take the creator's administration"
)
def nobody_administers_by_standing(facts: Facts) -> Gaps:
    """Look for the creator, or a role of CI, among the administrators of the cluster."""
    for cluster in facts.of(CLUSTER):
        yield from must(cluster, "accessConfig.bootstrapClusterCreatorAdminPermissions", False, default=True)
    workflows = {role.key for role in facts.workflow_roles}
    for one in facts.of("eks/accessPolicyAssociation:AccessPolicyAssociation"):
        if str(one.get("policyArn")).endswith(ADMINISTRATOR):
            for role in facts.graph.targets(one.get("principalArn")):
                if role.key in workflows:
                    yield Gap(one.key, "policyArn", f"makes {role.key}, a role of CI, administrator")
    for one in facts.of("eks/accessEntry:AccessEntry"):
        if "system:masters" in (one.get("kubernetesGroups") or ()):
            yield Gap(one.key, "kubernetesGroups", "includes system:masters")
    for one in facts.of("kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding"):
        subjects = [str(subject.get("name")) for subject in one.get("subjects") or ()]
        if one.get("roleRef.name") == "cluster-admin" and any("github" in name for name in subjects):
            yield Gap(one.key, "roleRef.name", f"makes {', '.join(subjects)} administrator")


@control("cni-network-policy-enabled", remedy="set enableNetworkPolicy in the configuration of the vpc-cni add-on")
def network_policies_are_enforced(facts: Facts) -> Gaps:
    """Look for a cluster whose CNI ignores network policies."""
    for cluster in facts.of(CLUSTER):
        if cluster.get("computeConfig.enabled"):
            continue  # Auto Mode runs the CNI itself; its node class says what is enforced.
        addons = [
            one
            for one in facts.attached(cluster, "eks/addon:Addon", "clusterName")
            if one.get("addonName") == "vpc-cni"
        ]
        if not addons:
            yield Gap(cluster.key, "", "has no vpc-cni add-on")
        for addon in addons:
            values = json.loads(addon.get("configurationValues") or "{}")
            if str(values.get("enableNetworkPolicy", "")).lower() != "true":
                yield Gap(addon.key, "configurationValues", "does not set enableNetworkPolicy")


@control("cluster-deletion-protection", remedy="set compute.deletion_protection")
def cluster_is_protected(facts: Facts) -> Gaps:
    """Look for clusters that one call deletes."""
    for cluster in facts.of(CLUSTER):
        yield from must(cluster, "deletionProtection", True)
