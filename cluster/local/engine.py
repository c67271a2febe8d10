"""The container engine: the one that is there, else one of the platform's own.

An engine that answers `docker version` is used as it is. Otherwise, for root on Debian or Ubuntu, the
distribution's packages are installed and a dockerd is started that shares nothing with any other: own
socket, data, pid file and address range, and no default bridge (clusters bring their own networks, and
nothing else here needs one). Where this machine lacks a capability, its runtime is the runc shim.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cluster.local import binaries, usage
from cluster.local.commands import Command, locked, output
from cluster.local.errors import CommandFailed, MachineError
from cluster.local.packages import install
from cluster.local.progress import Progress
from cluster.local.settings import Settings

RUN = usage.RUN
DATA = Path("/var/lib/automatrix")
SOCKET = RUN / "docker.sock"
PID_FILE = RUN / "docker.pid"
CONFIG = DATA / "daemon.json"
LOG = DATA / "dockerd.log"
ADDRESS_POOL = "10.203.0.0/16"
START_S = 60.0
STOP_S = 30.0


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that answers. `env` is what child processes need to reach it; `owned` when it is ours."""

    version: str
    owned: bool = False
    env: Mapping[str, str] = field(default_factory=dict)

    def command(self, *argv: str | Path, title: str = "", log: Path | None = None) -> Command:
        """`docker <argv>` against this engine."""
        return Command(["docker", *argv], title=title or f"docker {argv[0]}", env=self.env, log=log)


def find() -> Engine | None:
    """The engine in use, without starting anything; an owned one wins over one that appeared later.

    From here on this process counts as one that uses the owned engine: nobody else stops it before this ends.
    """
    if not _is_told_another() and DATA.exists():
        usage.hold()
        owned = _owned()
        if owned:
            return owned
    try:
        return Engine(_version({}))
    except MachineError:
        return None


def data_root(present: Engine | None) -> Path:
    """Where the engine keeps its data; of the platform's own one also before it is there."""
    if present is None or present.owned:
        return DATA
    try:
        return Path(output(present.command("info", "--format={{.DockerRootDir}}")).strip() or DATA.parent)
    except CommandFailed:
        return DATA.parent


def ensure(settings: Settings, progress: Progress) -> Engine:
    """An engine that answers; installs and starts one where that is possible. Raises MachineError."""
    found = find()
    if found:
        return found
    if _is_told_another():
        raise MachineError(f"no container engine answers at DOCKER_HOST={os.environ['DOCKER_HOST']}", "start it")
    _refuse_unless_installable()
    usage.hold()
    with locked(RUN / "engine.lock", lambda: progress.say("another process is starting the container engine, waiting")):
        owned = _owned()
        if owned:
            return owned
        if not (shutil.which("dockerd") and shutil.which("docker")):
            with progress.step("install the container engine (docker.io)"):
                install(["docker.io", "docker-cli", "iptables"], settings.cache_dir / "logs" / "install-engine.log")
        runtime = _shim(settings, progress) if missing_capabilities() else None
        with progress.step("start the container engine"):
            return _start(runtime)


@contextlib.contextmanager
def borrowed(settings: Settings, progress: Progress) -> Iterator[Engine]:
    """Have an engine; one that was started for this is stopped afterwards, unless others have begun to use it."""
    there = find()
    used = ensure(settings, progress)
    try:
        yield used
    finally:
        if there is None:
            stop_unused(used)


def stop_unused(present: Engine) -> bool:
    """Stop the platform's own engine if no other process uses it and no container is left in it; whether it did."""
    if not present.owned:
        return False
    with usage.alone() as is_alone:
        return is_alone and is_idle(present) and stop()


def is_idle(present: Engine) -> bool:
    """Whether no container of anybody is left in the engine, running or not."""
    return not output(present.command("ps", "--all", "--quiet")).strip()


def stop() -> bool:
    """Stop the platform's own engine with all it runs; False when it does not run. Its data stays."""
    pid = _pid()
    if pid is None:
        return False
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_S
    while _alive(pid):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)
    PID_FILE.unlink(missing_ok=True)
    SOCKET.unlink(missing_ok=True)
    return True


def missing_capabilities() -> int:
    """Bits of the capabilities that the kernel knows and this machine's bounding set lacks; 0 is a whole machine."""
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    status = Path("/proc/self/status").read_text()
    bounding = next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapBnd:"))
    return ((1 << (last + 1)) - 1) & ~bounding


def _is_told_another() -> bool:
    """Whether DOCKER_HOST names an engine that is not the owned one, which is what `amx env` sets."""
    return os.environ.get("DOCKER_HOST", "") not in ("", f"unix://{SOCKET}")


def _refuse_unless_installable() -> None:
    release = Path("/etc/os-release")
    family = release.read_text() if release.exists() else ""
    remedy = "install Docker and let this user reach it: docker version must answer"
    if "debian" not in family:
        raise MachineError("no container engine answers, and one is installed only on Debian or Ubuntu", remedy)
    if os.geteuid() != 0:
        raise MachineError("no container engine answers, and only root can install one", f"{remedy}, or run as root")


def _start(runtime: Path | None) -> Engine:
    RUN.mkdir(parents=True, exist_ok=True)
    DATA.mkdir(parents=True, exist_ok=True)
    # What a reboot or a kill left behind: nobody answers there, and dockerd refuses to start beside it.
    PID_FILE.unlink(missing_ok=True)
    SOCKET.unlink(missing_ok=True)
    CONFIG.write_text("{}\n")  # an own one: what /etc/docker/daemon.json says is meant for another engine
    with LOG.open("w") as log:
        process = subprocess.Popen(
            _dockerd(runtime), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/"
        )
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        owned = _owned()
        if owned:
            process.returncode = 0  # it outlives this process: Python need not warn that nobody waits for it
            return owned
        time.sleep(0.2)
    process.terminate()
    process.wait()
    lines = LOG.read_text().splitlines()
    reason = lines[-1] if lines and process.returncode else f"no answer after {START_S:.0f} s"
    raise MachineError(f"the container engine did not start: {reason}", f"see {LOG}")


def _dockerd(runtime: Path | None) -> list[str]:
    argv = [
        "dockerd",
        f"--host=unix://{SOCKET}",
        f"--data-root={DATA / 'engine'}",
        f"--exec-root={RUN / 'exec'}",
        f"--pidfile={PID_FILE}",
        "--bridge=none",
        f"--default-address-pool=base={ADDRESS_POOL},size=24",
        f"--config-file={CONFIG}",
    ]
    if not Path("/run/systemd/system").exists():
        argv.append("--exec-opt=native.cgroupdriver=cgroupfs")
    if runtime:
        argv += [f"--add-runtime=amx={runtime}", "--default-runtime=amx"]
    return argv


def _shim(settings: Settings, progress: Progress) -> Path:
    """The shim outside the cache: the engine starts it for as long as it lives, also after the cache was emptied."""
    built = binaries.ensure(settings, ["runc-shim"], progress)["runc-shim"]
    target = DATA / "bin" / f"runc-shim-{built.parent.name}"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(".partial")
        shutil.copy2(built, partial)
        partial.rename(target)
    return target


def _owned() -> Engine | None:
    if not SOCKET.exists():
        return None
    env = {"DOCKER_HOST": f"unix://{SOCKET}"}
    try:
        return Engine(_version(env), owned=True, env=env)
    except MachineError:
        return None


def _version(env: Mapping[str, str]) -> str:
    if not shutil.which("docker"):
        raise MachineError("docker is not on this machine")
    text = output(Command(["docker", "version", "--format", "{{.Server.Version}}"], env=env), timeout_s=10).strip()
    if not text:
        raise CommandFailed("docker version", 0, "no server version")
    return text


def _pid() -> int | None:
    """The own dockerd's process id; None when the file is absent, stale, or names another program."""
    try:
        pid = int(PID_FILE.read_text())
        return pid if Path(f"/proc/{pid}/comm").read_text().strip() == "dockerd" else None
    except (OSError, ValueError):
        return None


def _alive(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # where it is a child of this process it disappears only so
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
