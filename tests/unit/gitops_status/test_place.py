"""Which API a repository's statuses go to, and with which token."""

from __future__ import annotations

import pytest

from operators.gitops.commit_status import settings_of
from operators.gitops.commit_status.client import token_of
from operators.gitops.commit_status.place import find_place
from operators.gitops.settings import Settings
from operators.gitops.sources import Repository
from operators.gitops.sources.credentials import repository_for
from operators.kit.kube import Manifest

SHA = "c" * 40
GITHUB, GITLAB = "https://api.github.com/repos/acme/web", "https://gitlab.com/api/v4/projects/acme%2Fteam%2Fweb"
PLACES = [
    ("https://github.com/acme/web.git", GITHUB),
    ("https://me:secret@GitHub.com/acme/web", GITHUB),
    ("git@github.com:acme/web.git", GITHUB),
    ("ssh://git@ssh.github.com:443/acme/web.git", GITHUB),
    ("https://github.example.com/acme/web.git", "https://github.example.com/api/v3/repos/acme/web"),
    ("https://github.example.com:8443/acme/web", "https://github.example.com:8443/api/v3/repos/acme/web"),
    ("https://acme.ghe.com/acme/web", "https://api.acme.ghe.com/repos/acme/web"),
    ("https://gitlab.com/acme/team/web.git", GITLAB),
    ("git@gitlab.com:acme/team/web.git", GITLAB),
    ("ssh://git@gitlab.example.com:2222/acme/web", "https://gitlab.example.com/api/v4/projects/acme%2Fweb"),
    ("https://git.example.org/acme/web", "https://git.example.org/api/v3/repos/acme/web"),
    ("https://code.example.org/gitlab/acme/web.git", "https://code.example.org/gitlab/api/v4/projects/acme%2Fweb"),
    ("https://github.com/acme", ""),
    ("https://github.com.example.net/acme/web", "https://github.com.example.net/api/v3/repos/acme/web"),
    ("https://notgithub.com/acme/web", ""),
    ("http://git.automatrix-system.svc.cluster.local/platform.git", ""),
    ("file:///srv/acme/web.git", ""),
    ("not a URL", ""),
]
BASES = {"github": "https://git.example.org", "gitlab": "https://code.example.org/gitlab/api/v4"}


@pytest.mark.parametrize(("url", "expected"), PLACES, ids=[url for url, _ in PLACES])
def test_the_api_follows_from_the_repository(url: str, expected: str) -> None:
    place = find_place(url, BASES)
    found = place.host.url(place.api, place.project, SHA) if place else ""
    assert found == (f"{expected}/statuses/{SHA}" if expected else "")


@pytest.mark.parametrize(
    "url", ["http://git.example.org", "https://me:pw@git.example.org", "git.example.org", "https://"]
)
def test_an_api_that_a_token_should_not_go_to_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="GITOPS_COMMIT_STATUS_GITHUB_URL"):
        settings_of(Settings(commit_status=True, commit_status_github_url=url))


def test_statuses_are_off_unless_they_are_set_on() -> None:
    assert settings_of(Settings.from_environment({})) is None
    on = settings_of(Settings.from_environment({"GITOPS_COMMIT_STATUS": "true", "GITOPS_COMMIT_STATUS_LABEL": "prod"}))
    assert on is not None
    assert (on.label, on.bases) == ("prod", {})


def secret(kind: str, url: str, **data: str) -> Manifest:
    labels = {"argocd.argoproj.io/secret-type": kind}
    return {"metadata": {"labels": labels}, "stringData": {"url": url, **data}}


def test_the_token_is_the_secrets_password_or_its_own_key() -> None:
    ssh = "git@github.com:acme/web.git"
    own = repository_for(ssh, [secret("repository", ssh, sshPrivateKey="key", commitStatusToken="api")])
    assert token_of(own) == "api"
    assert "api" not in own.scrub("refused: api")
    assert token_of(repository_for(ssh, [secret("repository", ssh, sshPrivateKey="key")])) == ""
    template = secret("repo-creds", "https://github.com/acme", username="git", password="pw", commitStatusToken="api")
    assert token_of(repository_for("https://github.com/acme/web", [template])) == "api"
    assert token_of(repository_for("https://github.com/acme-of-others/web", [template])) == ""
    assert token_of(Repository("https://github.com/acme/web", username="git", password="pw")) == "pw"
    assert token_of(Repository("https://only-a-token@github.com/acme/web")) == "only-a-token"
