"""Have all that the tests run in the cache before the first of them starts: `python -m tools.build`.

In:  the user's settings. Out: exit code 0 with the programs of a real API server and of a real data plane, and the
images, in the cache. The first time that takes long and all processors: no test shall run, and be judged, beside it.
"""

from __future__ import annotations

import sys

from cluster.local import binaries, engine, images, up
from cluster.local.errors import MachineError
from cluster.local.progress import Progress
from cluster.local.settings import Settings
from operators.kit.testing import controlplane
from tests.support import data_plane

PROGRAMS = (*controlplane.PROGRAMS, *data_plane.PROGRAMS)
"""Before the images: once those are there, Go's sources are thrown away."""


def main() -> int:
    """Pull or build what is missing; return the exit code."""
    settings, progress = Settings.from_environment(), Progress()
    try:
        binaries.ensure(settings, PROGRAMS, progress)
        with engine.borrowed(settings, progress):
            images.ensure(settings, ("node", *up.OWN_IMAGES), progress)
    except MachineError as error:
        print(f"build: {error}", file=sys.stderr)
        return 1
    print(f"build: programs and images are in {settings.cache_dir}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
