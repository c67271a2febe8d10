"""The golden path: what a short values file makes, and what a wrong one is told."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.helm import Helm, Refused

Render = Callable[..., dict[str, Any]]

ROOT = Path(__file__).parents[2]
WEB: dict[str, Any] = {
    "image": {"repository": "automatrix/hub", "tag": "1.0"},
    "port": 8000,
    "hostname": "hub.localhost",
}
WORKER = {
    "kind": "worker",
    "image": {"repository": "automatrix/hub", "tag": "1.0"},
    "command": ["python3", "-m", "hub.worker"],
}


@pytest.fixture
def web(render: Render) -> Callable[..., dict[str, Any]]:
    return lambda **more: render("service", {**WEB, **more})


def container(objects: dict[str, Any], name: str = "hub") -> dict[str, Any]:
    found: dict[str, Any] = objects[f"Deployment/{name}"]["spec"]["template"]["spec"]["containers"][0]
    return found


def readme_example(number: int) -> str:
    text = (ROOT / "charts/service/README.md").read_text()
    examples: list[str] = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    return examples[number]


@pytest.mark.parametrize(("number", "kind"), [(0, "HTTPRoute/hub"), (1, "Deployment/hub")])
def test_the_examples_of_the_readme_are_short_and_work(render: Render, number: int, kind: str) -> None:
    example = readme_example(number)

    assert len(example.splitlines()) < 20
    assert kind in render("service", yaml.safe_load(example))


def test_a_web_service_is_all_that_it_takes_to_serve(web: Render) -> None:
    assert set(web()) == {
        "Deployment/hub",
        "HTTPRoute/hub",
        "NetworkPolicy/hub",
        "PodDisruptionBudget/hub",
        "Service/hub",
        "ServiceAccount/hub",
    }


def test_a_worker_takes_no_requests(render: Render) -> None:
    objects = render("service", WORKER)

    assert set(objects) == {"Deployment/hub", "NetworkPolicy/hub", "PodDisruptionBudget/hub", "ServiceAccount/hub"}
    assert objects["NetworkPolicy/hub"]["spec"]["ingress"] == []
    assert not {"ports", "readinessProbe", "lifecycle"} & set(container(objects))


def test_a_web_service_that_names_no_port_listens_on_8080(render: Render) -> None:
    objects = render("service", {"image": WEB["image"]})

    assert container(objects)["ports"] == [{"name": "http", "containerPort": 8080}]
    assert {"name": "PORT", "value": "8080"} in container(objects)["env"]


def test_a_worker_with_a_port_has_probes_and_metrics(render: Render) -> None:
    objects = render("service", {**WORKER, "port": 9000, "metrics": {"enabled": True}})
    template = objects["Deployment/hub"]["spec"]["template"]

    assert container(objects)["readinessProbe"]["httpGet"]["port"] == "http"
    assert template["metadata"]["annotations"]["prometheus.io/port"] == "9000"
    assert "Service/hub" not in objects


def test_a_release_never_has_fewer_pods_than_all_and_a_pod_that_goes_keeps_serving(web: Render) -> None:
    objects = web(drainSeconds=7, shutdownSeconds=20)
    spec = objects["Deployment/hub"]["spec"]

    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert container(objects)["lifecycle"] == {"preStop": {"sleep": {"seconds": 7}}}
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] == 27


@pytest.mark.parametrize(("startup_s", "deadline_s"), [(1, 300), (60, 300), (900, 960), (3600, 3660)])
def test_a_slow_start_that_is_allowed_is_no_failed_release(web: Render, startup_s: int, deadline_s: int) -> None:
    objects = web(health={"startupSeconds": startup_s})

    assert container(objects)["startupProbe"]["failureThreshold"] == startup_s
    assert objects["Deployment/hub"]["spec"]["progressDeadlineSeconds"] == deadline_s


def test_a_change_of_config_rolls_the_pods_and_nothing_else_does(web: Render) -> None:
    def template(**more: Any) -> Any:
        return web(**more)["Deployment/hub"]["spec"]["template"]

    first, same = template(config={"a": "1"}), template(config={"a": "1"}, replicas=5)

    assert first == same
    assert first != template(config={"a": "2"})


def test_config_is_mounted_for_reading(web: Render) -> None:
    objects = web(config={"hub.toml": "x = 1\n"}, configPath="/etc/hub")

    assert objects["ConfigMap/hub"]["data"] == {"hub.toml": "x = 1\n"}
    assert {"name": "config", "mountPath": "/etc/hub", "readOnly": True} in container(objects)["volumeMounts"]


@pytest.mark.parametrize(
    ("value", "text"),
    [("x", "x"), (5, "5"), (1000000, "1000000"), (0.05, "0.05"), (True, "true"), ("", ""), ("1e3", "1e3")],
)
def test_a_variable_reads_as_it_is_written(web: Render, value: Any, text: str) -> None:
    env = {one["name"]: one.get("value") for one in container(web(env={"A": value}))["env"]}

    assert env["A"] == text


@pytest.mark.parametrize("name", ["PORT", "POD_NAME", "SERVICE_VERSION"])
@pytest.mark.parametrize("where", ["env", "secretEnv"])
def test_a_variable_of_the_users_own_takes_the_place_of_the_charts(web: Render, name: str, where: str) -> None:
    value: Any = 8000 if where == "env" else {"secret": "db", "key": "a"}
    found = [one for one in container(web(**{where: {name: value}}))["env"] if one["name"] == name]

    assert len(found) == 1, "the API server refuses a variable that is there twice"
    assert found[0].get("value") == ("8000" if where == "env" else None)


@pytest.mark.parametrize(
    ("request_", "limit"),
    [
        ("1Gi", "1Gi"),
        ("953Mi", "1G"),
        ("0.5", "500m"),
        ("1500m", 2),
        (268435456, "256Mi"),
        ("1Gi", None),
        ("999M", "1Gi"),
        ("1e3", "1k"),
        ("1Ei", "1.5E18"),
        ("500000u", "500m"),
        ("1E", "1Ei"),
        (".5Gi", "1.Gi"),
        (1e6, "1M"),
        (None, "1Mi"),
    ],
)
def test_a_request_up_to_its_limit_is_taken(web: Render, request_: Any, limit: Any) -> None:
    resources = {"requests": {"memory": request_}, "limits": {"memory": limit}}

    assert container(web(resources=resources))["resources"]["limits"].get("memory") == limit


def test_what_cannot_be_shared_is_asked_for_by_its_limit(web: Render) -> None:
    whole = {"nvidia.com/gpu": 1, "hugepages-2Mi": "4Mi"}

    assert container(web(resources={"limits": whole}))["resources"]["limits"].items() >= whole.items()
    assert (
        container(web(resources={"limits": whole, "requests": whole}))["resources"]["requests"].items() >= whole.items()
    )


@pytest.mark.parametrize("key", ["command", "args", "env", "secretEnv", "config", "resources", "writablePaths"])
def test_a_value_set_to_null_is_as_if_it_were_empty(web: Render, key: str) -> None:
    assert container(web(**{key: None}))


def test_what_looks_like_something_else_in_yaml_stays_a_text(render: Render) -> None:
    values = {
        "image": {**WEB["image"], "pullSecrets": ["1"]},
        "hostname": "hub.localhost",
        "path": "/v1/a:",
        "gateway": {"name": "true", "namespace": "1"},
        "env": {"Y": "null", "NO": "1"},
        "secretEnv": {"ON": {"secret": "0", "key": "1e3"}},
        "config": {"a": "1"},
        "configPath": "/etc/#a",
        "health": {"path": "/a:", "livenessPath": "/'\""},
        "writablePaths": ["/scratch", "/&a"],
    }
    objects = render("service", values, release="e1")
    pod = objects["Deployment/e1"]["spec"]["template"]["spec"]
    found = container(objects, "e1")
    env = {one["name"]: one.get("value", one.get("valueFrom")) for one in found["env"]}
    route = objects["HTTPRoute/e1"]["spec"]

    assert pod["imagePullSecrets"] == [{"name": "1"}]
    assert env.items() >= {"Y": "null", "NO": "1", "ON": {"secretKeyRef": {"name": "0", "key": "1e3"}}}.items()
    assert [one["mountPath"] for one in found["volumeMounts"]] == ["/scratch", "/&a", "/etc/#a"]
    assert found["readinessProbe"]["httpGet"]["path"] == "/a:"
    assert found["livenessProbe"]["httpGet"]["path"] == "/'\""
    assert route["rules"][0]["matches"][0]["path"]["value"] == "/v1/a:"
    assert (route["parentRefs"][0]["name"], route["parentRefs"][0]["namespace"]) == ("true", "1")


def test_a_secret_is_named_not_written(web: Render) -> None:
    env = container(web(secretEnv={"PASSWORD": {"secret": "db", "key": "password"}}))["env"]

    assert {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}} in env


@pytest.mark.parametrize(("replicas", "budget"), [(0, False), (1, False), (2, True), (3, True)])
def test_only_several_pods_have_a_disruption_budget(web: Render, replicas: int, budget: bool) -> None:
    assert ("PodDisruptionBudget/hub" in web(replicas=replicas)) is budget


def test_only_those_who_need_it_reach_the_port(web: Render) -> None:
    def who(**more: Any) -> list[str]:
        sources = web(**more)["NetworkPolicy/hub"]["spec"]["ingress"][0]["from"]
        assert sources[0] == {"podSelector": {}}
        found: list[str] = sources[1]["namespaceSelector"]["matchExpressions"][0]["values"] if sources[1:] else []
        return found

    assert who() == ["automatrix-gateway"]
    assert who(hostname="") == []
    assert who(hostname="", metrics={"enabled": True}) == ["automatrix-observability"]
    assert who(networkPolicy={"fromNamespaces": ["b", "a"]}) == ["a", "automatrix-gateway", "b"]


def test_the_route_leads_from_the_gateway_to_the_service(web: Render) -> None:
    spec = web(path="/api")["HTTPRoute/hub"]["spec"]

    assert (spec["parentRefs"][0]["namespace"], spec["parentRefs"][0]["name"]) == ("automatrix-gateway", "web")
    assert spec["hostnames"] == ["hub.localhost"]
    assert spec["rules"][0]["matches"] == [{"path": {"type": "PathPrefix", "value": "/api"}}]
    assert spec["rules"][0]["backendRefs"][0]["name"] == "hub"


NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")


@pytest.mark.parametrize(
    ("release", "name"),
    [("hub", "hub"), ("my.app", "my-app"), ("a" * 53, "a" * 53), ("a.b-1", "a-b-1")],
)
def test_every_release_has_valid_names(render: Render, release: str, name: str) -> None:
    assert {one["metadata"]["name"] for one in render("service", WEB, release=release).values()} == {name}


def test_a_release_that_begins_with_a_digit_is_told_the_way_out(render: Render) -> None:
    assert "Deployment/1app" in render("service", WORKER, release="1app")
    with pytest.raises(Refused, match=r"begins with a letter\..*spec.source.helm.releaseName"):
        render("service", WEB, release="1app")


def test_long_names_under_long_aliases_are_valid_and_differ(helm: Helm, tmp_path: Path) -> None:
    aliases = [f"{'b' * 61}-1", f"{'b' * 61}-2", "My_Api"]
    dependency = {"name": "service", "version": "0.1.0", "repository": f"file://{ROOT / 'charts/service'}"}
    chart: dict[str, Any] = {"apiVersion": "v2", "name": "long", "version": "0.1.0"}
    chart["dependencies"] = [{**dependency, "alias": alias} for alias in aliases]
    (tmp_path / "Chart.yaml").write_text(yaml.safe_dump(chart))
    helm("dependency", "build", str(tmp_path))

    objects = helm.template(tmp_path, dict.fromkeys(aliases, WEB), "a" * 53)
    services = {one["metadata"]["name"] for one in objects if one["kind"] == "Service"}
    labels = {value for one in objects for value in one["metadata"]["labels"].values()}
    assert len(services) == len(aliases)
    assert all(NAME.fullmatch(one["metadata"]["name"]) for one in objects)
    assert all(len(label) <= 63 for label in labels)


WRONG = [
    ({"image": {"repository": "a"}}, "- image: tag is required"),
    ({"image": {"repository": "a", "tag": 12}}, "- image.tag: Invalid type. Expected: string, given: integer"),
    ({"image": {"repository": "A b", "tag": "1"}}, "- image.repository: Does not match pattern"),
    ({"kind": "web-service"}, '- kind: kind must be one of the following: "web", "worker"'),
    ({"port": "http"}, "- port: Invalid type. Expected: [integer,null], given: string"),
    ({"port": 70000}, "- port: Must be less than or equal to 65535"),
    ({"replicas": "two"}, "- replicas: Invalid type. Expected: integer, given: string"),
    ({"replicas": -1}, "- replicas: Must be greater than or equal to 0"),
    ({"hostname": "Hub.localhost"}, "- hostname: Does not match pattern"),
    ({"hostname": "http://hub.localhost"}, "- hostname: Does not match pattern"),
    ({"path": "api"}, "- path: Does not match pattern"),
    ({"path": "/a//b"}, "- path: Must not validate the schema (not)"),
    ({"path": "/ä"}, "- path: Does not match pattern"),
    ({"writablePaths": ["/x", "/x/"]}, "writablePaths.1: /x/ is there twice. Remove one."),
    (
        {"config": {"a": "1"}, "configPath": "/x/", "writablePaths": ["/x"]},
        "configPath: /x/ stands in writablePaths, too, and is mounted for reading. Choose another folder.",
    ),
    ({"config": {"..a": "1"}}, "- config: Property name of"),
    ({"secretEnv": {"A": {"secret": "My_DB", "key": "a"}}}, "- secretEnv.A.secret: Does not match pattern"),
    ({"env": {"MY-NAME": "x"}}, "- env: Additional property MY-NAME is not allowed"),
    ({"env": {"A": ["x"]}}, "- env.A: Invalid type. Expected: "),
    ({"secretEnv": {"A": "plain"}}, "- secretEnv.A: Invalid type. Expected: object, given: string"),
    ({"secretEnv": {"A": {"secret": "db"}}}, "- secretEnv.A: key is required"),
    ({"health": {"readiness": "/"}}, "- health: Additional property readiness is not allowed"),
    ({"resources": {"requests": {"memory": "64 MB"}}}, "- resources.requests.memory: Does not match pattern"),
    ({"resources": {"memory": "64Mi"}}, "- resources: Additional property memory is not allowed"),
    ({"user": 0}, "- user: Must be greater than or equal to 1"),
    ({"autoscaling": {}}, "- (root): Additional property autoscaling is not allowed"),
    ({"kind": "worker"}, "hostname: a worker takes no requests. Remove hostname, or set kind: web."),
    (
        {"kind": "worker", "hostname": "", "port": None, "metrics": {"enabled": True}},
        "metrics.enabled: a worker needs a port for its metrics.",
    ),
    (
        {"env": {"A": "1"}, "secretEnv": {"A": {"secret": "db", "key": "a"}}},
        "secretEnv.A: stands in env too. Keep one of the two.",
    ),
    (
        {"resources": {"requests": {"memory": "1Gi"}}},
        "resources.requests.memory: 1Gi is more than resources.limits.memory, 256Mi. Raise the limit, too",
    ),
    ({"resources": {"requests": {"memory": "1Zi"}}}, "- resources.requests.memory: Does not match pattern"),
    ({"resources": {"requests": {"memory": -1}}}, "- resources.requests.memory: Must be greater than or equal to 0"),
    ({"resources": {"limits": {"nvidia.com/gpu": 0.5}}}, "- resources.limits.nvidia.com/gpu: Invalid type."),
    ({"resources": {"limits": {"gpu": 1}}}, "- resources.limits: Additional property gpu is not allowed"),
    (
        {"resources": {"requests": {"nvidia.com/gpu": 1}}},
        "resources.requests.nvidia.com/gpu: must be its limit, which is enough by itself.",
    ),
    (
        {"resources": {"requests": {"hugepages-2Mi": "2Mi"}, "limits": {"hugepages-2Mi": "4Mi"}}},
        "resources.requests.hugepages-2Mi: must be its limit",
    ),
    (
        {"resources": {"requests": {"cpu": 1}, "limits": {"cpu": "999m"}}},
        "resources.requests.cpu: 1 is more than resources.limits.cpu, 999m.",
    ),
    ({"env": {"PORT": 9000}}, "env.PORT: is 9000, and port is 8000, where probes and requests go. Set port alone."),
]


@pytest.mark.parametrize(("change", "told"), WRONG, ids=lambda value: value[:40] if isinstance(value, str) else "")
def test_a_wrong_value_is_refused_with_its_name(web: Render, change: dict[str, Any], told: str) -> None:
    with pytest.raises(Refused) as error:
        web(**change)

    assert told in str(error.value)
