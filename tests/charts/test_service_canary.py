"""The golden path with releases that move step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from operators.canary.models import CanarySpec
from tests.support.helm import Refused

Render = Callable[..., dict[str, Any]]
WEB: dict[str, Any] = {
    "image": {"repository": "automatrix/hub", "tag": "1.0"},
    "hostname": "hub.localhost",
    "replicas": 3,
}


def render_canary(render: Render, **canary: Any) -> dict[str, Any]:
    return render("service", {**WEB, "canary": {"enabled": True, **canary}})


def test_the_template_and_the_canary_take_the_place_of_service_and_route(render: Render) -> None:
    objects = render_canary(render)

    assert {"Canary/hub", "Deployment/hub"} <= set(objects)
    assert not {"Service/hub", "HTTPRoute/hub"} & set(objects)
    assert "replicas" not in objects["Deployment/hub"]["spec"]
    spec = CanarySpec.model_validate(objects["Canary/hub"]["spec"])
    assert spec.replicas == 3
    assert [step.weight for step in spec.steps] == [10, 50]
    assert spec.traffic.hostnames == ("hub.localhost",)


def test_it_leads_where_the_plain_form_leads(render: Render) -> None:
    plain, canary = render("service", WEB), render_canary(render)["Canary/hub"]["spec"]
    route = plain["HTTPRoute/hub"]["spec"]

    assert canary["traffic"]["hostnames"] == route["hostnames"]
    assert [one["matches"] for one in canary["traffic"]["rules"]] == [one["matches"] for one in route["rules"]]
    assert canary["service"]["ports"] == plain["Service/hub"]["spec"]["ports"]
    for name in ("Service/hub", "HTTPRoute/hub"):
        assert plain[name]["metadata"]["annotations"] == {"argocd.argoproj.io/sync-options": "PruneLast=true"}


def test_whatever_else_a_canary_has_is_passed_on(render: Render) -> None:
    spec = {"strategy": "blueGreen", "blueGreen": {"hold": "1m"}, "drain": "5s"}
    made = render_canary(render, spec=spec, autoscaled=True)["Canary/hub"]["spec"]

    assert spec.items() <= made.items()
    assert not {"steps", "replicas"} & set(made)
    assert CanarySpec.model_validate(made)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"hostname": ""}, "canary.enabled: releases are moved by the requests"),
        ({"canary": {"enabled": True, "steps": []}}, "canary.steps: strategy canary needs at least one"),
        (
            {"canary": {"enabled": True, "steps": [{"weight": 50}, {"weight": 50}]}},
            "canary.steps.1.weight: 50 is not more than the step before",
        ),
        ({"canary": {"enabled": True, "steps": [{"weight": 0}]}}, "canary.steps.0.weight: Must be greater than"),
        (
            {"canary": {"enabled": True, "steps": [{"weight": 5, "hold": "soon"}]}},
            "canary.steps.0.hold: Does not match",
        ),
        ({"canary": {"enabled": True, "spec": {"replicas": 1}}}, "Additional property replicas is not allowed"),
    ],
)
def test_a_wrong_one_is_refused_with_the_remedy(render: Render, values: dict[str, Any], told: str) -> None:
    with pytest.raises(Refused) as refused:
        render("service", {**WEB, "canary": {"enabled": True}, **values})
    assert told in str(refused.value)
