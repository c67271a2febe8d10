"""Controls 29 to 34: who may do what in the account."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from cluster.controls.facts import Facts
from cluster.controls.model import Gap, Gaps, control
from cluster.controls.policies import Statement, statements
from cluster.graph.model import Resource

ADMINISTRATOR = "AdministratorAccess"
ALL_KEYS = ("AdministratorAccess", "PowerUserAccess")
"""Policies of AWS that allow decrypting with every key whose own policy leaves that to IAM."""
DECRYPTING = ("kms:Decrypt", "kms:ReEncryptFrom")
BOUNDARY = "iam:PermissionsBoundary"
GIVING = ("iam:CreateRole", "iam:AttachRolePolicy", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary")
"""How a role is given rights; IAM can ask each of these for a boundary."""
CHANGING = {
    "role": (*GIVING, "iam:DeleteRolePermissionsBoundary", "iam:UpdateAssumeRolePolicy"),
    "policy": ("iam:CreatePolicyVersion", "iam:DeletePolicyVersion", "iam:DeletePolicy", "iam:SetDefaultPolicyVersion"),
}
"""How somebody would get rid of a boundary, if the role itself or the boundary could be changed."""
GITHUB = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"
_SUBJECT = re.compile(r"repo:(?P<repository>[\w.-]+/[\w.-]+):environment:(?P<environment>[\w.-]+)")
_WHOLE_SERVICE = re.compile(r"[\w-]+:\*")
_ANY_KEY = re.compile(r"\*|arn:aws:kms:[^:]*:[^:]*:(\*|key/\*)")


@control("no-admin-star-policy", remedy="name the actions and resources that are needed")
def nobody_may_do_everything(facts: Facts) -> Gaps:
    """Look for documents that allow everything on everything, and for roles that are administrators."""
    for resource, path, statement in facts.grants():
        everything = "*" in statement.actions and not statement.is_inverse
        if everything and statement.on_everything:
            yield Gap(resource.key, path, "allows every action on every resource")
        if statement.is_inverse and statement.on_everything and not statement.conditions:
            yield Gap(resource.key, path, f"allows everything but {', '.join(statement.actions)} on every resource")
    for role in facts.of("iam/role:Role"):
        for source, place, policy in facts.managed_policies(role):
            if policy.rpartition("/")[2] == ADMINISTRATOR:
                yield Gap(source.key, place, f"makes {role.key} administrator of the account")


@control("no-service-wildcards", remedy="list the actions, or use a prefix such as `ec2:Describe*`")
def nobody_may_do_all_of_a_service(facts: Facts) -> Gaps:
    """Look for documents that allow all actions of a service, those of tomorrow included."""
    for resource, path, statement in facts.grants():
        whole = [one for one in statement.actions if _WHOLE_SERVICE.fullmatch(one)]
        if whole:
            yield Gap(resource.key, path, f"{'leaves out' if statement.is_inverse else 'allows'} {', '.join(whole)}")


@control("no-decrypt-on-all-keys", remedy="allow decryption with the keys that the role's own data have")
def nobody_decrypts_with_every_key(facts: Facts) -> Gaps:
    """Look for rights to decrypt with every key, in our documents and in those of AWS that a role is given."""
    for resource, path, statement in facts.grants():
        if any(statement.covers(action) for action in DECRYPTING):
            every = [one for one in statement.resources if _ANY_KEY.fullmatch(one)]
            if every:
                yield Gap(resource.key, path, f"allows decryption with {every[0]}")
    for role in facts.of("iam/role:Role"):
        for source, place, policy in facts.managed_policies(role):
            if policy.rpartition("/")[2] in ALL_KEYS:
                yield Gap(source.key, place, f"lets {role.key} decrypt with every key, by {policy.rpartition('/')[2]}")


@control("no-iam-users", remedy="let people come by single sign-on and machines by roles", absence=True)
def there_are_no_users(facts: Facts) -> Gaps:
    """Look for users and keys that live for long."""
    kinds = ("user:User", "accessKey:AccessKey", "userPolicy:UserPolicy", "userPolicyAttachment:UserPolicyAttachment")
    for one in facts.of(*(f"iam/{kind}" for kind in kinds)):
        yield Gap(one.key, "", "is a credential that lives until somebody removes it")


@control(
    "oidc-trust-pinned", remedy="pin audience and subject with StringEquals, `repo:<owner>/<name>:environment:<name>`"
)
def workflows_are_pinned(facts: Facts) -> Gaps:
    """Look for roles that workflows of another repository or environment could take on."""
    for role in facts.workflow_roles:
        for at, statement in enumerate(statements(role, "assumeRolePolicy")):
            if not statement.allows:
                continue
            path = "assumeRolePolicy"
            if statement.condition(f"{GITHUB}:aud") != (AUDIENCE,):
                yield Gap(role.key, path, f"statement {at} does not pin the audience to {AUDIENCE}")
            subjects = statement.condition(f"{GITHUB}:sub")
            if not subjects:
                yield Gap(role.key, path, f"statement {at} does not pin the subject")
            yield from (Gap(role.key, path, problem) for problem in _strangers(facts, subjects))


def _strangers(facts: Facts, subjects: tuple[str, ...]) -> Iterator[str]:
    own = facts.graph.environment
    for subject in subjects:
        match = _SUBJECT.fullmatch(subject)
        if match is None:
            yield f"lets {subject} in, which names not one repository and one environment"
        elif match["repository"] != facts.decisions.repository:
            yield f"lets workflows of {match['repository']} in"
        elif match["environment"] not in (own, f"{own}-plan"):
            yield f"lets the environment {match['environment']} in"


@control(
    "ci-permission-boundary",
    remedy="set permissions_boundary on the role, ask for one where it gives rights, and close itself to it",
)
def workflows_are_bounded(facts: Facts) -> Gaps:
    """Look for roles of CI that could give themselves more than they have."""
    for role in facts.workflow_roles:
        boundary = facts.graph.target(role.get("permissionsBoundary"))
        if boundary is None or boundary.type != "aws:iam/policy:Policy":
            yield Gap(role.key, "permissionsBoundary", "is no policy of this program")
            continue
        documents = facts.attached(role, "iam/rolePolicy:RolePolicy", "role")
        for one in documents:
            found = list(statements(one, "policy"))
            yield from (Gap(one.key, "policy", problem) for problem in _lifts(role, boundary, found))


def _lifts(role: Resource, boundary: Resource, found: list[Statement]) -> Iterator[str]:
    """Tell how a role could get beyond its boundary: by a role without one, or by changing it or itself."""
    own = {"role": str(role.get("name")), "policy": str(boundary.get("name"))}
    for action in GIVING:
        if any(one.allows and one.covers(action) and not one.condition(BOUNDARY) for one in found):
            yield f"allows {action} for roles without a boundary"
    for kind, actions in CHANGING.items():
        for action in actions:
            lets = any(one.allows and one.covers(action) and _speaks_of(one, kind, own[kind]) for one in found)
            refuses = any(
                not one.allows and not one.conditions and one.covers(action) and _speaks_of(one, kind, own[kind])
                for one in found
            )
            if lets and not refuses:
                yield f"allows {action} on its own {kind} {own[kind]}"


def _speaks_of(statement: Statement, kind: str, name: str) -> bool:
    return any(fnmatchcase(f"{kind}/{name}", one.rpartition(":")[2]) or one == "*" for one in statement.resources)
