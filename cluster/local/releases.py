"""The Helm releases of the local cluster: installed or upgraded only when their content differs from what runs.

The content's hash is a label of the release's own Secret, so the truth is in the cluster, and one question answers for
all releases. Helm does not wait here: `serving` waits for all of them together.
Trade-off: a release somebody changed by hand is not put back; its hash is the same. `amx doctor` looks at what runs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from cluster.local.commands import Command, run
from cluster.local.kubectl import Kubectl
from cluster.local.progress import Step
from cluster.local.settings import ROOT, Settings

CONTENT = "automatrix.dev/content"
# Nobody signs the certificates of kind's kubelets.
OBSERVABILITY = {
    "prometheus": {"kubelet": {"enabled": True, "insecureTLS": True}},
    "metricsServer": {"kubelet": {"insecureTLS": True}},
}
PENDING = {"pending-install", "pending-upgrade", "pending-rollback"}
TEMPLATE = (
    "{{range .items}}{{.metadata.namespace}} {{.metadata.labels.name}} {{.metadata.labels.version}} "
    '{{.metadata.labels.status}} {{index .metadata.labels "' + CONTENT + '"}}{{"\\n"}}{{end}}'
)


@dataclass(frozen=True, slots=True)
class Release:
    """A chart of the checkout with values, to be installed under a name in a namespace."""

    name: str
    namespace: str
    chart: Path
    values: dict[str, Any] = field(default_factory=dict)
    after: str = ""
    """The release, earlier in the list, whose definitions this one's objects need."""

    def content(self) -> str:
        """Hash everything that decides what Helm would install."""
        digest = hashlib.sha256(json.dumps(self.values, sort_keys=True).encode())
        for path in sorted(self.chart.rglob("*")):
            if path.is_file():
                digest.update(f"\0{path.relative_to(self.chart)}\0".encode())
                digest.update(path.read_bytes())
        return digest.hexdigest()[:20]


@dataclass(frozen=True, slots=True)
class Installed:
    """The newest revision of a release in the cluster; `content` is empty when it was not installed by amx."""

    name: str
    namespace: str
    revision: int
    status: str
    content: str


def installed(kubectl: Kubectl) -> dict[tuple[str, str], Installed]:
    """Read the newest revision of every release, by (namespace, name)."""
    text = kubectl.run(
        "get", "secrets", "--all-namespaces", "--selector=owner=helm", f"--output=go-template={TEMPLATE}"
    )
    found: dict[tuple[str, str], Installed] = {}
    for line in text.splitlines():
        namespace, name, revision, status, *content = line.split()
        release = Installed(
            name, namespace, int(revision), status, "" if content == ["<no", "value>"] else "".join(content)
        )
        known = found.get((namespace, name))
        if known is None or known.revision < release.revision:
            found[namespace, name] = release
    return found


@dataclass(frozen=True, slots=True)
class Helm:
    """The program, the cluster it works on, and the lock it holds on to while it runs."""

    settings: Settings
    kubectl: Kubectl
    program: Path
    lock: IO[str]


def ensure(helm: Helm, wanted: Sequence[Release], step: Step) -> list[str]:
    """Install or upgrade what differs, side by side; return the names of what was changed. Raises CommandFailed."""
    present = installed(helm.kubectl)

    started: dict[str, Future[str]] = {}

    def one(release: Release) -> str:
        if release.after:
            started[release.after].result()
        known = present.get((release.namespace, release.name))
        content = release.content()
        if known and known.status == "deployed" and known.content == content:
            step.advance()
            return ""
        if known and known.status in PENDING:
            forget(helm.kubectl, known)
        upgrade(helm, release, content)
        step.advance()
        return release.name

    with ThreadPoolExecutor(max_workers=4) as pool:
        for release in wanted:
            started[release.name] = pool.submit(one, release)
        return [name for future in started.values() if (name := future.result())]


def forget(kubectl: Kubectl, known: Installed) -> None:
    """Remove the record of a revision whose installing was interrupted: Helm would refuse for ever to go on."""
    record = f"sh.helm.release.v1.{known.name}.v{known.revision}"
    kubectl.run("delete", "secret", record, f"--namespace={known.namespace}", "--ignore-not-found")


def upgrade(helm: Helm, release: Release, content: str) -> None:
    """Run `helm upgrade --install` with the values in a file of the user's own: they may hold secrets."""
    folder = helm.settings.cluster_dir / "releases"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    values = folder / f"{release.name}.json"
    values.write_text(json.dumps(release.values, indent=1))
    run(
        Command(
            [
                *(
                    helm.program,
                    "upgrade",
                    "--install",
                    release.name,
                    release.chart,
                    f"--namespace={release.namespace}",
                ),
                *("--create-namespace", f"--values={values}", f"--labels={CONTENT}={content}", "--history-max=3"),
                f"--kubeconfig={helm.kubectl.kubeconfig}",
            ],
            title=f"helm upgrade {release.name}",
            log=helm.settings.cluster_dir / "logs" / f"helm-{release.name}.log",
            keep=(helm.lock,),
        )
    )


def of_platform(found: Mapping[tuple[str, str], Installed]) -> list[Installed]:
    """Those of the platform's own among all releases, by namespace and name: what the user installs is the user's."""
    own = {(release.namespace, release.name) for release in platform({"automatrix/platform": ""})}
    return [found[key] for key in sorted(own & found.keys())]


def platform(tags: Mapping[str, str]) -> list[Release]:
    """List the platform's own releases; `tags` holds the built tags by image repository."""
    image = {"image": {"repository": "automatrix/platform", "tag": tags["automatrix/platform"]}}
    charts = ROOT / "charts"
    return [
        Release("gateway-api", "automatrix-gateway", charts / "gateway-api"),
        Release("gateway", "automatrix-gateway", charts / "gateway", after="gateway-api"),
        Release("git", "automatrix-system", charts / "git", image),
        Release("platform", "automatrix-system", charts / "platform", image),
        Release("moto", "automatrix-system", ROOT / "cluster" / "local" / "charts" / "moto"),
        Release("observability", "automatrix-observability", charts / "observability", OBSERVABILITY),
    ]
