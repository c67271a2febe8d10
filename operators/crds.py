"""Write the chart's CustomResourceDefinitions from the operators' models: `python3 -m operators.crds` (`make crds`).

In: the kinds below. Out: one file per kind in charts/platform/templates/crds/. They are templates because Helm never
upgrades its own `crds/` folder, and they outlive an uninstall, because every object of a kind dies with its definition.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

from operators.canary import models as canary
from operators.gitops import models as gitops
from operators.kit.crds import Column, Kind, Scale, crd
from operators.kit.kube import Manifest

FOLDER = Path(__file__).parent.parent / "charts/platform/templates/crds"
KEEP = {"helm.sh/resource-policy": "keep"}

APPLICATION = Kind(
    group=gitops.GROUP,
    version=gitops.VERSION,
    kind=gitops.KIND,
    plural=gitops.PLURAL,
    spec=gitops.ApplicationSpec,
    status=gitops.ApplicationStatus,
    fields={"operation": gitops.Operation},
    description="Application is a folder of a Git repository, deployed: Argo CD's, served by the gitops engine.",
    status_subresource=False,  # Argo CD's clients write status with the object
    columns=(
        Column("Sync Status", ".status.sync.status"),
        Column("Health Status", ".status.health.status"),
        Column("Revision", ".status.sync.revision", priority=10),
        Column("Project", ".spec.project", priority=10),
    ),
    short_names=("app", "apps"),
    labels={"app.kubernetes.io/name": "applications.argoproj.io", "app.kubernetes.io/part-of": "argocd"},
    annotations=KEEP,
)

CANARY = Kind(
    group=canary.GROUP,
    version=canary.VERSION,
    kind=canary.KIND,
    plural=canary.PLURAL,
    spec=canary.CanarySpec,
    status=canary.CanaryStatus,
    description="Canary releases a Deployment step by step, and takes a bad release back by itself.",
    scale=Scale(),
    columns=(
        Column("Phase", ".status.phase"),
        Column("Weight", ".status.weight.observed", "integer", description="Percent of the requests for the candidate"),
        Column("Ready", '.status.conditions[?(@.type=="Ready")].status'),
        Column("Says", ".status.message"),
        Column("Stable", ".status.stable.image", priority=1),
        Column("Candidate", ".status.candidate.image", priority=1),
        Column("Age", ".metadata.creationTimestamp", "date"),
    ),
    short_names=("cn",),
    categories=("automatrix",),
    rules=(
        {
            "rule": "self.metadata.name.size() <= 50 && self.metadata.name.matches('^[a-z]([a-z0-9-]*[a-z0-9])?$')",
            "message": "the name becomes that of Services (<name>-a): at most 50 of a-z, 0-9 and -, a letter first",
        },
    ),
    labels={"app.kubernetes.io/name": "canaries.automatrix.dev", "app.kubernetes.io/part-of": "automatrix"},
    annotations=KEEP,
)

VALUES = {"applications.argoproj.io": "applications"}
"""Definitions that another product may have brought, and the key of `crds` in the chart's values that decides."""


def definitions() -> list[Manifest]:
    """Build every definition of the platform."""
    return [without_defaults(crd(kind)) for kind in (APPLICATION, CANARY)]


def without_defaults(manifest: Manifest) -> Manifest:
    """Leave the defaults of fields out: the API server would write them into users' objects; Argo CD's has none."""
    for version in manifest["spec"]["versions"]:
        version["schema"]["openAPIV3Schema"] = _without_defaults(version["schema"]["openAPIV3Schema"])
    return manifest


def _without_defaults(schema: dict[str, Any]) -> dict[str, Any]:
    """A field may be called `default`, so fields are told from keywords by where they stand."""
    kept = {key: value for key, value in schema.items() if key != "default"}
    if "properties" in kept:
        kept["properties"] = {name: _without_defaults(below) for name, below in kept["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(kept.get(key), dict):
            kept[key] = _without_defaults(kept[key])
    return kept


def template(manifest: Manifest) -> str:
    """Turn a definition into a Helm template; braces in descriptions must not be taken for Helm's."""
    name = manifest["metadata"]["name"]
    text: str = yaml.safe_dump(manifest, sort_keys=False, width=120, allow_unicode=True)
    text = text.replace("{{", '{{ "{{" }}')
    head = "# Written by `make crds` from the operators' models: change those.\n"
    if name not in VALUES:
        return head + text
    wanted = f'include "platform.wantsCrd" (dict "root" . "name" "{name}" "mode" .Values.crds.{VALUES[name]})'
    return f'{head}{{{{- if eq "yes" ({wanted}) }}}}\n{text}{{{{- end }}}}\n'


def files() -> dict[str, str]:
    """What the folder must hold, by file name."""
    return {f"{one['metadata']['name']}.yaml": template(one) for one in definitions()}


def main() -> None:
    """Write the folder, and remove what no kind stands for any more."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    wanted = files()
    for path in FOLDER.glob("*.yaml"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text)
    sys.stdout.write(f"{len(wanted)} definitions written to {FOLDER}\n")


if __name__ == "__main__":
    main()
