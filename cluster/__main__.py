"""What `pulumi up` runs: the program, for the environment that the stack is named after."""

from __future__ import annotations

import sys

import pulumi

from cluster.isolated import build_vault
from cluster.program import build
from cluster.stacks import stack


def main() -> None:
    """Build the stack's environment; outside of Pulumi, say what to call instead."""
    if pulumi.runtime.get_root_resource() is None:
        sys.exit(
            "this is a Pulumi program: `pulumi up --stack dev`; without an account, `amx plan dev` shows what it makes"
        )
    wanted = stack(pulumi.get_stack())
    if wanted.is_isolated:
        build_vault(wanted.source)
    else:
        build(wanted.environment)


main()
