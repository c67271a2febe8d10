"""Start the Git server: bare repositories behind lighttpd and `git http-backend`.

In:  the environment (`Settings`). Out: what lighttpd and the hooks need, written to a scratch directory; then this
process becomes lighttpd, with a small one beside it that follows the credential. Standard library only: the same
file runs in the container and as a plain process.
Trade-off: lighttpd spools a request body to disk before Git sees it, so that chunked and compressed pushes of any
client work the same; answers are passed on as they come, because a receipt is read while it happens.
"""

# ruff: noqa: INP001 - a file that is started, not a package
from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
REALM = "git"
FOLLOW_S = 1.0
NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class Settings:
    """The variables, each with the prefix GIT_SERVER_."""

    data: Path
    """DATA: where the repositories live; survives."""
    run: Path
    """RUN: scratch, private to this server; may be lost at any time."""
    credential: Path
    """CREDENTIAL: a directory with the files `username` and `password`, as a mounted Secret is."""
    bind: str = "0.0.0.0"  # noqa: S104 - a container's port is opened by its Service, not by its address
    port: int = 8080
    repositories: tuple[str, ...] = ("platform",)
    tracked_branch: str = "main"
    announce_url: str = ""
    """ANNOUNCE_URL: the engine's address (http://host:port); empty announces nothing."""
    webhook_secret: Path | None = None
    """WEBHOOK_SECRET: the file with the key that announcements are signed with."""
    public_url: str = ""
    """PUBLIC_URL: the address the engine knows this server by."""
    wait_s: float = 60.0
    max_push_mib: int = 256
    lighttpd: str = "lighttpd"

    @classmethod
    def from_environment(cls, env: dict[str, str]) -> Settings:
        """Read the variables; exits with one line where one is missing or wrong."""
        given = {key.removeprefix("GIT_SERVER_").lower(): value for key, value in env.items() if value}
        for name in ("data", "run", "credential"):
            if name not in given:
                sys.exit(f"GIT_SERVER_{name.upper()} is not set")
        known = {name: given[name] for name in cls.__dataclass_fields__ if name in given}
        changed: dict[str, object] = {
            **known,
            **{name: Path(known[name]) for name in ("data", "run", "credential", "webhook_secret") if name in known},
            **{name: int(known[name]) for name in ("port", "max_push_mib") if name in known},
            **{name: float(known[name]) for name in ("wait_s",) if name in known},
        }
        if "repositories" in known:
            changed["repositories"] = tuple(known["repositories"].replace(",", " ").split())
        settings = cls(**changed)  # type: ignore[arg-type]
        for repository in settings.repositories:
            if not NAME.fullmatch(repository) or repository.endswith(".git"):
                sys.exit(f"GIT_SERVER_REPOSITORIES: {repository!r} is not a name (a-z, 0-9, . _ -; without .git)")
        return settings


def prepare(settings: Settings) -> list[str]:
    """Write everything to disk and return lighttpd's command line; safe to repeat after a kill at any point."""
    spool = settings.data / "spool"
    shutil.rmtree(spool, ignore_errors=True)
    spool.mkdir(parents=True)
    settings.run.mkdir(parents=True, exist_ok=True, mode=0o700)
    (settings.run / "www").mkdir(exist_ok=True)
    (settings.run / "www" / "healthz").write_text("ok\n")
    _private(settings.run / "users", _digest(settings.credential))
    (settings.run / "settings.json").write_text(json.dumps(_hook_settings(settings)))
    (settings.run / "gitconfig").write_text(_git_config(settings))
    _write_hooks(settings.run / "hooks")
    for repository in settings.repositories:
        _create(settings, repository)
    binary = shutil.which(settings.lighttpd) or shutil.which("lighttpd", path="/usr/sbin:/usr/local/sbin")
    if binary is None:
        sys.exit("lighttpd is not installed: apt-get install lighttpd")
    (settings.run / "lighttpd.conf").write_text(_lighttpd_config(settings))
    modules = Path(binary).resolve().parents[1] / "lib" / "lighttpd"
    return [
        binary,
        "-D",
        "-f",
        str(settings.run / "lighttpd.conf"),
        *(["-m", str(modules)] if modules.is_dir() else []),
    ]


def _digest(credential: Path) -> str:
    """The user's line for lighttpd: a hash, so that the password itself stands only in the Secret.

    A fast hash is enough for a password that is 32 random characters; a slow one would cost every request of a push.
    """
    username, password = ((credential / name).read_text().strip() for name in ("username", "password"))
    if not username or not password or ":" in username:
        sys.exit(f"{credential}: username and password must not be empty, and a username has no colon")
    return f"{username}:{REALM}:{hashlib.sha256(f'{username}:{REALM}:{password}'.encode()).hexdigest()}\n"


def _hook_settings(settings: Settings) -> dict[str, object]:
    return {
        "trackedBranch": settings.tracked_branch,
        "announceUrl": settings.announce_url,
        "webhookSecret": str(settings.webhook_secret or ""),
        "publicUrl": settings.public_url.rstrip("/"),
        "waitSeconds": settings.wait_s,
    }


def _git_config(settings: Settings) -> str:
    """Git's configuration; the limits on memory let a pod of 512 MiB take the largest push."""
    return f"""\
[core]
  hooksPath = {settings.run / "hooks"}
  bigFileThreshold = 32m
[pack]
  threads = 1
  windowMemory = 64m
[safe]
  directory = *
[http]
  receivepack = true
  getanyfile = false
[transfer]
  fsckObjects = true
[receive]
  maxInputSize = {settings.max_push_mib}m
  # the update hook refuses it, with the way out
  denyDeleteCurrent = ignore
[uploadpack]
  allowReachableSHA1InWant = true
  allowFilter = true
[gc]
  autoDetach = true
"""


def _write_hooks(hooks: Path) -> None:
    """Launchers: -I -S because a hook needs nothing beyond the standard library, and every push waits for its start."""
    hooks.mkdir(exist_ok=True)
    for name, source in (("update", "update.py"), ("post-receive", "post_receive.py")):
        launcher = hooks / name
        script = next(path for path in (HERE / source, HERE / "hooks" / source) if path.exists())
        launcher.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "{script}" "$@"\n')
        launcher.chmod(0o700)


def _create(settings: Settings, repository: str) -> None:
    """`git init` of what is there already only fills in what is missing."""
    path = settings.data / f"{repository}.git"
    branch = f"--initial-branch={settings.tracked_branch}"
    env = {**os.environ, "GIT_CONFIG_GLOBAL": str(settings.run / "gitconfig"), "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", "init", "--quiet", "--bare", "--template=", branch, str(path)], check=True, env=env)


def _private(path: Path, content: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content)


def _lighttpd_config(settings: Settings) -> str:
    backend = subprocess.run(["git", "--exec-path"], check=True, capture_output=True, text=True).stdout.strip()
    names = "|".join(re.escape(name) for name in settings.repositories)
    quote = json.dumps
    return f"""\
server.modules = ("mod_access", "mod_alias", "mod_auth", "mod_authn_file", "mod_setenv", "mod_cgi")
server.bind = {quote(settings.bind)}
server.port = {settings.port}
server.document-root = {quote(str(settings.run / "www"))}
server.upload-dirs = ({quote(str(settings.data / "spool"))})
server.tag = "git"
server.max-connections = 64
server.max-request-size = {(settings.max_push_mib + 1) * 1024}
server.stream-response-body = 2
server.feature-flags = ("server.graceful-shutdown-timeout" => 25)
mimetype.assign = ("" => "text/plain")

$HTTP["url"] !~ "^/({names})\\.git/(info/refs|git-upload-pack|git-receive-pack)$" {{
  $HTTP["url"] != "/healthz" {{ url.access-deny = ("") }}
}}
$HTTP["url"] =~ "^/({names})\\.git/" {{
  auth.backend = "htdigest"
  auth.backend.htdigest.userfile = {quote(str(settings.run / "users"))}
  auth.require = ("" => (
    "method" => "basic", "realm" => "{REALM}", "require" => "valid-user", "algorithm" => "SHA-256"
  ))
  alias.url = ("" => {quote(backend + "/git-http-backend")})
  cgi.assign = ("" => "")
  setenv.set-environment = (
    "GIT_PROJECT_ROOT" => {quote(str(settings.data))},
    "GIT_HTTP_EXPORT_ALL" => "1",
    "GIT_CONFIG_GLOBAL" => {quote(str(settings.run / "gitconfig"))},
    "GIT_CONFIG_NOSYSTEM" => "1",
    "GIT_SERVER_SETTINGS" => {quote(str(settings.run / "settings.json"))},
    "HOME" => {quote(str(settings.run))},
    "PATH" => {quote(os.environ.get("PATH", os.defpath))}
  )
}}
"""


def follow(settings: Settings, server: int) -> None:
    """Keep the users as the credential says, which may change: lighttpd reads them at each request. Ends with it."""
    users = settings.run / "users"
    while os.getppid() == server:
        time.sleep(FOLLOW_S)
        # A credential that is being written or cannot be read leaves the one before in force.
        with contextlib.suppress(OSError, SystemExit):
            wanted = _digest(settings.credential)
            if wanted != users.read_text():
                _private(users.with_name("users.new"), wanted)
                users.with_name("users.new").rename(users)


if __name__ == "__main__":
    chosen = Settings.from_environment(dict(os.environ))
    if sys.argv[1:2] == ["--follow"]:
        follow(chosen, int(sys.argv[2]))
        sys.exit()
    command = prepare(chosen)
    subprocess.Popen([sys.executable, "-I", "-S", __file__, "--follow", str(os.getpid())], stdin=subprocess.DEVNULL)
    os.execv(command[0], command)  # noqa: S606 - this process becomes the server
