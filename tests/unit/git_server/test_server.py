"""The Git server as a server: large bodies, what it keeps, what it does not serve."""

from __future__ import annotations

import asyncio
import gzip
import os
import signal
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from tests.support.git_server import HANGS_S, Checkout, GitServer, until

from .conftest import Engine
from .test_push import finish


async def test_a_large_push_arrives_whole(
    engine: Engine, checkout: Checkout, server: GitServer, tmp_path: Path
) -> None:
    content = os.urandom(6 * 1024 * 1024)  # incompressible, far beyond http.postBuffer: sent in chunks
    sha = checkout.commit(content, "large.bin")
    push = await checkout.push()
    await finish(engine, sha)
    assert await push.end() == 0
    copy = Checkout.of(server.url, tmp_path / "copy")
    assert copy.git("rev-parse", "HEAD") == sha
    assert (copy.path / "large.bin").read_bytes() == content
    assert list((server.home / "data" / "spool").iterdir()) == [], "no body is left behind"


async def test_a_changed_credential_counts_without_a_restart(server: GitServer, checkout: Checkout) -> None:
    async def answer(password: str) -> int:
        async with aiohttp.ClientSession() as session:
            query = "info/refs?service=git-upload-pack"
            async with session.get(f"{server.url_for(password)}/{query}") as response:
                return response.status

    assert await answer("s3cret") == 200
    file = server.home / "credential" / "password"
    file.write_text("")  # as it may be seen while it is written
    await asyncio.sleep(2)
    assert await answer("s3cret") == 200
    file.write_text("another")
    async with asyncio.timeout(HANGS_S):
        while await answer("another") != 200:
            await asyncio.sleep(0.05)
    assert await answer("s3cret") == 401
    assert stat.S_IMODE((server.home / "run" / "users").stat().st_mode) == 0o600


async def test_a_push_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    server = GitServer(tmp_path / "server", extra={"MAX_PUSH_MIB": "1"})
    server.start()
    checkout = Checkout.of(server.url, tmp_path / "checkout")
    checkout.commit(os.urandom(3 * 1024 * 1024), "large.bin")
    try:
        push = await checkout.push()
        assert await push.end() != 0
        assert "413" in push.text
        assert checkout.git("ls-remote", server.url) == ""
    finally:
        server.stop()


async def test_a_request_that_is_compressed_and_chunked(checkout: Checkout, server: GitServer) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        body = gzip.compress(b"0014command=ls-refs\n0001" + b"0009peel\n" + b"0000")
        for start in range(0, len(body), 10):
            yield body[start : start + 10]

    sha = checkout.commit("a: 1")
    assert await (await checkout.push()).end() == 0
    async with aiohttp.ClientSession() as session:
        request = session.post(
            f"http://127.0.0.1:{server.port}/platform.git/git-upload-pack",
            data=pieces(),
            headers={
                "Authorization": aiohttp.encode_basic_auth(server.username, server.password),
                "Content-Type": "application/x-git-upload-pack-request",
                "Content-Encoding": "gzip",
                "Git-Protocol": "version=2",
            },
        )
        async with request as answer:
            assert sha in await answer.text()


@pytest.mark.parametrize(
    ("path", "authorised", "want"),
    [
        pytest.param("/healthz", False, 200, id="the probe needs no password"),
        pytest.param("/platform.git/info/refs?service=git-upload-pack", False, 401, id="reading does"),
        pytest.param("/platform.git/info/refs?service=git-receive-pack", False, 401, id="writing does"),
        pytest.param("/platform.git/info/refs?service=git-upload-pack", True, 200, id="and with it, it is served"),
        pytest.param("/platform.git/HEAD", True, 403, id="files of the repository are not"),
        pytest.param("/platform.git/config", True, 403, id="nor is its configuration"),
        pytest.param(
            "/other.git/info/refs?service=git-upload-pack", True, 403, id="nor a repository that is not listed"
        ),
        pytest.param("/users", True, 403, id="nor what the server keeps for itself"),
        pytest.param("/platform.git/../../run/users", True, 403, id="nor by a detour"),
    ],
)
async def test_what_is_served(server: GitServer, path: str, authorised: bool, want: int) -> None:
    credential = aiohttp.encode_basic_auth(server.username, server.password)
    async with aiohttp.ClientSession() as session:
        url = URL(f"http://127.0.0.1:{server.port}{path}", encoded=True)
        async with session.get(url, headers={"Authorization": credential} if authorised else {}) as answer:
            assert answer.status == want


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
async def test_a_restart_keeps_what_was_pushed(checkout: Checkout, server: GitServer, number: signal.Signals) -> None:
    sha = checkout.commit("a: 1")
    assert await (await checkout.push()).end() == 0
    server.stop(number)
    server.password = "another"
    server.start()
    assert checkout.git("ls-remote", server.url, "HEAD").split()[0] == sha
    push = await checkout.push(server.url_for("s3cret"), "main")
    assert await push.end() != 0, "the credential is the one of this start"


async def test_a_restart_waits_for_pushes_under_way(engine: Engine, checkout: Checkout, server: GitServer) -> None:
    sha = checkout.commit("a: 1")
    push = await checkout.push()
    await engine.announced(sha)
    assert server.process is not None
    server.process.send_signal(signal.SIGINT)
    engine.receipts.expect(sha, [])
    assert await push.end() == 0
    assert push.lines == ["gitops  no application is touched by this push"]


def test_secrets_stand_nowhere_but_where_they_were_given(server: GitServer) -> None:
    given = {"credential", "webhook-secret"}
    files = [path for path in server.home.rglob("*") if path.is_file() and not given & {path.name, path.parent.name}]
    written = b"".join(path.read_bytes() for path in files)
    assert server.password.encode() not in written
    assert server.webhook_secret.encode() not in written
    assert stat.S_IMODE((server.home / "run" / "users").stat().st_mode) == 0o600


async def test_damaged_objects_are_refused(checkout: Checkout, server: GitServer) -> None:
    checkout.commit("a: 1")
    tree = checkout.git("rev-parse", "HEAD^{tree}")
    bad = f"tree {tree}\nauthor no address\ncommitter no address\n\nbad\n"
    (checkout.path / "bad").write_text(bad)
    sha = checkout.git("hash-object", "-t", "commit", "-w", "--literally", "bad")
    push = await checkout.push("origin", f"{sha}:refs/heads/bad")
    assert await push.end() != 0
    assert checkout.git("ls-remote", server.url) == ""


async def test_the_repository_is_tidied_behind_a_push(checkout: Checkout, server: GitServer, tmp_path: Path) -> None:
    config = server.repository / "config"
    config.write_text(config.read_text() + "[gc]\n  autoPackLimit = 2\n[receive]\n  unpackLimit = 1\n")
    for number in range(6):
        sha = checkout.commit(f"a: {number}")
        assert await (await checkout.push()).end() == 0
    packs = server.repository / "objects" / "pack"
    await until(lambda: len(list(packs.glob("*.pack"))) <= 3)
    assert Checkout.of(server.url, tmp_path / "copy").git("rev-parse", "HEAD") == sha
