"""What breaks roles, keys and secrets."""

from __future__ import annotations

from tests.support.mutations.case import (
    DATABASE,
    DECRYPT,
    OWN_IMAGE,
    add,
    allowing,
    alter,
    deployment,
    edit,
    fails,
    ref,
    statement,
)

IDENTITY = (
    fails(
        "no-admin-star-policy",
        "all but decryption",
        edit(
            "iam.RolePolicy/karpenter", "policy", allowing(NotAction=["kms:Decrypt", "kms:ReEncryptFrom"], Resource="*")
        ),
    ),
    fails(
        "no-admin-star-policy",
        "everything",
        edit("iam.RolePolicy/karpenter", "policy", allowing(Action="*", Resource="*")),
        DECRYPT,
    ),
    fails(
        "no-admin-star-policy",
        "an administrator",
        alter(
            "iam.RolePolicyAttachment/ebs-csi-AmazonEBSCSIDriverPolicy",
            "policyArn",
            "arn:aws:iam::aws:policy/AdministratorAccess",
        ),
        DECRYPT,
    ),
    fails(
        "no-service-wildcards",
        "all of SQS",
        edit("iam.RolePolicy/hub-worker", "policy", statement(2, "Action", "sqs:*")),
    ),
    fails(
        "no-service-wildcards",
        "a boundary that is also given",
        alter("iam.RolePolicyAttachment/github-plan", "policyArn", ref("iam.Policy/ci-boundary", "arn")),
        DECRYPT,
    ),
    fails(DECRYPT, "every key", edit("iam.RolePolicy/hub-web", "policy", statement(4, "Resource", "*"))),
    fails(
        DECRYPT,
        "every key, by pattern",
        edit(
            "iam.RolePolicy/hub-web", "policy", allowing(Action="kms:De*", Resource="arn:aws:kms:*:333333333333:key/*")
        ),
    ),
    fails("no-iam-users", "a user", add("aws:iam/user:User", "somebody", name="somebody")),
    fails("no-iam-users", "a key", add("aws:iam/accessKey:AccessKey", "somebody", user="somebody")),
    fails(
        "oidc-trust-pinned",
        "any workflow of the repository",
        edit(
            "iam.Role/github-deploy",
            "assumeRolePolicy",
            statement(
                0,
                "Condition",
                {
                    "StringEquals": {"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"},
                    "StringLike": {"token.actions.githubusercontent.com:sub": "repo:automatrix/platform:*"},
                },
            ),
        ),
    ),
    fails(
        "oidc-trust-pinned",
        "the workflow of another environment",
        edit(
            "iam.Role/github-deploy",
            "assumeRolePolicy",
            lambda one: one["Statement"][0]["Condition"]["StringEquals"].__setitem__(
                "token.actions.githubusercontent.com:sub", "repo:automatrix/platform:environment:dev"
            ),
        ),
    ),
    fails(
        "oidc-trust-pinned",
        "any audience",
        edit(
            "iam.Role/github-plan",
            "assumeRolePolicy",
            lambda one: one["Statement"][0]["Condition"]["StringEquals"].pop("token.actions.githubusercontent.com:aud"),
        ),
    ),
    fails(
        "oidc-trust-pinned",
        "a workflow of a foreign repository",
        edit(
            "iam.Role/github-deploy",
            "assumeRolePolicy",
            lambda one: one["Statement"][0]["Condition"]["StringEquals"].__setitem__(
                "token.actions.githubusercontent.com:sub", "repo:attacker/evil:environment:prod"
            ),
        ),
    ),
    fails(
        "ci-permission-boundary",
        "a role without a boundary",
        edit("iam.RolePolicy/github-deploy", "policy", lambda one: one["Statement"][1].pop("Condition")),
    ),
    fails(
        "ci-permission-boundary",
        "its own role and boundary",
        edit("iam.RolePolicy/github-deploy", "policy", lambda one: one["Statement"].pop(3)),
    ),
    fails("ci-permission-boundary", "no boundary", alter("iam.Role/github-plan", "permissionsBoundary", None)),
    fails("kms-rotation", "one key for ever", alter("kms.Key/data", "enableKeyRotation", False)),
    fails("kms-not-public", "a key for anybody", edit("kms.Key/data", "policy", statement(0, "Principal", "*"))),
    fails("kms-deletion-window", "gone in a week", alter("kms.Key/backup", "deletionWindowInDays", 7)),
    fails(
        "secret-rotation",
        "a password that somebody chose",
        alter("rds.Cluster/hub-secondary", "masterUsername", "hubadmin"),
    ),
    fails(
        "secret-rotation",
        "another secret without rotation",
        add("aws:secretsmanager/secret:Secret", "partner", name="partner"),
    ),
    fails("no-plaintext-secrets", "a password", alter(DATABASE, "masterPassword", "correct horse")),
    fails(
        "no-plaintext-secrets",
        "the pager's key",
        alter("sns.TopicSubscription/alarms-pager", "endpoint", "https://events.pagerduty.com/integration/abc/enqueue"),
    ),
    fails("no-plaintext-secrets", "a variable of a pod", deployment(OWN_IMAGE, DB_PASSWORD="correct horse")),
    fails("no-plaintext-secrets", "a URL with a password", deployment(OWN_IMAGE, DATABASE="postgres://hub:pw@db/hub")),
    fails(
        "no-plaintext-secrets",
        "a key in a node's user data",
        alter("ec2.LaunchTemplate/system", "userData", "a2V5ID0gIkFLSUFJT1NGT0ROTjdFWEFNUExFIg=="),
    ),
)
