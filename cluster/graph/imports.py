"""Import of pulumi_aws only what the program names.

In:  the packages below `pulumi_aws`, each of which imports every resource it has (ec2 alone 180 modules).
Out: the same packages, whose names are imported when they are asked for: half the time and memory of a capture.

A name that is not where the code generator puts it makes the package import itself whole, as without this. `pulumi up`
does not use it.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

PACKAGE = "pulumi_aws"
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class _Loader(Loader):
    """Makes a package that looks a name up where it is defined."""

    def __init__(self, whole: Loader) -> None:
        self._whole = whole

    def create_module(self, _spec: ModuleSpec) -> ModuleType | None:
        """Leave it to Python."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Give the package a way to find names."""

        def find(name: str) -> Any:
            if name.startswith("_") or name == "outputs":  # a module of the package, which the import itself finds
                raise AttributeError(name)
            stem = name.removesuffix("Dict").removesuffix("Args")
            for place in (_WORDS.sub("_", stem).lower(), "_inputs", "_enums"):
                try:
                    found = getattr(importlib.import_module(f"{module.__name__}.{place}"), name)
                except (ModuleNotFoundError, AttributeError):
                    continue
                setattr(module, name, found)
                return found
            del module.__dict__["__getattr__"]
            self._whole.exec_module(module)
            return getattr(module, name)

        module.__dict__["__getattr__"] = find


class _Finder(MetaPathFinder):
    """Finds the packages directly below pulumi_aws."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Take over what PathFinder finds."""
        parent, _, name = fullname.rpartition(".")
        if parent != PACKAGE or name.startswith("_"):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.loader is None or spec.submodule_search_locations is None:
            return None
        spec.loader = _Loader(spec.loader)
        return spec


def install() -> None:
    """Import pulumi_aws sparingly from now on; without effect when it is imported already."""
    if PACKAGE not in sys.modules and not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
