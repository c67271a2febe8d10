"""Prometheus as a source: a real one that scrapes the real Traefik, and what counts as no answer."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from operators.canary.metrics.bounded import Http
from operators.canary.metrics.gateways import GatewayPods, Gateways
from operators.canary.metrics.prometheus import Prometheus, PrometheusPair, Queries
from operators.canary.metrics.traefik import PATIENCE, Signal, TraefikCounters
from operators.canary.terms import Counts, Sample
from tests.support.data_plane import HOST, free_port, prometheus_config, start_program, until, until_answers

from .conftest import DataPlane

SERVICE = 'service="{{namespace}}-{{service}}-http-80@kubernetesgateway"'
TOTAL = f"sum by (pod) (traefik_service_requests_total{{{SERVICE}}})"
EVENTS = f'sum by (pod) (traefik_service_requests_total{{{SERVICE},code=~"5.."}})'


@dataclass
class Running:
    source: Prometheus
    process: subprocess.Popen[bytes]


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    client = Http(trusted=True)
    yield client
    await client.close()


@pytest.fixture
async def prometheus(
    data_plane: DataPlane, data_programs: dict[str, Path], tmp_path: Path, http: Http
) -> AsyncIterator[Running]:
    """Yield a Prometheus that has scraped two requests for a, and two failed ones for b, by either replica."""
    data_plane.backends["b"].status = 500
    await data_plane.write(data_plane.wish(50))
    await data_plane.confirmed(50)
    async with aiohttp.ClientSession() as session:
        for number in range(8):
            await (await session.get(data_plane.replicas[number % 2].url, headers={"Host": HOST})).read()
    port = free_port()
    config, log = tmp_path / "prometheus.yml", tmp_path / "prometheus.log"
    config.write_text(prometheus_config(data_plane.replicas))
    arguments = [f"--config.file={config}", f"--storage.tsdb.path={tmp_path}/tsdb"]
    process = start_program(
        [str(data_programs["prometheus"]), *arguments, f"--web.listen-address=127.0.0.1:{port}"], log, {}
    )
    async with AsyncExitStack() as stack:
        stack.callback(process.wait)
        stack.callback(process.kill)
        await until_answers(f"http://127.0.0.1:{port}/-/ready", process, log)
        yield Running(Prometheus(f"http://127.0.0.1:{port}", http), process)


def counted(sample: Sample) -> dict[tuple[str, str], Counts]:
    return {(one.replica, one.slot): one.counts for one in sample.readings}


async def test_pairs_gauges_and_everything_that_is_no_answer(data_plane: DataPlane, prometheus: Running) -> None:
    async def read(queries: Queries) -> Sample:
        return await PrometheusPair("m", queries, prometheus.source).read(data_plane.measured)

    wanted = {
        ("traefik-1", "a"): Counts(0, 2),
        ("traefik-1", "b"): Counts(2, 2),
        ("traefik-2", "a"): Counts(0, 2),
        ("traefik-2", "b"): Counts(2, 2),
    }

    async def scraped() -> bool:
        return counted(await read(Queries(EVENTS, TOTAL, by="pod"))) == wanted

    await until(scraped, "both replicas are scraped; no errors of a is no error and no outage")

    gauge = await read(Queries(f"sum(traefik_service_requests_total{{{SERVICE}}})"))
    assert counted(gauge) == {("prometheus", "a"): Counts(4, 1), ("prometheus", "b"): Counts(4, 1)}

    assert "2 series" in (await read(Queries(EVENTS.replace("5..", "..."), TOTAL))).outage
    assert "no series" in (await read(Queries(EVENTS, "nothing_at_all", by="pod"))).outage
    assert "nan" in (await read(Queries("vector(0) / vector(0)"))).outage
    assert "inf" in (await read(Queries("vector(1) / vector(0)"))).outage
    assert "400" in (await read(Queries("sum(("))).outage
    assert "there is no {{pods}}" in (await read(Queries("up{pod='{{pods}}'}"))).outage
    assert "matrix" in (await read(Queries("up[5m]"))).outage


async def test_counters_come_from_prometheus_once_the_pods_stay_out_of_reach(
    data_plane: DataPlane, prometheus: Running, http: Http
) -> None:
    nobody = Gateways(data_plane.api, http, GatewayPods(data_plane.namespace, "app.kubernetes.io/name=nobody"))
    counters = TraefikCounters("errors", Signal(), nobody, prometheus.source)

    async def scraped() -> bool:
        return len(await prometheus.source.query("traefik_service_requests_total", data_plane.measured.at)) == 4

    await until(scraped, "both replicas are scraped")
    samples = [await counters.read(data_plane.measured) for _ in range(PATIENCE)]
    assert ["no pod of the gateway runs" in one.outage for one in samples] == [True] * (PATIENCE - 1) + [False]
    assert counted(samples[-1]) == {
        ("prometheus/traefik-1", "a"): Counts(0, 2),
        ("prometheus/traefik-1", "b"): Counts(2, 2),
        ("prometheus/traefik-2", "a"): Counts(0, 2),
        ("prometheus/traefik-2", "b"): Counts(2, 2),
    }


async def test_what_was_not_scraped_for_a_minute_and_a_prometheus_that_is_down_are_outages(
    data_plane: DataPlane, prometheus: Running
) -> None:
    pair = PrometheusPair("m", Queries(TOTAL, TOTAL, by="pod"), prometheus.source)

    async def scraped() -> bool:
        return bool((await pair.read(data_plane.measured)).readings)

    await until(scraped, "scraped once")
    now = data_plane.measured
    late = replace(now, at=now.at + timedelta(seconds=75))
    assert "no series" in (await pair.read(late)).outage

    prometheus.process.kill()
    prometheus.process.wait()
    sample = await pair.read(data_plane.measured)
    assert sample.readings == ()
    assert "127.0.0.1" in sample.outage
