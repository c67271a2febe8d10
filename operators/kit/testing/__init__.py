"""The Kubernetes API in memory, for tests of what operators decide and do.

`FakeKubeApi` keeps the `KubeApi` Protocol: what runs against it runs against a cluster. It knows server-side apply with
field ownership, conflicts, finalizers, owner references and watches; it does not default, validate or run controllers.
What hangs on those is tested on the real API server (tests/apiserver), and so is that the two agree. Known difference:
a custom resource without any schema owns its maps as well as their keys there, and only the keys here.
"""

from .api import FakeKubeApi
from .faults import Call, Faults

__all__ = ["Call", "FakeKubeApi", "Faults"]
