"""When the watchdog acts, and when it must not."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from operators.canary.routers import gatewayapi
from operators.canary.routers.gatewayapi import RouteWish, Split
from operators.canary.seen import OWNED_BY
from operators.canary.terms import Slot
from operators.canary.watchdog.decide import DEAD_MAN, Pulse, Ward, decide, duration, is_due, unknown, ward
from operators.kit.kube import Manifest
from operators.kit.merge import merge_patch

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SERVICES: Mapping[Slot, str] = {"a": "web-a", "b": "web-b"}
LONG = timedelta(minutes=5)
READY: Mapping[Slot, int] = {"a": 3, "b": 1}
CANARY: Manifest = {
    "apiVersion": "automatrix.dev/v1alpha1",
    "kind": "Canary",
    "metadata": {"name": "web", "namespace": "hub", "uid": "1"},
    "spec": {"deadMan": "1m30s"},
    "status": {
        "phase": "Analysing",
        "stable": {"slot": "a"},
        "weight": {"desired": 10, "written": 10, "observed": 10},
    },
}


def canary(**changes: Any) -> Ward:
    return ward(merge_patch(copy.deepcopy(CANARY), changes))


def route(owner: str = "1", b: int = 10) -> Manifest:
    split = Split(SERVICES, 80, {"a": 100 - b, "b": b})
    made = gatewayapi.build(RouteWish("hub", "web", [{"name": "web"}], [], (), split))
    made["metadata"] |= {"uid": "r", "annotations": {OWNED_BY: owner}}
    return made


@pytest.mark.parametrize(
    ("pulse", "silence"),
    [
        pytest.param(
            Pulse(NOW - timedelta(seconds=2), timedelta(minutes=9)), 540, id="unchanged while watched: silent"
        ),
        pytest.param(Pulse(NOW - LONG, timedelta(seconds=21)), 300, id="a restarted watchdog goes on from the Lease"),
        pytest.param(Pulse(NOW - LONG, timedelta(seconds=3)), 0, id="but first makes sure that nobody renews it"),
        pytest.param(Pulse(NOW + LONG, timedelta(seconds=40)), 40, id="a clock that goes wrong: only its own counts"),
        pytest.param(Pulse(None, timedelta(seconds=40)), 40, id="no Lease at all"),
        pytest.param(Pulse(None, timedelta(seconds=5)), 0, id="no Lease, looked at once"),
    ],
)
def test_silence_needs_two_clocks(pulse: Pulse, silence: float) -> None:
    assert pulse.silence(NOW).total_seconds() == silence


@pytest.mark.parametrize(
    ("found", "silence", "due"),
    [
        pytest.param(canary(), LONG, True, id="silent in mid-shift"),
        pytest.param(canary(), timedelta(seconds=80), False, id="not for deadMan yet"),
        pytest.param(canary(spec={"deadMan": "1s"}), timedelta(seconds=10), False, id="nobody is dead that fast"),
        pytest.param(canary(spec={"deadMan": "soon"}), LONG, True, id="an unreadable limit does not disarm it"),
        pytest.param(canary(status={"weight": None}), LONG, False, id="no release: nothing to take back"),
        pytest.param(
            canary(status={"weight": {"desired": 10, "written": 0, "observed": None}}),
            LONG,
            True,
            id="a weight that was wished may have been written",
        ),
        pytest.param(canary(status={"stable": None}), LONG, False, id="nobody knows what stable is"),
        pytest.param(canary(status={"phase": "Frozen"}), LONG, False, id="going back is not possible"),
        pytest.param(canary(spec={"failure": {"action": "Freeze"}}), LONG, False, id="so it is in every phase"),
        pytest.param(canary(metadata={"deletionTimestamp": "x"}), LONG, False, id="a deletion has other rules"),
    ],
)
def test_who_is_looked_after(found: Ward, silence: timedelta, due: bool) -> None:
    assert is_due(found, silence) is due


def test_all_requests_go_to_stable() -> None:
    done = decide(canary(), {"web": route()}, READY, LONG)
    assert done.refused == ""
    assert [(one["op"], one["path"], one["value"]) for one in done.patches["web"] if one["op"] == "add"] == [
        ("add", "/spec/rules/0/backendRefs/0/weight", 100),
        ("add", "/spec/rules/0/backendRefs/1/weight", 0),
    ]
    assert done.patches["web"][0] == {"op": "test", "path": "/metadata/uid", "value": "r"}


def test_a_route_that_is_back_already_is_not_written() -> None:
    done = decide(canary(), {"web": route(b=0)}, READY, LONG)
    assert (done.patches, done.refused) == ({}, "")


def test_requests_are_not_sent_to_a_stable_without_pods() -> None:
    done = decide(canary(), {"web": route()}, {"a": 0, "b": 3}, LONG)
    assert done.patches == {}
    assert "no ready pod" in done.refused


@pytest.mark.parametrize(
    ("found", "seen", "why"),
    [
        pytest.param(canary(), route(owner="2"), "is not this Canary's", id="somebody else's of the same name"),
        pytest.param(canary(), None, "there is no HTTPRoute", id="gone"),
        pytest.param(
            canary(spec={"traffic": {"routes": [{"name": "shop"}]}}), route(owner="2"), "", id="a foreign one it names"
        ),
    ],
)
def test_only_known_routes_are_touched(found: Ward, seen: Manifest | None, why: str) -> None:
    name = found.routes[0]
    assert why in unknown(found, name, seen)
    assert bool(unknown(found, name, seen)) is bool(why)


def test_a_route_without_both_slots_is_left_alone() -> None:
    made = route()
    made["spec"]["rules"][0]["backendRefs"].pop()
    done = decide(canary(), {"web": made}, READY, LONG)
    assert done.patches == {}
    assert "no rule with both slots" in done.refused


def test_durations_as_go_writes_them() -> None:
    assert duration("1h30m", DEAD_MAN) == timedelta(minutes=90)
    assert duration("500ms", DEAD_MAN) == timedelta(milliseconds=500)
    assert {duration(text, DEAD_MAN) for text in ("", "5", "m5", None, 5)} == {DEAD_MAN}
