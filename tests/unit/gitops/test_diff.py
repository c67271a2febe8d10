"""Whether a live object is as desired: what counts, what does not, and what is left to the API server to say."""

from __future__ import annotations

from typing import Any

import pytest

from operators.gitops import diff, ignore
from operators.gitops.models import IgnoreDifference
from operators.kit.errors import Invalid
from operators.kit.kube import Manifest, Ref
from operators.kit.testing import FakeKubeApi
from tests.support.gitops_world import config, deployment, manifest


@pytest.fixture
def api() -> FakeKubeApi:
    return FakeKubeApi()


async def applied(api: FakeKubeApi, one: Manifest) -> Manifest:
    one["metadata"]["namespace"] = "default"
    return await api.apply(one, field_manager="argocd-controller", force=True)


async def test_what_was_just_applied_is_as_desired(api: FakeKubeApi) -> None:
    for one in (config("a"), deployment("web")):
        assert diff.is_as_desired(one, await applied(api, one))


async def test_another_value_is_not(api: FakeKubeApi) -> None:
    live = await applied(api, config("a", "1"))
    assert not diff.is_as_desired({**config("a", "2", namespace="default")}, live)


async def test_a_field_that_left_git_is_noticed_by_its_owner(api: FakeKubeApi) -> None:
    one = config("a")
    one["data"]["more"] = "x"
    live = await applied(api, one)
    assert not diff.is_as_desired(config("a", namespace="default"), live)


async def test_a_field_somebody_else_added_does_not_count(api: FakeKubeApi) -> None:
    live = await applied(api, config("a"))
    live = await api.patch(Ref.of(live), {"data": {"more": "x"}}, field_manager="somebody")
    assert diff.is_as_desired(config("a", namespace="default"), live)


async def test_a_field_somebody_else_changed_counts(api: FakeKubeApi) -> None:
    live = await applied(api, deployment("web"))
    live = await api.patch(Ref.of(live), {"spec": {"replicas": 3}}, field_manager="somebody")
    assert not diff.is_as_desired(deployment("web", namespace="default"), live)
    assert diff.differences(deployment("web", namespace="default"), live)


async def test_a_container_that_was_injected_does_not_count(api: FakeKubeApi) -> None:
    live = await applied(api, deployment("web"))
    containers = [*live["spec"]["template"]["spec"]["containers"], {"name": "sidecar", "image": "s:1"}]
    body = {"spec": {"template": {"spec": {"containers": containers}}}}
    live = await api.patch(Ref.of(live), body, field_manager="injector")
    assert diff.is_as_desired(deployment("web", namespace="default"), live)


async def test_containers_in_another_order_are_not_as_desired(api: FakeKubeApi) -> None:
    one = deployment("web")
    steps = [{"name": "first", "image": "a:1"}, {"name": "second", "image": "b:1"}]
    one["spec"]["template"]["spec"]["initContainers"] = steps
    live = await applied(api, one)
    assert diff.is_as_desired(one, live)
    live["spec"]["template"]["spec"]["initContainers"].insert(1, {"name": "injected", "image": "s:1"})
    assert diff.is_as_desired(one, live)
    one["spec"]["template"]["spec"]["initContainers"] = steps[::-1]
    assert not diff.is_as_desired(one, live)


async def test_an_object_nobody_applied_is_for_the_server_to_judge(api: FakeKubeApi) -> None:
    live = await api.create(config("a", namespace="default"))
    assert not diff.is_as_desired(config("a", namespace="default"), live)
    assert diff.differences(config("a", namespace="default"), live) == ()


def test_status_and_what_only_the_server_sets_do_not_count() -> None:
    live = {**config("a"), "status": {"x": 1}}
    live["metadata"] = {**live["metadata"], "uid": "1", "resourceVersion": "2", "managedFields": [], "generation": 3}
    assert diff.differences(config("a"), live) == ()


def test_the_paths_of_differences_are_told_without_their_values() -> None:
    one = manifest("Secret", "s", data={"password": "aaaa", "same": "x"})
    other = manifest("Secret", "s", data={"password": "bbbb", "same": "x"})
    assert diff.differences(one, other) == ("data.password",)


def test_string_data_is_folded_into_data_as_the_server_does() -> None:
    given = manifest("Secret", "s", data={"a": "MQ=="}, stringData={"b": "2"})
    assert diff.with_secret_data(given)["data"] == {"a": "MQ==", "b": "Mg=="}
    assert "stringData" in given, "the input may be shared"


@pytest.mark.parametrize("empty", [{}, []], ids=["map", "list"])
def test_an_empty_selector_is_not_the_same_as_none(empty: Any) -> None:
    policy = manifest("NetworkPolicy", "n", api_version="networking.k8s.io/v1", spec={"podSelector": {}})
    wider = {**policy, "spec": {**policy["spec"], "namespaceSelector": empty}}
    assert diff.differences(policy, wider) == ("spec.namespaceSelector",)
    assert diff.differences({**policy, "spec": {**policy["spec"], "namespaceSelector": None}}, policy) == ()


# -- ignoreDifferences -------------------------------------------------------------------------------------------------


def rule(**fields: Any) -> IgnoreDifference:
    return IgnoreDifference.model_validate({"group": "apps", "kind": "Deployment", **fields})


def scaled(replicas: int, image: str = "web:1") -> Manifest:
    one = deployment("web", namespace="default")
    one["spec"]["replicas"] = replicas
    one["spec"]["template"]["spec"]["containers"][0]["image"] = image
    return one


@pytest.mark.parametrize(
    "fields",
    [
        {"jsonPointers": ["/spec/replicas", "/spec/template/spec/containers/0/image"]},
        {"jqPathExpressions": [".spec.replicas", '.spec.template.spec.containers[] | select(.name == "web") | .image']},
        {"jsonPointers": ["/spec/replicas"], "jqPathExpressions": [".spec.template.spec.containers[].image"]},
    ],
    ids=["pointers", "jq", "both"],
)
def test_ignored_fields_are_taken_out_of_both_sides(fields: dict[str, Any]) -> None:
    rules = ignore.rules_for([rule(**fields)], Ref.of(scaled(1)))
    one, other = scaled(1), scaled(9, "web:2")
    assert (
        diff.differences(ignore.without_ignored(rules, one, other), ignore.without_ignored(rules, other, other)) == ()
    )
    assert one == scaled(1), "the input may be shared"


async def test_fields_of_a_manager_are_ignored(api: FakeKubeApi) -> None:
    live = await applied(api, scaled(1))
    live = await api.patch(Ref.of(live), {"spec": {"replicas": 9}}, field_manager="autoscaler")
    rules = (rule(managedFieldsManagers=["autoscaler"]),)
    predicted = scaled(1)
    assert (
        diff.differences(ignore.without_ignored(rules, predicted, live), ignore.without_ignored(rules, live, live))
        == ()
    )


@pytest.mark.parametrize(
    ("fields", "applies"),
    [
        ({}, True),
        ({"group": "*", "kind": "*"}, True),
        ({"name": "web", "namespace": "default"}, True),
        ({"name": "other"}, False),
        ({"namespace": "other"}, False),
        ({"kind": "Service", "group": ""}, False),
    ],
)
def test_a_rule_is_about_what_it_names(fields: dict[str, Any], applies: bool) -> None:
    assert bool(ignore.rules_for([rule(**fields)], Ref.of(scaled(1)))) is applies


def test_respected_fields_are_applied_as_they_are_live() -> None:
    rules = (rule(jsonPointers=["/spec/replicas", "/spec/paused"]),)
    desired = scaled(1)
    desired["spec"]["paused"] = True
    assert ignore.with_live_values(rules, desired, scaled(9)) == scaled(9)


@pytest.mark.parametrize("fields", [{"jsonPointers": ["spec/replicas"]}, {"jqPathExpressions": [".spec["]}])
def test_a_rule_that_cannot_be_read_is_named(fields: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match=r"spec.ignoreDifferences\[0\]"):
        ignore.check([rule(**fields)])


@pytest.mark.parametrize("ignored", ["/metadata/labels/team", "/spec/strategy/rollingUpdate/maxSurge"])
def test_what_only_holds_ignored_fields_does_not_count_either(ignored: str) -> None:
    rules = (rule(jsonPointers=[ignored]),)
    one, other = scaled(1), scaled(1)
    other["metadata"]["labels"] = {"team": "a"}
    other["spec"]["strategy"] = {"rollingUpdate": {"maxSurge": 1}}
    one["spec"]["strategy"] = {}
    told = diff.differences(ignore.without_ignored(rules, one, other), ignore.without_ignored(rules, other, other))
    assert len(told) == 1
    assert not ignored[1:].replace("/", ".").startswith(told[0])


@pytest.mark.parametrize("endless", ["until(false; .)", "[range(1e12)] | .[0]", "last(repeat(.))"])
def test_a_jq_expression_that_never_ends_is_refused_and_the_others_go_on(endless: str) -> None:
    with pytest.raises(Invalid, match="ignoreDifferences"):
        ignore.without_ignored((rule(jqPathExpressions=[endless]),), scaled(1), scaled(1))
    with pytest.raises(Invalid, match="does not end"):
        ignore.check([rule(jqPathExpressions=[endless])])
    fine = (rule(jqPathExpressions=[".spec.replicas"]),)
    ignore.check(fine)
    assert "replicas" not in ignore.without_ignored(fine, scaled(1), scaled(1))["spec"]


def test_a_jq_expression_reads_nothing_of_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_ENGINE", "spec")
    one = scaled(1)
    assert ignore.without_ignored((rule(jqPathExpressions=[".[env.SECRET_OF_ENGINE]"]),), one, one) == one
