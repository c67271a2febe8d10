"""What the real Traefik does: counters, weights, confirmation, and what it cannot."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import aiohttp
import pytest

from operators.canary.metrics.gateways import FRESH_S
from operators.canary.metrics.traefik import Signal, TraefikCounters
from operators.canary.routers import Feature, gatewayapi, refusal, shares
from operators.canary.routers.gatewayapi import Match
from operators.canary.routers.traefik import FEATURES
from operators.canary.terms import Counts, Sample
from operators.kit.errors import Conflict
from tests.support.data_plane import HOST, Load, until

from .conftest import SERVICES, DataPlane


def total(sample: Sample) -> dict[str, Counts]:
    assert sample.outage == ""
    found: dict[str, Counts] = {}
    for one in sample.readings:
        found[one.slot] = found.get(one.slot, Counts()) + one.counts
    return found


async def ask(
    plane: DataPlane, times: int = 10, headers: Mapping[str, str] = MappingProxyType({})
) -> Counter[tuple[int, str]]:
    found: Counter[tuple[int, str]] = Counter()
    async with aiohttp.ClientSession() as session:
        for number in range(times):
            url = plane.replicas[number % len(plane.replicas)].url
            async with session.get(url, headers={"Host": HOST, **headers}) as answer:
                found[answer.status, await answer.text()] += 1
    return found


async def test_weights_move_under_load_without_a_failed_request(data_plane: DataPlane) -> None:
    counters = TraefikCounters("errors", Signal(), data_plane.gateways)
    async with Load([one.url for one in data_plane.replicas], per_s=100).running() as load:
        for before, weight in ((0, 10), (10, 50), (50, 100), (100, 0)):
            route = await data_plane.api.get(data_plane.ref)
            assert route is not None
            patch = gatewayapi.reweigh(route, SERVICES, {"a": 100 - weight, "b": weight})
            await data_plane.api.patch(data_plane.ref, patch, kind="json")
            await data_plane.confirmed(weight)

            await asyncio.sleep(FRESH_S)  # a reading that young may be from before the weight
            first = await counters.read(data_plane.measured)
            await asyncio.sleep(3)
            second = await counters.read(data_plane.measured)
            sent = shares.shares(first.readings, second.readings, "b")

            assert sent.keys() == {"traefik-1", "traefik-2"}
            said = {name: shares.confirmed(one, percent=weight, before=before) for name, one in sent.items()}
            assert set(said.values()) == {True}, (weight, sent)
    assert load.failed == []

    async def counted() -> bool:
        sample = total(await counters.read(data_plane.measured))
        return sample["a"].total + sample["b"].total == load.sent

    await until(counted, "every request is in the counters of its slot")


async def test_errors_and_slow_requests_are_counted_by_slot(data_plane: DataPlane) -> None:
    data_plane.backends["b"].status = 503
    data_plane.backends["a"].delay_s = 0.22
    await data_plane.write(data_plane.wish(50))
    await data_plane.confirmed(50)

    errors = TraefikCounters("errors", Signal(), data_plane.gateways)
    slow = TraefikCounters("slow", Signal("latency", above_s=0.18), data_plane.gateways)
    never = TraefikCounters("never", Signal("latency", above_s=11), data_plane.gateways)
    assert await ask(data_plane, 20) == {(200, "a"): 10, (503, "b"): 10}

    async def counted() -> Any:
        found = total(await errors.read(data_plane.measured))
        return found if found["a"].total + found["b"].total == 20 else None

    assert await until(counted, "all are counted") == {"a": Counts(0, 10), "b": Counts(10, 10)}
    assert total(await slow.read(data_plane.measured)) == {"a": Counts(10, 10), "b": Counts(0, 10)}
    assert "ends below 11 s" in (await never.read(data_plane.measured)).outage


async def test_a_replica_that_is_gone_confirms_nothing_and_the_other_goes_on_counting(data_plane: DataPlane) -> None:
    counters = TraefikCounters("errors", Signal(), data_plane.gateways)
    data_plane.replicas[1].stop()
    await asyncio.sleep(1)

    seen = await data_plane.router.observed(await data_plane.target())
    sample = await counters.read(data_plane.measured)
    assert "traefik-2" in seen.problem
    assert not seen.has("b", 0)
    assert {one.replica for one in sample.readings} == {"traefik-1"}

    data_plane.replicas[0].stop()
    await asyncio.sleep(1)
    sample = await counters.read(data_plane.measured)
    assert sample.readings == ()
    assert "traefik-1" in sample.outage


async def test_header_and_cookie_lead_to_the_candidate_whatever_the_weights(data_plane: DataPlane) -> None:
    matches = (Match("b", header=("X-Canary", "always")), Match("b", cookie=("slot", "b.2")))
    await data_plane.write(data_plane.wish(0, *matches))
    await data_plane.confirmed(0, matches=2)

    assert gatewayapi.asked([], matches) <= FEATURES
    assert await ask(data_plane) == {(200, "a"): 10}
    assert await ask(data_plane, headers={"X-Canary": "always"}) == {(200, "b"): 10}
    assert await ask(data_plane, headers={"Cookie": "x=1; slot=b.2; y=2"}) == {(200, "b"): 10}
    assert await ask(data_plane, headers={"Cookie": "slot=bb2; xslot=b.2"}) == {(200, "a"): 10}


RULE: dict[str, Any] = {"matches": [gatewayapi.ALL_PATHS]}
MIRROR = {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "web-b", "port": 80}}}


async def test_mirroring_is_refused_because_traefik_answers_500(data_plane: DataPlane) -> None:
    rules = ({**RULE, "filters": [MIRROR]},)
    assert "mirroring" in refusal("traefik", FEATURES, gatewayapi.asked(rules))

    await data_plane.write(data_plane.wish(0, rules=rules))

    async def fails() -> bool:
        return (500, "") in await ask(data_plane, 1)

    await until(fails, "Traefik fails a mirrored route; where it does not any more, FEATURES may grow")


async def test_timeouts_and_filters_of_a_backend_are_refused_because_traefik_leaves_them_out(
    data_plane: DataPlane,
) -> None:
    timeouts = {**RULE, "timeouts": {"request": "100ms"}}
    route = data_plane.wish(50, rules=(timeouts,))
    cookie = {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"add": [{"name": "X-Slot", "value": "x"}]}}
    for backend in route["spec"]["rules"][0]["backendRefs"]:
        backend["filters"] = [cookie]
    wanted = gatewayapi.asked(route["spec"]["rules"])
    assert wanted - FEATURES == {Feature.TIMEOUTS, Feature.BACKEND_FILTERS}

    for backend in data_plane.backends.values():
        backend.delay_s = 0.3
    await data_plane.write(route)
    await data_plane.confirmed(50)
    assert await ask(data_plane, 4) == {(200, "a"): 2, (200, "b"): 2}
    async with (
        aiohttp.ClientSession() as session,
        session.get(data_plane.replicas[0].url, headers={"Host": HOST}) as answer,
    ):
        assert "X-Slot" not in answer.headers


async def test_a_route_to_a_service_that_is_missing_is_not_confirmed(data_plane: DataPlane) -> None:
    route = data_plane.wish(10)
    route["spec"]["rules"][0]["backendRefs"][1]["name"] = "web-x"
    await data_plane.write(route)

    async def told() -> bool:
        target = replace(await data_plane.target(), services={"a": "web-a", "b": "web-x"})
        return "not ResolvedRefs" in (await data_plane.router.observed(target)).problem

    await until(told, "the route's condition is the problem")


async def test_a_patch_of_a_route_that_has_changed_meanwhile_changes_nothing(data_plane: DataPlane) -> None:
    seen = await data_plane.api.get(data_plane.ref)
    assert seen is not None
    await data_plane.write(data_plane.wish(20))

    with pytest.raises(Conflict):
        await data_plane.api.patch(data_plane.ref, gatewayapi.reweigh(seen, SERVICES, {"a": 50, "b": 50}), kind="json")
    route = await data_plane.api.get(data_plane.ref)
    assert route is not None
    assert gatewayapi.weights(route, SERVICES) == [{"a": 80, "b": 20}]


async def test_the_admin_port_shows_weights_and_nothing_else_of_the_api(data_plane: DataPlane) -> None:
    admin = f"http://127.0.0.1:{data_plane.replicas[0].admin}"
    async with aiohttp.ClientSession() as session:
        found = {}
        for path in ("/api/http/services", "/metrics", "/ping", "/api/rawdata", "/api/http/middlewares", "/dashboard/"):
            async with session.get(admin + path) as answer:
                found[path] = answer.status
    assert found == {
        "/api/http/services": 200,
        "/metrics": 200,
        "/ping": 200,
        "/api/rawdata": 404,
        "/api/http/middlewares": 404,
        "/dashboard/": 404,
    }
