"""Render a chart with `helm template`, as Argo CD does.

In:  a `RenderRequest` whose path holds a chart. Out: `Plan` of one call of Helm first (pure of Helm, it keys the
cache), then the manifests.
"""

from __future__ import annotations

import asyncio
import bisect
import json
import re
from dataclasses import dataclass
from pathlib import Path

import pyhelm3

from operators.gitops.models import HelmSource
from operators.gitops.sources import SourceError

from .chart import Chart, chart_at
from .documents import parse_yaml
from .environment import BuildEnvironment, plain_version
from .files import Files, join
from .helm_command import HelmCommand
from .helm_failure import explain
from .manifests import Collected
from .request import RenderRequest
from .values import local_path, resolved, value_files

RELEASE = re.compile(r"(?=.{1,53}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
PARAMETER = re.compile(r"(?:[A-Za-z0-9_/\[\]-]|\\?\.)+")
"""A name that Helm's --set-file cannot take for two: a comma or an equals sign in it would name a file to read."""
SOURCE = re.compile(r"^# Source: (.+)$", re.MULTILINE)
LARGE_TEXT = 64 << 10
"""From here on parsing would hold up the event loop for longer than a thread costs."""
SKIPPED_HOOK = re.compile(r'skipping unknown hook: "?([^"\n]+)"?')


@dataclass(frozen=True, slots=True)
class Call:
    """One call of Helm: its arguments, where value files stand in the repository, and the values on stdin."""

    chart: Chart
    release: str
    arguments: tuple[str, ...]
    value_files: tuple[str, ...]
    file_parameters: tuple[tuple[str, str], ...]
    inline_values: str

    @property
    def key(self) -> str:
        """Equal for calls that, on equal files, have equal results."""
        parts = (self.chart.path, self.release, self.arguments, self.value_files, self.file_parameters)
        return json.dumps([*parts, self.inline_values])


async def planned(request: RenderRequest, files: Files, environment: BuildEnvironment) -> Call:
    """What Helm is to be called with; takes all it needs into `files`. Raises SourceError for what cannot be."""
    helm = request.source.helm or HelmSource()
    path = await files.require(request.source.path, what="the path")
    release = helm.release_name or request.app_name
    if not RELEASE.fullmatch(release):
        raise SourceError(
            f"the release name {release!r} is invalid: small letters, digits, '-' and '.', 53 at most; "
            "set spec.source.helm.releaseName",
            condition="InvalidSpecError",
        )
    chart = await chart_at(path, files)
    values = await value_files(helm, path, files, environment)
    parameters = []
    for parameter in helm.file_parameters:
        if not PARAMETER.fullmatch(parameter.name):
            raise SourceError(
                f"helm.fileParameters: the name {parameter.name!r} is invalid: letters, digits, '_', '-', '/', '.' and "
                "[index] only",
                condition="InvalidSpecError",
            )
        wanted = local_path(parameter.path, "helm.fileParameters", environment)
        found = await resolved(wanted, path, files)
        if found is None:
            shown = join(path, wanted)
            raise SourceError(f"open {shown}: no such file or directory (helm.fileParameters)", file=shown)
        await files.add_file(found)
        parameters.append((parameter.name, found))
    inline = helm.values if helm.values_object is None else json.dumps(helm.values_object)
    return Call(
        chart, release, _arguments(request, helm, environment), tuple(values), tuple(dict(parameters).items()), inline
    )


def _arguments(request: RenderRequest, helm: HelmSource, environment: BuildEnvironment) -> tuple[str, ...]:
    """Each option and its value in one argument, so that no value can pass as another option."""
    arguments = [f"--namespace={helm.namespace or request.app_namespace}"]
    if version := plain_version(helm.kube_version or request.kube_version):
        arguments.append(f"--kube-version={version}")
    for api in helm.api_versions or sorted(request.api_versions):
        arguments.append(f"--api-versions={api}")  # noqa: PERF401
    # Of parameters with one name the last counts, and all --set come before all --set-string, as in Argo CD.
    for flag, forced in (("--set", False), ("--set-string", True)):
        chosen = {p.name: environment.substitute(p.value) for p in helm.parameters if p.force_string is forced}
        arguments += [f"{flag}={name}={escaped(value)}" for name, value in chosen.items()]
    arguments += ["--skip-crds" if helm.skip_crds else "--include-crds"]
    arguments += ["--skip-tests"] * helm.skip_tests
    arguments += ["--skip-schema-validation"] * helm.skip_schema_validation
    return tuple(arguments)


def escaped(value: str) -> str:
    """A parameter's value for Helm's --set, whose lists are split at commas; `{a,b}` is meant as a list."""
    if value.startswith("{") and value.endswith("}"):
        return value
    return re.sub(r"(?<!\\),", r"\,", value)


class Helm:
    """Renders charts. The Helm program is chosen at the first use."""

    def __init__(self, command: HelmCommand) -> None:
        self._command = command
        self.client = pyhelm3.Client(command=command, executable=command._executable)  # noqa: SLF001
        self.version = str(self.client.version)

    async def render(self, call: Call, files: Files, work: Path) -> Collected:
        """Render in a directory that is this call's own; raises SourceError with file and line where Helm has them."""
        root = work / "files"
        root.mkdir(mode=0o700)
        await files.export(root)
        cwd = root / call.chart.path
        await self._check_file_dependencies(call, cwd)
        arguments = ["template", call.release, ".", *call.arguments]
        arguments += [f"--values={_quoted(str(root / path))}" for path in call.value_files]
        for number, (name, path) in enumerate(call.file_parameters):
            # Under a name of ours: what Helm splits and unescapes holds nothing that an author wrote.
            file = work / f"parameter-{number}"
            file.hardlink_to(root / path)
            arguments.append(f"--set-file={name}={file}")
        stdin = call.inline_values.encode() if call.inline_values else None
        done = await self._command.execute(arguments + ["--values=-"] * (stdin is not None), cwd=cwd, stdin=stdin)
        if done.returncode:
            said = done.stderr.replace(f"{root}/", "")
            raise await explain(said, done.returncode, call.chart, call.value_files, files)
        if len(done.stdout) > LARGE_TEXT:
            return await asyncio.to_thread(_collected, done.stdout, done.stderr, call.chart)
        return _collected(done.stdout, done.stderr, call.chart)

    async def _check_file_dependencies(self, call: Call, cwd: Path) -> None:
        """A file:// dependency of a version the chart does not want is not seen by `helm template`."""
        if not call.chart.moved:
            return
        done = await self._command.execute(["dependency", "list", "."], cwd=cwd)
        for line in done.stdout.decode(errors="replace").splitlines()[1:]:
            columns = [column.strip() for column in line.split("\t")]
            if len(columns) >= 4 and columns[2].startswith("file://") and columns[3] in ("wrong version", "misnamed"):
                file = join(call.chart.path, "Chart.yaml")
                raise SourceError(
                    f"{file}: the dependency {columns[0]} {columns[1]} at {columns[2]} has another version", file=file
                )


def _quoted(path: str) -> str:
    """Helm reads --values as a line of comma-separated values."""
    return '"' + path.replace('"', '""') + '"' if any(c in path for c in ',"\r\n') else path


def _collected(stdout: bytes, stderr: str, chart: Chart) -> Collected:
    text = stdout.decode(errors="replace")
    sources = [(match.start(), match[1].strip()) for match in SOURCE.finditer(text)]
    lines = _lines_at(text, [at for at, _ in sources])

    def source_of(line: int) -> str:
        at = bisect.bisect_right(lines, line) - 1
        return chart.real_path(sources[at][1]) if at >= 0 else chart.path

    collected = Collected()
    try:
        documents = parse_yaml(text, "")
    except SourceError as error:
        file = source_of(error.line)
        at = bisect.bisect_right(lines, error.line) - 1
        within = error.line - lines[at] if at >= 0 else error.line
        message = f"{file}: what it renders is not right: {error.message.removeprefix(': ')} (its line {within})"
        raise SourceError(message, file=file) from None
    for document in documents:
        collected.add(document.value, file=source_of(document.line))
    for hook in SKIPPED_HOOK.findall(stderr):
        collected.unsupported.append(f"Helm left out an object with the unknown hook {hook}")
    return collected


def _lines_at(text: str, offsets: list[int]) -> list[int]:
    """The line of each offset, counted in one pass."""
    lines, line, last = [], 1, 0
    for offset in offsets:
        line += text.count("\n", last, offset)
        last = offset
        lines.append(line)
    return lines
