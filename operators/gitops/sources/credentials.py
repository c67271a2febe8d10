"""Choose the credentials of a remote among Argo CD's repository Secrets."""

from __future__ import annotations

from collections.abc import Iterable

from operators.kit.kube import Manifest

from .repository import Repository


def repository_for(url: str, secrets: Iterable[Manifest], known_hosts: str = "") -> Repository:
    """Join a repository URL with its credentials."""
    raise NotImplementedError
