"""Controls 27 and 28: what GitOps applies in the cluster."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.catalogue import ADDONS_ACCOUNT
from cluster.controls.facts import Facts
from cluster.controls.model import Gap, Gaps, control
from cluster.graph.model import Json, Resource

STANDARDS = ("baseline", "restricted")
ENFORCED = "pod-security.kubernetes.io/enforce"
POD_TEMPLATES = {
    "kubernetes:apps/v1:Deployment": "spec.template.spec",
    "kubernetes:apps/v1:StatefulSet": "spec.template.spec",
    "kubernetes:apps/v1:DaemonSet": "spec.template.spec",
    "kubernetes:batch/v1:Job": "spec.template.spec",
    "kubernetes:batch/v1:CronJob": "spec.jobTemplate.spec.template.spec",
}
ADMISSION = "kubernetes:admissionregistration.k8s.io/v1"


@control(
    "pod-security-and-default-deny",
    remedy="label the namespace with a Pod Security Standard, and deny by default there",
)
def namespaces_are_closed(facts: Facts) -> Gaps:
    """Look for namespaces that enforce no Pod Security Standard, or in which everything may talk by default."""
    closed = {
        one.get("metadata.namespace")
        for one in facts.of("kubernetes:networking.k8s.io/v1:NetworkPolicy")
        if _denies_everything(one)
    }
    for namespace in facts.of("kubernetes:core/v1:Namespace"):
        enforced = (namespace.get("metadata.labels") or {}).get(ENFORCED)
        if enforced not in STANDARDS:
            yield Gap(namespace.key, "metadata.labels", f"enforces the Pod Security Standard {enforced or 'of none'}")
        if namespace.get("metadata.name") not in closed:
            yield Gap(namespace.key, "", "has no NetworkPolicy that denies by default, in and out")


def _denies_everything(policy: Resource) -> bool:
    everyone = policy.get("spec.podSelector") == {}
    ways = set(policy.get("spec.policyTypes") or ())
    return everyone and ways >= {"Ingress", "Egress"} and not (policy.get("spec.ingress") or policy.get("spec.egress"))


@control(
    "approved-registries",
    remedy="deny other registries by a bound ValidatingAdmissionPolicy, and push the image to ECR",
)
def images_come_from_approved_registries(facts: Facts) -> Gaps:
    """Look for images of other registries, and for a cluster in which nothing would refuse them."""
    for token, path in POD_TEMPLATES.items():
        for workload in facts.of(token):
            for place, image in _images(workload, path):
                if not _is_ours(facts, image):
                    yield Gap(workload.key, place, f"is {image}, from no registry of this account")
    policies = [one for one in facts.of(f"{ADMISSION}:ValidatingAdmissionPolicy") if _looks_at_images(one)]
    bound = {
        one.get("spec.policyName")
        for one in facts.of(f"{ADMISSION}:ValidatingAdmissionPolicyBinding")
        if "Deny" in (one.get("spec.validationActions") or ())
    }
    for cluster in facts.of("eks/cluster:Cluster"):
        if not any(one.get("metadata.name") in bound for one in policies):
            yield Gap(cluster.key, "", "refuses no image, whatever registry it comes from")


def _images(workload: Resource, path: str) -> Iterator[tuple[str, str]]:
    for kind in ("initContainers", "containers"):
        for at, container in enumerate(workload.get(f"{path}.{kind}") or ()):
            yield f"{path}.{kind}.{at}.image", str(container.get("image"))


def _is_ours(facts: Facts, image: Json) -> bool:
    if any(one.type == "aws:ecr/repository:Repository" for one in facts.graph.targets(image)):
        return True
    registries = (
        f"{account}.dkr.ecr.{region}.amazonaws.com/"
        for account in (*facts.accounts, ADDONS_ACCOUNT)
        for region in facts.decisions.regions
    )
    return str(image).startswith(tuple(registries))


def _looks_at_images(policy: Resource) -> bool:
    rules = [str(one.get("expression")) for one in policy.get("spec.validations") or ()]
    return any(".image" in rule and "startsWith" in rule for rule in rules)
