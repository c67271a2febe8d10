"""Plain manifests in a folder: *.yaml, *.yml and *.json.

In:  a folder of a commit. Out: its manifests, in the order of the files' names.
As in Argo CD, a YAML file that has nothing of a manifest (somebody's values) is passed over, and so is one that
says `+argocd:skip-file-rendering`. A file that has some of a manifest is an error, and so is (unlike there) one that
cannot be read as YAML or JSON at all: taking a misspelt `kind` or a spoilt file for a stranger's would prune what it
described.
"""

from __future__ import annotations

import re

from operators.gitops.models import DirectorySource
from operators.gitops.sources import SourceError
from operators.gitops.sources.objects import Entry

from .documents import Document, parse_json, parse_yaml
from .files import Files, as_text, join, submodule
from .globs import Glob, compiled
from .manifests import Collected

MANIFEST = re.compile(r".*\.(yaml|yml|json)", re.DOTALL)
MARKS = re.compile(r"(?:^|[{,\s])[\"']?(apiVersion|kind|metadata)[\"']?\s*:")
SKIPPED = "+argocd:skip-file-rendering"
BYTES = 10 << 20
"""Of all files together, as Argo CD limits them."""
UNSERVED = ("kustomization.yaml", "kustomization.yml", "Kustomization")


async def files_of(path: str, directory: DirectorySource, files: Files) -> list[tuple[str, Entry]]:
    """The manifest files of a folder, chosen by name."""
    try:
        include = compiled(directory.include, crossing=True) if directory.include else None
        exclude = compiled(directory.exclude, crossing=True) if directory.exclude else None
    except ValueError as error:
        raise SourceError(f"directory: {error}", condition="InvalidSpecError") from None
    root = await files.snapshot.entry(path)
    if root is None or not root.is_directory:
        raise SourceError(f"{path}: is not a directory", file=path)
    files.paths[path] = None
    chosen, pending = [], [("", root)]
    while pending:
        shown, folder = pending.pop()
        below = []
        for name, child in sorted((await files.snapshot.children(folder)).items()):
            relative = join(shown, name)
            await files.visit(join(path, relative))
            if child.is_directory:
                below.append((relative, child))
            elif not shown and name in UNSERVED:
                raise SourceError(f"{join(path, name)}: Kustomize is not served", file=join(path, name))
            elif child.is_submodule and directory.recurse:
                raise submodule(join(path, relative))
            elif MANIFEST.fullmatch(name) and _is_chosen(relative, include, exclude):
                chosen.append((join(path, relative), child))
        pending.extend(reversed(below if directory.recurse else []))
    return [await _without_link(file, entry, files) for file, entry in sorted(chosen)]


def _is_chosen(path: str, include: Glob | None, exclude: Glob | None) -> bool:
    return not (exclude and exclude.match(path)) and (include is None or include.match(path))


async def _without_link(file: str, entry: Entry, files: Files) -> tuple[str, Entry]:
    if not entry.is_symlink:
        return file, entry
    found = await files.look(file)
    if found is None:
        raise SourceError(f"{file}: the symbolic link points at nothing", file=file)
    await files.add_file(found)
    return file, files.entries[found]


async def read(chosen: list[tuple[str, Entry]], files: Files) -> list[tuple[str, str]]:
    """The texts of the files by their path; raises SourceError where they are too large together."""
    texts, total = [], 0
    for path, entry in chosen:
        content = (await files.snapshot.read(entry))[0]
        total += len(content)
        if total > BYTES:
            raise SourceError(f"the manifests are larger than {BYTES >> 20} MiB together", file=path)
        texts.append((path, as_text(content, path)))
    return texts


def manifests_of(texts: list[tuple[str, str]]) -> Collected:
    """The manifests of the files; pure."""
    collected = Collected()
    for path, text in texts:
        if SKIPPED in text:
            continue
        marks = {match[1] for match in MARKS.finditer(text)}
        for document in _documents(path, text, foreign=len(marks) < 2):
            collected.add(document.value, file=path, line=document.line)
    return collected


def _documents(path: str, text: str, *, foreign: bool) -> list[Document]:
    try:
        documents = (parse_json if path.endswith(".json") else parse_yaml)(text, path)
    except SourceError as error:
        if not foreign:
            raise
        remedy = f"leave it out by directory.exclude or a line {SKIPPED!r}, if it is no manifest"
        raise SourceError(f"{error}; {remedy}", file=error.file, line=error.line) from None
    return [] if foreign and not any(_is_object(document.value) for document in documents) else documents


def _is_object(value: object) -> bool:
    return isinstance(value, dict) and "kind" in value and "apiVersion" in value
