"""A chart's folder with the dependencies it names by file path.

In:  the chart's path in a commit. Out: `Chart`: its name, its dependencies, and its files laid out as Helm wants
them: `file://` dependencies stand below `charts/`, where `helm dependency build` would have put them.
Nothing is downloaded: a dependency from a chart repository must be in the repository, and one that is not is an
error that says how to put it there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from operators.gitops.sources import SourceError

from .documents import parse_yaml
from .files import Files, as_text, join

DEPTH = 10
DEPENDENCY_COST = 50
NAME = re.compile(r"(?!\.\.?$)[A-Za-z0-9._-]{1,200}")


@dataclass(slots=True)
class Chart:
    """A chart; `moved` tells for each folder below it where its files really are in the repository."""

    path: str
    name: str
    dependencies: list[dict[str, Any]]
    moved: dict[str, str] = field(default_factory=dict)

    def real_path(self, named: str) -> str:
        """The file in the repository that Helm calls `web/templates/a.yaml`; "" where it lies in an archive."""
        first, _, rest = named.partition("/")
        shown = join(self.path, rest) if first == self.name else named
        for at, real in sorted(self.moved.items(), key=lambda pair: -len(pair[0])):
            if shown.startswith(at + "/"):
                return real + shown[len(at) :]
        return shown


async def is_chart(path: str, files: Files) -> bool:
    """Whether a folder has a Chart.yaml."""
    entry = await files.snapshot.entry(join(path, "Chart.yaml"))
    return entry is not None


async def chart_at(path: str, files: Files) -> Chart:
    """Take a chart into `files`."""
    await files.add_directory(path)
    metadata = await _metadata(path, path, files)
    chart = Chart(path, str(metadata.get("name", "")), metadata["dependencies"])
    await _place_file_dependencies(chart, path, path, files, depth=0)
    return chart


async def _place_file_dependencies(chart: Chart, shown: str, real: str, files: Files, *, depth: int) -> None:
    """`shown` is where Helm finds the chart, `real` where it lies: file paths count from there."""
    if depth > DEPTH:
        raise SourceError(f"{real}: the file:// dependencies are nested too deeply or go in a circle", file=real)
    for dependency in (await _metadata(shown, real, files))["dependencies"]:
        name, repository = str(dependency.get("name", "")), str(dependency.get("repository", ""))
        at = join(shown, f"charts/{name}")
        await files.visit(shown, DEPENDENCY_COST)
        if not repository.startswith("file://") or _is_vendored(at, files):
            continue
        if not NAME.fullmatch(name):
            file = join(real, "Chart.yaml")
            raise SourceError(f"{file}: the dependency {name[:100]!r} has a name that no folder can have", file=file)
        what = f"{join(real, 'Chart.yaml')}: the dependency {name!r} is at {repository}, which"
        target = await files.look(repository.removeprefix("file://"), base=real)
        if target is None:
            raise SourceError(f"{what} does not exist in the repository", file=join(real, "Chart.yaml"))
        await files.add_directory(target, at)
        chart.moved[at] = target
        if str((await _metadata(at, target, files)).get("name")) != name:
            raise SourceError(f"{what} is a chart of another name", file=join(target, "Chart.yaml"))
        await _place_file_dependencies(chart, at, target, files, depth=depth + 1)


def _is_vendored(at: str, files: Files) -> bool:
    return any(
        path.startswith((f"{at}/", f"{at}-")) and path.endswith(("/Chart.yaml", ".tgz")) for path in files.entries
    )


async def _metadata(shown: str, real: str, files: Files) -> dict[str, Any]:
    metadata = await _mapping(join(shown, "Chart.yaml"), join(real, "Chart.yaml"), files)
    if metadata is None:
        raise SourceError(f"{real}: is not a Helm chart: it has no Chart.yaml", file=real)
    older = await _mapping(join(shown, "requirements.yaml"), join(real, "requirements.yaml"), files) or {}
    listed = metadata.get("dependencies") or older.get("dependencies") or []
    if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
        file = join(real, "Chart.yaml")
        raise SourceError(f"{file}: dependencies must be a list of mappings", file=file)
    return {**metadata, "dependencies": listed}


async def _mapping(shown: str, real: str, files: Files) -> dict[str, Any] | None:
    entry = files.entries.get(shown)
    if entry is None:
        return None
    documents = parse_yaml(as_text((await files.snapshot.read(entry))[0], real), real)
    value = documents[0].value if documents else {}
    if not isinstance(value, dict):
        raise SourceError(f"{real}: must be a mapping", file=real)
    return value
