"""docs/benchmarks.md, area by area: what a run has taken replaces what stood there of its areas, and the rest stays.

In:  the page and the text of one area. Out: the page. A comment stands before each area, which readers do not see.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

HEAD = """\
# Figures

Written by `make bench` (`make bench AREAS="engine plan"` takes some of them anew); measured, not promised.

"""
_MARK = re.compile(r"^<!-- area: ([\w-]+) -->\n", re.MULTILINE)


def with_area(page: str, area: str, text: str, order: Sequence[str]) -> str:
    """Return the page with an area's text in the place that `order` gives it; areas that `order` lacks go."""
    _, *parts = _MARK.split(page)
    known = dict(zip(parts[::2], parts[1::2], strict=True)) | {area: text}
    return HEAD + "\n".join(f"<!-- area: {name} -->\n{known[name].strip()}\n" for name in order if name in known)
