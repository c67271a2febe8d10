"""What a commit shows on its Git host, and what happens where the host does not play along.

The host is a stand-in (`tests/support/git_host`): neither GitHub nor GitLab can be had here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace

import pytest
import structlog

from operators.gitops.commit_status.reporter import Around, Pace, Reporter, StatusSettings
from operators.gitops.receipts import Applied, Failed, Healthy, Progressing, Receipts, Removed, Rendered
from operators.gitops.sources import Repository
from operators.kit.queue import Backoff
from operators.kit.testing import FakeKubeApi
from tests.support.git_host import TOKEN, Fault, GitHost, git_host

SHA, NEWER = "a" * 40, "b" * 40
WEB = "gitops/web"
PACE = Pace(settle_s=0.01, timeout_s=2.0, backoff=Backoff(0.01, 2.0, 0.05), refused_s=0.05, give_up_s=60.0)


@dataclass
class Desk:
    """Receipts, and a reporter that posts of them to `host`; the repository is one of a GitHub Enterprise server."""

    host: GitHost
    kind: str = "github"
    api: FakeKubeApi = field(default_factory=FakeKubeApi)
    password: str = TOKEN
    pace: Pace = PACE
    complaints: list[str] = field(default_factory=list)
    target_url: str = ""
    receipts: Receipts = field(init=False)

    @property
    def url(self) -> str:
        """The repository."""
        return "http://127.0.0.1:1/acme/platform.git"

    @asynccontextmanager
    async def life(self) -> AsyncIterator[Receipts]:
        """One life of the engine."""
        self.receipts = Receipts(self.api)
        await self.receipts.load()
        settings = StatusSettings("gitops", self.target_url, {self.kind: self.host.url}, self.pace)
        reporter = Reporter(self.receipts, Around(lambda *_: self.url, self._credentials, self._complain), settings)
        tasks = [asyncio.create_task(self.receipts.run()), asyncio.create_task(reporter.run())]
        await asyncio.sleep(0)
        try:
            yield self.receipts
        finally:
            for task in reversed(tasks):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def _credentials(self, url: str) -> Repository:
        return Repository(url, username="git", password=self.password)

    async def _complain(self, application: str, message: str) -> None:
        self.complaints.append(f"{application}: {message}")


@pytest.fixture
async def host() -> AsyncIterator[GitHost]:
    async with git_host() as served:
        yield served


@pytest.fixture(params=["github", "gitlab"])
def desk(request: pytest.FixtureRequest, host: GitHost) -> Desk:
    return Desk(host, request.param)


def push(receipts: Receipts, revision: str = SHA, *applications: str) -> None:
    receipts.announced("https://git.example/acme/platform.git", "0" * 40, revision)
    receipts.expect(revision, applications or ("web",))


def be_healthy(receipts: Receipts, revision: str = SHA, application: str = "web") -> None:
    for stage in (Rendered(7, 2), Applied(0.8), Healthy(3.1)):
        receipts.note(application, revision, stage)


async def nothing_more(host: GitHost) -> None:
    """Give the reporter time for what it should not do."""
    count = len(host.requests)
    await asyncio.sleep(0.3)
    assert len(host.requests) == count, host.requests[count:]


async def test_a_commit_goes_from_pending_to_success_with_what_was_done(desk: Desk, host: GitHost) -> None:
    desk.target_url = "https://example.org/applications/{application}?at={revision}"
    begun = {"github": "pending", "gitlab": "running"}[desk.kind]
    async with desk.life() as receipts:
        push(receipts)
        receipts.note("web", SHA, Rendered(7, 2))
        await host.until(host.states, "begun")
        receipts.note("web", SHA, Progressing("Deployment web: 1 of 2 ready"))
        receipts.note("web", SHA, Progressing("Deployment web: 2 of 2 ready"))
        be_healthy(receipts)
        await host.until(lambda: len(host.shown) == 2, "ended")
        await nothing_more(host)
    first, last = host.shown
    assert (first.state, first.description) == (begun, "rendered 7 objects · 2 changed")
    assert (last.state, last.context, last.revision, last.project) == ("success", WEB, SHA, "acme/platform")
    assert last.description == "rendered 7 objects · 2 changed · applied 0.8 s · healthy 3.1 s"
    assert last.target_url == f"https://example.org/applications/web?at={SHA}"


async def test_a_canary_that_went_back_is_a_failure_with_its_reason_and_a_later_success_counts(
    desk: Desk, host: GitHost
) -> None:
    reason = "Canary shop/web: rolled back: errors 7.1 % of 5 %" + " and so on" * 40
    async with desk.life() as receipts:
        push(receipts)
        receipts.note("web", SHA, Rendered(7, 2))
        receipts.note("web", SHA, Failed(reason))
        await host.until(host.states, "failed")
        failed = host.shown[-1]
        assert failed.state == {"github": "failure", "gitlab": "failed"}[desk.kind]
        assert failed.description.startswith("Canary shop/web: rolled back: errors 7.1 % of 5 %")
        assert len(failed.description) == 140
        receipts.note("web", SHA, Applied(20.0))
        await nothing_more(host)
        receipts.note("web", SHA, Healthy(30.0))
        await host.until(lambda: host.states()[-1] == "success", "mended")


async def test_what_cannot_be_rendered_names_the_file_and_the_line(host: GitHost) -> None:
    async with Desk(host).life() as receipts:
        push(receipts)
        receipts.note("web", SHA, Failed("nil pointer", "web/templates/a.yaml", 3))
        await host.until(host.states, "told")
    assert [(one.state, one.description) for one in host.shown] == [("error", "web/templates/a.yaml:3: nil pointer")]


async def test_every_application_of_a_commit_has_its_own_status_and_the_untouched_have_none(host: GitHost) -> None:
    async with Desk(host).life() as receipts:
        push(receipts, SHA, "web", "shop")
        be_healthy(receipts)
        receipts.note("shop", SHA, Failed("no"))
        receipts.note("third", SHA, Rendered(3, 0))
        receipts.note("third", SHA, Healthy())
        await host.until(lambda: len(host.shown) == 2, "told")
        await nothing_more(host)
    assert sorted((one.context, one.state) for one in host.shown) == [("gitops/shop", "error"), (WEB, "success")]


async def test_without_a_webhook_only_what_a_commit_changes_is_told(host: GitHost) -> None:
    async with Desk(host).life() as receipts:
        be_healthy(receipts)
        for stage in (Rendered(5, 0), Applied(), Healthy()):
            receipts.note("other", SHA, stage)
        await host.until(host.states, "told")
        await nothing_more(host)
    assert [one.context for one in host.shown] == [WEB]


async def test_without_a_webhook_a_commit_that_was_overtaken_is_not_told_of_the_newer_ones_health(
    host: GitHost,
) -> None:
    async with Desk(host).life() as receipts:
        receipts.note("web", SHA, Rendered(7, 2))
        receipts.note("web", SHA, Progressing("Deployment web: 1 of 2 ready"))
        await host.until(host.states, "begun")
        be_healthy(receipts, NEWER)
        await host.until(lambda: len(host.shown) == 3, "both ended")
    assert (host.states(revision=SHA), host.states(revision=NEWER)) == (["pending", "error"], ["success"])


async def test_a_commit_that_was_overtaken_does_not_stay_pending(desk: Desk, host: GitHost) -> None:
    async with desk.life() as receipts:
        push(receipts)
        receipts.note("web", SHA, Rendered(7, 2))
        await host.until(host.states, "begun")
        push(receipts, NEWER)
        be_healthy(receipts, NEWER)
        await host.until(lambda: len(host.states(revision=SHA)) == 2 and host.states(revision=NEWER), "both ended")
    ended = {one.revision: one for one in host.shown}
    assert ended[SHA].state == {"github": "error", "gitlab": "canceled"}[desk.kind]
    assert ended[SHA].description.endswith(f"superseded by {NEWER[:12]}")
    assert ended[NEWER].state == "success"


async def test_a_commit_that_removes_an_application_ends_as_success(host: GitHost) -> None:
    async with Desk(host).life() as receipts:
        push(receipts)
        await host.until(host.states, "begun")
        receipts.note("web", SHA, Removed())
        await host.until(lambda: host.states() == ["pending", "success"], "ended")
    assert host.shown[-1].description == "removed"


FAULTS = {
    "a server error": Fault(502),
    "too many requests": Fault(429, {"Retry-After": "0"}),
    "GitHub's other word for it": Fault(403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "0"}),
    "and its third": Fault(403, message="You have exceeded a secondary rate limit"),
    "a closed connection": Fault(0),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_a_host_in_trouble_gets_the_newest_state_once_it_answers(desk: Desk, host: GitHost, fault: Fault) -> None:
    host.faults = [fault] * 3
    async with desk.life() as receipts:
        push(receipts)
        receipts.note("web", SHA, Rendered(7, 2))
        await host.until(lambda: len(host.requests) >= 2, "tried again")
        be_healthy(receipts)
        await host.until(lambda: host.states()[-1:] == ["success"], "told")
        await nothing_more(host)
    assert desk.complaints == []


async def test_a_host_that_does_not_answer_holds_nothing_back(host: GitHost) -> None:
    host.faults = [Fault(500, delay_s=30.0)]
    desk = Desk(host, pace=replace(PACE, timeout_s=0.2))
    async with desk.life() as receipts:
        push(receipts)
        await host.until(lambda: host.requests, "asked")
        be_healthy(receipts)
        found = receipts.get(SHA)
        assert found is not None
        assert found.done
        await host.until(lambda: host.states() == ["success"], "told at last")


async def test_a_host_that_never_answers_is_given_up(host: GitHost) -> None:
    host.faults = [Fault(503)] * 1000
    desk = Desk(host, pace=replace(PACE, give_up_s=0.2))
    with structlog.testing.capture_logs() as logs:
        async with desk.life() as receipts:
            push(receipts)
            await host.until(lambda: any("given up" in line["event"] for line in logs), "given up")
            await nothing_more(host)


@pytest.mark.parametrize("code", [401, 403, 404, 422])
async def test_a_refusal_is_said_once_and_without_the_token(desk: Desk, host: GitHost, code: int) -> None:
    host.faults = [Fault(code, message=f"no {TOKEN} https://me:{TOKEN}@127.0.0.1/")] * 50
    with structlog.testing.capture_logs() as logs:
        async with desk.life() as receipts:
            push(receipts, SHA, "web", "shop")
            await host.until(lambda: len(host.requests) >= 2, "refused")
            be_healthy(receipts)
            await asyncio.sleep(0.3)
            found = receipts.get(SHA)
            assert found is not None
            assert found.entries["web"].healthy_s == 3.1
    said = [line for line in logs if line["event"] == "a commit status is refused"]
    assert len(said) == len(desk.complaints) == 1
    assert f"answered {code}" in said[0]["reason"]
    assert TOKEN not in f"{logs} {desk.complaints}"


async def test_a_token_that_is_mended_brings_what_was_missing(desk: Desk, host: GitHost) -> None:
    desk.password = "expired"
    async with desk.life() as receipts:
        push(receipts)
        be_healthy(receipts)
        await host.until(lambda: len(host.requests) >= 2, "refused")
        assert host.shown == []
        desk.password = TOKEN
        await host.until(lambda: host.states() == ["success"], "told")


async def test_a_redirect_is_not_followed(desk: Desk, host: GitHost) -> None:
    host.faults = [Fault(307, {"Location": "/elsewhere"})]
    async with desk.life() as receipts:
        push(receipts)
        await host.until(lambda: desk.complaints, "refused")
    assert "the repository has moved" in desk.complaints[0]
    assert not any("elsewhere" in line for line in host.requests)


async def test_after_a_restart_only_what_is_missing_is_posted(desk: Desk, host: GitHost) -> None:
    async with desk.life() as receipts:
        push(receipts, SHA, "web", "shop")
        be_healthy(receipts)
        receipts.note("shop", SHA, Rendered(3, 1))
        await host.until(lambda: len(host.shown) == 2, "told")
        await asyncio.sleep(0.05)
    async with desk.life() as receipts:
        await nothing_more(host)
        be_healthy(receipts, SHA, "shop")
        await host.until(lambda: len(host.shown) == 3, "ended")
        host.faults = [Fault(503)] * 1000
        push(receipts, NEWER)
        be_healthy(receipts, NEWER)
        await host.until(lambda: len(host.faults) < 999, "tried")
    host.faults = []
    assert len(host.shown) == 3


async def test_what_a_killed_engine_could_not_say_is_said_by_the_next(host: GitHost) -> None:
    desk = Desk(host)
    async with desk.life() as receipts:
        push(receipts)
        receipts.note("web", SHA, Rendered(7, 2))
        await host.until(lambda: host.states() == ["pending"], "begun")
        host.faults = [Fault(503)] * 1000
        be_healthy(receipts)
        await host.until(lambda: len(host.faults) < 1000, "tried")
    host.faults = []
    async with desk.life():
        await host.until(lambda: host.states() == ["pending", "success"], "said")


async def test_pushes_from_before_statuses_were_on_are_left_alone(host: GitHost) -> None:
    desk = Desk(host)
    before = Receipts(desk.api)
    push(before)
    be_healthy(before)
    await before._store.flush()
    async with desk.life():
        await nothing_more(host)
    assert host.requests == []


async def test_a_flood_is_bounded_and_what_did_not_fit_follows(host: GitHost) -> None:
    host.faults = [Fault(503)]
    desk = Desk(host, pace=replace(PACE, waiting_max=5, backoff=Backoff(0.2, 1.0, 0.2)))
    with structlog.testing.capture_logs() as logs:
        async with desk.life() as receipts:
            push(receipts, SHA, *(f"app-{number}" for number in range(50)))
            await host.until(lambda: len(host.shown) == 50, "told")
    assert [line["event"] for line in logs].count("commit statuses are left out: too many wait") == 1
