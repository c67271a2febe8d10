"""The policy pack: one stack policy for each control, mandatory.

`pulumi preview --policy-pack cluster/policy` runs it. The checks are those of `cluster.controls`; nothing is decided
here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from pulumi_policy import EnforcementLevel, PolicyPack, StackValidationArgs, StackValidationPolicy
from pulumi_policy.proxy import UnknownValueError

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from cluster.controls import Control, controls
from cluster.controls.pack import LEFT_OUT, environment_of, stack_of

Report = Callable[..., None]


def policy(control: Control) -> StackValidationPolicy:
    """Return the policy of one control."""

    def validate(args: StackValidationArgs, report: Report) -> None:
        stack = stack_of(environment_of(args.resources), args.resources, UnknownValueError)
        for finding in stack.findings(datetime.now(UTC).date()):
            if finding.control == control.key:
                resource = stack.graph.get(finding.gap.resource)
                report(str(finding), resource.urn if resource else None)

    return StackValidationPolicy(
        name=control.key,
        description=control.title,
        validate=validate,
        enforcement_level=EnforcementLevel.MANDATORY,
    )


PolicyPack("automatrix-controls", [policy(one) for one in controls() if one.key not in LEFT_OUT])
