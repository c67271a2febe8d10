"""Which value files a chart is rendered with, in which order.

In:  `helm.valueFiles`, the chart's folder, the commit. Out: paths in the repository, lowest precedence first.
Argo CD's rules: a glob expands in place, each folder's own files before those of its sub-folders; a file that is
also listed by name stands at its listed place only; one that two globs match stands where the first matched.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from operators.gitops.models import HelmSource
from operators.gitops.sources import SourceError
from operators.gitops.sources.snapshot import Found

from .environment import VARIABLE, BuildEnvironment
from .files import Files, join
from .globs import base_of, compiled, is_glob


async def value_files(helm: HelmSource, chart: str, files: Files, environment: BuildEnvironment) -> list[str]:
    """The value files, taken into `files`; raises SourceError for one that does not exist unless that is allowed."""
    listed = [local_path(path, "helm.valueFiles", environment) for path in helm.value_files]
    explicit: dict[str, str | None] = {}
    for path in listed:
        if not is_glob(path):
            explicit[path] = await _explicit(path, chart, files, ignore_missing=helm.ignore_missing_value_files)
    chosen: list[str] = []
    for path in listed:
        if not is_glob(path):
            chosen += [found] if (found := explicit[path]) is not None else []
            continue
        matched = [found async for found in _matches(path, chart, files)]
        if not matched and not helm.ignore_missing_value_files:
            # Argo CD's words, which its users search for.
            raise SourceError(f'values file glob "{path}" matched no files')
        chosen += [found for found in matched if found not in chosen and found not in explicit.values()]
    for path in dict.fromkeys(chosen):
        await files.add_file(path)
    return chosen


def local_path(path: str, where: str, environment: BuildEnvironment) -> str:
    """The path with its variables replaced; raises SourceError for a URL and for another source's files."""
    variable = VARIABLE.match(path)
    if variable and (path[variable.end() :][:1] == "/") and not environment.knows(variable):
        raise SourceError(
            f"{where}: {path!r} names another source, and several sources are not served yet",
            condition="InvalidSpecError",
        )
    replaced = environment.substitute(path)
    if "://" in replaced:
        raise SourceError(
            f"{where}: {replaced!r} is a URL; only files of the repository are served", condition="InvalidSpecError"
        )
    return replaced


async def resolved(path: str, chart: str, files: Files) -> str | None:
    """Where a path of the spec leads: from the chart's folder, or with a leading `/` from the root."""
    return await files.look(path, base="" if path.startswith("/") else chart)


async def _explicit(path: str, chart: str, files: Files, *, ignore_missing: bool) -> str | None:
    found = await resolved(path, chart, files)
    if found is None and not ignore_missing:
        shown = path.lstrip("/") if path.startswith("/") else join(chart, path)
        raise SourceError(
            f"open {shown}: no such file or directory (helm.valueFiles; ignoreMissingValueFiles would leave it out)",
            file=shown,
        )
    return found


async def _matches(pattern: str, chart: str, files: Files) -> AsyncIterator[str]:
    base = base_of(pattern)
    rest = pattern[len(base) :].lstrip("/")
    try:
        expression = compiled(rest, crossing=False)
    except ValueError as error:
        raise SourceError(f"helm.valueFiles: {error}", condition="InvalidSpecError") from None
    # Without a fixed folder in front ("*.yaml", "/*.yaml") the base is the chart's folder or the root itself.
    start = await files.snapshot.find(base, base="" if pattern.startswith("/") else chart)
    files.paths.update(dict.fromkeys([*start.links, start.path]))
    pending = [(start, "")]
    while pending:
        folder, shown = pending.pop()
        if folder.entry is None or not folder.entry.is_directory:
            continue
        below = []
        for name, child in sorted((await files.snapshot.children(folder.entry)).items()):
            path, where = join(shown, name), join(folder.path, name)
            await files.visit(where)
            if child.is_directory:
                below.append((Found(where, child), path))
            elif expression.match(path) and (found := await files.look(where)) is not None:
                files.paths[found] = None
                yield found
        pending.extend(reversed(below))
