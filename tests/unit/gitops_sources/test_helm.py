"""Charts rendered by a real Helm, with Argo CD's options and meanings."""

from __future__ import annotations

import asyncio
import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from operators.gitops.desired import Place, build
from operators.gitops.models import ApplicationSource
from operators.gitops.render.helm_command import find_executable
from operators.gitops.sources import EVERY_COMMIT, SourceError

from .conftest import CHART, Bench, chart, data

ALL = (
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: my-map, namespace: {{ .Release.Namespace }}}\n"
    "data: {{ .Values | toJson }}\n"
)
CAPABILITIES = (
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: my-map}\n"
    "data: {version: {{ .Capabilities.KubeVersion.Version }}, release: {{ .Release.Name }}, "
    'has: {{ .Capabilities.APIVersions.Has "example.com/v1/Thing" | quote }}}\n'
)
VALUE_FILES = {f"app/envs/{n}.yaml": f"foo: {n.rpartition('/')[2]}\n" for n in ("a", "b", "z", "nested/c")}


def helm(**fields: Any) -> dict[str, Any]:
    return {"helm": fields}


@pytest.mark.parametrize(
    ("fields", "want"),
    [
        pytest.param({}, {"foo": "chart"}, id="the chart's own values"),
        pytest.param({"valueFiles": ["envs/a.yaml"]}, {"foo": "a"}, id="a value file beats the chart"),
        pytest.param({"valueFiles": ["envs/a.yaml", "envs/b.yaml"]}, {"foo": "b"}, id="the last value file wins"),
        pytest.param({"valueFiles": ["/app/envs/b.yaml"]}, {"foo": "b"}, id="a leading slash is the repository's root"),
        pytest.param({"valueFiles": ["../app/envs/b.yaml"]}, {"foo": "b"}, id="dots stay in the repository"),
        pytest.param({"valueFiles": ["envs/*.yaml"]}, {"foo": "z"}, id="a glob expands in lexical order"),
        pytest.param(
            {"valueFiles": ["envs/**/*.yaml"]}, {"foo": "c"}, id="sub-folders come after their folder's files"
        ),
        pytest.param({"valueFiles": ["envs/[ab].yaml"]}, {"foo": "b"}, id="a class of characters"),
        pytest.param({"valueFiles": ["envs/a.yaml", "envs/*.yaml"]}, {"foo": "z"}, id="explicit first, glob after"),
        pytest.param(
            {"valueFiles": ["envs/*.yaml", "envs/a.yaml"]}, {"foo": "a"}, id="an explicit entry beats the glob"
        ),
        pytest.param(
            {"valueFiles": ["envs/z.yaml", "envs/*.yaml"]},
            {"foo": "b"},
            id="the glob leaves out what is listed earlier",
        ),
        pytest.param({"valueFiles": ["envs/$ARGOCD_APP_NAME.yaml"]}, {"foo": "web"}, id="variables in paths"),
        pytest.param(
            {"valueFiles": ["envs/a.yaml"], "values": "foo: inline"}, {"foo": "inline"}, id="values beat value files"
        ),
        pytest.param(
            {"values": "foo: inline\nbar: 1", "valuesObject": {"foo": "object"}},
            {"foo": "object"},
            id="valuesObject replaces values",
        ),
        pytest.param(
            {"valuesObject": {"foo": "object"}, "parameters": [{"name": "foo", "value": "parameter"}]},
            {"foo": "parameter"},
            id="parameters beat all",
        ),
        pytest.param(
            {"parameters": [{"name": "foo", "value": "1"}, {"name": "foo", "value": "two"}]},
            {"foo": "two"},
            id="the last of equal parameters counts",
        ),
        pytest.param({"parameters": [{"name": "foo", "value": "7"}]}, {"foo": 7}, id="a parameter is typed"),
        pytest.param(
            {"parameters": [{"name": "foo", "value": "7", "forceString": True}]},
            {"foo": "7"},
            id="unless forced to a text",
        ),
        pytest.param({"parameters": [{"name": "foo", "value": "a,b"}]}, {"foo": "a,b"}, id="a comma does not split"),
        pytest.param({"parameters": [{"name": "foo", "value": "{a,b}"}]}, {"foo": ["a", "b"]}, id="braces are a list"),
        pytest.param(
            {"parameters": [{"name": "foo", "value": "$ARGOCD_APP_NAME-${ARGOCD_APP_PROJECT_NAME}-$$x-$UNKNOWN"}]},
            {"foo": "web-default-$x-"},
            id="variables in parameters",
        ),
        pytest.param(
            {"parameters": [{"name": "foo", "value": "$ARGOCD_APP_NAMESPACE $ARGOCD_APP_SOURCE_PATH $KUBE_VERSION"}]},
            {"foo": "shop app 1.35.4"},
            id="more variables",
        ),
        pytest.param(
            {"fileParameters": [{"name": "foo", "path": "files/a,b.txt"}]},
            {"foo": "from a file\n"},
            id="file parameters",
        ),
        pytest.param(
            {"valueFiles": ["nope.yaml", "no/*.yaml"], "ignoreMissingValueFiles": True},
            {"foo": "chart"},
            id="missing value files can be ignored",
        ),
        pytest.param({"valueFiles": ['envs/odd,"name.yaml']}, {"foo": "odd"}, id="odd file names"),
        pytest.param({"passCredentials": True, "version": "v3"}, {"foo": "chart"}, id="accepted without effect"),
    ],
)
async def test_values(bench: Bench, fields: dict[str, Any], want: dict[str, Any]) -> None:
    files = {
        **VALUE_FILES,
        "app/envs/web.yaml": "foo: web\n" if "APP_NAME.yaml" in str(fields) else None,
        'app/envs/odd,"name.yaml': "foo: odd\n" if "odd" in str(fields) else None,
        "app/files/a,b.txt": "from a file\n",
    }
    present = {path: content for path, content in files.items() if content is not None}
    rendered = await bench.render_files({**chart(template=ALL), **present}, helm(**fields))
    assert data(rendered) == want
    assert rendered.source_type == "Helm"


@pytest.mark.parametrize(
    ("fields", "want"),
    [
        pytest.param({}, {"version": "v1.35.4", "release": "web", "has": "true"}, id="what the cluster serves"),
        pytest.param({"kubeVersion": "v1.30"}, {"version": "v1.30.0", "release": "web", "has": "true"}, id="override"),
        pytest.param(
            {"kubeVersion": "1.31.2-eks-9"}, {"version": "v1.31.2", "release": "web", "has": "true"}, id="EKS"
        ),
        pytest.param(
            {"apiVersions": ["v1"]}, {"version": "v1.35.4", "release": "web", "has": "false"}, id="API versions"
        ),
        pytest.param({"releaseName": "other"}, {"version": "v1.35.4", "release": "other", "has": "true"}, id="release"),
    ],
)
async def test_capabilities(bench: Bench, fields: dict[str, Any], want: dict[str, str]) -> None:
    served = frozenset({"v1", "example.com/v1", "example.com/v1/Thing"})
    assert data(await bench.render_files(chart(template=CAPABILITIES), helm(**fields), api_versions=served)) == want


async def test_the_namespace_is_the_destinations_unless_overridden(bench: Bench) -> None:
    rendered = await bench.render_files(chart(template=ALL))
    assert rendered.manifests[0]["metadata"]["namespace"] == "shop"
    rendered = await bench.render(helm(namespace="other"))
    assert rendered.manifests[0]["metadata"]["namespace"] == "other"


async def test_crds_come_with_the_chart_unless_skipped(bench: Bench) -> None:
    crd = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: things.example.com}\n"
    rendered = await bench.render_files(chart(**{"crds/crd.yaml": crd}))
    assert [m["kind"] for m in rendered.manifests] == ["CustomResourceDefinition", "ConfigMap"]
    assert [m["kind"] for m in (await bench.render(helm(skipCrds=True))).manifests] == ["ConfigMap"]


HOOK = "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, annotations: {{{annotation}}}}}\n"


@pytest.mark.parametrize(
    ("annotation", "applied", "warned", "blocked"),
    [
        pytest.param('"helm.sh/hook": pre-install', False, "", "Pod h (pre-install)", id="a Helm hook others wait for"),
        pytest.param('"helm.sh/hook": "pre-upgrade,pre-install"', False, "", "pre-install, pre-upgrade", id="two"),
        pytest.param('"argocd.argoproj.io/hook": PreSync', False, "", "Pod h (PreSync)", id="an Argo CD hook, too"),
        pytest.param('"argocd.argoproj.io/hook": Sync', False, "", "Pod h (Sync)", id="even of the main phase"),
        pytest.param('"argocd.argoproj.io/hook": Skip', False, "", "", id="Skip is Argo CD's word for leaving out"),
        pytest.param('"argocd.argoproj.io/hook": nonsense', True, "", "", id="an unknown Argo CD hook is none"),
        pytest.param('"helm.sh/hook": test', False, "", "", id="tests are left out"),
        pytest.param('"helm.sh/hook": "post-rollback"', False, "", "", id="nothing is ever rolled back by Helm"),
        pytest.param('"helm.sh/hook": "test,post-install"', False, "post-install hook", "", id="one of two"),
        pytest.param('"argocd.argoproj.io/hook": PostSync', False, "PostSync hook", "", id="nothing waits for it"),
        pytest.param('"other": x', True, "", "", id="an ordinary object"),
    ],
)
async def test_a_charts_hooks_are_never_applied_and_those_that_others_wait_for_stop_the_sync(
    bench: Bench, annotation: str, applied: bool, warned: str, blocked: str
) -> None:
    hook = HOOK.format(name="h", annotation=annotation)
    rendered = await bench.render_files(chart(**{"templates/h.yaml": hook}))
    desired = build(rendered.manifests, Place("web", "shop"), lambda _: True)
    assert ("Pod" in [m["kind"] for m in desired.objects]) is applied
    said = " ".join(text for _, text in desired.warnings)
    assert (warned in said) if warned else not said
    assert (blocked in desired.blocked) if blocked else not desired.blocked


async def test_a_crd_of_the_old_crd_install_hook_is_applied_from_a_directory(bench: Bench) -> None:
    rendered = await bench.render_files({"app/h.yaml": HOOK.format(name="h", annotation='"helm.sh/hook": crd-install')})
    assert len(build(rendered.manifests, Place("web", "shop"), lambda _: True).objects) == 1


async def test_helm_names_a_hook_it_leaves_out_itself(bench: Bench) -> None:
    hook = HOOK.format(name="h", annotation='"helm.sh/hook": crd-install')
    rendered = await bench.render_files(chart(**{"templates/h.yaml": hook}))
    assert rendered.unsupported == ("Helm left out an object with the unknown hook crd-install",)


PARENT = (
    CHART.format(name="web") + "dependencies:\n- {{name: common, version: '{version}', repository: '{repository}'}}\n"
)
COMMON = {
    "common/Chart.yaml": CHART.format(name="common"),
    "common/templates/_helpers.tpl": '{{ define "common.foo" }}from common{{ end }}',
}
USES = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {foo: {{ include "common.foo" . }}}\n'


async def test_a_dependency_by_file_path_needs_no_vendoring(bench: Bench) -> None:
    parent = PARENT.format(version="0.1.x", repository="file://../common")
    rendered = await bench.render_files({**chart(template=USES), **COMMON, "app/Chart.yaml": parent})
    assert data(rendered) == {"foo": "from common"}
    assert rendered.paths == ("app", "common")
    changed = await bench.render_files({"common/templates/_helpers.tpl": '{{ define "common.foo" }}new{{ end }}'})
    assert data(changed) == {"foo": "new"}


async def test_dependencies_by_file_path_nest(bench: Bench) -> None:
    middle = (
        CHART.format(name="middle") + "dependencies:\n- {name: common, version: 0.1.0, repository: file://../common}\n"
    )
    parent = PARENT.format(version="0.1.0", repository="file://../lib/middle").replace("name: common", "name: middle")
    files = {
        **chart(template=USES),
        **{f"lib/{path}": content for path, content in COMMON.items()},
        "lib/middle/Chart.yaml": middle,
        "app/Chart.yaml": parent,
    }
    rendered = await bench.render_files(files)
    assert data(rendered) == {"foo": "from common"}
    assert rendered.paths == ("app", "lib/common", "lib/middle")


def archive(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for path, content in files.items():
            info = tarfile.TarInfo(path)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content.encode()))
    return buffer.getvalue()


async def test_a_vendored_dependency_is_used(bench: Bench) -> None:
    parent = PARENT.format(version="0.1.0", repository="https://charts.example.com")
    vendored = {"app/charts/common-0.1.0.tgz": archive(COMMON)}
    rendered = await bench.render_files({**chart(template=USES), **vendored, "app/Chart.yaml": parent})
    assert data(rendered) == {"foo": "from common"}


@pytest.mark.parametrize(
    ("version", "repository", "words"),
    [
        pytest.param(
            "1.x",
            "https://charts.example.com",
            ["common (https://charts.example.com)", "helm dependency build"],
            id="not vendored",
        ),
        pytest.param(
            "0.1.0", "file://../nowhere", ["file://../nowhere", "does not exist"], id="a path that is not there"
        ),
        pytest.param("2.x", "file://../common", ["common 2.x", "another version"], id="another version"),
        pytest.param("0.1.0", "file://../../../etc", ["outside the repository"], id="outside"),
        pytest.param("0.1.0", "file://../misnamed", ["another name"], id="another chart"),
    ],
)
async def test_a_missing_dependency_is_named_with_its_remedy(
    bench: Bench, version: str, repository: str, words: list[str]
) -> None:
    parent = PARENT.format(version=version, repository=repository)
    more = {"misnamed/Chart.yaml": CHART.format(name="other")}
    with pytest.raises(SourceError) as caught:
        await bench.render_files({**chart(), **COMMON, **more, "app/Chart.yaml": parent})
    assert all(word in str(caught.value) for word in words), str(caught.value)


async def test_dependencies_in_a_circle_end(bench: Bench) -> None:
    parent = PARENT.format(version="0.1.0", repository="file://../common")
    back = CHART.format(name="common") + "dependencies:\n- {name: web, version: 0.1.0, repository: file://../app}\n"
    with pytest.raises(SourceError, match=r"in a circle|nested too deeply|more than"):
        await bench.render_files({**chart(), **COMMON, "common/Chart.yaml": back, "app/Chart.yaml": parent})


async def test_equal_content_is_rendered_once(bench: Bench) -> None:
    first = await bench.render_files(chart())
    again = await bench.render_files({"elsewhere.txt": "x"})
    assert (first.from_cache, again.from_cache) == (False, True)
    assert first.manifests == again.manifests
    assert (await bench.render(fresh=True)).from_cache is False
    assert (await bench.render(app_name="other")).from_cache is False
    assert data(await bench.render_files({"app/values.yaml": "foo: new\n"})) == {"foo": "new"}


async def test_equal_requests_at_once_share_one_rendering(bench: Bench) -> None:
    await bench.render_files(chart())
    bench.renderer._cache._packed.clear()
    both = await asyncio.gather(bench.render(), bench.render())
    assert both[0].manifests is not None
    assert len(bench.renderer._cache) == 1


@pytest.mark.parametrize(
    ("fields", "want"),
    [
        pytest.param({}, ("app",), id="the chart"),
        pytest.param({"valueFiles": ["../envs/a.yaml"]}, ("app", "envs/a.yaml"), id="a value file elsewhere"),
        pytest.param({"valueFiles": ["../envs/*.yaml"]}, ("app", "envs"), id="a glob's folder, where files may come"),
        pytest.param(
            {"valueFiles": ["../none.yaml"], "ignoreMissingValueFiles": True},
            ("app", "none.yaml"),
            id="what may come yet",
        ),
        pytest.param(
            {"parameters": [{"name": "foo", "value": "$ARGOCD_APP_REVISION"}]}, (EVERY_COMMIT, "app"), id="the revision"
        ),
    ],
)
async def test_the_paths_a_result_depends_on(bench: Bench, fields: dict[str, Any], want: tuple[str, ...]) -> None:
    rendered = await bench.render_files({**chart(), "envs/a.yaml": "foo: a\n"}, helm(**fields))
    assert rendered.paths == want


async def test_overrides_in_the_repository_are_merged(bench: Bench) -> None:
    override = {".argocd-source.yaml": "helm: {parameters: [{name: foo, value: override}]}\n"}
    assert data(await bench.render_files(chart(**override))) == {"foo": "override"}
    mine = {"app/.argocd-source-web.yaml": "helm: {parameters: [{name: foo, value: mine}]}\n"}
    assert data(await bench.render_files(mine)) == {"foo": "mine"}
    with pytest.raises(SourceError, match="kustomize is not served"):
        await bench.render_files({"app/.argocd-source.yaml": "kustomize: {}\n"})


async def test_hidden_folders_and_the_root_are_charts_too(bench: Bench) -> None:
    files = {path.replace("app/", ".hidden/"): content for path, content in chart().items()}
    assert data(await bench.render_files(files, {"path": ".hidden"})) == {"foo": "chart"}
    root = {path.replace("app/", ""): content for path, content in chart().items()}
    assert data(await bench.render_files(root, {"path": "."})) == {"foo": "chart"}


async def test_a_release_name_cannot_be_an_option(bench: Bench) -> None:
    with pytest.raises(SourceError, match="release name") as caught:
        await bench.render_files(chart(), helm(releaseName="--post-renderer=/bin/sh"))
    assert caught.value.condition == "InvalidSpecError"


def test_the_executable_is_a_program_and_not_a_script() -> None:
    path, version = find_executable()
    assert path.read_bytes()[:2] != b"#!"
    assert version >= (3, 17, 0)


def test_source_fields_are_read_from_argo_cds_names() -> None:
    source = ApplicationSource.model_validate({"helm": {"valueFiles": None, "parameters": None}})
    assert source.helm is not None
    assert source.helm.value_files == ()


@pytest.mark.parametrize("name", ["a={secret},b", "a=x,b", "a,b", "", "a\\,b"])
async def test_a_file_parameters_name_cannot_name_another_file(bench: Bench, tmp_path: Path, name: str) -> None:
    secret = tmp_path / "token"
    secret.write_text("the engine's own")
    spec = {"helm": {"fileParameters": [{"name": name.format(secret=secret), "path": "values.yaml"}]}}
    with pytest.raises(SourceError, match="fileParameters: the name") as caught:
        await bench.render_files(chart(), spec)
    assert caught.value.condition == "InvalidSpecError"


@pytest.mark.parametrize("path", ["a,b.txt", "a\\,foo=values.yaml", "{a}.txt", "a=b.txt", "a\nb.txt"])
async def test_a_file_parameter_is_read_from_exactly_its_file(bench: Bench, path: str) -> None:
    spec = {"helm": {"fileParameters": [{"name": "foo", "path": path}]}}
    assert data(await bench.render_files({**chart(), f"app/{path}": "mine"}, spec)) == {"foo": "mine"}


async def test_the_name_of_a_file_parameter_may_have_an_escaped_dot_and_an_index(bench: Bench) -> None:
    template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {x: {{ index .Values.l 0 `a.b/c` }}}\n"
    spec = {"helm": {"fileParameters": [{"name": "l[0].a\\.b/c", "path": "x.txt"}]}}
    assert data(await bench.render_files({**chart(template=template), "app/x.txt": "mine"}, spec)) == {"x": "mine"}
