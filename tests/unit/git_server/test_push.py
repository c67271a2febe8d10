"""What somebody sees who pushes to the platform's Git server."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from operators.gitops.receipts import Applied, Failed, Healthy, Progressing, Rendered
from operators.gitops.receipts_text import receipt_lines
from tests.support.git_server import Checkout, GitServer, until

from .conftest import Engine

MAIN = "refs/heads/main"


async def finish(engine: Engine, revision: str) -> None:
    """Let a push end that the test is not about."""
    await engine.announced(revision)
    engine.receipts.expect(revision, [])


async def test_the_receipt_streams_back_while_it_happens(engine: Engine, checkout: Checkout) -> None:
    sha = checkout.commit("replicas: 2")
    push = await checkout.push()
    await engine.announced(sha)
    assert engine.pushed == [("git.automatrix-system.svc.cluster.local/platform", MAIN, "0" * 40, sha)]

    engine.receipts.expect(sha, ["hub-dev", "hub-prod"], unchanged=12)
    engine.receipts.note("hub-dev", sha, Rendered(7, 2))
    await push.saw("gitops  hub-dev  rendered 7 objects · 2 changed")
    engine.receipts.note("hub-dev", sha, Applied(0.8))
    await push.saw("2 changed · applied 0.8 s")
    engine.receipts.note("hub-dev", sha, Progressing("Deployment web: 1 of 2 ready"))
    await push.saw("applied 0.8 s · Deployment web: 1 of 2 ready")
    engine.receipts.note("hub-dev", sha, Healthy(3.1))
    await push.saw("applied 0.8 s · healthy 3.1 s")
    assert push.running
    engine.receipts.note("hub-prod", sha, Failed("replicas: got string, want integer", "gitops/prod/hub.yaml", 12))

    assert await push.end() == 0
    assert push.lines == [
        "gitops  hub-dev  rendered 7 objects · 2 changed · applied 0.8 s · healthy 3.1 s",
        "gitops  hub-prod  failed gitops/prod/hub.yaml:12: replicas: got string, want integer",
        "gitops  hub-prod    nothing was applied; the running version stays",
        "gitops  12 applications unchanged",
    ]


async def test_a_wrong_password_is_refused_and_nothing_is_announced(
    engine: Engine, checkout: Checkout, server: GitServer
) -> None:
    checkout.commit("a: 1")
    push = await checkout.push(server.url_for("wrong"), "main")
    assert await push.end() != 0
    assert "Authentication failed" in push.text
    assert engine.pushed == []
    assert checkout.git("ls-remote", server.url) == ""


async def test_the_tracked_branch_only_grows(engine: Engine, checkout: Checkout, server: GitServer) -> None:
    first = checkout.commit("a: 1")
    push = await checkout.push()
    await finish(engine, first)
    assert await push.end() == 0

    checkout.git("commit", "-q", "--amend", "-m", "another past")
    forced = await checkout.push("--force", "origin", "main")
    assert await forced.end() != 0
    assert "git revert" in forced.text
    deleted = await checkout.push("origin", ":main")
    assert await deleted.end() != 0
    assert "cannot be deleted" in deleted.text
    assert checkout.git("ls-remote", server.url, MAIN).split()[0] == first
    assert len(engine.pushed) == 1


async def test_other_branches_are_free(engine: Engine, checkout: Checkout, server: GitServer) -> None:
    first = checkout.commit("a: 1")
    assert await (await checkout.push("origin", "main:try")).end() == 0
    assert engine.pushed[-1][1:] == ("refs/heads/try", "0" * 40, first), "an application may follow any branch"

    checkout.git("commit", "-q", "--amend", "-m", "another past")
    assert await (await checkout.push("--force", "origin", "main:try")).end() == 0
    assert checkout.git("ls-remote", server.url, "refs/heads/try").split()[0] != first
    assert await (await checkout.push("origin", ":try")).end() == 0
    assert checkout.git("ls-remote", server.url) == ""


async def test_the_engine_is_down(checkout: Checkout, server: GitServer) -> None:
    sha = checkout.commit("a: 1")
    push = await checkout.push()
    assert await push.end() == 0
    assert push.lines == [f"gitops  announced later: the engine is not answering; it polls and will pick {sha[:12]} up"]
    assert checkout.git("ls-remote", server.url, MAIN).split()[0] == sha


async def test_the_engine_and_the_server_hold_different_secrets(engine: Engine, checkout: Checkout) -> None:
    engine.secret = "another"
    sha = checkout.commit("a: 1")
    push = await checkout.push()
    assert await push.end() == 0
    assert "HTTP 401" in push.text
    assert f"it polls and will pick {sha[:12]} up" in push.text
    assert engine.pushed == []


async def test_the_engine_restarts_in_the_middle(engine: Engine, checkout: Checkout) -> None:
    sha = checkout.commit("a: 1")
    push = await checkout.push()
    await engine.announced(sha)
    engine.receipts.expect(sha, ["hub-dev", "hub-prod"])
    engine.receipts.note("hub-dev", sha, Healthy(1.0))
    engine.receipts.note("hub-prod", sha, Rendered(3, 1))
    await push.saw("hub-prod  rendered 3 objects")

    await engine.stop()
    await push.saw("the engine is not answering; waiting for it")
    await engine.start()
    engine.receipts.note("hub-prod", sha, Healthy(9.0))

    assert await push.end() == 0
    assert push.lines == [
        "gitops  hub-dev  healthy 1.0 s",
        "gitops  hub-prod  rendered 3 objects · 1 changed · healthy 9.0 s",
    ], "what was told before the restart is not told again, and what came after it is"


async def test_ctrl_c_loses_nothing(engine: Engine, checkout: Checkout, server: GitServer) -> None:
    sha = checkout.commit("a: 1")
    push = await checkout.push()
    await engine.announced(sha)
    engine.receipts.expect(sha, ["hub-dev"])
    engine.receipts.note("hub-dev", sha, Rendered(7, 2))
    await push.saw("rendered 7 objects")

    os.killpg(push.process.pid, signal.SIGINT)
    assert await push.end() != 0
    engine.receipts.note("hub-dev", sha, Healthy(2.0))

    assert checkout.git("ls-remote", server.url, MAIN).split()[0] == sha
    receipt = engine.receipts.get(sha)
    assert receipt is not None
    assert receipt_lines(receipt) == ["gitops  hub-dev  rendered 7 objects · 2 changed · healthy 2.0 s"]
    second = checkout.commit("a: 2")
    again = await checkout.push()
    await finish(engine, second)
    assert await again.end() == 0, "and the next push works"


async def test_waiting_is_bounded(tmp_path: Path) -> None:
    server = GitServer(tmp_path / "server", extra={"WAIT_S": "1"})
    server.start()
    engine = Engine(server.engine_port)
    await engine.start()
    checkout = Checkout.of(server.url, tmp_path / "checkout")
    sha = checkout.commit("a: 1")
    try:
        push = await checkout.push()
        await engine.announced(sha)
        engine.receipts.expect(sha, ["hub-dev"])
        engine.receipts.note("hub-dev", sha, Progressing("Deployment web: 0 of 2 ready"))
        assert await push.end() == 0
    finally:
        await engine.stop()
        server.stop()
    assert push.lines == [
        "gitops  hub-dev  Deployment web: 0 of 2 ready",
        f"gitops  not finished after 1 s; `amx receipt {sha[:12]}` tells the end",
    ]


async def test_two_push_at_once(engine: Engine, checkout: Checkout, server: GitServer, tmp_path: Path) -> None:
    base = checkout.commit("a: 1")
    push = await checkout.push()
    await finish(engine, base)
    assert await push.end() == 0
    other = Checkout.of(server.url, tmp_path / "other")
    other.git("reset", "-q", "--hard", "origin/main")
    shas = [checkout.commit("a: 2"), other.commit("b: 2", "other.yaml")]

    pushes = [await checkout.push(), await other.push()]
    await until(lambda: len(engine.pushed) == 2)
    engine.receipts.expect(engine.pushed[1][3], [])
    codes = await asyncio.gather(*(push.end() for push in pushes))

    assert sorted(map(bool, codes)) == [False, True], "one is taken and one is told to fetch first"
    winner = codes.index(0)
    assert engine.pushed[1][3] == shas[winner]
    assert "rejected" in pushes[1 - winner].text
    loser = (checkout, other)[1 - winner]
    loser.git("pull", "-q", "--rebase", "origin", "main")
    again = await loser.push()
    await finish(engine, loser.git("rev-parse", "HEAD"))
    assert await again.end() == 0
