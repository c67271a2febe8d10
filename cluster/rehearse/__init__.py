"""The rehearsal: the graph is created, resource by resource, at an AWS API on this machine.

    with server.moto() as url:
        found = rehearse(graph, url)     # nothing leaves this machine
    found.of("created"), found.of("unsupported"), found.of("failed"), found.mismatches

| module | holds |
|---|---|
| `network`, `identity`, `stores` | how each type is created and read back |
| `unsupported` | what is not, and why |
| `replay` | the order, references, the comparison |
| `server` | moto, started and stopped |

moto is stricter than a mock and laxer than AWS: it refuses bad ranges, absent networks and malformed policies, and
accepts, say, versions of Kubernetes that there are none of. What it accepts may still be refused by AWS.
"""

from cluster.rehearse.model import Call, Done, Mismatch, Rehearsal
from cluster.rehearse.replay import CALLS, rehearse
from cluster.rehearse.show import as_json, as_markdown, as_text
from cluster.rehearse.unsupported import UNSUPPORTED

__all__ = [
    "CALLS",
    "UNSUPPORTED",
    "Call",
    "Done",
    "Mismatch",
    "Rehearsal",
    "as_json",
    "as_markdown",
    "as_text",
    "rehearse",
]
