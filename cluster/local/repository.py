"""How this machine reaches the platform's repository: its address, its credential, and git past the user's settings.

The password stays in one file. It is in no URL, no argument list and no configuration file; removing the cluster
removes it. Git may read it and not erase it: a login that is refused once (the server was made anew, another cluster
answers on the port) would otherwise lose the password for every clone, until the next `amx up`.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from cluster.local.commands import Command, output
from cluster.local.settings import Settings

USER = "amx"
REPOSITORY = "platform.git"
TIMEOUT_S = 120.0
IMPATIENT = {"http.lowSpeedLimit": "1", "http.lowSpeedTime": "20"}
"""Lets git end by itself where a server takes the connection and says nothing. Not for a push: its receipt may wait."""


def server(settings: Settings) -> str:
    """Where the Git server answers on this machine."""
    return f"http://127.0.0.1:{settings.git_port}"


def public_url(settings: Settings) -> str:
    """Where the repository is, without the user: for display."""
    return f"{server(settings)}/{REPOSITORY}"


def url(settings: Settings) -> str:
    """Where the repository is, with the user and without the password."""
    return f"http://{USER}@127.0.0.1:{settings.git_port}/{REPOSITORY}"


def credential_file(settings: Settings) -> Path:
    """The file in git-credential-store's format that `amx up` writes."""
    return settings.cluster_dir / "git-credential"


def credential(settings: Settings, password: str) -> str:
    """Return the file's content."""
    return f"http://{USER}:{password}@127.0.0.1:{settings.git_port}\n"


def helper(settings: Settings) -> str:
    """The value of `credential.helper`: a line for a shell, which asks Git's own `store` and passes nothing else on."""
    store = f"git credential-store --file={shlex.quote(str(credential_file(settings)))}"
    return f'!f() {{ test "$1" != get || {store} get; }}; f'


def configuration(settings: Settings) -> dict[str, str]:
    """What a clone needs in its configuration to authenticate, and to go past a proxy that the user may have."""
    return {
        f"credential.{server(settings)}.helper": helper(settings),
        f"http.{server(settings)}.proxy": "",
    }


def environment(settings: Settings, *, patient: bool = False) -> dict[str, str]:
    """Return an environment with nothing of the user's Git configuration but this cluster's credential."""
    identity = {"user.name": "AutoMatrix", "user.email": "amx@localhost", "commit.gpgSign": "false"}
    nothing = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    return outside(configuration(settings) | identity | ({} if patient else IMPATIENT)) | nothing


def outside(configured: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment for a git that asks nothing, speaks English and has these settings besides.

    A hook that started us (a test run of pre-push) would point every git at its own repository: none of that is kept.
    """
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    env |= {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8", "GIT_CONFIG_COUNT": str(len(configured or {}))}
    for number, (key, value) in enumerate((configured or {}).items()):
        env |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return env


def git(env: Mapping[str, str], *arguments: str, cwd: Path | None = None, timeout_s: float = TIMEOUT_S) -> str:
    """Run git in exactly this environment; raises MachineError without git, CommandFailed with its words."""
    return output(
        Command(["git", *arguments], title=f"git {arguments[0]}", env=env, cwd=cwd, inherit=False), timeout_s=timeout_s
    )
