"""`amx kubeconfig | env | clone | version`: how to reach what runs."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path
from typing import Annotated

import typer

from amx.output import Format, OutputOption, show


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(kubeconfig)
    app.command()(env)
    app.command()(clone)
    app.command()(version)


def kubeconfig(
    merge: Annotated[
        bool, typer.Option("--merge", help="also add the cluster to ~/.kube/config; its current context stays")
    ] = False,
    output: OutputOption = Format.TEXT,
) -> None:
    """Print the path of the cluster's kubeconfig; yours is not touched unless you say --merge."""
    from amx import kubeconfig as files
    from cluster.local.settings import Settings

    settings = Settings.from_environment()
    path = files.existing(settings)
    target = files.users_file(settings) if merge else None
    text = str(path)
    if target:
        files.merge(path, target)
        text += f"\nadded to {target}; use it with: kubectl --context=kind-{settings.cluster_name}"
    show({"kubeconfig": path, "merged_into": target}, text, output)


def env(output: OutputOption = Format.TEXT) -> None:
    """Print what a shell needs to talk to the cluster: eval "$(amx env)"."""
    from amx import kubeconfig as files
    from cluster.local import engine, hosttools, invocation
    from cluster.local.progress import Progress
    from cluster.local.settings import Settings

    settings = Settings.from_environment()
    variables = {"KUBECONFIG": str(files.existing(settings)), **invocation.variables(settings)}
    if found := engine.find():
        variables |= found.env
    if not shutil.which("kubectl"):
        kubectl = hosttools.ensure(settings, ["kubectl"], Progress())["kubectl"]
        variables["PATH"] = f"{kubectl.parent}:{os.environ.get('PATH', os.defpath)}"
    show(variables, "\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items()), output)


def clone(
    directory: Annotated[Path, typer.Argument(help="where to")] = Path("platform"),
    output: OutputOption = Format.TEXT,
) -> None:
    """Clone the platform's repository; git push in it deploys."""
    from amx import clone as repositories
    from cluster.local import repository
    from cluster.local.progress import Progress
    from cluster.local.settings import Settings

    settings = Settings.from_environment()
    path = repositories.clone(settings, directory, Progress())
    author = repositories.introduce(path)
    text = f"cloned into {path}"
    if author:
        text += f"\ncommits there are by {author}, for git knows no name of yours (git config user.name, user.email)"
    show({"directory": path.absolute(), "url": repository.url(settings), "author_set": author}, text, output)


def version(output: OutputOption = Format.TEXT) -> None:
    """Print the versions of amx and of the Kubernetes it runs."""
    from importlib import metadata

    from cluster.local.settings import KUBERNETES_VERSION

    versions = {"amx": metadata.version("automatrix"), "kubernetes": KUBERNETES_VERSION}
    show(versions, "\n".join(f"{name} {value}" for name, value in versions.items()), output)
