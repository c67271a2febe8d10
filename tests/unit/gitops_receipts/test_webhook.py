"""Webhooks: what is believed, whom they concern, and what a storm of them costs."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.gitops.webhook import (
    KNOWN_REPOSITORIES,
    Coalescer,
    NotConfigured,
    Push,
    Unauthorized,
    WebhookSecrets,
    receive,
    url_key,
    verify_signature,
)
from operators.kit.errors import Invalid

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
