"""What the provisioner does, row by row, and the laws that hold for every row that nobody wrote."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.local.storage.models import MIB, MINIMUM, RESERVE, Claim, Image, Seen, Volume
from cluster.local.storage.observe import size_of
from cluster.local.storage.plan import (
    Action,
    Destroy,
    Discard,
    Grow,
    Mount,
    Provision,
    Record,
    Refuse,
    Retire,
    plan,
    round_size,
)

GIB = 1024 * MIB
NODE = "node-a"
WAITING = Claim("shop", "data", "1", "standard", "Delete", requested=GIB, node=NODE)
BOUND = replace(WAITING, volume="pvc-1", capacity=GIB)
VOLUME = Volume("pvc-1", GIB, "Bound", "Delete", claim_uid="1")
IMAGE = Image("pvc-1", GIB, promised=0, mounted=True)
ROOMY = 100 * GIB


def seen(
    claim: Claim | None = None, volume: Volume | None = None, image: Image | None = None, free: int = ROOMY
) -> Seen:
    return Seen(NODE, (claim,) if claim else (), (volume,) if volume else (), (image,) if image else (), free + RESERVE)


@pytest.mark.parametrize(
    ("now", "want"),
    [
        pytest.param(seen(WAITING), [Provision], id="a claim whose pod was placed here gets a volume"),
        pytest.param(seen(replace(WAITING, node="node-b")), [], id="another node's claim is left to that node"),
        pytest.param(seen(replace(WAITING, node="")), [], id="a claim no pod wants yet waits"),
        pytest.param(seen(replace(WAITING, deleting=True)), [], id="a claim that is going gets nothing"),
        pytest.param(seen(WAITING, image=IMAGE), [Provision], id="an interrupted making is finished"),
        pytest.param(seen(WAITING, VOLUME, IMAGE), [], id="made and not yet bound: the control plane's turn"),
        pytest.param(seen(replace(WAITING, block=True)), [Refuse], id="block volumes are refused"),
        pytest.param(seen(replace(WAITING, data_source=True)), [Refuse], id="clones and snapshots are refused"),
        pytest.param(seen(replace(WAITING, access_modes=("ReadWriteMany",))), [Refuse], id="many writers are refused"),
        pytest.param(seen(WAITING, free=GIB), [Provision], id="exactly enough room is enough"),
        pytest.param(seen(WAITING, free=GIB - 1), [Refuse], id="too little room is refused"),
        pytest.param(seen(BOUND, VOLUME, IMAGE), [], id="a bound claim of its size needs nothing"),
        pytest.param(seen(BOUND, VOLUME, replace(IMAGE, mounted=False)), [Mount], id="a restart lost the mount"),
        pytest.param(seen(replace(BOUND, requested=2 * GIB), VOLUME, IMAGE), [Grow], id="asked for more, it grows"),
        pytest.param(seen(replace(BOUND, requested=2 * GIB), VOLUME, IMAGE, free=0), [Refuse], id="no room to grow"),
        pytest.param(
            seen(replace(BOUND, requested=2 * GIB), VOLUME, replace(IMAGE, size=2 * GIB), free=0),
            [Grow],
            id="an interrupted growth is finished with the room it has taken already",
        ),
        pytest.param(
            seen(BOUND, replace(VOLUME, size=2 * GIB), IMAGE), [Record], id="grown, but the claim does not say so yet"
        ),
        pytest.param(
            seen(replace(BOUND, conditions=frozenset({"Resizing"})), VOLUME, IMAGE),
            [Record],
            id="a resize condition that is over is cleared",
        ),
        pytest.param(seen(None, replace(VOLUME, phase="Released"), IMAGE), [Destroy], id="a released volume goes"),
        pytest.param(
            seen(None, replace(VOLUME, phase="Released", reclaim="Retain"), IMAGE), [], id="unless it is to be retained"
        ),
        pytest.param(
            seen(None, replace(VOLUME, phase="Released", reclaim="Retain", deleting=True), IMAGE),
            [Retire],
            id="retained data is put aside when its volume is deleted",
        ),
        pytest.param(
            seen(BOUND, replace(VOLUME, deleting=True), IMAGE), [], id="deleting a volume in use waits for its claim"
        ),
        pytest.param(seen(image=IMAGE), [Discard], id="an image nobody names goes"),
        pytest.param(seen(BOUND, image=IMAGE), [], id="an image a claim names stays, volume or not"),
    ],
)
def test_plan(now: Seen, want: list[type]) -> None:
    assert [type(action) for action in plan(now)] == want


def test_a_refusal_says_how_much_is_missing() -> None:
    (refusal,) = plan(seen(WAITING, free=500 * MIB))
    assert "room for 500 MiB more" in refusal.reason
    assert "1024 MiB are needed" in refusal.reason


def test_claims_share_the_room() -> None:
    twice = (WAITING, replace(WAITING, name="more", uid="2"))
    assert [type(action) for action in plan(Seen(NODE, twice, free=RESERVE + GIB))] == [Provision, Refuse]


@pytest.mark.parametrize(
    ("requested", "want"),
    [("1", MINIMUM), ("1Gi", GIB), ("1G", 954 * MIB), ("299Mi", MINIMUM), ("1000.5Mi", 1001 * MIB), ("1e9", 954 * MIB)],
)
def test_sizes(requested: str, want: int) -> None:
    assert round_size(size_of(requested)) == want


def play(now: Seen, action: Action) -> Seen:
    """Return the world after one action, as the disk, the provisioner and the control plane make it."""
    volumes = {volume.name: volume for volume in now.volumes}
    images = {image.name: image for image in now.images}
    claims = {claim.uid: claim for claim in now.claims}
    match action:
        case Provision(claim, size):
            volumes[claim.image] = Volume(claim.image, size, "Bound", claim.reclaim, claim.uid)
            images[claim.image] = Image(claim.image, size, 0, mounted=True)
            claims[claim.uid] = replace(claim, volume=claim.image, capacity=size)
        case Mount(name):
            images[name] = replace(images[name], mounted=True)
        case Grow(claim, size):
            volumes[claim.volume] = replace(volumes[claim.volume], size=size)
            images[claim.volume] = Image(claim.volume, size, 0, mounted=True)
            claims[claim.uid] = replace(claim, capacity=size, conditions=frozenset())
        case Record(claim, size):
            claims[claim.uid] = replace(claim, capacity=size, conditions=frozenset())
        case Destroy(name) | Retire(name):
            volumes.pop(name)
            images.pop(name, None)
        case Discard(name):
            images.pop(name)
    return replace(now, claims=tuple(claims.values()), volumes=tuple(volumes.values()), images=tuple(images.values()))


sizes = st.integers(0, 5 * GIB)
claims = st.builds(
    Claim,
    namespace=st.just("shop"),
    name=st.just("data"),
    uid=st.sampled_from(["1", "2", "3"]),
    storage_class=st.just("standard"),
    reclaim=st.sampled_from(["Delete", "Retain"]),
    requested=sizes,
    capacity=sizes,
    volume=st.sampled_from(["", "pvc-1", "pvc-2"]),
    node=st.sampled_from(["", NODE, "node-b"]),
    deleting=st.booleans(),
    conditions=st.sets(st.sampled_from(["Resizing"])).map(frozenset),
)
volumes = st.builds(
    Volume,
    name=st.sampled_from(["pvc-1", "pvc-2", "pvc-4"]),
    size=sizes,
    phase=st.sampled_from(["Pending", "Available", "Bound", "Released", "Failed"]),
    reclaim=st.sampled_from(["Delete", "Retain"]),
    claim_uid=st.sampled_from(["", "1", "2"]),
    deleting=st.booleans(),
)
images = st.builds(
    Image,
    name=st.sampled_from(["pvc-1", "pvc-2", "pvc-3", "pvc-4"]),
    size=sizes,
    promised=sizes,
    mounted=st.booleans(),
)
worlds = st.builds(
    Seen,
    node=st.just(NODE),
    claims=st.lists(claims, max_size=3, unique_by=lambda claim: claim.uid).map(tuple),
    volumes=st.lists(volumes, max_size=3, unique_by=lambda volume: volume.name).map(tuple),
    images=st.lists(images, max_size=3, unique_by=lambda image: image.name).map(tuple),
    free=st.integers(0, 20 * GIB),
)


@given(worlds)
def test_a_plan_carried_out_leaves_nothing_but_refusals(now: Seen) -> None:
    after = now
    for _ in range(4):  # what one action makes possible (a growth after a making) may follow in the next pass
        for action in plan(after):
            after = play(after, action)
    assert {type(action) for action in plan(after)} <= {Refuse}


@given(worlds)
def test_data_in_use_is_never_removed(now: Seen) -> None:
    bound = {volume.name for volume in now.volumes if volume.phase == "Bound"}
    named = {claim.image for claim in now.claims}
    for action in plan(now):
        if isinstance(action, Destroy | Retire | Discard):
            assert action.name not in bound
        if isinstance(action, Discard):
            assert action.name not in named


@given(worlds, st.randoms())
def test_the_order_of_what_is_seen_is_irrelevant_to_what_exists(now: Seen, random: object) -> None:
    mixed = replace(now, volumes=tuple(reversed(now.volumes)), images=tuple(reversed(now.images)))
    assert {repr(action) for action in plan(mixed)} == {repr(action) for action in plan(now)}
