"""What the API server's failures become, and what discovery reads."""

import json

import pytest

from operators.kit.discovery import parse
from operators.kit.errors import ApiError, Conflict, Forbidden, Gone, NotFound, Unavailable
from operators.kit.transport import error_of


def status(message: str, reason: str = "") -> bytes:
    return json.dumps({"kind": "Status", "message": message, "reason": reason}).encode()


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (401, Forbidden),
        (403, Forbidden),
        (404, NotFound),
        (409, Conflict),
        (410, Gone),
        (422, ApiError),
        (429, Unavailable),
        (500, Unavailable),
        (503, Unavailable),
    ],
)
def test_a_status_becomes_its_error(code: int, kind: type[Exception]) -> None:
    assert type(error_of(code, status("m"), "x")) is kind


def test_a_manifest_that_does_not_fit_is_not_an_outage() -> None:
    answer = status("failed to create typed patch object (d/c; v1, Kind=ConfigMap): .dat: field not declared in schema")
    error = error_of(500, answer, "ConfigMap d/c")
    assert isinstance(error, ApiError)
    assert (error.status, error.reason) == (422, "Invalid")


def test_a_proxys_page_is_quoted_and_the_object_named() -> None:
    error = error_of(502, b"<html>bad gateway</html>", "ConfigMap d/c")
    assert str(error) == "ConfigMap d/c: <html>bad gateway</html>"


def test_a_message_that_quotes_the_whole_object_is_cut() -> None:
    assert len(str(error_of(422, status("x" * 100_000), "ConfigMap d/c"))) < 1200


def group(name: str, freshness: str = "Current") -> dict[str, object]:
    resource = {"resource": "widgets", "responseKind": {"kind": "Widget"}, "scope": "Namespaced", "verbs": ["get"]}
    return {
        "metadata": {"name": name},
        "versions": [{"version": "v1", "resources": [resource], "freshness": freshness}],
    }


def test_discovery_reads_names_as_helm_wants_them() -> None:
    found = parse("v1.35.4", [{"items": [group("")]}, {"items": [group("example.org")]}])
    assert found.api_versions == {"v1", "v1/Widget", "example.org/v1", "example.org/v1/Widget"}
    assert found.resources[("example.org", "v1", "Widget")].namespaced
    assert found.complete


def test_a_stale_group_makes_it_incomplete() -> None:
    assert not parse("v1.35.4", [{"items": [group("a.org"), group("b.org", "Stale")]}]).complete
