"""One change to the graph of production, and the controls that then fail, or still pass.

`FAILING` breaks one thing at a time. `also` names the other controls that look at the same property, so that they flip
with it. `PASSING` changes something that a control must bear, or, where production has a waiver, takes away what the
waiver is for.
"""

from tests.support.mutations.case import Case
from tests.support.mutations.detection import DETECTION
from tests.support.mutations.edge import EDGE
from tests.support.mutations.eks import EKS
from tests.support.mutations.identity import IDENTITY
from tests.support.mutations.network import NETWORK
from tests.support.mutations.passing import PASSING
from tests.support.mutations.stores import STORES

FAILING = (*NETWORK, *EKS, *IDENTITY, *STORES, *EDGE, *DETECTION)

__all__ = ["FAILING", "PASSING", "Case"]
