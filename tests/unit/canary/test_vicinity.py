"""Whom a neighbour concerns that was not there when a Canary looked around."""

from __future__ import annotations

from typing import Any

from operators.canary.vicinity import Vicinity
from operators.kit.kube import Manifest, Ref

AUTOSCALER = Ref("autoscaling", "HorizontalPodAutoscaler", "shop", "web", "v2")
SERVICE = Ref("", "Service", "shop", "more")


def scaling(kind: str, replicas: int = 2) -> Manifest:
    group = "apps/v1" if kind == "Deployment" else "automatrix.dev/v1alpha1"
    target = {"apiVersion": group, "kind": kind, "name": "web"}
    return {
        "metadata": {"namespace": "shop", "name": "web"},
        "spec": {"scaleTargetRef": target},
        "status": {"currentReplicas": replicas},
    }


def selecting(selector: dict[str, Any] | None) -> Manifest:
    return {"metadata": {"namespace": "shop", "name": "more"}, "spec": {"selector": selector}}


def test_an_autoscaler_is_news_when_it_comes_turns_to_another_target_and_goes() -> None:
    vicinity = Vicinity()
    deployment = Ref("apps", "Deployment", "shop", "web")
    canary = Ref("automatrix.dev", "Canary", "shop", "web")
    assert vicinity.scaled(AUTOSCALER, scaling("Deployment")) == {deployment}
    assert vicinity.scaled(AUTOSCALER, scaling("Deployment", 3)) == frozenset(), "its status says nothing new"
    assert vicinity.scaled(AUTOSCALER, scaling("Canary")) == {deployment, canary}
    assert vicinity.scaled(AUTOSCALER, None) == {canary}
    assert vicinity.scaled(AUTOSCALER, None) == frozenset()


def test_a_service_is_news_when_it_selects_other_pods() -> None:
    vicinity = Vicinity()
    assert not vicinity.selects_anew(SERVICE, selecting(None)), "without a selector it selects nothing"
    assert vicinity.selects_anew(SERVICE, selecting({"app": "web"}))
    assert not vicinity.selects_anew(SERVICE, selecting({"app": "web"}))
    assert vicinity.selects_anew(SERVICE, selecting({"app": "web", "tier": "front"}))
    assert vicinity.selects_anew(SERVICE, None)
