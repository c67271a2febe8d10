"""Webhooks: what is believed, whom they concern, and what a storm of them costs."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import tracemalloc
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.gitops.coalescer import KNOWN_REPOSITORIES, Coalescer
from operators.gitops.webhook import (
    MAX_BODY_BYTES,
    Delivery,
    NotConfigured,
    Push,
    Unauthorized,
    WebhookSecrets,
    url_key,
    verify_signature,
)
from operators.gitops.webhook_body import Fields
from operators.kit.errors import Invalid

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('a"\\{}[]:, ü\n'),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text('a"\\{}:,'), below, max_size=3),
    max_leaves=10,
)

A, B = "a" * 40, "b" * 40
SECRETS = WebhookSecrets(github="hub-key", gitlab="lab-key")

GITHUB: dict[str, Any] = {
    "ref": "refs/heads/main",
    "before": B,
    "after": A,
    "repository": {
        "full_name": "Acme/Platform",
        "clone_url": "https://github.com/Acme/Platform.git",
        "ssh_url": "git@github.com:Acme/Platform.git",
        "html_url": "https://github.com/Acme/Platform",
    },
}
GITLAB: dict[str, Any] = {
    "object_kind": "push",
    "ref": "refs/heads/main",
    "before": B,
    "after": A,
    "project": {
        "git_http_url": "https://gitlab.example.com:8443/acme/platform.git",
        "git_ssh_url": "ssh://git@gitlab.example.com:2222/acme/platform.git",
    },
}


def signed(payload: object, key: str = "hub-key", event: str = "push") -> tuple[dict[str, str], bytes]:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    signature = hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
    return {"X-GitHub-Event": event, "X-Hub-Signature-256": f"sha256={signature}"}, body


def receive(secrets: WebhookSecrets, headers: Mapping[str, str], body: bytes, piece: int = 1000) -> Push | None:
    """Deliver a webhook in pieces."""
    delivery = Delivery(secrets, headers)
    for at in range(0, len(body), piece):
        delivery.feed(body[at : at + piece])
    return delivery.push()


def test_a_push_of_github() -> None:
    assert receive(SECRETS, *signed(GITHUB)) == Push(
        "https://github.com/Acme/Platform.git",
        frozenset({"github.com/acme/platform"}),
        "refs/heads/main",
        B,
        A,
    )


def test_a_push_of_gitlab() -> None:
    headers = {"X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": "lab-key"}
    push = receive(SECRETS, headers, json.dumps(GITLAB).encode())
    assert push is not None
    assert push.keys == {"gitlab.example.com:8443/acme/platform", "gitlab.example.com:2222/acme/platform"}


@given(
    st.dictionaries(st.sampled_from(["ref", "after", "repository", "commits", 'q"\\', "ü"]), JSON),
    st.sampled_from([None, 1]),
    st.integers(1, 40),
)
def test_fields_are_what_a_reader_of_the_whole_finds(whole: dict[str, Any], indent: int | None, piece: int) -> None:
    body = f" {json.dumps(whole, indent=indent, ensure_ascii=bool(indent))}\n".encode()
    fields = Fields({"ref", "repository", "ü"})
    for at in range(0, len(body), piece):
        fields.feed(body[at : at + piece])
    assert fields.values() == {key: value for key, value in whole.items() if key in ("ref", "repository", "ü")}


def test_a_body_of_any_size_takes_little_memory() -> None:
    commits = b'{"commits": [{"message": "' + b"x" * 60_000
    headers = {"X-GitHub-Event": "push", "X-Hub-Signature-256": f"sha256={'0' * 64}"}
    tracemalloc.start()
    try:
        for body in (commits, b'{"repository": {"name": "' + b"x" * 60_000):
            delivery = Delivery(SECRETS, headers)
            delivery.feed(body)
            for _ in range(MAX_BODY_BYTES // 60_000):
                delivery.feed(b"x" * 60_000)
            with pytest.raises(Unauthorized):
                delivery.push()
        assert tracemalloc.get_traced_memory()[1] < 2 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_the_signature_is_the_one_github_documents() -> None:
    # docs.github.com, "Validating webhook deliveries": the values to test an implementation with
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert verify_signature("It's a Secret to Everybody", b"Hello, World!", signature)
    assert not verify_signature("It's a Secret to Everybody", b"Hello, World?", signature)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        pytest.param({"X-GitHub-Event": "push"}, b"{}", id="no signature"),
        pytest.param(signed(GITHUB, "other")[0], signed(GITHUB)[1], id="another key"),
        pytest.param(signed(GITHUB)[0], signed(GITLAB)[1], id="another body"),
        pytest.param({**signed(GITHUB)[0], "X-Hub-Signature-256": "sha256=é"}, b"{}", id="no hex at all"),
        pytest.param({"X-Gitlab-Event": "Push Hook"}, b"{}", id="no token"),
        pytest.param({"X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": "hub-key"}, b"{}", id="the other's key"),
        pytest.param({}, b"{}", id="nobody in particular"),
    ],
)
def test_what_is_not_signed_is_not_read(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(Unauthorized):
        receive(SECRETS, headers, body)


@pytest.mark.parametrize("headers", [signed(GITHUB, "")[0], {"X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": ""}])
def test_an_empty_secret_lets_nobody_in(headers: dict[str, str]) -> None:
    with pytest.raises(NotConfigured, match="argocd-secret"):
        receive(WebhookSecrets(), headers, signed(GITHUB)[1])


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"payload=%7B%7D", id="a form in place of JSON"),
        pytest.param([], id="a list"),
        pytest.param(b'{"ref": "refs/heads/main"', id="half of it"),
        pytest.param(b'{"ref": refs}', id="what JSON does not have"),
        pytest.param(b"{7: 1}", id="a key that is none"),
        pytest.param(b'{} {"ref": 1}', id="two in one"),
        pytest.param({**GITHUB, "repository": {"clone_url": "x" * 200_000}}, id="more than can be needed"),
        pytest.param(b'{"a": ' + b"[]" * 100_000, id="brackets, to keep it busy"),
        pytest.param({**GITHUB, "repository": None}, id="no repository"),
        pytest.param({**GITHUB, "repository": {"clone_url": 7}}, id="no address"),
        pytest.param({**GITHUB, "ref": "main"}, id="no ref"),
        pytest.param({**GITHUB, "after": "../../etc"}, id="no revision"),
    ],
)
def test_a_signed_body_that_is_no_push_is_named_so(payload: object) -> None:
    with pytest.raises(Invalid, match="body"):
        receive(SECRETS, *signed(payload))


@pytest.mark.parametrize(
    ("payload", "event"),
    [
        pytest.param({"zen": "Keep it logically awesome."}, "ping", id="a ping"),
        pytest.param({**GITHUB, "after": "0" * 40}, "push", id="a deleted branch"),
    ],
)
def test_what_needs_no_look_is_ignored(payload: object, event: str) -> None:
    assert receive(SECRETS, *signed(payload, event=event)) is None


@pytest.mark.parametrize(
    ("spelling", "key"),
    [
        ("https://github.com/acme/platform.git", "github.com/acme/platform"),
        ("https://github.com/acme/platform/", "github.com/acme/platform"),
        ("https://user:token@GitHub.com:443/Acme/Platform", "github.com/acme/platform"),
        ("git@github.com:acme/platform.git", "github.com/acme/platform"),
        ("github.com:acme/platform", "github.com/acme/platform"),
        ("ssh://git@github.com:22/acme/platform.git", "github.com/acme/platform"),
        ("ssh://git@host:2222/acme/platform.git", "host:2222/acme/platform"),
        ("http://127.0.0.1:8081/platform.git", "127.0.0.1:8081/platform"),
        ("http://git.svc/platform.git", "git.svc/platform"),
        ("http://host:port/x", "/http://host:port/x"),
        ("http://[::1/x", "/http://[::1/x"),
        ("", "/"),
    ],
)
def test_equal_spellings_share_a_key(spelling: str, key: str) -> None:
    assert url_key(spelling) == key


@given(st.text())
def test_any_address_has_a_key(url: str) -> None:
    assert url_key(url) == url_key(url).lower() or not url.isascii()


# -- storms --------------------------------------------------------------------------------------------------------


def push(number: int, repository: str = "git/platform", ref: str = "refs/heads/main") -> Push:
    return Push(f"http://{repository}.git", frozenset({repository}), ref, f"{number - 1:040x}", f"{number:040x}")


async def test_ordinary_pushes_are_passed_on_at_once() -> None:
    seen: list[Push] = []
    coalescer = Coalescer(seen.append)
    for number in range(1, 4):
        coalescer.push(push(number))
    assert [one.after for one in seen] == [push(number).after for number in range(1, 4)]


async def test_a_storm_costs_bounded_work_and_its_last_push_is_seen() -> None:
    seen: list[Push] = []
    late = asyncio.Event()

    def pushed(one: Push) -> None:
        seen.append(one)
        if len(seen) > 5:
            late.set()

    coalescer = Coalescer(pushed, burst=5, refill_s=0.05)
    for number in range(1, 5001):
        coalescer.push(push(number))
    assert not late.is_set()
    await asyncio.wait_for(late.wait(), 30)
    assert seen[5].after == push(5000).after
    assert seen[5].before == push(6).before, "it stands for all that were left out"


async def test_a_storm_in_one_repository_holds_up_no_other() -> None:
    seen: list[Push] = []
    coalescer = Coalescer(seen.append, burst=2, refill_s=60)
    for number in range(1, 101):
        coalescer.push(push(number))
    coalescer.push(push(1, "git/other"))
    coalescer.push(push(1, ref="refs/heads/try"))
    assert len(seen) == 4
    coalescer.close()


async def test_each_push_that_is_left_out_of_a_storm_is_told_which_stands_in_its_place() -> None:
    seen: list[Push] = []
    dropped: list[tuple[str, str]] = []
    coalescer = Coalescer(seen.append, lambda old, new: dropped.append((old.after, new.after)), burst=1, refill_s=60)
    for number in range(1, 5):
        coalescer.push(push(number))
    assert dropped == [(push(2).after, push(3).after), (push(3).after, push(4).after)]
    coalescer.close()


async def test_the_table_of_repositories_is_bounded_and_forgets_no_push() -> None:
    seen: list[Push] = []
    coalescer = Coalescer(seen.append, burst=1, refill_s=60)
    for number in range(2 * KNOWN_REPOSITORIES):
        coalescer.push(push(1, f"git/{number}"))
        coalescer.push(push(2, f"git/{number}"))
    passed_on = {one.keys for one in seen if one.after == push(2).after}
    assert len(passed_on) == KNOWN_REPOSITORIES
    coalescer.close()
