"""What must hold of the repository as a whole: it builds anywhere, and its habits can be kept."""

import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from tools.host import PROGRAMS

ROOT = Path(__file__).parents[3]
INSTALLS = re.compile(r"\binstall\(\s*\[(.*?)\]", re.DOTALL)
FRAGMENT = re.compile(r"[a-z0-9][a-z0-9-]*\.(feature|fix|change|doc)\.md")


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def index_hosts() -> Iterator[bytes]:
    """The public indexes, in pieces so that this file does not name them, and the ones this machine uses."""
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("proxy", "golang", "org"),
        ("sum", "golang", "org"),
        ("index", "crates", "io"),
    ):
        yield ".".join(parts).encode()
    for variable in ("PIP_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "GOPROXY", "NPM_CONFIG_REGISTRY"):
        for url in re.split("[,| ]", os.environ.get(variable, "")):
            host = urlsplit(url).hostname
            if host and host not in {"localhost", "127.0.0.1"}:
                yield host.encode()


def test_no_file_names_a_package_index() -> None:
    hosts = set(index_hosts())
    named = [(name, host) for name in tracked() for host in hosts if host in (ROOT / name).read_bytes()]
    assert named == []


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_every_locked_package_has_a_version_and_hashes(lock: str) -> None:
    packages = re.split(r"(?m)^(?=[a-z0-9])", (ROOT / lock).read_text())[1:]
    assert len(packages) > 10
    assert [package for package in packages if not re.match(r"\S+==\S+ .*?--hash=sha256:", package, re.DOTALL)] == []


def test_the_locks_hold_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    own = {f"{project['name']}[{name}]": extras[name] for name in extras}
    development = project["dependencies"] + [one for name in extras["dev"] for one in own.get(name, [name])]
    for lock, wanted in (("requirements.lock", project["dependencies"]), ("requirements-dev.lock", development)):
        locked = set(re.findall(r"(?m)^([a-z0-9][a-z0-9._-]*)(?:\[.*\])?==", (ROOT / lock).read_text()))
        names = {re.match(r"[A-Za-z0-9._-]+", requirement)[0].lower() for requirement in wanted}  # type: ignore[index]
        assert names <= locked, lock


def test_changelog_fragments_are_found_by_towncrier() -> None:
    names = {path.name for path in (ROOT / "changelog.d").iterdir()} - {".gitkeep"}
    assert {name for name in names if not FRAGMENT.fullmatch(name)} == set()


def test_hooks_need_no_network() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert {repository["repo"] for repository in config["repos"]} == {"local"}
    assert {hook["language"] for repository in config["repos"] for hook in repository["hooks"]} == {"system"}


def test_make_help_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"(?m)^\.PHONY: (\S+)", makefile))
    listed = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert {line.split()[1] for line in listed.stdout.splitlines()} == targets - {""}


def test_continuous_integration_runs_what_a_person_runs() -> None:
    script = (ROOT / ".ci/run").read_text()
    commands = [line for line in script.splitlines() if line and not line.startswith(("#", "set ", "cd "))]
    assert commands == ["exec make test"]
    assert os.access(ROOT / ".ci/run", os.X_OK)


def test_every_decision_stands_in_the_index() -> None:
    folder = ROOT / "docs/decisions"
    records = {path.name for path in folder.glob("[0-9]*.md")}
    assert records == set(re.findall(r"\]\(([0-9][^)]+\.md)\)", (folder / "README.md").read_text()))


def test_every_package_that_is_installed_is_named_where_the_way_back_is() -> None:
    back = (ROOT / "README.md").read_text().partition("## Remove it")[2]
    lists = [text for path in (ROOT / "cluster").rglob("*.py") for text in INSTALLS.findall(path.read_text())]
    named = {name for text in lists for name in re.findall(r'"([a-z0-9.-]+)"', text)} | set(PROGRAMS.values()) - {"git"}

    assert {"docker.io", "mmdebstrap", "openssh-server"} <= named
    assert sorted(name for name in named if f"`{name}`" not in back) == []
    assert "-venv" in (ROOT / "tools/setup.sh").read_text()
    assert "-venv`" in back
