"""Which ConfigMaps and Secrets go with a release as copies, and which are referred to as they are."""

from __future__ import annotations

from typing import Any

import pytest

from operators.canary.configs import is_rotated


@pytest.mark.parametrize(
    ("more", "referred"),
    [
        pytest.param({}, False, id="anybody's"),
        pytest.param({"owner": "Database"}, True, id="a database's, whose password is rotated"),
        pytest.param({"owner": "ExternalSecret"}, True, id="an external store's"),
        pytest.param({"owner": "SealedSecret"}, False, id="one that is unsealed from Git changes with Git"),
        pytest.param({"annotations": {"cert-manager.io/certificate-name": "web"}}, False, id="a certificate"),
        pytest.param({"type": "kubernetes.io/service-account-token"}, True, id="a token, whose copies are removed"),
    ],
)
def test_only_what_its_owner_rotates_is_referred_to(more: dict[str, Any], referred: bool) -> None:
    owners = [{"kind": more["owner"], "name": "x"}] if "owner" in more else []
    metadata = {"name": "keys", "ownerReferences": owners, "annotations": more.get("annotations", {})}
    assert is_rotated({"kind": "Secret", "metadata": metadata, "type": more.get("type", "Opaque")}) is referred
