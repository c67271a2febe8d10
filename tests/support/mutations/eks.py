"""What breaks the cluster, its nodes and what GitOps applies."""

from __future__ import annotations

from tests.support.mutations.case import CLUSTER, NODE_CLASS, alter, deployment, fails, lose, ref

EKS = (
    fails(
        "private-api-endpoint", "an API server on the internet", alter(CLUSTER, "vpcConfig.endpointPublicAccess", True)
    ),
    fails(
        "private-api-endpoint",
        "public access not said, which is on",
        alter(CLUSTER, "vpcConfig.endpointPublicAccess", None),
    ),
    fails("supported-kubernetes-version", "a version that has ended", alter(CLUSTER, "version", "1.33")),
    fails("supported-kubernetes-version", "a version that nobody knows", alter(CLUSTER, "version", "1.99")),
    fails(
        "supported-kubernetes-version",
        "nodes of a version that has ended",
        alter("eks.NodeGroup/system", "version", "1.33"),
    ),
    fails("supported-kubernetes-version", "paid extension", alter(CLUSTER, "upgradePolicy.supportType", "EXTENDED")),
    fails(
        "secrets-envelope-encryption",
        "no key of ours",
        alter(CLUSTER, "encryptionConfig.provider.keyArn", "alias/aws/eks"),
    ),
    fails("secrets-envelope-encryption", "no encryption", alter(CLUSTER, "encryptionConfig", None)),
    fails("control-plane-logs", "no audit log", alter(CLUSTER, "enabledClusterLogTypes", ["api", "scheduler"])),
    fails("control-plane-logs", "a log group that EKS makes for ever", lose("cloudwatch.LogGroup/control-plane")),
    fails(
        "api-authentication-mode",
        "the ConfigMap as well",
        alter(CLUSTER, "accessConfig.authenticationMode", "API_AND_CONFIG_MAP"),
    ),
    fails(
        "no-standing-cluster-admin",
        "the creator",
        alter(CLUSTER, "accessConfig.bootstrapClusterCreatorAdminPermissions", True),
    ),
    fails(
        "no-standing-cluster-admin",
        "the deploying workflow",
        alter(
            "eks.AccessPolicyAssociation/cluster-break-glass-policy",
            "principalArn",
            ref("iam.Role/github-deploy", "arn"),
        ),
    ),
    fails(
        "no-standing-cluster-admin",
        "a group that may do everything",
        alter("eks.AccessEntry/cluster-nodes", "kubernetesGroups", ["system:masters"]),
    ),
    fails(
        "cni-network-policy-enabled",
        "a CNI that ignores policies",
        alter("eks.Addon/cluster-vpc-cni", "configurationValues", "{}"),
    ),
    fails("cni-network-policy-enabled", "no CNI add-on", lose("eks.Addon/cluster-vpc-cni")),
    fails(
        "imdsv2-required",
        "credentials without a token",
        alter("ec2.LaunchTemplate/system", "metadataOptions.httpTokens", "optional"),
    ),
    fails(
        "imdsv2-required", "the same for Karpenter", alter(NODE_CLASS, "spec.metadataOptions.httpTokens", "optional")
    ),
    fails(
        "node-volumes-encrypted",
        "a disk in plain text",
        alter("ec2.LaunchTemplate/system", "blockDeviceMappings.1.ebs.encrypted", "false"),
    ),
    fails(
        "node-volumes-encrypted",
        "the same for Karpenter",
        alter(NODE_CLASS, "spec.blockDeviceMappings.0.ebs.encrypted", None),
    ),
    fails(
        "node-volumes-encrypted",
        "a root disk that nothing encrypts",
        alter("ebs.EncryptionByDefault/account", "enabled", False),
    ),
    fails(
        "node-role-pull-only",
        "nodes that push",
        alter(
            "iam.RolePolicyAttachment/node-AmazonEC2ContainerRegistryPullOnly",
            "policyArn",
            "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPowerUser",
        ),
    ),
    fails(
        "node-role-pull-only",
        "a workload's rights for all",
        alter("iam.RolePolicy/hub-worker", "role", ref("iam.Role/node", "name")),
    ),
    fails(
        "pod-identity-per-service-account",
        "one role for two",
        alter("eks.PodIdentityAssociation/hub-web", "roleArn", ref("iam.Role/hub-worker", "arn")),
    ),
    fails("pod-identity-per-service-account", "no agent", lose("eks.Addon/eks-pod-identity-agent")),
    fails(
        "pod-identity-per-service-account",
        "a role by IRSA",
        alter("eks.Addon/aws-ebs-csi-driver", "serviceAccountRoleArn", ref("iam.Role/ebs-csi", "arn")),
    ),
    fails("cluster-deletion-protection", "deleted by one call", alter(CLUSTER, "deletionProtection", False)),
    fails(
        "node-diversity",
        "Spot of two types",
        alter("kubernetes.NodePool/workers", "spec.template.spec.requirements.2.values", ["m7g.large", "c7g.large"]),
    ),
    fails(
        "node-diversity",
        "system nodes in one zone",
        alter("eks.NodeGroup/system", "subnetIds", [ref("ec2.Subnet/private-a", "id")]),
    ),
    fails(
        "pod-security-and-default-deny",
        "any pod in the tenant's namespace",
        alter("kubernetes.Namespace/hub-prod", "metadata.labels", {}),
    ),
    fails(
        "pod-security-and-default-deny",
        "everything may leave",
        alter("kubernetes.NetworkPolicy/hub-prod.default-deny", "spec.policyTypes", ["Ingress"]),
    ),
    fails("approved-registries", "an image from elsewhere", deployment("docker.io/library/nginx:1")),
    fails(
        "approved-registries",
        "the registry of a foreign account",
        deployment("999999999999.dkr.ecr.us-east-1.amazonaws.com/automatrix/hub:1"),
    ),
    fails(
        "approved-registries",
        "nothing refuses an image",
        alter("kubernetes.ValidatingAdmissionPolicyBinding/approved-registries", "spec.validationActions", ["Audit"]),
    ),
)
