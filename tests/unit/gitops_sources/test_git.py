"""Mirrors of real remotes: what they resolve, what they cost, and how they get well again."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from operators.gitops.sources import EVERY_COMMIT, GitSource, Repository, SourceError
from operators.gitops.sources.objects import Damaged
from operators.gitops.sources.repository import canonical_url, scrub_url
from tests.support.upstream import Upstream

from .git_server import GitServer


async def test_names_resolve_to_commits(source: GitSource, upstream: Upstream, repository: Repository) -> None:
    first = upstream.commit({"a": "1"})
    upstream.git("tag", "light")
    upstream.git("tag", "-a", "v1.0.0", "-m", "annotated")
    second = upstream.commit({"a": "2"})
    upstream.git("branch", "feature/x")
    await source.fetch(repository)
    names = {"HEAD": second, "": second, "main": second, "feature/x": second, "light": first, "v1.0.0": first}
    for name, commit in {**names, "refs/tags/v1.0.0": first, first: first, first[:7]: first}.items():
        assert await source.resolve(repository, name) == commit, name


@pytest.mark.parametrize(
    ("target", "condition", "words"),
    [
        ("nope", "ComparisonError", "no such branch, tag or commit"),
        ("deadbeef", "ComparisonError", "no such branch, tag or commit"),
        ("1.x", "ComparisonError", "no such branch"),
        (">=1.0", "ComparisonError", "no such branch"),
        ("^1.2", "InvalidSpecError", "version ranges are not served"),
        ("~1", "InvalidSpecError", "not a branch"),
        ("main:a", "InvalidSpecError", "not a branch"),
        ("main\nHEAD", "InvalidSpecError", "not a branch"),
        ("--upload-pack=x", "InvalidSpecError", "not a branch"),
        ("a..b", "InvalidSpecError", "not a branch"),
    ],
)
async def test_what_is_no_revision_is_refused(
    source: GitSource, upstream: Upstream, target: str, condition: str, words: str
) -> None:
    upstream.commit({"a": "1"})
    with pytest.raises(SourceError, match=words) as caught:
        await source.resolve(Repository(upstream.url), target)
    assert caught.value.condition == condition


async def test_an_empty_remote_says_so(source: GitSource, upstream: Upstream, repository: Repository) -> None:
    await source.fetch(repository)
    with pytest.raises(SourceError, match="it is empty"):
        await source.resolve(repository, "HEAD")
    commit = upstream.commit({"a": "1"})
    await source.fetch(repository)
    assert await source.resolve(repository, "HEAD") == commit


async def test_force_pushes_and_removed_branches_are_followed(
    source: GitSource, upstream: Upstream, repository: Repository
) -> None:
    upstream.commit({"a": "1"})
    upstream.git("branch", "side")
    await source.fetch(repository)
    upstream.git("commit", "--amend", "-qm", "other")
    other = upstream.commit_all()
    upstream.git("branch", "-D", "side")
    await source.fetch(repository)
    assert await source.resolve(repository, "main") == other
    with pytest.raises(SourceError, match="no such branch"):
        await source.resolve(repository, "side")


async def test_content_keys_tell_what_a_commit_touched(
    source: GitSource, upstream: Upstream, repository: Repository
) -> None:
    one = upstream.commit({"a/x": "1", "b/y": "1"})
    two = upstream.commit({"b/y": "2"})
    three = upstream.commit_all("empty")
    await source.fetch(repository)

    async def key(revision: str, *paths: str) -> str:
        return await source.content_key(repository, revision, paths)

    assert await key(one, "a") == await key(two, "a")
    assert await key(one, "b") != await key(two, "b")
    assert await key(one, "b/y") != await key(two, "b/y")
    assert await key(one, "") != await key(two, "")
    assert await key(two, "") == await key(three, "")
    assert await key(two, "a", EVERY_COMMIT) != await key(three, "a", EVERY_COMMIT)
    assert await key(one, "c") == await key(two, "c") != await key(one, "a")
    four = upstream.commit({"c": "now there"})
    await source.fetch(repository)
    assert await key(four, "c") != await key(one, "c")


async def test_credentials_are_sent_and_never_shown(
    source: GitSource, upstream: Upstream, tmp_path: Path, server: GitServer
) -> None:
    server.stop()
    guarded = GitServer(tmp_path, credentials="amx:s3cr3t-pass")
    try:
        commit = upstream.commit({"a": "1"})
        url = f"{guarded.url}/platform.git"
        good = Repository(url, username="amx", password="s3cr3t-pass")
        await source.fetch(good)
        assert await source.resolve(good, "main") == commit
        # Sent with the first request: no round trip that is answered with 401.
        assert len([r for r in guarded.requests if r.startswith("GET")]) == 1
        in_url = Repository(url.replace("http://", "http://amx:s3cr3t-pass@"))
        await source.fetch(in_url)
        for bad in (
            Repository(url, username="amx", password="wr0ng-pass"),
            Repository(url.replace("//", "//x:wr0ng-pass@")),
        ):
            with pytest.raises(SourceError, match=r"access denied|asks for credentials") as caught:
                await source.fetch(bad)
            assert "wr0ng-pass" not in str(caught.value) + repr(bad)
        with pytest.raises(SourceError, match="asks for credentials") as caught:
            await source.fetch(Repository(url))
        assert "s3cr3t-pass" not in repr(good)
        assert not [p for p in (tmp_path / "mirrors").rglob("*") if p.is_file() and b"s3cr3t" in p.read_bytes()]
    finally:
        guarded.stop()


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c id",
        "file:///etc",
        "-oProxyCommand=id",
        "git://example.com/x",
        "/srv/x.git",
        "fd::3",
        "ssh://-oX/y",
        "a b",
        "https://ok.example.com/x\n",
        "transport::address",
        "",
    ],
)
async def test_other_protocols_are_refused(tmp_path: Path, url: str) -> None:
    source = GitSource(tmp_path / "m")
    with pytest.raises(SourceError) as caught:
        await source.fetch(Repository(url))
    assert caught.value.condition == "InvalidSpecError" or url.startswith("ssh://-")
    await source.close()


async def test_a_remote_out_of_reach_may_come_back(source: GitSource) -> None:
    with pytest.raises(SourceError, match=r"(?i)connection refused|failed to connect") as caught:
        await source.fetch(Repository("http://127.0.0.1:9/x.git"))
    assert caught.value.transient
    with pytest.raises(SourceError):
        await source.resolve(Repository("http://127.0.0.1:9/x.git"), "main")


async def test_a_remote_that_is_not_there_is_named(source: GitSource, server: GitServer) -> None:
    with pytest.raises(SourceError, match="not found"):
        await source.fetch(Repository(f"{server.url}/nope.git"))


async def test_a_remote_that_does_not_answer_is_given_up(tmp_path: Path, upstream: Upstream, server: GitServer) -> None:
    upstream.commit({"a": "1"})
    source = GitSource(tmp_path / "mirrors", fetch_s=1.0, clone_s=1.0)
    server.delay_s = 5.0
    with pytest.raises(SourceError, match="no answer within 1 s") as caught:
        await source.fetch(Repository(f"{server.url}/platform.git"))
    assert caught.value.transient
    server.delay_s = 0.0
    await asyncio.sleep(0)
    slow = GitSource(tmp_path / "mirrors2")
    await slow.fetch(Repository(f"{server.url}/platform.git"))
    await slow.close()
    await source.close()


async def test_fetches_at_once_are_shared(source: GitSource, upstream: Upstream, server: GitServer) -> None:
    upstream.commit({"a": "1"})
    repository = Repository(f"{server.url}/platform.git")
    await source.fetch(repository)
    server.requests.clear()
    server.delay_s = 0.2
    first = asyncio.ensure_future(source.fetch(repository))
    await asyncio.sleep(0.1)
    commit = upstream.commit({"a": "2"})
    await asyncio.gather(first, *(source.fetch(repository) for _ in range(10)))
    # One that ran, and one for all that came meanwhile: the commit of the meantime is there.
    assert len([r for r in server.requests if r.startswith("GET")]) == 2
    assert await source.resolve(repository, "main") == commit


def _damage(mirror: Path, damage: str) -> None:
    objects = [p for p in (mirror / "objects").rglob("*") if p.is_file()]
    match damage:
        case "objects":
            for path in objects:
                path.unlink()
        case "object":
            objects[0].chmod(0o600)
            objects[0].write_bytes(b"")
        case "refs":
            (mirror / "refs/heads/main").write_text("nonsense\n")
        case "lock":
            (mirror / "refs/heads/main.lock").write_text("")
            (mirror / "packed-refs.lock").write_text("")
        case "empty":
            for path in sorted(mirror.rglob("*"), reverse=True):
                path.unlink() if path.is_file() else path.rmdir()
        case "head":
            (mirror / "HEAD").unlink()


@pytest.mark.parametrize("damage", ["objects", "object", "refs", "lock", "empty", "head"])
async def test_a_damaged_mirror_gets_well(
    tmp_path: Path, upstream: Upstream, repository: Repository, damage: str
) -> None:
    upstream.commit({"a": "1", "d/b": "1"})
    source = GitSource(tmp_path / "mirrors", allow_file=True)
    await source.fetch(repository)
    await source.close()
    mirror = next((tmp_path / "mirrors").glob("*.git"))
    _damage(mirror, damage)
    commit = upstream.commit({"a": "2"})
    again = GitSource(tmp_path / "mirrors", allow_file=True)
    await again.fetch(repository)
    assert await again.resolve(repository, "main") == commit
    assert await again.content_key(repository, commit, ["a", "d"])

    async def content() -> list[bytes]:
        snapshot = await again.snapshot(repository, commit)
        entry = await snapshot.entry("d/b")
        assert entry is not None
        return await snapshot.read(entry)

    try:
        assert await content() == [b"1"]
    except Damaged:  # the file was not needed before: the renderer heals at the read
        await asyncio.gather(again.heal(repository), again.heal(repository))
        assert await content() == [b"1"]
    await again.close()


async def test_a_remote_out_of_reach_costs_no_mirror(source: GitSource, upstream: Upstream, server: GitServer) -> None:
    commit = upstream.commit({"a": "1", "d/b": "1"})
    repository = Repository(f"{server.url}/platform.git")
    await source.fetch(repository)
    mirror = source._mirror(repository)
    # Not even a look: with a branch of nothing a look would throw the mirror away.
    (mirror.path / "refs/heads/gone").write_text("1" * 40 + "\n")
    server.stop()
    with pytest.raises(SourceError, match="Failed to connect"):
        await source.fetch(repository)
    assert (mirror.path / "refs/heads/gone").exists()
    assert await source.resolve(repository, "main") == commit


async def test_a_check_that_takes_too_long_proves_no_damage(source: GitSource, repository: Repository) -> None:
    mirror = source._mirror(repository)
    await mirror._prepare()
    mirror._clone_s = 0.0
    assert not await mirror._is_damaged()


async def test_a_fetch_killed_in_the_middle_is_taken_up(tmp_path: Path, upstream: Upstream, server: GitServer) -> None:
    commit = upstream.commit({f"f{n}": os.urandom(20_000) for n in range(50)})
    repository = Repository(f"{server.url}/platform.git")
    source = GitSource(tmp_path / "mirrors")
    server.delay_s = 0.05
    fetching = asyncio.ensure_future(source.fetch(repository))
    await asyncio.sleep(0.12)
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if b"git" in path.read_bytes() and str(tmp_path).encode() in path.read_bytes():
                os.kill(int(path.parent.name), signal.SIGKILL)
        except OSError:
            continue
    await asyncio.gather(fetching, return_exceptions=True)
    await source.fetch(repository)
    assert await source.resolve(repository, "main") == commit
    await source.close()


async def test_other_mirrors_are_removed(source: GitSource, upstream: Upstream, tmp_path: Path) -> None:
    upstream.commit({"a": "1"})
    other = Upstream(tmp_path, "other")
    commit = other.commit({"a": "1"})
    for each in (upstream, other):
        await source.fetch(Repository(each.url))
    (tmp_path / "mirrors" / "left-by-an-earlier-process.git").mkdir()
    await source.keep_only([f"{upstream.url}/", "https://[no-url"])
    assert mirrors(tmp_path) == [Repository(upstream.url).directory], "another spelling names it, too"
    await source.fetch(Repository(other.url))
    assert await source.resolve(Repository(other.url), "main") == commit


async def test_a_mirror_that_is_being_fetched_is_not_removed(
    source: GitSource, upstream: Upstream, repository: Repository, tmp_path: Path
) -> None:
    commit = upstream.commit({"a": "1"})
    fetching = asyncio.ensure_future(source.fetch(repository))
    while not mirrors(tmp_path):
        await source.keep_only([])
        await asyncio.sleep(0)
    await source.keep_only([])
    await fetching
    assert await source.resolve(repository, "main") == commit
    await source.keep_only([])
    assert mirrors(tmp_path) == []


async def test_a_repository_named_anew_while_its_mirror_goes_has_a_whole_one(
    source: GitSource, upstream: Upstream, repository: Repository
) -> None:
    commit = upstream.commit({"a": "1"})
    await source.fetch(repository)
    for _ in range(5):
        await asyncio.gather(source.keep_only([]), source.fetch(repository), source.keep_only([]))
        assert await source.resolve(repository, "main") == commit
        assert await source.content_key(repository, commit, ["a"])


def mirrors(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "mirrors").glob("*.git"))


async def test_two_hundred_keys_are_cheap(source: GitSource, upstream: Upstream, repository: Repository) -> None:
    commit = upstream.commit({f"apps/a{n}/values.yaml": str(n) for n in range(200)})
    await source.fetch(repository)
    started = time.monotonic()
    for n in range(200):
        await source.content_key(repository, commit, [f"apps/a{n}"])
    assert time.monotonic() - started < 60  # it hangs otherwise; docs/benchmarks.md has the figure


def test_spellings_of_one_remote_are_equal() -> None:
    same = ["https://GitHub.com/o/r.git", "https://github.com/o/r", "https://u:p@github.com/o/r/"]
    assert len({canonical_url(url) for url in same}) == 1
    assert canonical_url("git@github.com:o/r.git") == canonical_url("ssh://git@github.com/o/r")
    assert canonical_url("https://github.com/o/r") != canonical_url("http://github.com/o/r")


def test_urls_are_shown_without_credentials() -> None:
    assert scrub_url("fatal: https://u:p@h/x and https://tok@h/y git@h:z") == (
        "fatal: https://***@h/x and https://***@h/y git@h:z"
    )


async def test_a_cache_folder_that_is_lost_is_an_error_that_may_pass(
    source: GitSource, upstream: Upstream, repository: Repository
) -> None:
    upstream.commit({"a": "1"})
    source._private.rmdir()
    with pytest.raises(SourceError, match="cannot be written: No such file") as caught:
        await source.fetch(repository)
    assert caught.value.transient
