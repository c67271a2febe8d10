"""Laws of the kit that hold for inputs nobody wrote down."""

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from operators.kit.kube import Manifest
from operators.kit.queue import WorkQueue
from operators.kit.testing import FakeKubeApi
from operators.kit.testing.fields import from_fields_v1, owned_by_apply, to_fields_v1

NAMES = st.sampled_from(["a", "b", "c", "d"])
VALUES = st.recursive(
    st.integers(0, 3) | st.text("xy", max_size=2) | st.booleans(),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(NAMES, below, max_size=3),
    max_leaves=8,
)
SPECS = st.dictionaries(NAMES, VALUES, max_size=4)


def thing(spec: dict[str, Any]) -> Manifest:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "x", "namespace": "argocd"},
        "spec": spec,
    }


@given(SPECS)
def test_field_sets_survive_being_written_down(spec: dict[str, Any]) -> None:
    owned = owned_by_apply(thing(spec))
    assert from_fields_v1(to_fields_v1(owned)) == owned


@given(st.lists(st.tuples(st.sampled_from(["m", "n"]), SPECS), min_size=1, max_size=6))
def test_a_forced_apply_wins_and_repeated_changes_nothing(applies: list[tuple[str, dict[str, Any]]]) -> None:
    async def scenario() -> None:
        api = FakeKubeApi()
        for manager, spec in applies:
            applied = await api.apply(thing(spec), field_manager=manager, force=True)
            assert contains(applied["spec"], spec)
            assert await api.apply(thing(spec), field_manager=manager) == applied

    asyncio.run(scenario())


@given(SPECS, SPECS)
def test_a_single_manager_gets_exactly_what_it_applied(before: dict[str, Any], after: dict[str, Any]) -> None:
    async def scenario() -> None:
        api = FakeKubeApi()
        await api.apply(thing(before), field_manager="m")
        applied = await api.apply(thing(after), field_manager="m")
        assert without_empty(applied.get("spec", {})) == without_empty(after)

    asyncio.run(scenario())


@given(st.lists(st.tuples(NAMES, st.integers(0, 3), st.booleans()), max_size=30), st.integers(1, 3))
def test_every_key_is_worked_on_after_it_was_last_added(adds: list[tuple[str, int, bool]], workers: int) -> None:
    async def scenario() -> None:
        level: dict[str, int] = {}
        seen: dict[str, int] = {}
        active: set[str] = set()

        async def handle(key: str) -> None:
            assert key not in active
            active.add(key)
            seen[key] = level[key]
            await asyncio.sleep(0)
            active.remove(key)

        queue: WorkQueue[str] = WorkQueue("law", handle, workers=workers)
        queue.start()
        for number, (key, priority, pause) in enumerate(adds):
            level[key] = number
            queue.add(key, priority=priority)
            assert len(active) <= workers
            if pause:
                await asyncio.sleep(0)
        await queue.idle()
        await queue.close()
        assert seen == level

    asyncio.run(scenario())


def contains(whole: Any, part: Any) -> bool:
    if isinstance(whole, dict) and isinstance(part, dict):
        return all(key in whole and contains(whole[key], value) for key, value in part.items())
    return bool(whole == part)


def without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: without_empty(below) for key, below in value.items()}
        return {key: below for key, below in kept.items() if below not in ({}, [])}
    return value
