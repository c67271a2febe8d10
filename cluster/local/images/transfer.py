"""Moving images: from archives into an engine or a node, and from a registry into the engine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from functools import cache
from typing import IO

from cluster.local.commands import Command, output
from cluster.local.engine import Engine
from cluster.local.errors import CommandFailed, MachineError
from cluster.local.images.archive import Built, write_archive, write_layout
from cluster.local.images.catalogue import PROBE
from cluster.local.settings import Settings

CTR = ("ctr", "--namespace=k8s.io")
IMPORT = (*CTR, "images", "import", "--all-platforms", "--no-unpack", "--digests", "-")
PROBE_S = 10.0
PULL_S = 900.0


def feed(command: Command, write: Callable[[IO[bytes]], None]) -> None:
    """Let `write` fill a program's standard input; raises CommandFailed."""
    argv = [str(part) for part in command.argv]
    with subprocess.Popen(
        argv,
        env={**os.environ, **command.env},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        assert process.stdin is not None  # noqa: S101 — Popen was told to make pipes
        assert process.stdout is not None  # noqa: S101
        try:
            write(process.stdin)
            process.stdin.close()
        except BrokenPipeError:
            pass  # it ended early; what it printed says why
        text = process.stdout.read().decode(errors="replace")
    if process.returncode:
        raise CommandFailed(command.title, process.returncode, text)


def load(engine: Engine, images: Sequence[Built]) -> None:
    """Put images into the engine's store."""
    feed(engine.command("load", "--quiet", title="docker load"), lambda out: write_archive(images, out))


def load_into_node(engine: Engine, node: str, images: Sequence[Built]) -> bool:
    """Put images into a running node, of their layers only those it lacks; False when it has them all."""
    have = output(engine.command("exec", node, *CTR, "images", "list", "--quiet")).split()
    lacking = [image for image in images if image.full_name not in have]
    if not lacking:
        return False
    present = output(engine.command("exec", node, *CTR, "content", "list", "--quiet")).split()
    digests = {digest.removeprefix("sha256:") for digest in present}
    importing = engine.command("exec", "--interactive", node, *IMPORT, title=f"load images into {node}")
    feed(importing, lambda out: write_layout(lacking, out, digests))
    return True


def has(engine: Engine, name: str) -> bool:
    """Whether the engine's store has the image."""
    return bool(output(engine.command("images", "--quiet", name)).strip())


def mirrored(settings: Settings, name: str) -> str:
    """The name under which an upstream image is asked for."""
    return f"{settings.registry_mirror}/{name}" if settings.registry_mirror else name


def pulls(settings: Settings, engine: Engine) -> bool:
    """Whether images are pulled: as AMX_IMAGES says, or whether a registry answers one quick question.

    Asked once per run. Raises MachineError when pulling is demanded and no registry answers.
    """
    if settings.images == "build":
        return False
    reason = _probe(mirrored(settings, PROBE), tuple(engine.env.items()))
    if reason and settings.images == "pull":
        raise MachineError(f"AMX_IMAGES=pull, and no image registry answers: {reason}", "AMX_IMAGES=build builds them")
    return not reason


def pull(settings: Settings, engine: Engine, name: str, *, timeout_s: float = PULL_S) -> bool:
    """Pull one image and give it its upstream name; False when the registry does not have it (mode auto)."""
    asked = mirrored(settings, name)
    try:
        output(engine.command("pull", "--quiet", asked, title=f"pull {asked}"), timeout_s=timeout_s)
    except CommandFailed as error:
        if settings.images == "pull":
            raise MachineError(
                f"AMX_IMAGES=pull, and {error}", "AMX_IMAGES=auto builds what cannot be pulled"
            ) from error
        return False
    if asked != name:
        output(engine.command("tag", asked, name))
    return True


@cache
def _probe(asked: str, env: tuple[tuple[str, str], ...]) -> str:
    """Why no image can be pulled; "" when one can. The engine is asked, for it is the engine that will pull."""
    engine = Engine("", env=dict(env))
    try:
        output(engine.command("pull", "--quiet", asked, title=f"pull {asked}"), timeout_s=PROBE_S)
    except CommandFailed as error:
        # A registry that answers "not found" is one that answers; what it lacks is built.
        return "" if "not found" in error.output or "manifest unknown" in error.output else str(error)
    return ""
