"""What the local cluster's parts read out of the engine's and the API's answers."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import create_autospec

import pytest

from cluster.local import kind, leases, releases, seed, serving
from cluster.local.applications import STUCK_S, Application, Patience
from cluster.local.applications import read as read_application
from cluster.local.errors import MachineError
from cluster.local.kind import Node
from cluster.local.kubectl import Kubectl, Manifest
from cluster.local.probes import NAME, Peer, build_query
from cluster.local.settings import Settings


def settings(tmp_path: Path, **changes: str) -> Settings:
    return Settings.from_environment({"AMX_CACHE_DIR": str(tmp_path), "AMX_STATE_DIR": str(tmp_path)} | changes)


def node(owner: Path | None, role: str = "control-plane", **ports: int) -> Node:
    bound = {kind.HTTP_NODE_PORT: ports.get("http", 8080), kind.GIT_NODE_PORT: ports.get("git", 8081)}
    return Node(f"x-{role}", role, running=True, address="10.0.0.2", ports=bound, owner=owner)


def test_a_stopped_node_still_says_whose_it_is() -> None:
    found = kind.read_node(
        {
            "Name": "/x-control-plane",
            "Config": {"Labels": {kind.LABEL: "x", kind.ROLE: "control-plane"}},
            "HostConfig": {"PortBindings": {"30080/tcp": [{"HostIp": "127.0.0.1", "HostPort": "9000"}]}},
            "State": {"Running": False},
            "NetworkSettings": {"Networks": {"amx-x": {"IPAddress": ""}}},
            "Mounts": [{"Source": "/src/.amx/x/node", "Destination": kind.OWNER}],
        }
    )
    assert found == Node("x-control-plane", "control-plane", False, "", {30080: 9000}, Path("/src/.amx/x/node"))


def test_another_checkouts_cluster_is_not_ours(tmp_path: Path) -> None:
    other = tmp_path / "other" / ".amx"
    other.mkdir(parents=True)
    with pytest.raises(MachineError, match=f"belongs to {other}/automatrix .choose another name"):
        kind.check_owner(settings(tmp_path), [node(other / "automatrix" / "node")])
    with pytest.raises(MachineError, match=r"was not made by amx .choose another name"):
        kind.check_owner(settings(tmp_path), [node(None)])


def test_a_checkout_that_was_moved_is_told_how_to_get_rid_of_its_cluster(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"belongs to /elsewhere/.amx/automatrix, which is gone .*: amx down; or"):
        kind.check_owner(settings(tmp_path), [node(Path("/elsewhere/.amx/automatrix/node"))])


def test_our_own_cluster_is_ours(tmp_path: Path) -> None:
    kind.check_owner(settings(tmp_path), [node(kind.owner_folder(settings(tmp_path)))])
    kind.check_owner(settings(tmp_path), [])


@pytest.mark.parametrize(
    ("found", "workers", "said"),
    [
        ([node(None)], 2, "has 0 workers, 2 are asked for .--workers 0, or"),
        ([node(None), node(None, "worker")], 0, "has 1 workers, 0 are asked for .--workers 1, or"),
        ([node(None, http=9000)], None, "answers on port 9000, AMX_HTTP_PORT is 8080 .set AMX_HTTP_PORT=9000, or"),
        ([node(None, git=9001)], None, "answers on port 9001, AMX_GIT_PORT is 8081 .set AMX_GIT_PORT=9001, or"),
    ],
)
def test_a_cluster_of_another_shape_is_not_changed(
    tmp_path: Path, found: list[Node], workers: int | None, said: str
) -> None:
    with pytest.raises(MachineError, match=f"{said} make it anew, which loses what it stores.*amx down"):
        kind.check_shape(settings(tmp_path), found, workers)


def test_unsaid_workers_are_whatever_is_there(tmp_path: Path) -> None:
    kind.check_shape(settings(tmp_path), [node(None), node(None, "worker")], None)


def test_only_the_control_plane_has_host_ports_and_only_on_loopback(tmp_path: Path) -> None:
    config = kind.build_config(settings(tmp_path), 2, {"failCgroupV1": False})
    assert [one["role"] for one in config["nodes"]] == ["control-plane", "worker", "worker"]
    (mappings,) = [one["extraPortMappings"] for one in config["nodes"] if "extraPortMappings" in one]
    assert {mapping["listenAddress"] for mapping in mappings} == {"127.0.0.1"}
    assert "failCgroupV1: false" in config["kubeadmConfigPatches"][0]


class Recorded(Kubectl):
    """A kubectl whose one answer is given."""

    answer = ""

    def run(self, *arguments: str, timeout_s: float = 60) -> str:
        return self.answer


def test_the_newest_revision_of_a_release_counts() -> None:
    Recorded.answer = "a git 1 superseded abc\na git 2 pending-upgrade def\nb other 1 deployed <no value>\n"
    found = releases.installed(Recorded(Path("kubectl"), Path("kubeconfig")))
    assert (found["a", "git"].revision, found["a", "git"].status, found["a", "git"].content) == (
        2,
        "pending-upgrade",
        "def",
    )
    assert found["b", "other"].content == ""


def test_a_release_changes_with_its_chart_and_with_its_values(tmp_path: Path) -> None:
    (tmp_path / "Chart.yaml").write_text("name: x")
    first = releases.Release("x", "ns", tmp_path, {"tag": "1"}).content()
    assert releases.Release("x", "ns", tmp_path, {"tag": "1"}).content() == first
    assert releases.Release("x", "ns", tmp_path, {"tag": "2"}).content() != first
    (tmp_path / "Chart.yaml").rename(tmp_path / "other.yaml")
    assert releases.Release("x", "ns", tmp_path, {"tag": "1"}).content() != first


@pytest.mark.parametrize(
    ("line", "want"),
    [
        (
            "  image: {repository: automatrix/hub, tag: unreleased}\n",
            '  image: {repository: automatrix/hub, tag: "0123"}\n',
        ),
        ("  image: {repository: other/hub, tag: unreleased}\n", "  image: {repository: other/hub, tag: unreleased}\n"),
        ('  image: {repository: automatrix/hub, tag: "9"}\n', '  image: {repository: automatrix/hub, tag: "9"}\n'),
        ("api:\n", "api:\n"),
    ],
)
def test_only_unreleased_tags_of_built_images_are_filled_in(line: str, want: str) -> None:
    assert seed.released(line, {"automatrix/hub": "0123"}) == want


def workload(kind_of: str, generation: int, status: dict[str, Any], replicas: int = 2) -> bool:
    item = {
        "kind": kind_of,
        "metadata": {"namespace": "a", "name": "b", "generation": generation},
        "spec": {"replicas": replicas},
        "status": status,
    }
    return serving.read_workload(item).is_ready


def test_a_workload_is_ready_when_all_pods_of_its_newest_generation_are() -> None:
    ready = {"observedGeneration": 2, "readyReplicas": 2, "updatedReplicas": 2}
    assert workload("Deployment", 2, ready)
    assert not workload("Deployment", 3, ready)
    assert not workload("Deployment", 2, ready | {"updatedReplicas": 1})
    assert not workload("Deployment", 1, {})
    assert workload("Deployment", 1, {"observedGeneration": 1}, replicas=0)
    everywhere = {"observedGeneration": 1, "desiredNumberScheduled": 3, "numberReady": 3, "updatedNumberScheduled": 3}
    assert workload("DaemonSet", 1, everywhere)
    assert not workload("DaemonSet", 1, everywhere | {"numberReady": 2})


def test_a_pod_that_cannot_get_its_image_says_so() -> None:
    waiting = {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "x"'}
    pod: dict[str, Any] = {
        "metadata": {"namespace": "argocd", "name": "gitops-engine-1"},
        "status": {"containerStatuses": [{"state": {"waiting": waiting}}]},
    }
    assert serving.why_stuck(pod) == 'argocd/gitops-engine-1: ImagePullBackOff Back-off pulling image "x"'
    pod["metadata"]["namespace"] = "hub-dev"
    assert serving.why_stuck(pod) == ""


def test_an_application_tells_its_failed_operation() -> None:
    status = {"sync": {"status": "OutOfSync"}, "operationState": {"phase": "Failed", "message": "no such image"}}
    found = read_application({"metadata": {"name": "hub-dev"}, "spec": {}, "status": status})
    assert (found.sync, found.health, found.message, found.is_fine) == ("OutOfSync", "Unknown", "no such image", False)


AUTOMATED: dict[str, Any] = {"syncPolicy": {"automated": {}}}
FINE: dict[str, Any] = {"sync": {"status": "Synced"}, "health": {"status": "Healthy"}}


def application(name: str, status: dict[str, Any], spec: dict[str, Any] | None = None) -> Application:
    return read_application({"metadata": {"name": name}, "spec": AUTOMATED if spec is None else spec, "status": status})


@pytest.mark.parametrize(
    ("status", "spec", "stuck"),
    [
        pytest.param(FINE, None, False, id="fine"),
        pytest.param({}, None, False, id="not looked at yet"),
        pytest.param(FINE | {"health": {"status": "Progressing"}}, None, False, id="its pods start"),
        pytest.param({"sync": {"status": "OutOfSync"}}, None, False, id="about to be synced"),
        pytest.param({"sync": {"status": "OutOfSync"}}, {}, True, id="synced by hand only"),
        pytest.param({"operationState": {"phase": "Failed"}}, None, True, id="the sync failed"),
        pytest.param({"operationState": {"phase": "Running"}}, None, False, id="the sync is tried again"),
        pytest.param({"conditions": [{"type": "ComparisonError"}]}, None, True, id="the chart is broken"),
        pytest.param({"conditions": [{"type": "PruneFrozenWarning"}]}, None, False, id="a warning"),
    ],
)
def test_an_application_is_stuck_when_nothing_comes_by_itself(
    status: dict[str, Any], spec: dict[str, Any] | None, *, stuck: bool
) -> None:
    assert application("hub-dev", status, spec).is_stuck is stuck


def test_nobody_waits_for_a_release_that_asks_somebody() -> None:
    asking = application("hub-prod", FINE | {"health": {"status": "Suspended"}})
    assert asking.is_fine, "what ran before runs on"
    assert Patience().awaited([application("bootstrap", FINE), asking], 0) == []


def test_nobody_waits_for_what_does_not_come() -> None:
    bootstrap, broken = application("bootstrap", FINE), application("hub", {"operationState": {"phase": "Error"}})
    starting = application("api", FINE | {"health": {"status": "Progressing"}})
    patience = Patience()
    assert patience.awaited([], 0) == ["bootstrap"]
    assert patience.awaited([bootstrap], 0) == [], "a fork without tenants"
    assert patience.awaited([bootstrap, broken, starting], 0) == ["hub (Unknown)", "api (Progressing)"]
    assert patience.awaited([bootstrap, broken, starting], STUCK_S) == ["api (Progressing)"]
    assert patience.awaited([bootstrap, application("hub", {})], STUCK_S + 1) == ["hub (Unknown)"], "it is tried again"
    assert patience.awaited([bootstrap, broken], STUCK_S + 2) == ["hub (Unknown)"]
    degraded = application(
        "bootstrap", FINE | {"health": {"status": "Degraded"}, "resources": [{"kind": "Application"}]}
    )
    assert patience.awaited([degraded, broken], 2 * STUCK_S + 2) == [], "its health is that of the broken one"
    following = ["bootstrap (Degraded)", "api (Progressing)"]
    assert patience.awaited([degraded, starting], 2 * STUCK_S + 2) == following
    assert patience.awaited([degraded, application("api", FINE)], 0) == following[:1], "it follows in a moment"


@pytest.mark.parametrize(
    ("lease", "age"),
    [
        ({"spec": {"holderIdentity": "a", "renewTime": "2026-01-01T12:00:00.000000Z"}}, 30),
        ({"spec": {"holderIdentity": "", "renewTime": "2026-01-01T12:00:00.000000Z"}}, None),
        (None, None),
    ],
)
def test_a_lease_nobody_holds_has_no_age(lease: Manifest | None, age: float | None) -> None:
    kubectl = create_autospec(Kubectl, instance=True)
    kubectl.find.return_value = lease
    assert leases.age_s(kubectl, leases.ENGINE, datetime(2026, 1, 1, 12, 0, 30, tzinfo=UTC)) == age


def test_the_gateway_of_a_nodes_pods_is_its_first_address() -> None:
    assert Peer("worker", "10.244.3.0/24").gateway == "10.244.3.1"


def test_a_dns_question_is_well_formed() -> None:
    query = build_query("kubernetes.default")
    assert query[12:] == b"\x0akubernetes\x07default\x00\x00\x01\x00\x01"


def test_the_name_that_is_looked_up_fits_into_one_write_of_bash() -> None:
    assert b"\n" not in build_query(NAME)
