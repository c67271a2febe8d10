"""What a user is told when a source cannot be rendered: what, in which file, on which line; and nothing else breaks."""

from __future__ import annotations

import asyncio
import os
import sys
import time
import tracemalloc
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from operators.gitops.render import Renderer
from operators.gitops.render.helm_command import HelmCommand, HelmLimits
from operators.gitops.sources import SourceError
from operators.gitops.sources.objects import parse_tree

from .conftest import CHART, Bench, chart, data

SCHEMA = """{"type": "object", "additionalProperties": false, "properties": {
  "foo": {"type": "string"}, "image": {"type": "object", "properties": {"tag": {"type": "string"}}},
  "hosts": {"type": "array", "items": {"type": "string"}}}}"""


@dataclass(frozen=True)
class Case:
    reason: str
    files: dict[str, Any]
    words: tuple[str, ...]
    file: str = ""
    line: int = 0
    spec: dict[str, Any] = field(default_factory=dict)
    condition: str = "ComparisonError"


def template(text: str) -> dict[str, Any]:
    return chart(**{"templates/b.yaml": text})


NOT_YAML = "a: b\n c: d\n"
CASES = [
    Case(
        "a nil value",
        template("\nx: {{ .Values.no.way }}"),
        ("nil pointer", "app/templates/b.yaml:2"),
        "app/templates/b.yaml",
        2,
    ),
    Case("a syntax error", template("x: {{ .Values.foo"), ("unclosed action",), "app/templates/b.yaml", 1),
    Case(
        "required",
        template("\n\nx: {{ required `set foo.bar` .Values.bar }}"),
        ("set foo.bar",),
        "app/templates/b.yaml",
        3,
    ),
    Case("fail", template("x: {{ fail `no way` }}"), ("no way",), "app/templates/b.yaml", 1),
    Case(
        "an error in a helper",
        {**template('x: {{ include "h" . }}'), "app/templates/_h.tpl": '{{ define "h" }}\n{{ .Values.a.b }}{{ end }}'},
        ("nil pointer",),
        "app/templates/_h.tpl",
        2,
    ),
    Case("no such template", template('x: {{ include "nope" . }}'), ('no template "nope"',), "app/templates/b.yaml", 1),
    Case(
        "invalid YAML rendered",
        template(NOT_YAML),
        ("invalid YAML", "line 2 of what it renders"),
        "app/templates/b.yaml",
    ),
    Case(
        "endless recursion",
        template('{{ define "r" }}{{ include "r" . }}{{ end }}{{ include "r" . }}'),
        ("nested reference",),
        "app/templates/b.yaml",
        1,
    ),
    Case(
        "a value file that is not YAML",
        {**chart(), "app/v.yaml": NOT_YAML},
        ("app/v.yaml:2",),
        "app/v.yaml",
        2,
        {"helm": {"valueFiles": ["v.yaml"]}},
    ),
    Case(
        "a value file that is a list",
        {**chart(), "app/v.yaml": "- a\n"},
        ("must be a mapping", "app/v.yaml"),
        "app/v.yaml",
        0,
        {"helm": {"valueFiles": ["v.yaml"]}},
    ),
    Case("the chart's values are not YAML", chart(values=NOT_YAML), ("app/values.yaml:2",), "app/values.yaml", 2),
    Case("inline values are not YAML", chart(), ("spec.source.helm.values",), "", 2, {"helm": {"values": NOT_YAML}}),
    Case(
        "a value file that is not there",
        chart(),
        ("app/does-not-exist-values.yaml: no such file or directory",),
        "app/does-not-exist-values.yaml",
        0,
        {"helm": {"valueFiles": ["does-not-exist-values.yaml"]}},
    ),
    Case(
        "a glob without a match",
        chart(),
        ('values file glob "nope/*.yaml" matched no files',),
        "",
        0,
        {"helm": {"valueFiles": ["nope/*.yaml"]}},
    ),
    Case(
        "a value file outside",
        chart(),
        ("outside the repository",),
        "",
        0,
        {"helm": {"valueFiles": ["../../../etc/passwd"]}},
    ),
    Case("a glob outside", chart(), ("outside the repository",), "", 0, {"helm": {"valueFiles": ["../../*.yaml"]}}),
    Case(
        "a file parameter outside",
        chart(),
        ("outside the repository",),
        "",
        0,
        {"helm": {"fileParameters": [{"name": "a", "path": "../../x"}]}},
    ),
    Case(
        "a remote value file",
        chart(),
        ("is a URL",),
        "",
        0,
        {"helm": {"valueFiles": ["https://example.com/v.yaml"]}},
        "InvalidSpecError",
    ),
    Case(
        "another source's value file",
        chart(),
        ("several sources are not served",),
        "",
        0,
        {"helm": {"valueFiles": ["$values/v.yaml"]}},
        "InvalidSpecError",
    ),
    Case(
        "the schema refuses a value file",
        {**chart(), "app/values.schema.json": SCHEMA, "app/v.yaml": "foo: x\nimage:\n  tag: 15\n"},
        ("image.tag", "string", "app/v.yaml:3"),
        "app/v.yaml",
        3,
        {"helm": {"valueFiles": ["v.yaml"]}},
    ),
    Case(
        "the schema refuses an unknown value",
        {**chart(values="foo: x\nfooo: y\n"), "app/values.schema.json": SCHEMA},
        ("fooo", "app/values.yaml:2"),
        "app/values.yaml",
        2,
    ),
    Case(
        "the schema refuses an item",
        {**chart(values="foo: x\nhosts:\n- a\n- 2\n"), "app/values.schema.json": SCHEMA},
        ("hosts.1",),
        "app/values.yaml",
        4,
    ),
    Case(
        "Chart.yaml is not YAML", {**chart(), "app/Chart.yaml": "name: [\n"}, ("app/Chart.yaml",), "app/Chart.yaml", 2
    ),
    Case(
        "Chart.yaml without a version",
        {**chart(), "app/Chart.yaml": "apiVersion: v2\nname: web\n"},
        ("chart.metadata.version is required",),
    ),
    Case(
        "a chart for another Kubernetes",
        {**chart(), "app/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\nkubeVersion: '>=1.99'\n"},
        (">=1.99",),
    ),
    Case(
        "helm options without a chart",
        {"app/a.txt": "x"},
        ("is not a Helm chart",),
        "app",
        0,
        {"helm": {"values": "a: b"}},
    ),
    Case("a folder that is not there", chart(), ("nope: app path does not exist",), "nope", 0, {"path": "nope"}),
    Case("a folder outside", chart(), ("outside the repository",), "", 0, {"path": "../etc"}),
    Case("an absolute folder", chart(), ("must be relative",), "", 0, {"path": "/etc"}, "InvalidSpecError"),
    Case(
        "helm and directory at once",
        chart(),
        ("both helm and directory",),
        "",
        0,
        {"helm": {}, "directory": {}},
        "InvalidSpecError",
    ),
    Case(
        "an object without a kind",
        template("apiVersion: v1\nmetadata: {name: a}"),
        ("no kind",),
        "app/templates/b.yaml",
    ),
    Case(
        "an object without a name",
        template("apiVersion: v1\nkind: Pod\nmetadata: {}"),
        ("Pod has no metadata.name",),
        "app/templates/b.yaml",
    ),
    Case(
        "generateName",
        template("apiVersion: v1\nkind: Pod\nmetadata: {generateName: x-}"),
        ("generateName", "each sync"),
        "app/templates/b.yaml",
    ),
    Case(
        "a key twice",
        template("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {a: 1, a: 2}"),
        ("'a' stands twice",),
        "app/templates/b.yaml",
    ),
    Case(
        "an annotation that is no text",
        template("apiVersion: v1\nkind: Pod\nmetadata: {name: a, annotations: {x: true}}"),
        ("metadata.annotations.x must be a text",),
        "app/templates/b.yaml",
    ),
    Case(
        "Git LFS",
        {**chart(), "app/v.yaml": "version https://git-lfs.github.com/spec/v1\n"},
        ("app/v.yaml",),
        "app/v.yaml",
        0,
        {"helm": {"valueFiles": ["v.yaml"]}},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.reason)
async def test_a_broken_source_says_what_and_where(bench: Bench, case: Case) -> None:
    with pytest.raises(SourceError) as caught:
        await bench.render_files(case.files, case.spec)
    error = caught.value
    assert all(word in str(error) for word in case.words), str(error)
    assert (error.file, error.line, error.condition) == (case.file, case.line, case.condition), str(error)
    assert str(bench.renderer._work_dir) not in str(error)
    assert not error.transient


async def test_links_within_the_repository_are_followed(bench: Bench) -> None:
    bench.upstream.link("app/linked.yaml", "../shared/values.yaml")
    bench.upstream.link("app/templates/more", "../../shared/templates")
    more = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n"
    rendered = await bench.render_files(
        {**chart(), "shared/values.yaml": "foo: linked\n", "shared/templates/s.yaml": more},
        {"helm": {"valueFiles": ["linked.yaml"]}},
    )
    assert sorted(m["kind"] for m in rendered.manifests) == ["ConfigMap", "Secret"]
    assert rendered.paths == ("app", "shared/templates", "shared/values.yaml")


@pytest.mark.parametrize(
    ("link", "target", "words"),
    [
        pytest.param("app/files/passwd", "/etc/passwd", "outside the repository", id="absolute"),
        pytest.param("app/files/token", "../../../../../var/run/secrets/token", "outside the repository", id="by dots"),
        pytest.param("app/templates/self", "self", "in a circle", id="onto itself"),
        pytest.param("app/files/up", "../..", "leads back into itself", id="to its own parent"),
        pytest.param("app/files/gone", "../nothing", "points at nothing", id="into nothing"),
    ],
)
async def test_a_chart_cannot_read_outside_the_repository(bench: Bench, link: str, target: str, words: str) -> None:
    bench.upstream.link(link, target)
    template = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {x: {{ .Files.Get `files/passwd` | quote }}}\n"
    )
    with pytest.raises(SourceError, match=words) as caught:
        await bench.render_files(chart(template=template))
    assert "root:" not in str(caught.value)


async def test_a_template_reads_neither_the_machine_nor_the_network(bench: Bench) -> None:
    template = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata:\n"
        "  file: {{ .Files.Get `/etc/passwd` | quote }}\n  up: {{ .Files.Get `../../../../etc/passwd` | quote }}\n"
        "  host: {{ getHostByName `localhost` | quote }}\n  found: {{ lookup `v1` `Secret` `` `` | toJson | quote }}\n"
    )
    assert data(await bench.render_files(chart(template=template))) == {"file": "", "up": "", "host": "", "found": "{}"}


async def test_an_endless_template_is_stopped_and_harms_no_other(bench: Bench, tmp_path: Path) -> None:
    renderer = Renderer(bench.source, tmp_path / "short", limits=HelmLimits(timeout_s=3.0, at_once=2))
    short = Bench(bench.upstream, bench.source, renderer)
    endless = "{{ range until 1000000 }}{{ range until 1000000 }}{{ end }}{{ end }}"
    files = {path.replace("app/", "endless/"): c for path, c in chart(template=endless).items()}
    bench.upstream.commit({**chart(), **files})
    started = time.monotonic()
    stuck, fine = await asyncio.gather(short.render({"path": "endless"}), short.render(), return_exceptions=True)
    assert isinstance(stuck, SourceError)
    assert "longer than 3 s" in str(stuck)
    assert not isinstance(fine, BaseException)
    assert time.monotonic() - started < 30
    # It is not tried again at every look: the same content would take the processor again.
    with pytest.raises(SourceError, match="longer than 3 s"):
        await short.render({"path": "endless"})
    await renderer.close()
    assert not list((tmp_path / "short").glob("render-*"))


async def test_a_template_that_wants_all_memory_is_stopped(bench: Bench) -> None:
    with pytest.raises(SourceError, match="more memory than it may have"):
        await bench.render_files(chart(template="{{ range until 100000000 }}{{ end }}"))


async def test_a_chart_that_renders_too_much_is_stopped(bench: Bench) -> None:
    template = "{{ range until 20000 }}\n# " + "x" * 1000 + "\n{{ end }}"
    with pytest.raises(SourceError, match="renders to more than 8 MiB"):
        await bench.render_files(chart(template=template))


async def test_values_of_a_failed_rendering_stay_private(bench: Bench) -> None:
    spec = {"helm": {"valuesObject": {"password": "hunter2"}, "parameters": [{"name": "token", "value": "s3cr3t"}]}}
    with pytest.raises(SourceError) as caught:
        await bench.render_files(template("x: {{ .Values.no.way }}"), spec)
    assert "hunter2" not in str(caught.value)
    assert "s3cr3t" not in str(caught.value)
    assert "hunter2" not in repr(caught.value)


async def test_a_very_large_parameter_is_refused_clearly(bench: Bench) -> None:
    spec = {"helm": {"parameters": [{"name": "foo", "value": "x" * 200_000}]}}
    with pytest.raises(SourceError, match="parameter very large"):
        await bench.render_files(chart(), spec)


@pytest.mark.parametrize("name", ["..", ".", "../../PWNED", "a/b"])
@pytest.mark.parametrize("spec", [{}, {"directory": {"recurse": True}}], ids=["Helm", "Directory"])
async def test_a_commit_cannot_write_outside_its_work_folder(bench: Bench, name: str, spec: dict[str, Any]) -> None:
    bench.upstream.commit(chart())
    evil = bench.upstream.tree_with("app", name, "values.yaml")
    bench.upstream.commit_tree({"app": evil})
    with pytest.raises(SourceError, match="which no file can have"):
        await bench.render(spec)


@pytest.mark.parametrize(
    "raw", [b"100644 \0" + b"i" * 20, b"100644 a", b"nonsense", b"100644 a\0short", b"x a\0" + b"i" * 20]
)
def test_a_directory_that_git_cannot_have_written_is_refused(raw: bytes) -> None:
    with pytest.raises(SourceError, match="the repository holds"):
        parse_tree(raw)


async def test_a_source_too_large_is_refused_before_it_is_held_in_memory(bench: Bench) -> None:
    big = {f"app/files/{n}": b"%d" % n + bytes(12 << 20) for n in range(9)}
    bench.upstream.commit({**chart(), **big})
    await bench.source.fetch(bench.repository)
    tracemalloc.start()
    try:
        with pytest.raises(SourceError, match="larger than manifests may be"):
            await bench.render()
        assert tracemalloc.get_traced_memory()[1] < 90 << 20
    finally:
        tracemalloc.stop()


async def test_directories_are_remembered_up_to_a_number_of_bytes(bench: Bench) -> None:
    bench.upstream.commit(chart())
    await bench.source.fetch(bench.repository)
    objects = bench.source._mirror(bench.repository)._objects
    for number in range(20):
        objects._keep(f"{number:040}", {}, 1 << 20)
    assert objects._tree_bytes == 8 << 20
    assert len(objects._trees) == 8


@pytest.mark.parametrize(
    "spec",
    [{"helm": {}}, {"directory": {"recurse": True}}, {"helm": {"valueFiles": ["/bomb/**/x.yaml"]}}],
    ids=["Helm", "Directory", "a glob of value files"],
)
async def test_a_forest_of_directories_without_end_is_refused_and_holds_up_nobody(
    bench: Bench, spec: dict[str, Any]
) -> None:
    bench.upstream.commit(chart())
    bomb = bench.upstream.git("rev-parse", "HEAD:app/templates")
    for _ in range(40):
        bomb = bench.upstream.raw_tree([("040000", bomb, "a"), ("040000", bomb, "b")])
    metadata = bench.upstream.git("rev-parse", "HEAD:app/Chart.yaml")
    app = bench.upstream.git("rev-parse", "HEAD:app")
    if "valueFiles" not in spec.get("helm", {}):
        app = bench.upstream.raw_tree([("100644", metadata, "Chart.yaml"), ("040000", bomb, "bomb")])
    bench.upstream.commit_tree({"app": app, "bomb": bomb})
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    await bench.source.fetch(bench.repository)
    beside = asyncio.ensure_future(others())
    with pytest.raises(SourceError, match="more than 50000 files and directories"):
        await bench.render(spec)
    beside.cancel()
    assert turns > 50


async def test_a_link_through_very_many_names_is_refused(bench: Bench) -> None:
    bench.upstream.link("app/files/far", "../files/" * 400 + "x")
    with pytest.raises(SourceError, match="the path is too long"):
        await bench.render_files(chart(**{"files/x": "x"}))


@pytest.mark.parametrize("name", ["../../../../PWNED", "..", "a/b", "/x"])
async def test_a_dependency_cannot_be_placed_outside_the_chart(bench: Bench, name: str) -> None:
    dependencies = f"dependencies:\n- {{name: {name}, version: 0.1.0, repository: 'file://../dep'}}\n"
    files = {**chart(), "dep/Chart.yaml": CHART.format(name=name), "dep/templates/x.yaml": ""}
    files["app/Chart.yaml"] += dependencies
    with pytest.raises(SourceError, match="no folder can have") as caught:
        await bench.render_files(files)
    assert caught.value.file == "app/Chart.yaml"


async def test_a_name_too_long_for_a_file_is_refused(bench: Bench) -> None:
    bench.upstream.commit(chart())
    bench.upstream.commit_tree({"app": bench.upstream.tree_with("app", "n" * 300, "values.yaml")})
    with pytest.raises(SourceError, match="too long for a file"):
        await bench.render()


async def test_names_that_are_not_utf_8_are_followed_compared_and_shown(bench: Bench) -> None:
    name = os.fsdecode(b"\xff.yaml")
    bench.upstream.link(f"app/templates/{name}", "../../shared.yaml")
    rendered = await bench.render_files({**chart(), "shared.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"})
    revision = await bench.source.resolve(bench.repository, "main")
    assert await bench.source.content_key(bench.repository, revision, [*rendered.paths, f"app/templates/{name}"])
    with pytest.raises(SourceError) as caught:
        await bench.render_files({"shared.yaml": None})
    assert f"{caught.value} {caught.value.file}".encode()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: x\n", "stringData must be a mapping"),
        ("apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: [x]\n", "data must be a mapping"),
        ("apiVersion: x/v1\nkind: CustomResourceDefinition\nmetadata: {name: a}\nspec: oops\n", "spec must be"),
        ("apiVersion: x/v1\nkind: CustomResourceDefinition\nmetadata: {name: a}\nspec: {names: x}\n", "spec.names"),
    ],
)
async def test_what_must_be_a_mapping_is_named_with_its_file(bench: Bench, text: str, words: str) -> None:
    with pytest.raises(SourceError, match=words) as caught:
        await bench.render_files({"app/a.yaml": text})
    assert caught.value.file == "app/a.yaml"


async def test_a_work_folder_that_is_lost_may_come_back(bench: Bench, tmp_path: Path) -> None:
    bench.upstream.commit(chart())
    await bench.render()
    moved = (tmp_path / "render").rename(tmp_path / "away")
    with pytest.raises(SourceError, match="No such file") as caught:
        await bench.render(fresh=True)
    assert caught.value.transient
    moved.rename(tmp_path / "render")
    assert (await bench.render(fresh=True)).manifests


SLEEPS = "import time; time.sleep(30)"
WORKS = "import hashlib, threading\n" + (
    "threading.Thread(target=hashlib.pbkdf2_hmac, args=('sha256', b'', b'', 10**9)).start()\n" * 16
)
"""In so many threads that it has its share of a processor also on a busy machine."""


@pytest.mark.parametrize(("code", "transient"), [(SLEEPS, True), (WORKS, False)], ids=["it sleeps", "it works"])
async def test_a_rendering_that_never_had_a_processor_is_tried_again(
    tmp_path: Path, code: str, transient: bool
) -> None:
    command = HelmCommand(tmp_path, HelmLimits(timeout_s=1.5))
    command._executable = sys.executable
    with pytest.raises(SourceError, match=r"longer than 1.5 s") as caught:
        await command.execute(["-c", code], cwd=tmp_path)
    assert caught.value.transient is transient


async def test_a_value_that_a_secret_holds_is_not_quoted_when_the_next_rendering_fails(bench: Bench) -> None:
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {x: {{ .Values.foo | quote }}}\n"
    spec = {"helm": {"parameters": [{"name": "foo", "value": "hunter2-and-more"}]}}
    await bench.render_files(chart(template=secret), spec)
    broken = secret + "{{ fail (printf `no: %s` .Values.foo) }}"
    for _ in range(2):
        with pytest.raises(SourceError, match=r"no: \*\*\*") as caught:
            await bench.render_files(chart(template=broken), spec)
        assert "hunter2" not in f"{caught.value} {caught.value.message} {caught.value!r}"
