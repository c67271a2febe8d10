"""Turn Helm's complaint into one clear error with the file and line to edit.

In:  Helm's stderr (paths already relative to the repository), the chart. Out: a `SourceError`.
Helm's own words are kept: they are what people search for. Values appear only where Helm quotes them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import yaml

from operators.gitops.sources import SourceError

from .chart import Chart
from .documents import as_node
from .files import Files, join

LONGEST = 600
KILLED = (-9, 137)

EXECUTION = re.compile(r"(?:execution error at|parse error at) \(([^():]+):(\d+)(?::\d+)?\): (.*)", re.DOTALL)
TEMPLATE = re.compile(r"template: ([^:\s]+):(\d+)(?::\d+)?: ")
RENDERED = re.compile(r"YAML parse error on (\S+): (?:error converting YAML to JSON: )?(?:yaml: )?(.*)", re.DOTALL)
VALUES = re.compile(r"failed to parse (.+?): (?:error converting YAML to JSON: )?(?:yaml: )?(.*)", re.DOTALL)
OWN = re.compile(r"cannot load ([^:\s]+): (?:error converting YAML to JSON: )?(?:yaml: )?(.*)", re.DOTALL)
LINE = re.compile(r"line (\d+):? ?")
MISSING = re.compile(r"missing in charts/ directory: ([^\n]+)")
SCHEMA = re.compile(
    r"values don't meet the specifications of the schema\(s\) in the following chart\(s\):\n(.*)", re.DOTALL
)
SCHEMA_LINE = re.compile(r"^- (?:at )?'?([^:']+)'?: (.*)$")
NOT_A_MAPPING = re.compile(r"cannot unmarshal (\w+) into Go value of type map\S*")


async def explain(said: str, returncode: int, chart: Chart, value_files: Sequence[str], files: Files) -> SourceError:
    """The error for a call of Helm that failed."""
    text = said.replace("Use --debug flag to render out invalid YAML", "").strip()
    if "out of memory" in text or "cannot allocate memory" in text or returncode in KILLED:
        return SourceError("rendering needed more memory than it may have and was stopped")
    text = text[text.rfind("Error: ") + 7 if "Error: " in text else 0 :].strip()
    if schema := SCHEMA.search(text):
        return await _schema(schema[1].strip(), chart, value_files, files)
    if missing := MISSING.search(text):
        return _missing(missing[1], chart)
    return _at_a_line(text, chart)


def _at_a_line(text: str, chart: Chart) -> SourceError:
    if match := EXECUTION.search(text):
        return _error(chart.real_path(match[1]), int(match[2]), match[3])
    if match := RENDERED.search(text):
        # The line is one of the rendered text, which nobody has in an editor.
        message = LINE.sub(lambda line: f"line {line[1]} of what it renders: ", match[2], count=1)
        return _error(chart.real_path(match[1]), 0, f"renders to invalid YAML: {message}")
    if match := VALUES.search(text):
        inline = match[1] == "-"
        return _error(
            "" if inline else match[1], *_split(match[2]), prefix="spec.source.helm.values: " if inline else ""
        )
    if match := OWN.search(text):
        return _error(join(chart.path, match[1]), *_split(match[2]))
    if matches := list(TEMPLATE.finditer(text)):
        # The last is the innermost: the helper that failed, not the template that included it.
        innermost = matches[-1]
        return _error(chart.real_path(innermost[1]), int(innermost[2]), text[innermost.end() :])
    return _error("", 0, text)


def _split(message: str) -> tuple[int, str]:
    line = LINE.search(message)
    plain = NOT_A_MAPPING.sub(r"it must be a mapping, not an \1", LINE.sub("", message, count=1))
    return (int(line[1]) if line else 0), plain.removeprefix("error unmarshaling JSON: while decoding JSON: json: ")


def _error(file: str, line: int, message: str, prefix: str = "") -> SourceError:
    message = " ".join(message.split())
    if len(message) > LONGEST:
        message = f"{message[: LONGEST // 2]} … {message[-LONGEST // 2 :]}"
    place = f"{file}:{line}: " if file and line else f"{file}: " if file else ""
    return SourceError(f"{place}{prefix}{message}", file=file, line=line)


def _missing(names: str, chart: Chart) -> SourceError:
    file = join(chart.path, "Chart.yaml")
    wanted = [name.strip() for name in names.split(",")]
    where = {str(d.get("name")): str(d.get("repository") or "no repository") for d in chart.dependencies}
    listed = ", ".join(f"{name} ({where.get(name, 'of a dependency')})" for name in wanted)
    return SourceError(
        f"{file}: found in Chart.yaml, but missing in charts/ directory: {listed}. Nothing is downloaded here: run "
        f"`helm dependency build {chart.path or '.'}` and commit {join(chart.path, 'charts/')}",
        file=file,
    )


async def _schema(said: str, chart: Chart, value_files: Sequence[str], files: Files) -> SourceError:
    """The value that the schema refuses, found in the file that sets it."""
    section, problems = "", []
    file, line = "", 0
    for row in said.splitlines():
        if match := SCHEMA_LINE.match(row):
            problems.append(row[2:].strip() if not section else f"{section}: {row[2:].strip()}")
            if not file:
                parents = [] if section in ("", chart.name) else [section]
                file, line = await _place(
                    parents, match[1], match[2], [join(chart.path, "values.yaml"), *value_files], files
                )
        elif row.endswith(":"):
            section = row[:-1] if row[:-1] != chart.name else ""
    return _error(file, line, "the values do not fit the chart's schema: " + "; ".join(problems))


async def _place(
    parents: list[str], path: str, message: str, value_files: Sequence[str], files: Files
) -> tuple[str, int]:
    extra = re.search(r"[Aa]dditional propert\S+ '?([\w.-]+)'? (?:is|are)? ?not allowed", message)
    dotted = [] if path.strip() in ("(root)", "", "/") else [p for p in re.split(r"[./]", path.strip("/ ")) if p]
    keys = [*parents, *dotted, *([extra[1]] if extra else [])]
    for file in reversed(value_files):
        if keys and file in files.entries and (line := _line_of(keys, as_node(await files.text(file)))):
            return file, line
    return "", 0


def _line_of(keys: list[str], node: yaml.Node | None) -> int:
    line = 0
    for key in keys:
        if isinstance(node, yaml.MappingNode):
            pair = next((pair for pair in node.value if pair[0].value == key), None)
            if pair is None:
                return 0
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and key.isdigit() and int(key) < len(node.value):
            node = node.value[int(key)]
            line = node.start_mark.line + 1
        else:
            return 0
    return line
