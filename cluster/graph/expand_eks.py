"""What the component eks.Cluster of pulumi-eks 4.4.0 makes.

In:  the name and inputs of the component.
Out: its children, in the order in which it makes them.

The component runs in a plug-in, so its children are invisible to a capture; they are written out here from its source
(nodejs/eks/cluster/cluster.ts), for the options that the program uses. An option that is not known here is refused, and
a job of the workflow compares with `pulumi preview --json`, where the plug-in runs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from cluster.graph.model import Json, Reference

COMPONENT = "eks:index:Cluster"
DECLARED_BY = "pulumi-eks"
CLUSTER = "aws:eks/cluster:Cluster"
ADDON = "aws:eks/addon:Addon"
LATEST = "(most recent)"
"""Stands for the version of an add-on that EKS names for the version of the cluster."""

KNOWN = frozenset(
    {
        "accessEntries", "authenticationMode", "autoMode", "bootstrapSelfManagedAddons", "clusterTags",
        "corednsAddonOptions", "createInstanceRole", "createOidcProvider", "deletionProtection",
        "enabledClusterLogTypes", "encryptionConfigKeyArn", "endpointPrivateAccess", "endpointPublicAccess",
        "kubeProxyAddonOptions", "kubernetesServiceIpAddressRange", "name", "nodeSecurityGroupTags",
        "privateSubnetIds", "serviceRole", "skipDefaultNodeGroup", "skipDefaultSecurityGroups", "subnetIds",
        "tags", "upgradePolicy", "useDefaultVpcCni", "version", "vpcCniOptions", "vpcId",
    }
)  # fmt: skip
"""The options whose effect is written out below."""


@dataclass(frozen=True, slots=True)
class Child:
    """One resource of the component."""

    type: str
    name: str
    inputs: Mapping[str, Json]
    after: tuple[str, ...] = ()
    below: str = ""
    """Key of the child that it belongs to; empty for the component itself."""


def cluster_key(name: str) -> str:
    """Return the key of the cluster that the component makes."""
    return f"eks.Cluster/{name}-eksCluster"


def answers(cluster: str) -> dict[str, Json]:
    """Return what the component answers, beside the cluster itself."""
    group = str(Reference(cluster, "vpcConfig.clusterSecurityGroupId"))
    return {
        "clusterSecurityGroupId": group,
        "nodeSecurityGroupId": group,
        "oidcIssuer": str(Reference(cluster, "identities.0.oidcs.0.issuer")),
    }


def children(name: str, inputs: Mapping[str, Json]) -> list[Child]:
    """Return the children; ValueError names an option whose effect is not written out."""
    unknown = sorted(set(inputs) - KNOWN)
    if unknown:
        raise ValueError(f"eks.Cluster is given {', '.join(unknown)}, whose effect is not written out in expand_eks.py")
    for wanted in ("serviceRole", "skipDefaultNodeGroup", "skipDefaultSecurityGroups"):
        if not inputs.get(wanted):
            raise ValueError(f"eks.Cluster without {wanted} makes roles, groups or nodes that are not written out here")
    cluster = Child(CLUSTER, f"{name}-eksCluster", _cluster(name, inputs))
    entries = _access_entries(name, inputs)
    return [
        cluster,
        Child("pulumi:providers:kubernetes", f"{name}-eks-k8s", {"kubeconfig": _of(name, "endpoint")}),
        *entries,
        *_addons(name, inputs, tuple(f"eks.AccessEntry/{one.name}" for one in entries if not one.below)),
    ]


def _of(name: str, attribute: str) -> str:
    return str(Reference(cluster_key(name), attribute))


def _cluster(name: str, inputs: Mapping[str, Json]) -> dict[str, Json]:
    auto = bool(inputs.get("autoMode", {}).get("enabled"))
    role = str(inputs["serviceRole"])
    network = {
        "serviceIpv4Cidr": inputs.get("kubernetesServiceIpAddressRange"),
        "ipFamily": "ipv4",
        "elasticLoadBalancing": {"enabled": True} if auto else None,
    }
    return _given(
        {
            "name": inputs.get("name"),
            "roleArn": role.replace(":id}", ":arn}"),
            "computeConfig": {
                "enabled": True,
                "nodePools": ["general-purpose", "system"],
                **inputs["autoMode"].get("computeConfig", {}),
            }
            if auto
            else None,
            "storageConfig": {"blockStorage": {"enabled": True}} if auto else None,
            "kubernetesNetworkConfig": _given(network) if auto or network["serviceIpv4Cidr"] else None,
            "bootstrapSelfManagedAddons": False if auto else inputs.get("bootstrapSelfManagedAddons", True),
            "vpcConfig": {
                "subnetIds": inputs.get("subnetIds") or inputs.get("privateSubnetIds"),
                "endpointPrivateAccess": inputs.get("endpointPrivateAccess"),
                "endpointPublicAccess": inputs.get("endpointPublicAccess"),
            },
            "version": inputs.get("version"),
            "enabledClusterLogTypes": inputs.get("enabledClusterLogTypes"),
            "encryptionConfig": {"provider": {"keyArn": inputs["encryptionConfigKeyArn"]}, "resources": ["secrets"]}
            if "encryptionConfigKeyArn" in inputs
            else None,
            "accessConfig": {
                "authenticationMode": inputs.get("authenticationMode"),
                "bootstrapClusterCreatorAdminPermissions": True,
            },
            "upgradePolicy": inputs.get("upgradePolicy"),
            "deletionProtection": inputs.get("deletionProtection"),
            "tags": {"Name": f"{name}-eksCluster", **inputs.get("clusterTags", {}), **inputs.get("tags", {})},
        }
    )


def _access_entries(name: str, inputs: Mapping[str, Json]) -> list[Child]:
    made = []
    for entry, wanted in inputs.get("accessEntries", {}).items():
        child = f"{name}-{entry}"
        own = {
            "clusterName": _of(name, "name"),
            "principalArn": wanted["principalArn"],
            "kubernetesGroups": wanted.get("kubernetesGroups"),
            "type": wanted.get("type"),
            "userName": wanted.get("username"),
            "tags": wanted.get("tags"),
        }
        made.append(Child("aws:eks/accessEntry:AccessEntry", child, _given(own), (cluster_key(name),)))
        for association, policy in (wanted.get("accessPolicies") or {}).items():
            made.append(
                Child(
                    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
                    f"{child}-{association}",
                    {
                        "clusterName": _of(name, "name"),
                        "principalArn": wanted["principalArn"],
                        "policyArn": policy["policyArn"],
                        "accessScope": policy["accessScope"],
                    },
                    (f"eks.AccessEntry/{child}",),
                    f"eks.AccessEntry/{child}",
                )
            )
    return made


def _addons(name: str, inputs: Mapping[str, Json], entries: tuple[str, ...]) -> list[Child]:
    auto = bool(inputs.get("autoMode", {}).get("enabled"))
    made = []
    proxy = inputs.get("kubeProxyAddonOptions", {})
    if proxy.get("enabled", not auto):
        made.append(Child(ADDON, f"{name}-kube-proxy", _addon(name, "kube-proxy", proxy)))
    if not inputs.get("useDefaultVpcCni", auto):
        options = dict(inputs.get("vpcCniOptions", {}))
        values = dict(options.get("configurationValues", {}))
        if options.get("enableNetworkPolicy"):
            values["enableNetworkPolicy"] = "true"
        warm = {
            "WARM_ENI_TARGET": "1",
            **({"ENABLE_PREFIX_DELEGATION": "true"} if options.get("enablePrefixDelegation") else {}),
        }
        values["env"] = {**warm, **values.get("env", {})}
        inner = _addon(name, "vpc-cni", {**options, "configurationValues": values})
        made += [
            Child("eks:index:VpcCniAddon", f"{name}-vpc-cni", {}, entries),
            Child(ADDON, f"{name}-vpc-cni", inner, (), f"pulumi-eks.VpcCniAddon/{name}-vpc-cni"),
        ]
    dns = inputs.get("corednsAddonOptions", {})
    if dns.get("enabled") or dns.get("configurationValues"):
        made.append(Child(ADDON, f"{name}-coredns", _addon(name, "coredns", dns)))
    return made


def _addon(name: str, addon: str, options: Mapping[str, Json]) -> dict[str, Json]:
    values = options.get("configurationValues")
    return _given(
        {
            "clusterName": _of(name, "name"),
            "addonName": addon,
            "addonVersion": options.get("version") or options.get("addonVersion") or LATEST,
            "preserve": True,
            "resolveConflictsOnCreate": options.get("resolveConflictsOnCreate", "OVERWRITE"),
            "resolveConflictsOnUpdate": options.get("resolveConflictsOnUpdate", "OVERWRITE"),
            "configurationValues": json.dumps(values, sort_keys=True) if values else None,
        }
    )


def _given(values: Mapping[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in values.items() if value is not None}
