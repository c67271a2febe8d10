"""`amx down` removes what amx wrote and nothing else, wherever the user's settings point."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.local import down, engine, kind, state, up
from cluster.local.errors import MachineError
from cluster.local.progress import Progress
from cluster.local.settings import Settings

QUIET = Progress(quiet=True)
WRITTEN = (
    *("kubeconfig", "git-credential", "kind.yaml", "node/addresses.json", "logs/kind-create.log"),
    *("logs/helm-git.log", "releases/git.json"),
)


@pytest.fixture(autouse=True)
def no_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without a container engine, whatever this one has."""
    monkeypatch.setattr(engine, "find", lambda: None)
    monkeypatch.setattr(down, "revive", lambda settings, progress: None)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.from_environment(
        {"AMX_STATE_DIR": str(tmp_path / "home"), "AMX_CLUSTER_NAME": "projects", "AMX_CACHE_DIR": str(tmp_path / "c")}
    )


def write(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("…")


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "strangers",
    [
        pytest.param(("thesis.txt",), id="a folder of the user's"),
        pytest.param(("types.log", "pure.log"), id="the logs of make check, by a cluster called logs"),
        pytest.param(("kubeconfig", "kind.yaml", "logs/kind-create.log"), id="files that are called like ours"),
    ],
)
def test_a_strangers_folder_is_left_alone_by_down_and_refused_by_up(
    settings: Settings, strangers: tuple[str, ...]
) -> None:
    write(settings.cluster_dir, *strangers)
    assert down.down(settings, QUIET).nodes == ()
    assert names(settings.cluster_dir) == set(strangers)
    with pytest.raises(MachineError, match=r"holds something else .*AMX_STATE_DIR"):
        up.check(settings, None)
    assert names(settings.cluster_dir) == set(strangers)


def test_of_our_own_folder_only_what_we_wrote_goes(settings: Settings) -> None:
    state.claim(settings)
    write(settings.cluster_dir, *WRITTEN, "thesis.txt", "logs/mine.log", ".git-credential.17")
    down.down(settings, QUIET)
    assert names(settings.cluster_dir) == {"thesis.txt", "logs/mine.log", state.MARK}
    state.check(settings)


@pytest.mark.parametrize("marked", [True, False], ids=["ours", "of a version without the mark"])
def test_a_folder_with_nothing_else_in_it_goes(settings: Settings, *, marked: bool) -> None:
    if marked:
        state.claim(settings)
    write(settings.cluster_dir, *WRITTEN)
    state.check(settings)
    down.down(settings, QUIET)
    assert not settings.cluster_dir.exists()


def test_a_folder_of_a_version_without_the_mark_that_was_removed_and_written_again_is_ours(settings: Settings) -> None:
    write(settings.cluster_dir, *WRITTEN[1:2], *WRITTEN[5:])
    settings.kubeconfig.write_text("contexts:\n- context:\n    cluster: kind-projects\n    user: kind-projects\n")
    state.check(settings)
    down.down(settings, QUIET)
    assert not settings.cluster_dir.exists()


def test_what_an_interrupted_making_left_is_taken_on(settings: Settings) -> None:
    state.check(settings)
    kind.owner_folder(settings).mkdir(parents=True)
    state.check(settings)


def test_a_link_in_the_folder_is_removed_and_not_what_it_points_to(settings: Settings, tmp_path: Path) -> None:
    state.claim(settings)
    write(tmp_path / "elsewhere", "addresses.json")
    (settings.cluster_dir / "node").symlink_to(tmp_path / "elsewhere")
    down.down(settings, QUIET)
    assert names(tmp_path / "elsewhere") == {"addresses.json"}
