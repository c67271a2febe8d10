"""One Git remote and what it takes to read it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Repository:
    """A remote and its credentials; the repr shows none of them.

    `known_hosts` is the text of an OpenSSH known_hosts file; a host that is not in it is refused.
    `ca` is a PEM bundle that replaces the system's for this remote; `insecure` turns certificate checks off.
    `submodules` asks for submodules, which are not served: a repository that has them gets a clear error.
    """

    url: str
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    bearer_token: str = field(default="", repr=False)
    ssh_private_key: str = field(default="", repr=False)
    known_hosts: str = field(default="", repr=False)
    ca: str = field(default="", repr=False)
    insecure: bool = False
