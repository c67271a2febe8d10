"""Controls 35 to 39: keys, and what must never be read in a plan."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress

from cluster.controls.facts import Facts
from cluster.controls.model import Gap, Gaps, control, must
from cluster.controls.policies import statements
from cluster.graph.model import Json, references

KEY = "kms/key:Key"
LONGEST_WINDOW = 30
SECRET_INPUTS = frozenset(
    {
        "apikey", "authtoken", "clientsecret", "masterpassword", "masteruserpassword", "password", "passwords",
        "privatekey", "secretaccesskey", "secretbinary", "secretkey", "secretstring", "token",
    }
)  # fmt: skip
"""Names of inputs, in lower case, whose value is a secret."""
SECRET_VARIABLE = re.compile(r"(PASSWORD|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY|DSN)$", re.IGNORECASE)
SECRET_VALUES = {
    "an access key of AWS": re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a URL with a password": re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s/:@]+:[^\s/@]+@"),
    "a pager's integration key": re.compile(r"events\.pagerduty\.com/(integration/\w+|v2/enqueue\?routing_key)"),
    "a token of GitHub": re.compile(r"\bgh[pousr]_\w{30,}\b"),
}


@control("kms-rotation", remedy="set enable_key_rotation=True")
def keys_rotate(facts: Facts) -> Gaps:
    """Look for symmetric keys that stay the same for ever."""
    for key in facts.of(KEY):
        if key.get("customerMasterKeySpec", "SYMMETRIC_DEFAULT") == "SYMMETRIC_DEFAULT":
            yield from must(key, "enableKeyRotation", True, default=False)


@control("kms-not-public", remedy="name the principals in the key's policy")
def keys_are_not_public(facts: Facts) -> Gaps:
    """Look for keys that anybody may use."""
    for key in facts.of(KEY, "kms/keyPolicy:KeyPolicy"):
        for at, statement in enumerate(statements(key, "policy")):
            if statement.for_everyone:
                yield Gap(key.key, "policy", f"statement {at} lets anybody use the key")


@control("kms-deletion-window", remedy="set deletion_window_in_days=30")
def keys_outlive_their_deletion(facts: Facts) -> Gaps:
    """Look for keys that are gone sooner than AWS could keep them."""
    for key in facts.of(KEY, "kms/replicaKey:ReplicaKey"):
        yield from must(key, "deletionWindowInDays", LONGEST_WINDOW, default=LONGEST_WINDOW)


@control("secret-rotation", remedy="add an `aws.secretsmanager.SecretRotation`, or let RDS manage the password")
def secrets_rotate(facts: Facts) -> Gaps:
    """Look for secrets without rotation, and for databases whose password somebody has chosen."""
    for secret in facts.of("secretsmanager/secret:Secret"):
        rotations = facts.attached(secret, "secretsmanager/secretRotation:SecretRotation", "secretId")
        if not rotations:
            yield Gap(secret.key, "", "is never rotated")
        for one in rotations:
            rules = one.get("rotationRules") or {}
            if not (rules.get("automaticallyAfterDays") or rules.get("scheduleExpression")):
                yield Gap(one.key, "rotationRules", "sets no greatest age")
    for database in facts.of("rds/cluster:Cluster", "rds/instance:Instance"):
        has_administrator = database.get("masterUsername") or database.get("username")
        if has_administrator and database.get("globalClusterIdentifier"):
            yield Gap(database.key, "masterPassword", "is rotated by nobody: AWS does so for no global database")
        elif has_administrator:
            yield from must(database, "manageMasterUserPassword", True, default=False)


@control("no-plaintext-secrets", remedy="pass it as a Pulumi secret, or let the service read it from Secrets Manager")
def nothing_secret_is_readable(facts: Facts) -> Gaps:
    """Look for inputs that hold a secret in plain text, by their name or by what the value looks like."""
    for resource in facts.graph:
        if resource.type.startswith(("aws:", "kubernetes:")):
            for path, why in _readable(resource.inputs, ""):
                yield Gap(resource.key, path, f"holds {why} in plain text")


def _readable(value: Json, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        yield from _variable(value, path)
        for name, item in value.items():
            place = f"{path}.{name}" if path else str(name)
            if str(name).lower() in SECRET_INPUTS and isinstance(item, str) and item and not references(item):
                yield place, "a secret"
            yield from _readable(item, place)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _readable(item, f"{path}.{index}")
    elif isinstance(value, str):
        yield from ((path, why) for why in _looks_like(value, is_user_data=path.endswith("userData")))


def _variable(value: Mapping[str, Json], path: str) -> Iterator[tuple[str, str]]:
    """Look at an environment variable: name and value in one object."""
    name, content = value.get("name"), value.get("value")
    if isinstance(name, str) and isinstance(content, str) and SECRET_VARIABLE.search(name) and not references(content):
        yield f"{path}.value", "a secret"


def _looks_like(value: str, *, is_user_data: bool) -> list[str]:
    if is_user_data:
        with suppress(binascii.Error, ValueError):  # One that is not encoded is looked at as it stands.
            value = base64.b64decode(value, validate=True).decode(errors="replace")
    return [why for why, pattern in SECRET_VALUES.items() if pattern.search(value)]
