"""Go programs compiled from published modules into the cache.

In: the recipes (a go.mod and go.sum per project, committed, so that every module is verified by its sum).
Out: static programs in `<cache>/binaries/<name>/<key>/<name>`, where the key is the content of the recipe:
an unchanged recipe never builds twice, a changed one never uses an old result. A build that was killed
continues from Go's own build cache; a second process that wants the same program waits for the first.
"""

from __future__ import annotations

import fcntl
import hashlib
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cluster.local.commands import Command, locked, run
from cluster.local.errors import CommandFailed, MachineError
from cluster.local.progress import Progress, Step
from cluster.local.settings import KUBERNETES_VERSION, Settings
from cluster.local.toolchain import go

RECIPES = Path(__file__).parent / "recipes" / "go"
_STRIP = "-s -w"


def _kubernetes_ldflags() -> str:
    """What Kubernetes' own build stamps in: without it every component says v0.0.0-master and kubeadm refuses."""
    major, minor, _ = KUBERNETES_VERSION.removeprefix("v").split(".")
    values = {
        "gitVersion": KUBERNETES_VERSION,
        "gitMajor": major,
        "gitMinor": minor,
        "gitTreeState": "clean",
        "buildDate": "2026-01-01T00:00:00Z",
    }
    places = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return " ".join(f"-X {place}.{name}={value}" for place in places for name, value in values.items())


@dataclass(frozen=True, slots=True)
class Program:
    """One program: the folder of its recipe, the package to build, what to stamp into it, build tags."""

    recipe: str
    package: str
    ldflags: str = ""
    tags: str = ""


def _kubernetes(name: str) -> Program:
    return Program("kubernetes", f"k8s.io/kubernetes/cmd/{name}", _kubernetes_ldflags())


KUBERNETES = (
    "kube-apiserver",
    "kube-controller-manager",
    "kubectl",
    "kubeadm",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
)
PROGRAMS = {
    "etcd": Program("etcd", "go.etcd.io/etcd/server/v3"),
    **{name: _kubernetes(name) for name in KUBERNETES},
    "coredns": Program("coredns", "."),
    "metrics-server": Program("metrics-server", "sigs.k8s.io/metrics-server/cmd/metrics-server"),
    "prometheus": Program(
        "prometheus",
        "github.com/prometheus/prometheus/cmd/prometheus",
        "-X github.com/prometheus/common/version.Version=3.13.5",
        # Discovery through Kubernetes only: the cloud providers' are half of the program.
        "remove_all_sd,enable_kubernetes_sd",
    ),
    "traefik": Program(
        "traefik",
        "github.com/traefik/traefik/v3/cmd/traefik",
        "-X github.com/traefik/traefik/v3/pkg/version.Version=v3.6.0",
    ),
    "kind": Program("kind", "sigs.k8s.io/kind"),
    "pause": Program("pause", "."),
    "runc-shim": Program("runc-shim", "."),
    # What the tests pull from; no cluster needs it.
    "registry": Program("registry", "github.com/google/go-containerregistry/cmd/registry"),
}


def ensure(settings: Settings, names: Iterable[str], progress: Progress) -> dict[str, Path]:
    """Paths of the named programs, compiled when the cache lacks them; raises MachineError.

    Needs no container engine. The names are those of PROGRAMS.
    """
    return {name: _ensure_one(settings, name, progress) for name in names}


def cached(settings: Settings, name: str) -> Path:
    """Where the program is once it has been built."""
    return settings.cache_dir / "binaries" / name / key(PROGRAMS[name]) / name


def trim(settings: Settings) -> None:
    """Remove Go's sources and build cache (14 GB) once all that a cluster needs is compiled, unless Go is at work."""
    if not all(cached(settings, name).exists() for name in PROGRAMS if name != "registry"):
        return
    with (settings.cache_dir / "locks" / "go").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        for name in ("build", "mod"):
            shutil.rmtree(settings.cache_dir / "go" / name, ignore_errors=True)


def key(program: Program, recipes: Path = RECIPES) -> str:
    """16 hex digits of everything that decides what the program will be, the Go version apart."""
    digest = hashlib.sha256(repr(program).encode())
    for path in sorted((recipes / program.recipe).iterdir()):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _ensure_one(settings: Settings, name: str, progress: Progress) -> Path:
    target = cached(settings, name)
    if target.exists():
        return target
    lock = settings.cache_dir / "locks" / f"{name}-{target.parent.name}"
    with locked(lock, lambda: progress.say(f"{name}: another process is building it, waiting")) as held:
        if not target.exists():
            with progress.step(f"compile {name}") as step, lock.with_name("go").open("a") as compiling:
                fcntl.flock(compiling, fcntl.LOCK_SH)
                build(Build(PROGRAMS[name], target, settings.cache_dir, held), go(settings, progress), step)
    return target


@dataclass(frozen=True, slots=True)
class Build:
    """One compilation: what, to which path, with which cache folder, under which lock."""

    program: Program
    target: Path
    cache: Path
    lock: IO[str]
    recipes: Path = RECIPES


def build(job: Build, go_binary: Path, step: Step) -> None:
    """Compile to a name beside the target and rename; raises MachineError."""
    job.target.parent.mkdir(parents=True, exist_ok=True)
    partial = job.target.with_name(job.target.name + ".partial")
    compiled = 0

    def on_line(line: str) -> None:
        nonlocal compiled
        compiled += not line.startswith("go: ")
        step.note("downloading modules" if line.startswith("go: downloading") else f"{compiled} packages compiled")

    program = job.program
    argv: list[str | Path] = [go_binary, "build", "-v", "-mod=readonly", "-trimpath", f"-tags={program.tags}"]
    argv += [f"-ldflags={_STRIP} {program.ldflags}".rstrip(), "-o", partial, program.package]
    command = Command(
        argv,
        title=f"compile {job.target.name}",
        env=go_environment(job.cache),
        cwd=job.recipes / program.recipe,
        log=job.cache / "logs" / f"compile-{job.target.name}.log",
        keep=[job.lock],
        on_line=on_line,
    )
    try:
        run(command)
    except CommandFailed as error:
        raise _explained(error, job) from error
    partial.rename(job.target)


def go_environment(cache: Path) -> dict[str, str]:
    """Go's own caches below ours, static programs, no other toolchain than the one started."""
    return {
        "GOCACHE": str(cache / "go" / "build"),
        "GOMODCACHE": str(cache / "go" / "mod"),
        "GOFLAGS": "-modcacherw -buildvcs=false",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "CGO_ENABLED": "0",
    }


def _explained(error: CommandFailed, job: Build) -> MachineError:
    """A sum that does not match gets a line that says so; other failures keep the compiler's last line."""
    recipe = job.recipes / job.program.recipe
    mismatch = re.search(r"verifying (\S+?): checksum mismatch", error.output)
    unlisted = re.search(r"missing go\.sum entry for (?:module providing package|go\.mod file)?\s*(\S+)", error.output)
    if mismatch:
        message = f"{job.target.name}: {mismatch[1]} is not the module whose sum is committed in {recipe / 'go.sum'}"
        return MachineError(message, f"git checkout {recipe}; if it stays, do not trust the download")
    if unlisted:
        return MachineError(
            f"{job.target.name}: {recipe / 'go.sum'} has no sum of {unlisted[1]}", f"git checkout {recipe}"
        )
    return error
