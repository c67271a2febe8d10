"""Adding the cluster to the user's kubeconfig: everything that was there stays, and so does the current context."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from amx import kubeconfig
from cluster.local.errors import MachineError
from cluster.local.settings import Settings


def config(name: str, context: str, server: str = "https://127.0.0.1:1") -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server}}],
        "users": [{"name": name, "user": {"token": "t"}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": context,
    }


def written(path: Path, content: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(content))
    return path


def test_what_was_there_stays_and_the_context_is_not_switched(tmp_path: Path) -> None:
    target = written(tmp_path / "mine", config("work", "work"))
    kubeconfig.merge(written(tmp_path / "kind", config("kind-automatrix", "kind-automatrix")), target)
    merged = yaml.safe_load(target.read_text())
    assert [entry["name"] for entry in merged["clusters"]] == ["work", "kind-automatrix"]
    assert merged["current-context"] == "work"


def test_merging_again_replaces_the_cluster_that_was_made_anew(tmp_path: Path) -> None:
    target = written(tmp_path / "mine", config("work", "work"))
    for port in (1, 2):
        source = written(tmp_path / "kind", config("kind-automatrix", "", f"https://127.0.0.1:{port}"))
        kubeconfig.merge(source, target)
    merged = yaml.safe_load(target.read_text())
    assert [entry["cluster"]["server"] for entry in merged["clusters"]] == [
        "https://127.0.0.1:1",
        "https://127.0.0.1:2",
    ]


def test_without_a_file_one_is_made_that_only_the_user_can_read(tmp_path: Path) -> None:
    target = tmp_path / "new" / "config"
    kubeconfig.merge(written(tmp_path / "kind", config("kind-automatrix", "kind-automatrix")), target)
    assert target.stat().st_mode & 0o077 == 0
    assert yaml.safe_load(target.read_text())["current-context"] == ""


@pytest.mark.parametrize(
    "text", ["[not a kubeconfig]", "{", "clusters: 5", "users: [5]", "contexts: [{}]", "clusters: {name: x}"]
)
def test_a_file_that_is_something_else_is_left_as_it_is(text: str, tmp_path: Path) -> None:
    target = tmp_path / "mine"
    target.write_text(text)
    with pytest.raises(MachineError, match="kubeconfig"):
        kubeconfig.merge(written(tmp_path / "kind", config("a", "a")), target)
    assert target.read_text() == text


def test_the_users_file_is_the_first_of_the_variable_that_is_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings.from_environment({"AMX_STATE_DIR": str(tmp_path)})
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable, wanted in (
        ("/first:/second", Path("/first")),
        (f"{settings.kubeconfig}:/second", Path("/second")),  # as after `amx env`
        (f"{settings.kubeconfig}", tmp_path / ".kube" / "config"),
        ("", tmp_path / ".kube" / "config"),
    ):
        monkeypatch.setenv("KUBECONFIG", variable)
        assert kubeconfig.users_file(settings) == wanted
