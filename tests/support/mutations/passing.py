"""What a control must bear; and, where production has a waiver, what would make it needless."""

from __future__ import annotations

from cluster.environments import PROD
from tests.support.mutations.case import (
    DATABASE,
    DECRYPT,
    OPEN,
    OWN_IMAGE,
    Case,
    add,
    alter,
    deployment,
    every,
    lose,
    ref,
)

PASSING = (
    Case(
        OPEN,
        "the load balancer open to everybody on 443",
        alter("vpc.SecurityGroupIngressRule/load-balancer-from-cloudfront", "cidrIpv4", "0.0.0.0/0"),
    ),
    Case(
        "nacl-closes-remote-admin",
        "a refusal that comes first",
        every(
            alter("ec2.NetworkAcl/public", "ingress.3.toPort", 3389),
            alter(
                "ec2.NetworkAcl/public",
                "ingress.1",
                {
                    "action": "deny",
                    "cidrBlock": "0.0.0.0/0",
                    "fromPort": 3389,
                    "toPort": 3389,
                    "protocol": "tcp",
                    "ruleNo": 1,
                },
            ),
        ),
    ),
    Case("ecr-interface-endpoints", "no second VPC", lose("ec2.Vpc/recovery")),
    Case("ops-interface-endpoints", "no second VPC", lose("ec2.Vpc/recovery")),
    Case(
        DECRYPT,
        "a deploying role with listed rights",
        alter("iam.RolePolicyAttachment/github-deploy", "policyArn", "arn:aws:iam::aws:policy/ReadOnlyAccess"),
    ),
    Case(
        "secret-rotation",
        "secrets that rotate",
        every(
            add(
                "aws:secretsmanager/secretRotation:SecretRotation",
                "sentry",
                secretId=ref("secretsmanager.Secret/sentry", "id"),
                rotationRules={"automaticallyAfterDays": 90},
            ),
            alter(DATABASE, "globalClusterIdentifier", None),
            alter(DATABASE, "manageMasterUserPassword", True),
        ),
    ),
    Case("database-multi-az", "no headless secondary", lose("rds.Cluster/hub-secondary")),
    Case(
        "kms-rotation",
        "a key pair, which cannot rotate",
        add("aws:kms/key:Key", "signing", customerMasterKeySpec="ECC_NIST_P256", deletionWindowInDays=30),
    ),
    Case(
        "queue-encrypted-not-public",
        "SQS's own encryption",
        every(alter("sqs.Queue/jobs", "kmsMasterKeyId", None), alter("sqs.Queue/jobs", "sqsManagedSseEnabled", True)),
    ),
    Case(
        "https-redirect-and-tls-policy",
        "HTTP that redirects",
        add("aws:lb/listener:Listener", "http", protocol="HTTP", port=80, defaultActions=[{"type": "redirect"}]),
    ),
    Case("approved-registries", "an image of ours", deployment(OWN_IMAGE)),
    Case(
        "approved-registries",
        "an image of ours, by its address",
        deployment(f"{PROD.account_id}.dkr.ecr.{PROD.region}.amazonaws.com/automatrix/hub:1"),
    ),
    Case(
        "no-plaintext-secrets", "a password from elsewhere", alter(DATABASE, "masterPassword", {"$secret": "(hidden)"})
    ),
    Case("no-auto-public-ip", "not said, which is off", alter("ec2.Subnet/public-a", "mapPublicIpOnLaunch", None)),
    Case(
        "node-diversity",
        "Spot of any type",
        alter(
            "kubernetes.NodePool/workers",
            "spec.template.spec.requirements.2",
            {"key": "kubernetes.io/os", "values": ["linux"]},
        ),
    ),
)
