"""Choose the credentials of a remote among Argo CD's repository Secrets.

In:  a URL, Secrets labelled `argocd.argoproj.io/secret-type: repository` or `repo-creds`, and the known SSH hosts.
Out: a `Repository`. A repository Secret fits by its exact URL, a credential template by the longest prefix; the
template fills in only where the repository Secret brings no credentials of its own, as in Argo CD.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import replace

from operators.kit.kube import Manifest

from .errors import SourceError
from .repository import Repository, canonical_url, scrub_url

LABEL = "argocd.argoproj.io/secret-type"
UNSERVED = ("githubAppPrivateKey", "gcpServiceAccountKey", "useAzureWorkloadIdentity")
CREDENTIALS = ("username", "password", "bearerToken", "sshPrivateKey", "tlsClientCertData", *UNSERVED)


def repository_for(
    url: str, secrets: Iterable[Manifest], *, known_hosts: str = "", tls_certificates: dict[str, str] | None = None
) -> Repository:
    """Join a repository URL with its credentials.

    `known_hosts` is the data key ssh_known_hosts of ConfigMap argocd-ssh-known-hosts-cm; `tls_certificates` is the
    data of argocd-tls-certs-cm (PEM by host name). Raises SourceError for a kind of credentials that is not served.
    """
    exact: dict[str, str] = {}
    template: dict[str, str] = {}
    for secret in secrets:
        data = _data(secret)
        secret_url = _usable(data.get("url", ""))
        kind = ((secret.get("metadata") or {}).get("labels") or {}).get(LABEL)
        if kind == "repository" and secret_url and canonical_url(secret_url) == canonical_url(url):
            exact = data
        elif kind == "repo-creds" and secret_url and _is_prefix(secret_url, url):
            template = max(template, data, key=lambda candidate: len(candidate.get("url", "")))
    data = exact if any(exact.get(key) for key in CREDENTIALS) else {**template, **exact}
    for key in UNSERVED:
        if data.get(key):
            raise SourceError(
                f"repository {scrub_url(url)}: {key} in its Secret is not served; use username and password, "
                "bearerToken or sshPrivateKey"
            )
    repository = Repository(
        url=url,
        username=data.get("username", ""),
        password=data.get("password", ""),
        bearer_token=data.get("bearerToken", ""),
        ssh_private_key=data.get("sshPrivateKey", ""),
        known_hosts=known_hosts,
        client_certificate=data.get("tlsClientCertData", ""),
        client_key=data.get("tlsClientCertKey", ""),
        insecure=data.get("insecure", "").lower() == "true",
        proxy=data.get("proxy", ""),
        commit_status_token=exact.get("commitStatusToken") or template.get("commitStatusToken", ""),
    )
    host = canonical_url(url).partition("://")[2].partition("/")[0]
    certificates = tls_certificates or {}
    return replace(repository, ca=certificates.get(host) or certificates.get(host.partition(":")[0]) or "")


def _usable(url: str) -> str:
    """The URL, or "" for what is none: one Secret with a slip shuts out no other repository."""
    try:
        canonical_url(url)
    except SourceError:
        return ""
    return url


def _is_prefix(prefix: str, url: str) -> bool:
    """Whether a template's URL covers a repository, by whole path segments.

    By letters, `https://github.com/org` would hand its credentials to `https://github.com/org-of-somebody-else`.
    """
    short, long = canonical_url(prefix), canonical_url(url)
    return long == short or long.startswith(short.rstrip("/") + "/")


def _data(secret: Manifest) -> dict[str, str]:
    data = {key: str(value) for key, value in (secret.get("stringData") or {}).items()}
    for key, value in (secret.get("data") or {}).items():
        try:
            data.setdefault(key, base64.b64decode(value or "", validate=True).decode())
        except (binascii.Error, UnicodeDecodeError):
            continue  # what is not text is no credential that is served
    return {key: value.strip() if key == "url" else value for key, value in data.items()}
