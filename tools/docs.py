"""Check what the documentation names: `python -m tools.docs`.

In:  every Markdown file of the repository. Out: exit code 0, or 1 with one line per link to a file or heading that is
not there, make target or `amx` command that does not exist, AMX_ or GITOPS_ setting that no code reads, and setting
that no page explains.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"(?ms)^ *```.*?^ *```")
_HEADING = re.compile(r"(?m)^#+ +(.+?) *$")
_MAKE = re.compile(r"\bmake ([a-z][a-z-]+)\b")
_AMX = re.compile(r"(?:`|\$ |^ *|\()(?:\.venv/bin/)?amx ([a-z][a-z-]+)", re.MULTILINE)
_SETTING = re.compile(r"\b((?:AMX|GITOPS)_[A-Z][A-Z0-9_]*)\b")


def main() -> int:
    """Print what is wrong and return the exit code."""
    tracked = _tracked()
    pages = [path for path in tracked if path.suffix == ".md"]
    known = Known.of(tracked)
    wrong = [f"{page.relative_to(ROOT)}: {what}" for page in pages for what in problems(page, known)]
    text = "".join(page.read_text() for page in pages)
    wrong += [f"{path.relative_to(ROOT)}: {what}" for path in _settings(tracked) for what in unexplained(path, text)]
    for line in wrong:
        print(line)
    print(f"docs: {len(pages)} pages, {len(wrong)} problem{'' if len(wrong) == 1 else 's'}")
    return 1 if wrong else 0


class Known:
    """What may be named: make targets, amx commands, settings that code reads."""

    def __init__(self, targets: set[str], commands: set[str], settings: set[str]) -> None:
        self.targets = targets
        self.commands = commands
        self.settings = settings

    @classmethod
    def of(cls, tracked: list[Path]) -> Known:
        """Read them off the Makefile, the command line and the code."""
        from amx.__main__ import app  # noqa: PLC0415 - the import builds the whole command line

        targets = set(re.findall(r"(?m)^([a-z][a-z-]*):", (ROOT / "Makefile").read_text()))
        commands = {command.callback.__name__ for command in app.registered_commands if command.callback}
        commands |= {group.name for group in app.registered_groups if group.name}
        code = [path for path in tracked if path.suffix in {".py", ".sh", ".yaml", ".tpl"} and path.name != "docs.py"]
        settings = {name for path in code for name in _SETTING.findall(path.read_text(errors="replace"))}
        prefixed = {f"GITOPS_{name}" for path in code for name in re.findall(r'"([A-Z][A-Z0-9_]+)"', path.read_text())}
        return cls(targets, commands, settings | prefixed)


def problems(page: Path, known: Known) -> Iterator[str]:
    """Yield what is wrong on one page."""
    text = page.read_text()
    yield from _broken_links(page, _FENCE.sub("", text))
    yield from (f"there is no `make {name}`" for name in sorted(set(_named(_MAKE, text)) - known.targets))
    yield from (f"there is no `amx {name}`" for name in sorted(set(_named(_AMX, text)) - known.commands))
    yield from (f"nothing reads {name}" for name in sorted(set(_SETTING.findall(text)) - known.settings))


def _settings(tracked: list[Path]) -> list[Path]:
    """The modules that read a program's settings."""
    rooms = {ROOT / room for room in ("amx", "cluster", "operators")}
    return [path for path in tracked if path.name == "settings.py" and rooms & set(path.parents)]


def unexplained(module: Path, pages: str) -> Iterator[str]:
    """Yield the settings of a module that no page names; one that says it is for tests needs none."""
    lines = [line for line in module.read_text().splitlines() if "test" not in line]
    found = {name for line in lines for name in _SETTING.findall(line)}
    yield from (f"no page explains {name}" for name in sorted(found - set(_SETTING.findall(pages))))


def _named(pattern: re.Pattern[str], text: str) -> list[str]:
    """What stands in code: prose may well say "make sure"."""
    code = _FENCE.findall(text) + re.findall(r"`[^`\n]+`", _FENCE.sub("", text))
    return [name for piece in code for name in pattern.findall(piece)]


def _broken_links(page: Path, text: str) -> Iterator[str]:
    for target in _LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        if not path.exists():
            yield f"{target} leads nowhere"
        elif anchor and path.suffix == ".md" and anchor not in _anchors(path):
            yield f"{target}: {path.name} has no such heading"


def _anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as forges make them."""
    headings = _HEADING.findall(_FENCE.sub("", path.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _tracked() -> list[Path]:
    """Every file that is in the repository or about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


if __name__ == "__main__":
    sys.exit(main())
