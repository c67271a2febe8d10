"""Where an Application's manifests come from: `spec.source` with its Helm and directory options.

Field names and meanings are Argo CD's. Fields that exist there and are not served here are listed in `unserved`.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from .base import Items, Model


class HelmParameter(Model):
    """One `--set` (or `--set-string`)."""

    name: str = ""
    """Dotted path of the value."""
    value: str = ""
    """Its value, `$ARGOCD_APP_*` substituted."""
    force_string: bool = False
    """Take the value as a string, whatever it looks like."""


class HelmFileParameter(Model):
    """One `--set-file`: the value is the content of a file of the repository."""

    name: str = ""
    """Dotted path of the value."""
    path: str = ""
    """The file, from the chart's folder."""


class HelmSource(Model):
    """Options of a Helm chart. Precedence: parameters > valuesObject > values > valueFiles > the chart's own."""

    value_files: Annotated[tuple[str, ...], Items] = ()
    """Files of values, from the chart's folder; `*` and `**` match in lexical order."""
    ignore_missing_value_files: bool = False
    """A value file that does not exist is left out instead of failing the comparison."""
    values: str = ""
    """Values as a YAML text."""
    values_object: dict[str, Any] | None = None
    """Values as an object; replaces `values`."""
    parameters: Annotated[tuple[HelmParameter, ...], Items] = ()
    """Single values; they beat everything else."""
    file_parameters: Annotated[tuple[HelmFileParameter, ...], Items] = ()
    """Single values read from files."""
    release_name: str = ""
    """Name of the release; the Application's name when empty."""
    namespace: str = ""
    """Namespace given to the templates; the destination's when empty."""
    kube_version: str = ""
    """Kubernetes version given to the templates; the cluster's when empty."""
    api_versions: Annotated[tuple[str, ...], Items] = ()
    """API versions given to the templates; the cluster's when empty."""
    skip_crds: bool = False
    """Leave out the chart's `crds/` folder."""
    skip_tests: bool = False
    """Leave out the chart's test hooks."""
    skip_schema_validation: bool = False
    """Do not check the values against the chart's JSON schema."""
    pass_credentials: bool = False
    """Send repository credentials to all domains a chart names."""
    version: str = ""
    """Ignored, as in Argo CD: the version of Helm is the engine's."""


class DirectorySource(Model):
    """Options of a folder of plain manifests."""

    recurse: bool = False
    """Read sub-folders, too."""
    include: str = ""
    """Glob of files to read; `{a,b}` for several."""
    exclude: str = ""
    """Glob of files to leave out; beats `include`."""


class ApplicationSource(Model):
    """A folder of a Git repository at a revision."""

    repo_url: Annotated[str, Field(alias="repoURL")] = ""
    """URL of the repository."""
    path: str = ""
    """Folder in the repository; `.` is its root."""
    target_revision: str = ""
    """Branch, tag, or commit; empty is HEAD."""
    helm: HelmSource | None = None
    """Options of a Helm chart."""
    directory: DirectorySource | None = None
    """Options of a folder of plain manifests."""
