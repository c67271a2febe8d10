"""A watch of Applications that has died is found out by what it does not tell."""

from __future__ import annotations

import asyncio

import pytest

from operators.gitops.witness import Witness
from operators.kit.errors import Unavailable
from operators.kit.kube import Ref
from operators.kit.testing import FakeKubeApi
from tests.support.gitops_world import application

WEB = Ref("argoproj.io", "Application", "argocd", "web", "v1alpha1")


@pytest.fixture
async def api() -> FakeKubeApi:
    made = FakeKubeApi(namespaces=("argocd",))
    await made.create(application())
    return made


async def heard_all(api: FakeKubeApi, witness: Witness) -> None:
    for found in (await api.list("argoproj.io", "v1alpha1", "Application", namespace="argocd")).items:
        witness.heard(found)


async def silence(witness: Witness) -> float:
    await witness.compare()
    await asyncio.sleep(0.01)
    return witness.silent_s()


async def test_a_quiet_watch_that_has_told_everything_is_well(api: FakeKubeApi) -> None:
    witness = Witness(api, "argocd")
    await heard_all(api, witness)
    assert await silence(witness) == 0


async def test_a_change_that_is_not_told_is_counted_until_it_is(api: FakeKubeApi) -> None:
    witness = Witness(api, "argocd")
    await heard_all(api, witness)
    await api.patch(WEB, {"metadata": {"annotations": {"a": "b"}}})
    first = await silence(witness)
    assert 0 < first < await silence(witness), "it counts from when it was missed first"
    await heard_all(api, witness)
    assert witness.silent_s() == 0


async def test_an_application_whose_end_is_not_told_counts(api: FakeKubeApi) -> None:
    witness = Witness(api, "argocd")
    await heard_all(api, witness)
    await api.delete(WEB)
    assert await silence(witness) > 0
    witness.heard_gone("web")
    assert await silence(witness) == 0


async def test_one_that_is_made_anew_under_its_name_counts(api: FakeKubeApi) -> None:
    witness = Witness(api, "argocd")
    await heard_all(api, witness)
    await api.delete(WEB)
    await api.create(application())
    assert await silence(witness) > 0


async def test_a_server_out_of_reach_proves_nothing_about_the_watch(api: FakeKubeApi) -> None:
    witness = Witness(api, "argocd")
    api.faults.add(lambda call: call.verb == "list", Unavailable(503, "ServiceUnavailable", "down"))
    assert await silence(witness) == 0
