"""kubectl against one cluster, by its own kubeconfig: the user's contexts play no part."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cluster.local.commands import Command, output
from cluster.local.errors import CommandFailed
from cluster.local.settings import Settings

Manifest = dict[str, Any]
FIELD_MANAGER = "amx"


@dataclass(frozen=True, slots=True)
class Kubectl:
    """The program and the cluster it talks to."""

    program: Path
    kubeconfig: Path

    @classmethod
    def of(cls, settings: Settings, program: Path) -> Kubectl:
        """Talk to the cluster of these settings."""
        return cls(program, settings.kubeconfig)

    def run(self, *arguments: str, timeout_s: float = 60) -> str:
        """Run one command and return its standard output; raises CommandFailed with kubectl's words."""
        return output(Command(self.argv(*arguments), title=f"kubectl {arguments[0]}"), timeout_s=timeout_s)

    def read(self, *arguments: str, timeout_s: float = 60) -> Manifest:
        """Run a command that prints one object or a List, and return that."""
        answer: Manifest = json.loads(self.run(*arguments, "--output=json", timeout_s=timeout_s))
        return answer

    def find(self, *arguments: str) -> Manifest | None:
        """Like `kubectl get` of one object; None when there is none, or its kind is not served."""
        text = self.run("get", *arguments, "--ignore-not-found", "--output=json")
        return json.loads(text) if text.strip() else None

    def items(self, *arguments: str) -> list[Manifest]:
        """Like `kubectl get` of a kind; empty when the kind is not served (yet)."""
        try:
            return list(self.read("get", *arguments)["items"])
        except CommandFailed as failure:
            if "the server doesn't have a resource type" in failure.output:
                return []
            raise

    def apply(self, manifests: Sequence[Manifest], *arguments: str) -> None:
        """Apply manifests on the server's side, as field manager `amx`, over what other managers set."""
        command = self.argv("apply", "--server-side", "--force-conflicts", f"--field-manager={FIELD_MANAGER}")
        output(
            Command([*command, "--filename=-", *arguments], title="kubectl apply"),
            timeout_s=120,
            text=yaml.safe_dump_all(manifests),
        )

    def answers(self) -> bool:
        """Whether the API server says it is ready, now."""
        try:
            self.run("get", "--raw=/readyz", "--request-timeout=3s", timeout_s=10)
        except CommandFailed:
            return False
        return True

    def argv(self, *arguments: str) -> list[str]:
        """Return the whole argument list."""
        return [str(self.program), f"--kubeconfig={self.kubeconfig}", *arguments]
