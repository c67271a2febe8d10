"""Argo CD's repository Secrets."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from operators.gitops.sources import GitSource, Repository, SourceError, canonical_url
from operators.gitops.sources.credentials import LABEL, repository_for


def secret(kind: str, **data: str) -> dict[str, Any]:
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return {"metadata": {"name": "s", "labels": {"argocd.argoproj.io/secret-type": kind}}, "data": encoded}


SECRETS = [
    secret("repo-creds", url="https://github.com/org", username="org", password="template"),
    secret("repo-creds", url="https://github.com", username="any", password="short"),
    secret("repository", url="https://github.com/org/own.git", username="own", password="exact"),
    secret("repository", url="https://github.com/org/bare", project="x"),
    secret("repository", url="https://github.com/org/app", githubAppPrivateKey="x"),
    secret("repository", url="git@example.com:o/r.git", sshPrivateKey="KEY"),
    secret("cluster", url="https://github.com/org/own", username="no", password="no"),
]


@pytest.mark.parametrize(
    ("url", "username"),
    [
        ("https://github.com/org/own", "own"),
        ("https://github.com/org/own.git", "own"),
        ("https://github.com/org/bare", "org"),
        ("https://github.com/org/other", "org"),
        ("https://github.com/org-of-somebody-else/x", "any"),
        ("https://gitlab.com/org/own", ""),
    ],
)
def test_credentials_by_url(url: str, username: str) -> None:
    assert repository_for(url, SECRETS).username == username


def test_ssh_and_certificates() -> None:
    repository = repository_for("ssh://git@example.com/o/r", SECRETS, known_hosts="example.com ssh-ed25519 A")
    assert (repository.ssh_private_key, repository.known_hosts) == ("KEY", "example.com ssh-ed25519 A")
    assert repository_for("https://h:8443/x", [], tls_certificates={"h": "PEM"}).ca == "PEM"


def test_what_is_not_served_is_named() -> None:
    with pytest.raises(SourceError, match="githubAppPrivateKey in its Secret is not served"):
        repository_for("https://github.com/org/app", SECRETS)


def test_the_repr_holds_no_secret() -> None:
    assert "exact" not in repr(repository_for("https://github.com/org/own", SECRETS))


@pytest.mark.parametrize("url", ["https://[x/y.git", "https://x]/y", "ssh://[::1/x"])
async def test_what_is_no_url_is_an_error_of_the_spec(tmp_path: Path, url: str) -> None:
    for ask in (canonical_url, lambda url: Repository(url).protocol, lambda url: repository_for(url, [])):
        with pytest.raises(SourceError, match="is not a URL") as caught:
            ask(url)
        assert caught.value.condition == "InvalidSpecError"
    with pytest.raises(SourceError):
        await GitSource(tmp_path).fetch(Repository(url))


def test_a_secret_whose_url_is_none_shuts_out_no_other_repository() -> None:
    broken = {"metadata": {"labels": {LABEL: "repository"}}, "stringData": {"url": "https://[x/y.git"}}
    assert repository_for("https://git.example/x", [broken]).url == "https://git.example/x"
