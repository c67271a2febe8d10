"""Controls 21 to 24 and 26: machines, the role that they have, and the roles of what runs on them."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.controls.facts import Facts
from cluster.controls.model import Gap, Gaps, control, must
from cluster.controls.placement import NODE_CLASS, selected_subnets
from cluster.controls.policies import statements
from cluster.graph.model import Json, Resource

TEMPLATE = "ec2/launchTemplate:LaunchTemplate"
ROOT = "/dev/xvda"
POD_IDENTITY = "pods.eks.amazonaws.com"
LEAST_ZONES = 2
LEAST_TYPES = 3


@control("imdsv2-required", remedy='set http_tokens="required" in the metadata options')
def metadata_needs_a_token(facts: Facts) -> Gaps:
    """Look for machines whose credentials a forged request could fetch."""
    for template in facts.of(TEMPLATE):
        yield from must(template, "metadataOptions.httpTokens", "required")
    for one in facts.of(NODE_CLASS):
        yield from must(one, "spec.metadataOptions.httpTokens", "required", default="required")


@control(
    "node-volumes-encrypted", remedy="set encrypted on every block device, and EBS encryption by default for the rest"
)
def volumes_are_encrypted(facts: Facts) -> Gaps:
    """Look for block devices in plain text; devices that are not named follow the account's default."""
    by_default = any(one.get("enabled", True) for one in facts.of("ebs/encryptionByDefault:EncryptionByDefault"))
    places = [(one, "blockDeviceMappings") for one in facts.of(TEMPLATE)]
    places += [(one, "spec.blockDeviceMappings") for one in facts.of(NODE_CLASS)]
    for resource, path in places:
        mappings = resource.get(path) or ()
        for at, _ in enumerate(mappings):
            yield from must(resource, f"{path}.{at}.ebs.encrypted", True)
        if not by_default and not any(one.get("deviceName") == ROOT for one in mappings):
            yield Gap(resource.key, path, f"leaves {ROOT} out, and the account encrypts nothing by default")


@control("node-role-pull-only", remedy="give the permission to the Pod Identity role of the workload that needs it")
def nodes_only_pull(facts: Facts) -> Gaps:
    """Look for rights of a node's role beyond joining, pulling and Session Manager."""
    allowed = facts.decisions.node_policies
    for role in facts.node_roles:
        for source, path, policy in facts.managed_policies(role):
            if policy.rpartition("/")[2] not in allowed:
                yield Gap(source.key, path, f"gives every pod on a node {policy}")
        for one in facts.attached(role, "iam/rolePolicy:RolePolicy", "role"):
            yield Gap(one.key, "policy", f"gives {role.key} rights of a workload")
        if role.get("inlinePolicies"):
            yield Gap(role.key, "inlinePolicies", "gives every pod on a node rights of a workload")


@control("pod-identity-per-service-account", remedy="give the service account a role and an association of its own")
def each_account_has_its_role(facts: Facts) -> Gaps:
    """Look for roles that two service accounts share, roles of pods that no association uses, and a missing agent."""
    associations = facts.of("eks/podIdentityAssociation:PodIdentityAssociation")
    users: dict[str, str] = {}
    accounts: dict[tuple[Json, Json], str] = {}
    for one in associations:
        role = str(one.get("roleArn"))
        if role in users:
            yield Gap(one.key, "roleArn", f"is also the role of {users[role]}")
        users.setdefault(role, one.key)
        account = one.get("namespace"), one.get("serviceAccount")
        if account in accounts:
            yield Gap(one.key, "serviceAccount", f"has another role already, by {accounts[account]}")
        accounts.setdefault(account, one.key)
    yield from _unused_roles(facts, associations)
    yield from _agent(facts)
    for addon in facts.of("eks/addon:Addon"):
        if addon.get("serviceAccountRoleArn"):
            yield Gap(addon.key, "serviceAccountRoleArn", "uses a role by IRSA instead of Pod Identity")


def _unused_roles(facts: Facts, associations: tuple[Resource, ...]) -> Iterator[Gap]:
    used = {role.key for one in associations for role in facts.graph.targets(one.get("roleArn"))}
    for role in facts.of("iam/role:Role"):
        trusted = {name for one in statements(role, "assumeRolePolicy") for name in one.principals}
        if POD_IDENTITY in trusted and role.key not in used:
            yield Gap(role.key, "assumeRolePolicy", "lets pods take it on, and no association says which")


def _agent(facts: Facts) -> Iterator[Gap]:
    for cluster in facts.of("eks/cluster:Cluster"):
        names = {one.get("addonName") for one in facts.attached(cluster, "eks/addon:Addon", "clusterName")}
        if "eks-pod-identity-agent" not in names and not cluster.get("computeConfig.enabled"):
            yield Gap(cluster.key, "", "has no eks-pod-identity-agent add-on")


@control("node-diversity", remedy="spread the group over more zones, and let Spot pools choose from more types")
def nodes_are_spread(facts: Facts) -> Gaps:
    """Look for node groups in one zone, and for Spot pools that one type's shortage stops."""
    for group in facts.of("eks/nodeGroup:NodeGroup"):
        yield from _spread(group, "subnetIds", facts.graph.targets(group.get("subnetIds")))
        types = group.get("instanceTypes") or ()
        if group.get("capacityType") == "SPOT" and len(types) < LEAST_TYPES:
            yield Gap(group.key, "instanceTypes", f"names {len(types)} types for Spot")
    for one in facts.of(NODE_CLASS):
        yield from _spread(one, "spec.subnetSelectorTerms", selected_subnets(facts, one))
    for pool in facts.of("kubernetes:karpenter.sh/v1:NodePool"):
        wanted = {one["key"]: one for one in pool.get("spec.template.spec.requirements") or ()}
        capacity = wanted.get("karpenter.sh/capacity-type", {}).get("values", ())
        choice = wanted.get("node.kubernetes.io/instance-type")
        if "spot" in capacity and choice is not None and len(choice["values"]) < LEAST_TYPES:
            path = "spec.template.spec.requirements"
            yield Gap(pool.key, path, f"names {len(choice['values'])} instance types for Spot")


def _spread(resource: Resource, path: str, subnets: tuple[Resource, ...]) -> Iterator[Gap]:
    zones = {one.get("availabilityZone") for one in subnets}
    if len(zones) < LEAST_ZONES:
        yield Gap(resource.key, path, f"is in {len(zones)} Availability Zone(s)")
