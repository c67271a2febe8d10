"""Folders of plain manifests."""

from __future__ import annotations

from typing import Any

import pytest

from operators.gitops.sources import SourceError

from .conftest import Bench


def config_map(name: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n"


TREE = {
    "app/a.yaml": config_map("a"),
    "app/b.yml": config_map("b1") + "---\n" + config_map("b2"),
    "app/c.json": '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}',
    "app/notes.txt": "not: read",
    "app/values.yaml": "replicas: 3\n",
    "app/kind-of-values.yaml": "kind: soft\n",
    "app/skipped.yaml": "# +argocd:skip-file-rendering\n" + config_map("skipped"),
    "app/sub/d.yaml": config_map("d"),
    "app/sub/deep/e.yaml": config_map("e"),
}


@pytest.mark.parametrize(
    ("directory", "want"),
    [
        pytest.param(None, ["a", "b1", "b2", "c"], id="one level"),
        pytest.param({"recurse": True}, ["a", "b1", "b2", "c", "d", "e"], id="all levels"),
        pytest.param({"include": "*.yaml"}, ["a"], id="include"),
        pytest.param({"include": "{*.yml,*.json}"}, ["b1", "b2", "c"], id="several"),
        pytest.param({"recurse": True, "include": "sub/*"}, ["d", "e"], id="a star crosses folders, as in Argo CD"),
        pytest.param({"recurse": True, "exclude": "{a.yaml,sub/*}"}, ["b1", "b2", "c"], id="exclude"),
        pytest.param({"include": "*.yaml", "exclude": "a*"}, [], id="exclude beats include"),
    ],
)
async def test_which_files_are_read(bench: Bench, directory: dict[str, Any] | None, want: list[str]) -> None:
    rendered = await bench.render_files(dict(TREE), {"directory": directory} if directory else {})
    assert [m["metadata"]["name"] for m in rendered.manifests] == want
    assert rendered.source_type == "Directory"
    assert rendered.paths == ("app",)


async def test_lists_are_taken_apart(bench: Bench) -> None:
    items = "apiVersion: v1\nkind: List\nitems:\n" + "".join(
        f"- {{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}}}}}\n" for name in "xy"
    )
    files = {"app/l.yaml": items, "app/n.yaml": "apiVersion: v1\nkind: ConfigMapList\nitems: null\nmetadata: {}\n"}
    assert [m["metadata"]["name"] for m in (await bench.render_files(files)).manifests] == ["x", "y"]


async def test_an_explicit_directory_beats_a_chart(bench: Bench) -> None:
    files = {"app/Chart.yaml": "apiVersion: v2\nname: x\nversion: 1.0.0\n", "app/a.yaml": config_map("a")}
    rendered = await bench.render_files(files, {"directory": {"exclude": "Chart.yaml"}})
    assert rendered.source_type == "Directory"


@pytest.mark.parametrize(
    ("files", "words", "file", "line"),
    [
        pytest.param(
            {"x.yaml": config_map("a") + "---\n" + config_map("b") + "data: [\n"},
            "x.yaml",
            "app/x.yaml",
            9,
            id="invalid YAML",
        ),
        pytest.param(
            {"x.yaml": "\n\napiVersion: v1\nknd: Pod\nmetadata: {name: a}\n"},
            "no kind",
            "app/x.yaml",
            3,
            id="a misspelt kind is no stranger's file",
        ),
        pytest.param({"x.yaml": config_map("a") + "---\n- 1\n"}, "a list is not", "app/x.yaml", 5, id="not an object"),
        pytest.param(
            {"x.yaml": config_map("a") + "---\n" + config_map("").replace("name: ", "nam: a")},
            "no metadata.name",
            "app/x.yaml",
            5,
            id="no name",
        ),
        pytest.param(
            {"x.json": '{"apiVersion": "v1", "kind": "Pod",\n"metadata": {]}'},
            "x.json",
            "app/x.json",
            2,
            id="invalid JSON",
        ),
        pytest.param(
            {"x.yaml": "data: [\n"},
            "leave it out by directory.exclude",
            "app/x.yaml",
            2,
            id="a spoilt file is no stranger's",
        ),
        pytest.param({"x.yaml": b"apiVersion: v1\nkind: \xff\n"}, "not UTF-8", "app/x.yaml", 2, id="not UTF-8"),
        pytest.param(
            {"kustomization.yaml": "resources: []\n"},
            "Kustomize is not served",
            "app/kustomization.yaml",
            0,
            id="Kustomize",
        ),
    ],
)
async def test_what_is_wrong_has_its_place(
    bench: Bench, files: dict[str, Any], words: str, file: str, line: int
) -> None:
    with pytest.raises(SourceError, match=words) as caught:
        await bench.render_files({f"app/{name}": content for name, content in files.items()})
    assert (caught.value.file, caught.value.line) == (file, line)


async def test_links_stay_in_the_repository(bench: Bench) -> None:
    bench.upstream.link("app/l.yaml", "../shared/s.yaml")
    rendered = await bench.render_files({"shared/s.yaml": config_map("shared"), "app/a.yaml": config_map("a")})
    assert [m["metadata"]["name"] for m in rendered.manifests] == ["a", "shared"]
    assert rendered.paths == ("app", "shared/s.yaml")
    bench.upstream.link("app/m.yaml", "/etc/hosts.yaml")
    bench.upstream.commit_all()
    with pytest.raises(SourceError, match="outside the repository"):
        await bench.render()


async def test_a_submodule_is_named(bench: Bench) -> None:
    bench.upstream.commit({"app/a.yaml": config_map("a")})
    head = bench.upstream.git("rev-parse", "HEAD")
    bench.upstream.git("update-index", "--add", "--cacheinfo", f"160000,{head},app/module")
    bench.upstream.git("commit", "-qm", "module")
    with pytest.raises(SourceError, match="app/module: is a Git submodule"):
        await bench.render({"directory": {"recurse": True}})


async def test_too_much_is_refused(bench: Bench) -> None:
    big = {f"app/{n}.yaml": config_map(f"m{n}") + f"data: {{x: {'y' * (1 << 20)}}}\n" for n in range(11)}
    with pytest.raises(SourceError, match="larger than 10 MiB together"):
        await bench.render_files(big)


async def test_an_empty_folder_renders_to_nothing(bench: Bench) -> None:
    assert (await bench.render_files({"app/readme.md": "x"})).manifests == ()
