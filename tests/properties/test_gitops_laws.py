"""Laws of the gitops engine, for histories that nobody wrote down."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from operators.gitops import desired, waves
from operators.gitops.actions import DELETIONS
from operators.gitops.comparison import compare
from operators.gitops.diff import differences, is_as_desired
from operators.gitops.models import parse
from operators.gitops.plan import plan
from operators.gitops.seen import Compared, Outcome, Seen, Target, Trouble
from operators.gitops.sources import SourceError
from operators.gitops.statuspatch import merge_patch
from operators.kit.errors import ApiError, Unavailable
from operators.kit.kube import Manifest, Ref
from operators.kit.merge import merge_patch as apply_merge_patch
from tests.support.gitops_world import World, application, config, deployment, manifest

NAMES = ("a", "b", "c", "d")
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)

objects = st.builds(
    lambda name, value, wave, options: config(name, value, wave=wave, **({"options": options} if options else {})),
    st.sampled_from(NAMES),
    st.sampled_from(["1", "2"]),
    st.sampled_from([None, -1, 3]),
    st.sampled_from(["", "", "", "Prune=false", "Prune=confirm", "Replace=true", "Force=true,Replace=true"]),
)
folders = st.lists(st.one_of(objects, st.just(deployment("web"))), max_size=5)
policies = st.fixed_dictionaries({"prune": st.booleans(), "selfHeal": st.booleans(), "allowEmpty": st.booleans()})
few = settings(max_examples=40)


def run(story: Callable[[], Awaitable[None]]) -> None:
    """Tell a story from its beginning; each has a loop of its own."""
    asyncio.run(_bounded(story))


async def _bounded(story: Callable[[], Awaitable[None]]) -> None:
    async with asyncio.timeout(60):
        await story()


@few
@given(history=st.lists(folders, min_size=1, max_size=3), policy=policies)
def test_a_plan_applied_to_its_own_result_is_empty(history: list[list[Manifest]], policy: dict[str, bool]) -> None:
    async def story() -> None:
        world = World()
        world.git.commit(web=history[0])
        await world.create(application(automated=policy))
        for folder in history[1:]:
            await world.push(web=folder)
        await world.later(seconds=400)  # what is to be repaired has been repaired by then
        await world.later(seconds=400)
        writes = len(world.api.writes)
        await world.look()
        assert [str(call) for call in world.api.writes[writes:]] == []
        await world.restart()
        await world.settle()
        assert [str(call) for call in world.api.writes[writes:]] == [], "a restart changes nothing either"
        await world.engine.close()

    run(story)


@few
@given(history=st.lists(folders, min_size=2, max_size=3), policy=policies)
def test_nothing_outside_the_tracked_set_is_ever_deleted(
    history: list[list[Manifest]], policy: dict[str, bool]
) -> None:
    async def story() -> None:
        world = World()
        strangers = [
            config("stranger", namespace="shop"),
            config("copied", namespace="shop", annotations={"argocd.argoproj.io/tracking-id": "web:/ConfigMap:shop/a"}),
            config(
                "others", namespace="shop", annotations={"argocd.argoproj.io/tracking-id": "x:/ConfigMap:shop/others"}
            ),
            config("a", namespace="default"),
        ]
        for stranger in strangers:
            await world.api.create(stranger)
        world.git.commit(web=history[0])
        await world.create(application(automated=policy, finalizers=["resources-finalizer.argocd.argoproj.io"]))
        for folder in history[1:]:
            await world.push(web=folder)
        await world.api.delete(Ref("argoproj.io", "Application", "argocd", "web", "v1alpha1"))
        await world.settle()
        for stranger in strangers:
            assert world.has("ConfigMap", stranger["metadata"]["name"], stranger["metadata"]["namespace"])
        await world.engine.close()

    run(story)


def _git(world: World) -> None:
    world.git.broken = SourceError("out of reach")


def _render(world: World) -> None:
    world.git.unrenderable = SourceError("broken chart")


def _discovery(world: World) -> None:
    world.api.discovery_complete = False


def _no_discovery(world: World) -> None:
    world.api.faults.add(lambda call: call.verb == "discover", Unavailable(503, "", "away"))


def _dry_runs(world: World) -> None:
    world.api.faults.add(lambda call: call.verb == "apply", Unavailable(503, "", "away"))


@few
@given(
    before=st.lists(objects, min_size=1, max_size=4),
    after=folders,
    failure=st.sampled_from([_git, _render, _discovery, _no_discovery, _dry_runs]),
)
def test_any_failure_while_looking_freezes_deletion(
    before: list[Manifest], after: list[Manifest], failure: Callable[[World], None]
) -> None:
    async def story() -> None:
        world = World()
        world.git.commit(web=before)
        await world.create(application(automated={"prune": True, "selfHeal": True, "allowEmpty": True}))
        calls = len(world.api.calls)
        failure(world)
        # `_dry_runs` is a failure of this look only where it has something to ask.
        await world.push(web=[*after, config("changed", str(len(before)))])
        pruned = [
            str(c) for c in world.api.calls[calls:] if c.verb == "delete" and "Replace" not in str(before + after)
        ]
        assert pruned == []
        await world.engine.close()

    run(story)


@given(manifests=st.lists(objects, max_size=6), order=st.randoms())
def test_the_order_in_which_manifests_come_does_not_matter(manifests: list[Manifest], order: Any) -> None:
    once = {Ref.of(one): one for one in manifests}
    shuffled = list(once.values())
    order.shuffle(shuffled)
    place = desired.Place("web", "shop")
    assert desired.build(once.values(), place, lambda _: True) == desired.build(shuffled, place, lambda _: True)


live_objects = st.builds(
    lambda name, terminating: {
        **config(name, namespace="shop", annotations={"argocd.argoproj.io/tracking-id": f"web:/ConfigMap:shop/{name}"}),
        "metadata": {
            "name": name,
            "namespace": "shop",
            "uid": f"uid-{name}",
            "annotations": {"argocd.argoproj.io/tracking-id": f"web:/ConfigMap:shop/{name}"},
            **({"deletionTimestamp": "2026-01-01T00:00:00Z"} if terminating else {}),
        },
    },
    st.sampled_from(NAMES),
    st.booleans(),
)
outcomes = st.builds(
    lambda name, code: Outcome(Ref("", "ConfigMap", "shop", name), code, "so it went"),
    st.sampled_from(NAMES),
    st.sampled_from(["Synced", "SyncFailed", "Pruned"]),
)


def _seen(wanted: list[Manifest], live: list[Manifest], said: list[Outcome]) -> tuple[Any, Seen]:
    app = parse(application(automated={"prune": True, "selfHeal": True}))
    built = desired.build(wanted, desired.Place("web", "shop"), lambda _: True)
    present = {Ref.of(one): one for one in live}
    compared = tuple(Compared(one, live=present.get(Ref.of(one))) for one in built.objects)
    assert app.spec.source is not None
    target = Target("1" * 40, app.spec.source, compared)
    once = {outcome.ref: outcome for outcome in said}
    return app, Seen(target=target, tracked=tuple(present.values()), outcomes=tuple(once.values()))


@given(
    wanted=st.lists(objects, max_size=4),
    live=st.lists(live_objects, max_size=4),
    said=st.lists(outcomes),
    order=st.randoms(),
)
def test_the_order_of_what_is_seen_does_not_matter(
    wanted: list[Manifest], live: list[Manifest], said: list[Outcome], order: Any
) -> None:
    app, seen = _seen(wanted, live, said)
    assert seen.target is not None
    mixed: list[list[Any]] = [list(seen.tracked), list(seen.outcomes), list(seen.target.objects)]
    for part in mixed:
        order.shuffle(part)
    target = replace(seen.target, objects=tuple(mixed[2]))
    other = replace(seen, tracked=tuple(mixed[0]), outcomes=tuple(mixed[1]), target=target)
    assert plan(app, seen, NOW) == plan(app, other, NOW)
    assert compare(app, seen, NOW) == compare(app, other, NOW)


@given(wanted=st.lists(objects, max_size=4), live=st.lists(live_objects, max_size=4), complete=st.booleans())
def test_a_plan_deletes_nothing_in_doubt_and_only_what_is_tracked(
    wanted: list[Manifest], live: list[Manifest], complete: bool
) -> None:
    app, seen = _seen(wanted, live, [])
    doubt = replace(seen, complete=complete, troubles=() if not complete else (Trouble("ComparisonError", "broken"),))
    assert not [action for action in plan(app, doubt, NOW).actions if isinstance(action, DELETIONS)]
    tracked = {(Ref.of(one), one["metadata"]["uid"]) for one in seen.tracked}
    for action in plan(app, seen, NOW).actions:
        assert not isinstance(action, DELETIONS) or (action.ref, action.uid) in tracked


@given(manifests=st.lists(objects, max_size=8))
def test_pruning_is_the_reverse_of_applying(manifests: list[Manifest]) -> None:
    forward = [one for _, wave in waves.in_waves(manifests) for one in wave]
    backward = [one for wave in waves.pruning_waves(manifests) for one in wave]
    assert backward == list(reversed(forward))


json_values = st.recursive(
    st.one_of(st.booleans(), st.integers(), st.text("xy", max_size=3)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text("xy", max_size=2), inner, max_size=3)),
    max_leaves=8,
)
documents = st.dictionaries(st.sampled_from("abcd"), json_values, max_size=4)


@given(old=documents, new=documents)
def test_a_status_patch_turns_the_old_into_the_new(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert apply_merge_patch(old, merge_patch(old, new)) == new
    assert merge_patch(new, new) == {}


@few
@given(first=objects, second=objects, extra=st.booleans())
def test_the_cheap_comparison_never_says_equal_wrongly(first: Manifest, second: Manifest, extra: bool) -> None:
    async def story() -> None:
        world = World()
        first["metadata"].update(name="a", namespace="shop")
        second["metadata"].update(name="a", namespace="shop")
        live = await world.api.apply(first, field_manager="argocd-controller", force=True)
        if extra:
            live = await world.api.patch(Ref.of(live), {"data": {"other": "x"}}, field_manager="someone")
        predicted = await world.api.apply(second, field_manager="argocd-controller", force=True, dry_run=True)
        if is_as_desired(second, live):
            assert differences(predicted, live) == ()

    run(story)


def test_a_failed_prune_is_told_and_the_object_stays() -> None:
    async def story() -> None:
        world = World()
        world.git.commit(web=[config("a"), manifest("Service", "b", spec={})])
        await world.create(application(automated={"prune": True}, policy={"retry": {"limit": 0}}))
        world.api.faults.add(lambda call: call.verb == "delete", ApiError(403, "Forbidden", "not yours"))
        await world.push(web=[config("a")])
        assert world.has("Service", "b")
        assert "not yours" in world.status()["operationState"]["message"]
        await world.engine.close()

    run(story)
