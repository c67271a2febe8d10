"""What `pulumi up` runs: the program, for the environment that the stack is named after."""

from __future__ import annotations

import sys

import pulumi

from cluster.environments import load
from cluster.isolated import build_vault
from cluster.program import build

ISOLATED = "isolated"
"""The stack of the account that keeps production's copies."""


def main() -> None:
    """Build the stack's environment; outside of Pulumi, say what to call instead."""
    if pulumi.runtime.get_root_resource() is None:
        sys.exit(
            "this is a Pulumi program: `pulumi up --stack dev`; without an account, `amx plan dev` shows what it makes"
        )
    stack = pulumi.get_stack()
    if stack == ISOLATED:
        build_vault(load("prod"))
    else:
        build(load(stack))


main()
