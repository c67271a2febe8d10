"""What a receipt says, to whom, and what of it lasts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amx import receipt as retold
from operators.gitops.receipts import (
    Applied,
    Failed,
    Healthy,
    Progressing,
    Receipt,
    Receipts,
    Rendered,
    Said,
    Stage,
)
from operators.gitops.receipts_model import Entry, Superseded
from operators.gitops.receipts_store import KEPT, ReceiptStore, config_map, name_of
from operators.gitops.receipts_text import entry_lines, receipt_lines
from operators.gitops.scrub import MESSAGE_LIMIT, clean
from operators.kit.errors import Unavailable
from operators.kit.kube import Ref
from operators.kit.testing import FakeKubeApi

A, B, C = "a" * 40, "b" * 40, "c" * 40
URL = "http://git.automatrix-system.svc.cluster.local/platform.git"
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Clock:
    """A clock that the test turns."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def api() -> FakeKubeApi:
    return FakeKubeApi()


@pytest.fixture
def receipts(api: FakeKubeApi, clock: Clock) -> Receipts:
    return Receipts(api, now=clock)


def lines(receipts: Receipts, revision: str) -> list[str]:
    found = receipts.get(revision)
    assert found is not None
    return receipt_lines(found)


@pytest.mark.parametrize(
    ("stages", "want"),
    [
        pytest.param([], ["gitops  hub-dev  waiting for its turn"], id="nothing has happened yet"),
        pytest.param([Rendered(7, 2)], ["gitops  hub-dev  rendered 7 objects · 2 changed"], id="rendered"),
        pytest.param(
            [Rendered(1, 0), Healthy(0.2)],
            ["gitops  hub-dev  rendered 1 object · 0 changed · healthy 0.2 s"],
            id="nothing to apply",
        ),
        pytest.param(
            [Rendered(7, 2), Applied(0.8), Healthy(3.1)],
            ["gitops  hub-dev  rendered 7 objects · 2 changed · applied 0.8 s · healthy 3.1 s"],
            id="the whole way",
        ),
        pytest.param(
            [Rendered(7, 2), Applied(0.8), Progressing("Deployment web: 1 of 2 ready")],
            ["gitops  hub-dev  rendered 7 objects · 2 changed · applied 0.8 s · Deployment web: 1 of 2 ready"],
            id="what is waited for",
        ),
        pytest.param(
            [Failed("got string, want integer", "hub.yaml", 12)],
            [
                "gitops  hub-dev  failed hub.yaml:12: got string, want integer",
                "gitops  hub-dev    nothing was applied; the running version stays",
            ],
            id="a render that fails names file and line, and what runs",
        ),
        pytest.param(
            [Rendered(7, 2), Failed("admission said no\nask ops")],
            [
                "gitops  hub-dev  rendered 7 objects · 2 changed · failed admission said no",
                "gitops  hub-dev    ask ops",
            ],
            id="a failure while applying promises nothing of the kind",
        ),
        pytest.param(
            [Rendered(7, 2), Failed("conflict"), Progressing("retry 1 of 5"), Applied(4.0), Healthy(5.0)],
            ["gitops  hub-dev  rendered 7 objects · 2 changed · applied 4.0 s · healthy 5.0 s"],
            id="a retry that succeeds overtakes the failure",
        ),
        pytest.param(
            [Rendered(7, 2), Applied(0.8), Rendered(7, 0), Healthy(3.1)],
            ["gitops  hub-dev  rendered 7 objects · 2 changed · applied 0.8 s · healthy 3.1 s"],
            id="rendered again while waiting for health, the push's own figures stand",
        ),
        pytest.param(
            [Rendered(7, 2), Superseded(B)],
            ["gitops  hub-dev  rendered 7 objects · 2 changed · superseded by bbbbbbbbbbbb"],
            id="a newer push came first",
        ),
    ],
)
def test_lines(stages: list[Stage], want: list[str]) -> None:
    entry = Entry("hub-dev")
    for stage in stages:
        entry = entry.after(stage, 9.0)
    assert entry_lines(entry) == want


TEXT = st.text() | st.text("ab\n\r\x1b[m\u2028 ", max_size=30)
STAGES = st.one_of(
    st.builds(Rendered, st.integers(0, 99), st.integers(0, 99)),
    st.builds(Applied, st.none() | st.floats(0, 1e4)),
    st.builds(Healthy, st.none() | st.floats(0, 1e4)),
    st.builds(Progressing, TEXT),
    st.builds(Failed, TEXT, TEXT, st.integers(0, 9999)),
    st.builds(Superseded, st.just(B)),
)


@given(st.lists(STAGES, max_size=8))
def test_whatever_happens_it_reads_as_lines_and_survives_storage(stages: list[Stage]) -> None:
    entry = Entry("hub-dev")
    for stage in stages:
        settled, before = entry.settled, entry
        entry = entry.after(stage, 1.0)
        assert not settled or entry == before, "what is settled does not change"
    assert all("\n" not in line and "\r" not in line and "\x1b" not in line for line in entry_lines(entry))
    receipt = Receipt(A, NOW, URL, B, expected=True, entries={"hub-dev": entry})
    assert Receipt.from_json(json.loads(json.dumps(receipt.to_json()))) == receipt


@pytest.mark.parametrize(
    ("text", "want"),
    [
        pytest.param("\x1b[31mred\x1b[0m\x07 alert\r", "red alert", id="nothing that steers a terminal"),
        pytest.param("user \u202egnp.exe", "user gnp.exe", id="nor turns its text around"),
        pytest.param(
            "https://amx:s3cret@git/x and ssh://git@host/y", "https://***@git/x and ssh://***@host/y", id="url"
        ),
        pytest.param(
            'illegal base64: error found in #10 byte of ...|word":"hunter2"|..., bigger context ...|"pass'
            'word":"hunter2","x|y"|...',
            "illegal base64: error found in #10 byte of ...|(left out)|..., bigger context ...|(left out)|...",
            id="the API server quotes what it cannot decode, and that may be a Secret",
        ),
        pytest.param("a\n\n\n  b  \n", "a\n  b", id="empty lines say nothing"),
    ],
)
def test_text_from_outside_is_made_fit(text: str, want: str) -> None:
    assert clean(text) == want


def test_a_long_message_is_cut() -> None:
    assert len(clean("x" * 9999)) == MESSAGE_LIMIT


async def test_seconds_count_from_the_push(receipts: Receipts, clock: Clock) -> None:
    receipts.announced(URL, B, A)
    receipts.expect(A, ["hub-dev"], unchanged=1)
    receipts.note("hub-dev", A, Rendered(3, 1))
    clock.pass_(0.4)
    receipts.note("hub-dev", A, Applied())
    clock.pass_(2)
    receipts.note("hub-dev", A, Healthy())
    assert lines(receipts, A) == [
        "gitops  hub-dev  rendered 3 objects · 1 changed · applied 0.4 s · healthy 2.4 s",
        "gitops  1 application unchanged",
    ]


async def test_a_newer_push_of_the_same_application_supersedes(receipts: Receipts, clock: Clock) -> None:
    receipts.expect(A, ["hub-dev", "hub-prod"])
    receipts.note("hub-dev", A, Rendered(3, 1))
    receipts.note("hub-prod", A, Healthy(1.0))
    clock.pass_(1)
    receipts.expect(B, ["hub-dev", "hub-prod"])
    receipts.note("hub-dev", A, Healthy(9.0))
    assert lines(receipts, A) == [
        "gitops  hub-dev  rendered 3 objects · 1 changed · superseded by bbbbbbbbbbbb",
        "gitops  hub-prod  healthy 1.0 s",
    ]


async def test_a_push_that_is_looked_at_after_a_newer_one_was_live_is_superseded(
    receipts: Receipts, clock: Clock
) -> None:
    receipts.announced(URL, C, A)
    clock.pass_(1)
    receipts.announced(URL, A, B)
    assert receipts.expect(B, ["hub-dev"]) == ["hub-dev"]
    receipts.note("hub-dev", B, Healthy(1.0))
    assert receipts.expect(A, ["hub-dev"]) == []
    assert lines(receipts, A) == ["gitops  hub-dev  superseded by bbbbbbbbbbbb"]
    assert (await collect(receipts.follow(A, 30)))[-1].end == "complete"
    assert lines(receipts, B) == ["gitops  hub-dev  healthy 1.0 s"]


async def test_a_push_that_nobody_looks_at_any_more_ends_with_the_newer_ones_name(receipts: Receipts) -> None:
    receipts.announced(URL, C, A)
    receipts.overtaken(A, by=B)
    assert lines(receipts, A) == ["gitops  superseded by bbbbbbbbbbbb"]
    assert (await collect(receipts.follow(A, 30)))[-1].end == "complete"


async def test_a_push_found_live_with_its_successor_is_superseded_and_not_untouching(
    receipts: Receipts, clock: Clock
) -> None:
    receipts.announced(URL, C, A)
    clock.pass_(1)
    receipts.announced(URL, A, B)
    receipts.expect(A, [])
    assert lines(receipts, A) == ["gitops  superseded by bbbbbbbbbbbb"]


async def test_health_reached_at_a_later_unrelated_revision_counts_for_the_push(receipts: Receipts) -> None:
    receipts.expect(A, ["hub-dev"])
    receipts.note("hub-dev", A, Rendered(3, 1))
    receipts.expect(B, ["hub-prod"])
    receipts.note("hub-dev", B, Healthy(2.0))
    assert lines(receipts, A) == ["gitops  hub-dev  rendered 3 objects · 1 changed · healthy 2.0 s"]
    assert lines(receipts, B) == ["gitops  hub-prod  waiting for its turn"]


async def test_self_heal_and_refresh_change_no_receipt(receipts: Receipts) -> None:
    receipts.expect(A, ["hub-dev"])
    receipts.note("hub-dev", A, Healthy(1.0))
    before = receipts.get(A)
    for stage in (Rendered(3, 1), Applied(), Healthy()):
        receipts.note("hub-dev", A, stage)
    refreshed: list[Stage] = [Rendered(3, 0), Progressing("refreshing"), Healthy()]
    for other in refreshed:
        receipts.note("hub-other", A, other)
    assert receipts.get(A) == before


@pytest.mark.parametrize("stage", [Rendered(2, 2), Failed("no such chart")])
async def test_an_application_that_is_new_with_the_push_joins_its_receipt(receipts: Receipts, stage: Stage) -> None:
    receipts.expect(A, ["bootstrap"])
    receipts.note("hub-qa", A, stage)
    assert any("hub-qa" in line for line in lines(receipts, A))


async def test_the_same_webhook_twice_is_one_push(receipts: Receipts, clock: Clock) -> None:
    receipts.announced(URL, B, A)
    receipts.expect(A, ["hub-dev"])
    receipts.note("hub-dev", A, Healthy(1.0))
    before = receipts.get(A)
    clock.pass_(60)
    receipts.announced(URL, B, A)
    assert receipts.get(A) == before


async def test_a_branch_set_back_to_an_old_revision_is_a_push_of_its_own(receipts: Receipts, clock: Clock) -> None:
    receipts.announced(URL, B, A)
    receipts.expect(A, ["hub-dev"])
    receipts.note("hub-dev", A, Healthy(1.0))
    clock.pass_(60)
    receipts.announced(URL, C, A)
    receipts.expect(A, ["hub-dev"])
    assert lines(receipts, A) == ["gitops  hub-dev  waiting for its turn"]


async def test_notes_before_the_expectation_are_kept(receipts: Receipts) -> None:
    receipts.note("hub-dev", A, Healthy(1.0))
    receipts.expect(A, ["hub-dev"])
    assert lines(receipts, A) == ["gitops  hub-dev  healthy 1.0 s"]


# -- followers -----------------------------------------------------------------------------------------------------


async def collect(stream: AsyncIterator[Said]) -> list[Said]:
    async with asyncio.timeout(30):
        return [said async for said in stream]


async def test_a_follower_who_comes_late_is_told_everything_once(receipts: Receipts) -> None:
    receipts.expect(A, ["hub-dev"], unchanged=3)
    receipts.note("hub-dev", A, Rendered(3, 1))
    receipts.note("hub-dev", A, Healthy(1.0))
    said = await collect(receipts.follow(A[:12], 30))
    assert [one.lines for one in said] == [
        ("gitops  hub-dev  rendered 3 objects · 1 changed · healthy 1.0 s",),
        ("gitops  3 applications unchanged",),
    ]
    assert said[-1].end == "complete"


async def test_many_followers_of_one_receipt_each_see_its_end(receipts: Receipts) -> None:
    followers = [asyncio.create_task(collect(receipts.follow(A, 30))) for _ in range(20)]
    await asyncio.sleep(0)
    receipts.announced(URL, B, A)
    receipts.expect(A, ["hub-dev"])
    receipts.note("hub-dev", A, Healthy(1.0))
    for said in await asyncio.gather(*followers):
        assert said[-2].lines == ("gitops  hub-dev  healthy 1.0 s",)
        assert said[-1].end == "complete"


async def test_following_ends_in_time_and_says_what_is_missing(receipts: Receipts) -> None:
    receipts.expect(A, ["hub-dev", "hub-prod"])
    receipts.note("hub-prod", A, Healthy(1.0))
    said = await collect(receipts.follow(A, 0))
    assert said[-1].end == "timeout"
    assert said[-1].lines == (
        "gitops  hub-dev  waiting for its turn",
        "gitops  not finished after 0 s; `amx receipt aaaaaaaaaaaa` tells the end",
    )


async def test_a_revision_nobody_knows_is_waited_for(receipts: Receipts) -> None:
    said = await collect(receipts.follow(A, 0))
    assert [one.end for one in said] == ["timeout"]


# -- what lasts ----------------------------------------------------------------------------------------------------


async def store(receipts: Receipts) -> None:
    """What the writer does on its way out."""
    writer = asyncio.create_task(receipts.run())
    await asyncio.sleep(0)
    writer.cancel()
    with suppress(asyncio.CancelledError):
        await writer


async def test_a_new_engine_continues_an_unfinished_receipt(receipts: Receipts, api: FakeKubeApi, clock: Clock) -> None:
    receipts.announced(URL, B, A)
    receipts.expect(A, ["hub-dev"], unchanged=2)
    receipts.note("hub-dev", A, Rendered(3, 1))
    await store(receipts)

    clock.pass_(5)
    later = Receipts(api, now=clock)
    await later.load()
    assert lines(later, A) == lines(receipts, A)
    later.note("hub-dev", A, Healthy())
    assert (await collect(later.follow(A, 30)))[-1].end == "complete"
    assert lines(later, A)[0] == "gitops  hub-dev  rendered 3 objects · 1 changed · healthy 5.0 s"


async def test_noting_writes_nothing_by_itself_and_stages_are_coalesced(receipts: Receipts, api: FakeKubeApi) -> None:
    receipts.announced(URL, B, A)
    receipts.expect(A, ["hub-dev"])
    for stage in (Rendered(3, 1), Applied(), Healthy()):
        receipts.note("hub-dev", A, stage)
    assert api.writes == []
    await store(receipts)
    assert len(api.writes) == 1
    config_map = api.find(Ref("", "ConfigMap", "argocd", "receipt-aaaaaaaaaaaa"))
    assert config_map is not None
    assert config_map["metadata"]["labels"]["automatrix.dev/receipt"] == "true"
    assert retold.load([config_map], "aaaa").entries["hub-dev"].state == "Healthy"


async def test_only_the_newest_are_kept(receipts: Receipts, api: FakeKubeApi, clock: Clock) -> None:
    for number in range(KEPT + 7):
        receipts.expect(f"{number:012x}{'0' * 28}", ["hub-dev"])
        clock.pass_(1)
    await store(receipts)
    kept = (await api.list("", "v1", "ConfigMap", namespace="argocd")).items
    assert len(kept) == KEPT
    assert {one["metadata"]["name"] for one in kept} >= {name_of(f"{KEPT + 6:012x}")}

    later = Receipts(api, now=clock)
    await later.load()
    later.expect(C, ["hub-dev"])
    await store(later)
    assert len((await api.list("", "v1", "ConfigMap", namespace="argocd")).items) == KEPT


async def test_a_push_that_touches_nothing_is_not_stored(receipts: Receipts, api: FakeKubeApi) -> None:
    receipts.announced(URL, B, A)
    receipts.expect(A, [], unchanged=0)
    await store(receipts)
    assert api.writes == []
    assert lines(receipts, A) == ["gitops  no application is touched by this push"]


async def test_a_write_that_fails_is_made_later(api: FakeKubeApi, clock: Clock) -> None:
    writer = ReceiptStore(api, "argocd")
    writer.save(Receipt(A, NOW, expected=True))
    api.faults.add(lambda call: call.is_write, Unavailable(503, "ServiceUnavailable", "down"), times=1)
    assert not await writer.flush()
    assert await writer.flush()
    assert api.find(Ref("", "ConfigMap", "argocd", name_of(A))) is not None


async def test_what_is_no_receipt_is_passed_over(receipts: Receipts, api: FakeKubeApi) -> None:
    labels = {"automatrix.dev/receipt": "true"}
    for number, data in enumerate(
        [{}, {"receipt.json": "{"}, {"receipt.json": "[]"}, {"receipt.json": '{"revision":1}'}]
    ):
        metadata = {"name": f"receipt-{number}", "namespace": "argocd", "labels": labels}
        api.seed({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
    api.seed(config_map(Receipt(A, NOW, expected=True), "argocd"))
    await receipts.load()
    assert receipts.get(A) is not None


async def test_memory_is_bounded_and_the_unfinished_stay(receipts: Receipts, clock: Clock) -> None:
    receipts.expect(A, ["hub-dev"])
    for number in range(1000):
        clock.pass_(1)
        receipts.announced(URL, B, f"{number:040x}")
        receipts.expect(f"{number:040x}", [])
    assert receipts.get(A) is not None
    assert receipts.get(f"{0:040x}") is None
    assert receipts.get(f"{999:040x}") is not None


# -- amx receipt ---------------------------------------------------------------------------------------------------


def stored(revision: str, minutes: int, *stages: Stage) -> dict[str, object]:
    entry = Entry("hub-dev")
    for stage in stages:
        entry = entry.after(stage, 1.0)
    receipt = Receipt(revision, NOW + timedelta(minutes=minutes), URL, B, expected=True, entries={"hub-dev": entry})
    return config_map(receipt, "argocd")


def test_without_a_revision_the_newest_is_shown() -> None:
    found = retold.load([stored(A, 0), stored(C, 2, Healthy(1.0)), stored(B, 1)])
    assert found.revision == C
    assert retold.lines(found)[0].startswith("cccccccccccc after bbbbbbbbbbbb, received 20")
    assert retold.lines(found)[1:] == ["gitops  hub-dev  healthy 1.0 s"]
    assert retold.is_ok(found)


@pytest.mark.parametrize(
    ("revision", "message"),
    [
        pytest.param("ffff", "no receipt of ffff; there are those of a1aaaaaaaaaa, a1bbbbbbbbbb", id="an unknown one"),
        pytest.param("a1", "give more digits", id="two begin so"),
        pytest.param("a1a", "at least 4 digits", id="too short"),
    ],
)
def test_a_revision_that_leads_nowhere_is_answered_with_the_way_out(revision: str, message: str) -> None:
    known = [stored("a1" + "a" * 38, 1), stored("a1" + "b" * 38, 0)]
    with pytest.raises(retold.NoReceipt, match=message):
        retold.load(known, revision)


def test_no_receipt_at_all() -> None:
    with pytest.raises(retold.NoReceipt, match="first push"):
        retold.load([])


@pytest.mark.parametrize(
    ("stages", "ok", "last"),
    [
        pytest.param([Failed("no")], False, "nothing was applied; the running version stays", id="failed"),
        pytest.param([Rendered(1, 1)], False, "not finished", id="under way"),
        pytest.param([Superseded(C)], True, "superseded by cccccccccccc", id="superseded"),
    ],
)
def test_json_says_whether_it_went_well(stages: list[Stage], ok: bool, last: str) -> None:
    found = retold.load([stored(A, 0, *stages)], A)
    assert retold.to_json(found)["ok"] is ok
    assert retold.lines(found)[-1].endswith(last)
