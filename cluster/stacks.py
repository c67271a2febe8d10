"""The stacks: what `pulumi up --stack <name>` makes, and each of which can be looked at beforehand.

In:  the environments.
Out: beside each environment what stands in for it in the recovery Region, where it has a pilot light, and the account
     that keeps production's copies.
"""

from __future__ import annotations

from dataclasses import dataclass

from cluster.environments import ENVIRONMENTS, PROD
from cluster.specification import RECOVERED, Environment

ISOLATED = "isolated"


@dataclass(frozen=True)
class Stack:
    """One stack and what it is made from."""

    name: str
    environment: Environment
    source: Environment
    """For the isolated account, whose copies it keeps; else the environment itself."""

    @property
    def is_isolated(self) -> bool:
        """Whether it is the account of copies, which holds a vault and nothing else."""
        return self.name == ISOLATED


def _stacks() -> dict[str, Stack]:
    found = [Stack(one.name, one, one) for one in ENVIRONMENTS.values()]
    if PROD.recovery.copy_to_account:
        found.append(Stack(ISOLATED, PROD.isolated(), PROD))
    for one in ENVIRONMENTS.values():
        if one.recovery.pilot_light:
            there = one.recovered()
            found.append(Stack(there.stack, there, there))
    return {one.name: one for one in found}


STACKS = _stacks()
USUAL = tuple(name for name in STACKS if not name.endswith(RECOVERED))
"""What is there on any day; the others are made when a Region is lost."""


def stack(name: str) -> Stack:
    """Return the stack of that name; KeyError says which there are."""
    if name not in STACKS:
        raise KeyError(f"no stack {name!r}; there are {', '.join(STACKS)}")
    return STACKS[name]
