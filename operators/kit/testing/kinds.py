"""What the fake API serves: the built-in kinds that platform code meets, and whatever a test or a CRD adds."""

from __future__ import annotations

from dataclasses import dataclass

from operators.kit.kube import Discovery, Manifest, Resource

VERBS = frozenset({"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True)
class Served:
    """One kind; without a status subresource a write of status is an ordinary write."""

    resource: Resource
    has_status: bool = True
    has_generation: bool = True


# group, version, namespaced, kinds; a leading '-' marks a kind of plain data: no status subresource, no generation.
_BUILT_IN = (
    ("", "v1", False, "Namespace Node PersistentVolume"),
    ("", "v1", True, "Pod Service PersistentVolumeClaim ReplicationController ResourceQuota"),
    ("", "v1", True, "-ConfigMap -Secret -ServiceAccount -Event -Endpoints -LimitRange"),
    ("apps", "v1", True, "Deployment StatefulSet DaemonSet ReplicaSet -ControllerRevision"),
    ("batch", "v1", True, "Job CronJob"),
    ("autoscaling", "v2", True, "HorizontalPodAutoscaler"),
    ("policy", "v1", True, "PodDisruptionBudget"),
    ("networking.k8s.io", "v1", True, "Ingress -NetworkPolicy"),
    ("networking.k8s.io", "v1", False, "-IngressClass"),
    ("discovery.k8s.io", "v1", True, "-EndpointSlice"),
    ("coordination.k8s.io", "v1", True, "-Lease"),
    ("rbac.authorization.k8s.io", "v1", True, "-Role -RoleBinding"),
    ("rbac.authorization.k8s.io", "v1", False, "-ClusterRole -ClusterRoleBinding"),
    ("storage.k8s.io", "v1", False, "-StorageClass -CSIDriver"),
    ("scheduling.k8s.io", "v1", False, "-PriorityClass"),
    ("apiextensions.k8s.io", "v1", False, "CustomResourceDefinition"),
    ("apiregistration.k8s.io", "v1", False, "APIService"),
    ("admissionregistration.k8s.io", "v1", False, "-ValidatingWebhookConfiguration -MutatingWebhookConfiguration"),
    ("gateway.networking.k8s.io", "v1", True, "Gateway HTTPRoute"),
    ("gateway.networking.k8s.io", "v1", False, "GatewayClass"),
)


class Kinds:
    """The table of served kinds, by (group, version, kind)."""

    def __init__(self) -> None:
        self.table: dict[tuple[str, str, str], Served] = {}
        for group, version, namespaced, names in _BUILT_IN:
            for name in names.split():
                is_data = name.startswith("-")
                self.add(group, version, name.lstrip("-"), namespaced=namespaced, has_status=not is_data)
                if is_data:
                    self._forget_generation(group, version, name.lstrip("-"))
        # Argo CD's kinds have no status subresource; their generation counts every change outside metadata.
        for kind in ("Application", "AppProject", "ApplicationSet"):
            self.add("argoproj.io", "v1alpha1", kind, has_status=kind == "ApplicationSet")

    def add(
        self, group: str, version: str, kind: str, *, plural: str = "", namespaced: bool = True, has_status: bool = True
    ) -> None:
        """Serve one more kind."""
        resource = Resource(plural or _plural(kind), namespaced, VERBS)
        self.table[(group, version, kind)] = Served(resource, has_status)

    def add_crd(self, crd: Manifest) -> None:
        """Serve what a CustomResourceDefinition defines."""
        spec = crd["spec"]
        for version in spec["versions"]:
            if version.get("served", True):
                self.add(
                    spec["group"],
                    version["name"],
                    spec["names"]["kind"],
                    plural=spec["names"]["plural"],
                    namespaced=spec.get("scope", "Namespaced") == "Namespaced",
                    has_status="status" in (version.get("subresources") or {}),
                )

    def remove_crd(self, crd: Manifest) -> None:
        """Serve it no longer."""
        group, kind = crd["spec"]["group"], crd["spec"]["names"]["kind"]
        for key in [key for key in self.table if (key[0], key[2]) == (group, kind)]:
            del self.table[key]

    def discovery(self, *, complete: bool) -> Discovery:
        """Return the table in the Protocol's words."""
        names = {f"{group}/{version}".lstrip("/") for group, version, _ in self.table}
        names |= {f"{group}/{version}/{kind}".lstrip("/") for group, version, kind in self.table}
        resources = {key: served.resource for key, served in self.table.items()}
        return Discovery("v1.35.4", frozenset(names), resources, complete)

    def _forget_generation(self, group: str, version: str, kind: str) -> None:
        served = self.table[(group, version, kind)]
        self.table[(group, version, kind)] = Served(served.resource, has_status=False, has_generation=False)


def _plural(kind: str) -> str:
    lower = kind.lower()
    if lower.endswith("y") and lower[-2] not in "aeiou":
        return lower[:-1] + "ies"
    return lower if lower == "endpoints" else lower + ("es" if lower.endswith(("s", "x", "ch")) else "s")
